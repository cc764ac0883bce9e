"""weft's safetensors files in torch, and torch's in weft, through the format's own package."""

from __future__ import annotations

import pytest
import safetensors.torch
import torch

import weft


@pytest.mark.parametrize(
    "dtype", ["float32", "float16", "bfloat16", "int64", "uint8", "bool", "complex64", "uint16"]
)
def test_tensors_go_both_ways(tmp_path, dtype):
    theirs = (torch.arange(12).reshape(3, 4) % 2).to(getattr(torch, dtype))
    path = tmp_path / "t.safetensors"
    safetensors.torch.save_file({"x": theirs}, path)
    ours = weft.io.load_safetensors(path)["x"]
    assert ours.dtype is getattr(weft, dtype)
    weft.io.save_safetensors({"x": ours}, tmp_path / "w.safetensors")
    assert (tmp_path / "w.safetensors").read_bytes() == path.read_bytes()
    assert torch.equal(safetensors.torch.load_file(tmp_path / "w.safetensors")["x"], theirs)
