"""``torch.backends.cudnn``: its settings, kept and without effect, as weft does not use it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

enabled = True
benchmark = False
benchmark_limit = 10
deterministic = False
allow_tf32 = True


def is_available() -> bool:
    """Return False: weft does not use cuDNN."""
    return False


def version() -> None:
    """Return None: weft does not use cuDNN."""


@contextmanager
def flags(**settings: Any) -> Iterator[None]:
    """Change nothing within a block."""
    yield
