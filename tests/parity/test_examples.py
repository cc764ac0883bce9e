"""Training programs of the examples on both libraries: the same losses, the same networks."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import weft

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.fixture(autouse=True)
def examples_on_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLES))


def _write_idx(path: Path, values: np.ndarray[Any, Any]) -> None:
    sizes = b"".join(size.to_bytes(4, "big") for size in values.shape)
    path.write_bytes(bytes([0, 0, 8, values.ndim]) + sizes + values.astype(np.uint8).tobytes())


def test_a_program_trains_alike_on_both_libraries(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    for name, count in (("train", 256), ("t10k", 50)):
        labels = np.arange(count) % 10
        images = random.integers(0, 60, (count, 28, 28))
        for image, label in zip(images, labels, strict=True):
            image[2 * label + 4 : 2 * label + 6] += 180
        _write_idx(tmp_path / f"{name}-images-idx3-ubyte", images)
        _write_idx(tmp_path / f"{name}-labels-idx1-ubyte", labels)
    done = subprocess.run(
        [
            *(sys.executable, EXAMPLES / "mnist_cnn.py", "--compare", "--data", tmp_path),
            *("--output", tmp_path / "out", "--epochs", "2", "--batch-size", "32"),
        ],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    curves = {}
    for library in ("weft", "torch"):
        lines = (tmp_path / "out" / library / "metrics.jsonl").read_text().splitlines()
        curves[library] = [one["loss"] for one in map(json.loads, lines) if "loss" in one]
    assert len(curves["weft"]) == 16
    # From the same weights, on the same batches: first equal, then rounding grows.
    np.testing.assert_allclose(curves["weft"][:2], curves["torch"][:2], rtol=1e-4)
    np.testing.assert_allclose(curves["weft"], curves["torch"], rtol=0.2, atol=0.05)
    assert re.search(r"^weft .*\n^torch ", done.stdout, re.MULTILINE)
    assert (tmp_path / "out" / "comparison.svg").exists()


def test_the_residual_network_gives_what_it_gives_on_torch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Load the same file twice, as its command line would, and give both the same weights."""

    def network(words: list[str]) -> Any:
        monkeypatch.setattr(sys, "argv", ["cifar_resnet20.py", *words])
        spec = importlib.util.spec_from_file_location("a_file", EXAMPLES / "cifar_resnet20.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module.ResNet()

    torch.manual_seed(0)
    ours, theirs = network([]), network(["--torch"])
    assert isinstance(ours, weft.nn.Module)
    assert isinstance(theirs, torch.nn.Module)
    ours.load_state_dict({k: weft.tensor(v.numpy()) for k, v in theirs.state_dict().items()})
    x = np.random.default_rng(0).standard_normal((4, 3, 32, 32)).astype(np.float32)
    got, wanted = ours(weft.tensor(x)), theirs(torch.tensor(x))
    np.testing.assert_allclose(got.detach().numpy(), wanted.detach().numpy(), atol=1e-4)
    assert sum(p.numel() for p in ours.parameters()) == 272_474
