"""What a fuzzed reader is: it makes damaged input from a seed, and reads it as its users do."""

from __future__ import annotations

import io
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np

import weft

ACCEPTED = "accepted"
MOST_TEXT = 3_000
"""The longest message, or problem in one, that a person would still be shown."""
_SMALL = 1 << 20


class Reader(Protocol):
    """One reader, or several that read the same format."""

    name: str

    def make(self, draw: random.Random) -> bytes:
        """Return one input."""

    def ready(self, content: bytes, draw: random.Random) -> Callable[[], str]:
        """Put the input where it is read from, and return what reads it and says how that ended.

        That is `ACCEPTED`, or the name of the typed error; all else is a finding.
        """


def refused(error: Exception, texts: tuple[str, ...] | None = None) -> str:
    """Return the name of a typed error whose message is one line that can be shown."""
    for text in texts or (str(error),):
        assert text, f"{type(error).__name__} says nothing"
        assert text.isprintable(), f"{type(error).__name__} is not one plain line: {text[:500]!r}"
        assert len(text) <= MOST_TEXT, f"{type(error).__name__} has {len(text)} characters"
    return type(error).__name__


def given(folder: Path, content: bytes, draw: random.Random) -> tuple[Any, dict[str, Any]]:
    """Return the input as what a reader of weights takes: a file's path, or an open file."""
    if draw.random() < 0.5:
        return io.BytesIO(content), {}
    path = folder / "input"
    path.write_bytes(content)
    return path, {"mmap": draw.random() < 0.7}


_LEAVES = (str, int, float, bool, bytes, bytearray, complex, weft.dtype, weft.device, type(None))


def walk(value: object) -> int:
    """Look at all of a value that a reader gave: plain types alone, and tensors that can be read.

    Returns:
        how many tensors there were.
    """
    tensors, steps = 0, 0
    pending = [value]
    seen: set[int] = set()
    while pending:
        one = pending.pop()
        steps += 1
        assert steps < 30_000_000, "walking the value does not end"
        if isinstance(one, weft.Tensor):
            tensors += 1
            touch(one)
        elif isinstance(one, np.ndarray):
            _sum(one)
        elif isinstance(one, dict | list | tuple | set | frozenset):
            if id(one) in seen:
                continue
            seen.add(id(one))
            if isinstance(one, dict):
                pending.extend(one)
                pending.extend(one.values())
                pending.extend(getattr(one, "__dict__", {}).values())
            else:
                pending.extend(one)
        else:
            assert isinstance(one, _LEAVES), f"a {type(one)} came out"
    return tensors


def touch(tensor: weft.Tensor) -> None:
    """Read every element of a tensor, if they are not too many, and hold it to its own shape."""
    shape = tuple(tensor.shape)
    assert len(shape) <= 64
    assert tensor.numel() == int(np.prod(shape, dtype=object)), (shape, tensor.numel())
    if tensor.device.type == "meta":
        return
    array = tensor.detach().numpy()
    assert array.shape == shape, (array.shape, shape)
    _sum(array)


def _sum(array: Any) -> None:
    if array.size <= _SMALL:
        np.ascontiguousarray(array).reshape(-1).view("u1").sum()
