"""``torch.backends.cuda``: its switches, which choose nothing here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = [
    "flash_sdp_enabled",
    "is_built",
    "math_sdp_enabled",
    "mem_efficient_sdp_enabled",
    "preferred_linalg_library",
    "sdp_kernel",
]


def is_built() -> bool:
    """Return whether weft has code for CUDA: it does, and compiles it where there is a GPU."""
    return True


def _enabled() -> bool:
    """Return True: attention runs by blocks wherever it can."""
    return True


flash_sdp_enabled = math_sdp_enabled = mem_efficient_sdp_enabled = _enabled


def enable_flash_sdp(enabled: bool) -> None:
    """Do nothing: there is one attention."""


enable_math_sdp = enable_mem_efficient_sdp = enable_cudnn_sdp = enable_flash_sdp


def preferred_linalg_library(backend: Any = None) -> str:
    """Return the one there is."""
    return "default"


@contextmanager
def sdp_kernel(*args: Any, **settings: Any) -> Iterator[None]:
    """Choose nothing within a block: there is one attention."""
    yield
