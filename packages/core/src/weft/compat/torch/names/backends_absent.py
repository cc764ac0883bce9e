"""Devices and libraries of PyTorch that weft does not use: none is ever available."""

from __future__ import annotations

__all__ = ["device_count", "empty_cache", "is_available", "is_built"]


def is_available() -> bool:
    """Return False."""
    return False


def is_built() -> bool:
    """Return False."""
    return False


def device_count() -> int:
    """Return 0."""
    return 0


def empty_cache() -> None:
    """Do nothing: nothing is kept."""
