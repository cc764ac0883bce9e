"""``torch.load`` and ``torch.save``: checkpoints of PyTorch's format, read without running them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from weft import io

__all__ = ["add_safe_globals", "get_default_load_endianness", "load", "safe_globals"]


def load(
    f: Any,
    map_location: Any = None,
    pickle_module: Any = None,
    *,
    weights_only: bool | None = None,
    mmap: bool | None = None,
    **pickle_load_args: Any,
) -> Any:
    """Return what a checkpoint of PyTorch holds: tensors and plain containers, whatever is asked.

    ``map_location`` is a device or a function from a tensor and its place to a tensor.
    """
    return io.load_pytorch(f)


def add_safe_globals(safe_globals: list[Any]) -> None:
    """Do nothing: what a checkpoint may make is a list that nobody can add to."""


@contextmanager
def safe_globals(safe_globals: list[Any]) -> Iterator[None]:
    """Change nothing within a block."""
    yield


def get_default_load_endianness() -> None:
    """Return None: a file says how its numbers lie."""
