"""The CPU as a device: what PyTorch's code asks of any, what it can do, and memory given back.

Ops on the CPU have been done when their call returns, so there is nothing to wait for.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from weft._backend.cpu import allocator, cores, features

__all__ = [
    "current_device",
    "device_count",
    "empty_cache",
    "get_capabilities",
    "is_available",
    "is_initialized",
    "set_device",
    "synchronize",
]


def is_available() -> bool:
    """Whether the CPU can be used: True."""
    return True


def is_initialized() -> bool:
    """Whether the CPU is ready: True."""
    return True


def device_count() -> int:
    """Return how many CPU devices there are: 1, however many cores it has."""
    return 1


def current_device() -> str:
    """Return the name of the device: ``"cpu"``."""
    return "cpu"


def set_device(device: Any) -> None:
    """Do nothing: there is one CPU device."""


def synchronize(device: Any = None) -> None:
    """Do nothing: an op on the CPU has been done when its call returns."""


def get_capabilities() -> Mapping[str, Any]:
    """Return what the processor is and can do, by PyTorch's names.

    Returns:
        Mapping: ``architecture`` (str), ``num_physical_cores`` (int; those that this process may
        use) and, on x86 and Arm, a bool for each feature, such as ``avx2`` or ``avx512_bf16``.

    Example:
        >>> "architecture" in weft.cpu.get_capabilities()
        True
    """
    return MappingProxyType(
        {
            "architecture": features.architecture(),
            "num_physical_cores": cores.usable(),
            **features.found(),
        }
    )


def empty_cache() -> None:
    """Give memory that no tensor uses back to the system.

    weft has the C library keep the memory of arrays that are gone, for the next ones: fresh pages
    cost more than arithmetic. Only this process can use it meanwhile. Where the C library is not
    GNU's, nothing is kept and nothing is done.
    """
    allocator.give_back()
