"""Models that were trained here come with weft-hub itself: small, whole, without any connection."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

import weft
import weft_hub
from tests.hub.bans import no_sockets_and_no_processes
from tools.release_weights import release
from weft_hub.index import builtin_index

OURS = ("vision/cifar-resnet20", "vision/mnist-cnn", "vision/mnist-rows")
SHIPPED = sorted(builtin_index().glob("*/*/*.safetensors"))


def test_all_release_files_together_are_small() -> None:
    assert [path.parent.relative_to(builtin_index()).as_posix() for path in SHIPPED] == list(OURS)
    assert sum(path.stat().st_size for path in SHIPPED) < 1_500_000


@pytest.mark.parametrize("name", OURS)
def test_a_model_of_ours_loads_without_any_connection(name: str, tmp_path: Path) -> None:
    hub = weft_hub.Hub(cache=tmp_path, offline=True)
    with no_sockets_and_no_processes():
        model = hub.load(name, progress=False)
    channels = 1 if "mnist" in name else 3
    size = 28 if channels == 1 else 32
    picture = weft.full((channels, size, size), 128, dtype=weft.uint8)
    with weft.no_grad():
        scores = model(model.preprocess(picture).unsqueeze(0))
    assert tuple(scores.shape) == (1, len(model.labels)) == (1, 10)
    assert scores.dtype == weft.float32  # the file has float16; the model computes in its own


def test_a_release_file_holds_the_model_of_a_checkpoint_in_half_precision(tmp_path: Path) -> None:
    model = weft.nn.Sequential(weft.nn.Linear(3, 2), weft.nn.BatchNorm1d(2))
    state = {"parts": {"model": model.state_dict()}}
    weft.save(state, tmp_path / "checkpoint.weft")
    file = tmp_path / "weights.safetensors"
    size, sha256 = release(tmp_path / "checkpoint.weft", file)
    assert (size, sha256) == (file.stat().st_size, hashlib.sha256(file.read_bytes()).hexdigest())
    read = weft.io.load_safetensors(file)
    assert read["0.weight"].dtype == weft.float16
    assert read["1.num_batches_tracked"].dtype == weft.int64
    assert (read["0.weight"] == model[0].weight.detach().to(weft.float16)).all().item()


def test_a_value_beyond_half_precision_is_refused(tmp_path: Path) -> None:
    state = {"parts": {"model": {"weight": weft.tensor([1e5])}}}
    weft.save(state, tmp_path / "checkpoint.weft")
    with pytest.raises(ValueError, match="weight has values beyond"):
        release(tmp_path / "checkpoint.weft", tmp_path / "weights.safetensors")
    assert not (tmp_path / "weights.safetensors").exists()
