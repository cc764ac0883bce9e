"""Small data in the files' own formats, and a way to run an example as its reader does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.fixture(autouse=True)
def examples_on_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let tests import what the examples import: their folder is a program's first place."""
    monkeypatch.syspath_prepend(str(EXAMPLES))


@pytest.fixture
def run_example(tmp_path: Path) -> Callable[..., str]:
    """Run a program of examples/ in a process of its own and return what it printed."""

    def run(program: str, *words: object, **environment: str) -> str:
        done = subprocess.run(
            [sys.executable, "-W", "error", EXAMPLES / program, *map(str, words)],
            cwd=tmp_path,
            env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


def _write_idx(path: Path, values: np.ndarray[Any, Any]) -> None:
    sizes = b"".join(size.to_bytes(4, "big") for size in values.shape)
    path.write_bytes(bytes([0, 0, 8, values.ndim]) + sizes + values.astype(np.uint8).tobytes())


def _labelled(count: int, height: int, width: int, depth: int) -> tuple[Any, Any]:
    """Return noise in which rows that the label tells are bright: something to learn."""
    random = np.random.default_rng(count)
    labels = np.arange(count) % 10
    images = random.integers(0, 60, (count, height, width, depth))
    for image, label in zip(images, labels, strict=True):
        image[2 * label + 4 : 2 * label + 6] += 180
    return images.astype(np.uint8), labels


@pytest.fixture(scope="session")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder like MNIST's, with 320 images to learn from and 80 to test on."""
    folder = tmp_path_factory.mktemp("digits")
    for name, count in (("train", 320), ("t10k", 80)):
        images, labels = _labelled(count, 28, 28, 1)
        _write_idx(folder / f"{name}-images-idx3-ubyte", images[..., 0])
        _write_idx(folder / f"{name}-labels-idx1-ubyte", labels)
    return folder


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder like CIFAR-10's, with 5 times 40 photos to learn from and 40 to test on."""
    folder = tmp_path_factory.mktemp("photos")
    for name in (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"):
        images, labels = _labelled(40, 32, 32, 3)
        Image.fromarray(images.reshape(40, 32 * 32, 3)).save(folder / f"{name}.png")
    for name, count in (("train", 5), ("test", 1)):
        told = json.dumps(count * labels.tolist())
        (folder / f"{name}_labels.json").write_text(told, encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def small_bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder like MiniLM's, with a small encoder that was never trained."""
    import weft.text

    sizes = {
        "vocab_size": 40,
        "hidden_size": 24,
        "num_hidden_layers": 2,
        "num_attention_heads": 3,
        "intermediate_size": 48,
        "max_position_embeddings": 32,
    }
    folder = tmp_path_factory.mktemp("small-bert")
    (folder / "config.json").write_text(json.dumps(sizes), encoding="utf-8")
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *"a man plays the guitar ##s . rain".split()]
    pieces += [f"[unused{i}]" for i in range(40 - len(pieces))]
    (folder / "vocab.txt").write_text("\n".join(pieces) + "\n", encoding="utf-8")
    weft.manual_seed(0)
    model = weft.text.Bert(weft.text.BertConfig.from_file(folder / "config.json"))
    weft.io.save_safetensors(model.state_dict(), folder / "model.safetensors")
    return folder
