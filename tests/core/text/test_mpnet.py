"""MPNet's layout: distances between pieces, its own marks, and what is refused.

`tests/parity/test_published_layouts.py` compares the numbers with transformers.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import weft
from tests.core.text.tiny_bert import SIZES
from weft.text.architectures import mpnet

PIECES = ["<s>", "<pad>", "</s>", "[UNK]", *"a man plays the guitar ##s . rain".split()]
CONFIG = {**SIZES, "vocab_size": len(PIECES), "model_type": "mpnet"}
IDS = weft.tensor([[0, 4, 5, 6, 2]])


@pytest.fixture
def model() -> Any:
    weft.manual_seed(0)
    return mpnet.build(CONFIG).eval()


def test_what_a_row_is_filled_up_with_changes_nothing(model: Any) -> None:
    filled = weft.cat([IDS, weft.tensor([[1, 1, 7]])], dim=1)
    is_text = weft.tensor([[True] * 5 + [False] * 3])
    with weft.no_grad():
        short, long = model(IDS, is_text[:, :5]), model(filled, is_text)
    assert weft.allclose(short, long[:, :5], atol=1e-5)


def test_how_far_pieces_stand_apart_is_told_each_head(model: Any) -> None:
    is_text = weft.ones(1, 5, dtype=weft.bool)
    with weft.no_grad():
        before = model(IDS, is_text)
        model.relative_attention_bias.weight[17] += 3.0  # of the next piece
        assert not weft.allclose(before, model(IDS, is_text), atol=1e-3)
        one = model(IDS[:, :1], is_text[:, :1])
        model.relative_attention_bias.weight[1:] += 3.0  # a piece alone has no other
        assert weft.allclose(one, model(IDS[:, :1], is_text[:, :1]))


def test_distances_share_buckets_as_they_grow(model: Any) -> None:
    row = model._buckets(300)[0].tolist()  # of the first piece, which looks ahead
    assert row[:9] == [0, 17, 18, 19, 20, 21, 22, 23, 24]
    assert row == sorted(row)
    assert row[-1] == 31
    assert model._buckets(300)[:, 0].tolist()[1:] == [bucket - 16 for bucket in row[1:]]


def test_a_text_stands_between_its_own_marks(tmp_path: Path) -> None:
    files = {"vocab.txt": tmp_path / "vocab.txt", "tokenizer_config.json": tmp_path / "told"}
    files["vocab.txt"].write_text("\n".join(PIECES) + "\n")
    marks = {"pad_token": "<pad>", "cls_token": {"content": "<s>"}, "sep_token": "</s>"}
    files["tokenizer_config.json"].write_text(json.dumps(marks))
    prepare = mpnet.preprocess(CONFIG, files)
    assert prepare(["A man", "rain guitars"])[0].tolist() == [[0, 4, 5, 2, 1], [0, 11, 8, 9, 2]]
    assert prepare.longest == SIZES["max_position_embeddings"] - 2
    files["tokenizer_config.json"].write_text(json.dumps({**marks, "sep_token": "<end>"}))
    with pytest.raises(ValueError, match="needs <end>"):
        mpnet.preprocess(CONFIG, files)
    files["tokenizer_config.json"].write_text(json.dumps({**marks, "sep_token": 2}))
    with pytest.raises(ValueError, match="sep_token must be text, but is 2"):
        mpnet.preprocess(CONFIG, files)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"relative_attention_num_buckets": 16}, "relative_attention_num_buckets must be 32"),
        ({"max_position_embeddings": 4}, "max_position_embeddings must be above 4, but is 4"),
        ({"architectures": ["MPNetForTokenClassification"]}, "whose head is not built"),
    ],
)
def test_what_would_be_computed_otherwise_is_refused(change: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        mpnet.build({**CONFIG, **change})


def test_more_pieces_than_places_are_refused(model: Any) -> None:
    ids = weft.zeros(1, 15, dtype=weft.int64)
    with pytest.raises(ValueError, match="takes at most 14 pieces"):
        model(ids, ids == 0)
