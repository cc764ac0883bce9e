"""``torch.accelerator``: whether there is a device beside the CPU, and which."""

from __future__ import annotations

from typing import Any

import weft

__all__ = [
    "current_accelerator",
    "current_device_index",
    "device_count",
    "is_available",
    "synchronize",
]


def is_available() -> bool:
    """Return whether there is an accelerator."""
    return weft.cuda.is_available()


def device_count() -> int:
    """Return how many accelerators there are."""
    return weft.cuda.device_count()


def current_accelerator(check_available: bool = False) -> weft.device | None:
    """Return the kind of device that accelerates, None if there is none."""
    return weft.device("cuda") if is_available() else None


def current_device_index() -> int:
    """Return the number of the current accelerator."""
    return weft.cuda.current_device()


def synchronize(device: Any = None) -> None:
    """Wait for the accelerator, if there is one."""
    if is_available():
        weft.cuda.synchronize(device)
