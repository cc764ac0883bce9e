"""Compares nested objects as strictly as a file must keep them: types, order, bits, strides."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np

import weft
from weft.io._dtypes import SAFETENSORS
from weft.io._saved_format import metadata_for

__all__ = ["assert_same", "raw", "rewrite"]


def raw(tensor: weft.Tensor) -> bytes:
    return tensor.detach().contiguous().numpy().tobytes()


def steps(tensor: weft.Tensor) -> list[int]:
    """Return the strides of dims longer than one; no step of another is ever taken."""
    if not tensor.numel():
        return []
    return [s for n, s in zip(tensor.shape, tensor.stride(), strict=True) if n > 1]


def assert_same(ours: Any, saved: Any, where: str = "value", *, strides: bool = True) -> None:
    """Assert that two trees agree in every bit."""
    assert type(ours) is type(saved), where
    if isinstance(saved, weft.Tensor):
        assert ours.dtype is saved.dtype, where
        assert ours.device == saved.device, where
        assert tuple(ours.shape) == tuple(saved.shape), where
        assert ours.requires_grad == saved.requires_grad, where
        if strides:
            assert steps(ours) == steps(saved), where
        if saved.device.type != "meta":
            assert raw(ours) == raw(saved), where
        assert getattr(ours, "__dict__", {}) == getattr(saved, "__dict__", {}), where
    elif isinstance(saved, np.ndarray):
        assert ours.dtype == saved.dtype, where
        assert ours.tobytes() == saved.tobytes(), where
    elif isinstance(saved, dict):
        assert list(ours) == list(saved), where
        for key, value in saved.items():
            assert_same(ours[key], value, f"{where}[{key!r}]", strides=strides)
        if vars_of(saved):
            assert_same(vars_of(ours), vars_of(saved), f"{where}.__dict__", strides=strides)
    elif isinstance(saved, list | tuple):
        assert len(ours) == len(saved), where
        for place, pair in enumerate(zip(ours, saved, strict=True)):
            assert_same(*pair, f"{where}[{place}]", strides=strides)
    elif isinstance(saved, float):
        assert math.isnan(ours) if math.isnan(saved) else repr(ours) == repr(saved), where
    else:
        assert ours == saved, where


def vars_of(value: object) -> dict[str, Any]:
    return getattr(value, "__dict__", {})


def rewrite(path: Path, change: Any) -> None:
    """Change the structure in a file's header, and make the header's checksum right again."""
    data = path.read_bytes()
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    notes = header.pop("__metadata__")
    structure = json.loads(notes["weft.structure"])
    change(structure)
    names = {code: name for code, name in SAFETENSORS.items()}
    tensors = {n: (names[e["dtype"]], tuple(e["shape"])) for n, e in header.items()}
    checksums = json.loads(notes["weft.checksums"])
    notes = metadata_for(structure, tensors, checksums, None, "test")
    text = json.dumps({"__metadata__": notes, **header}).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data[8 + size :])
