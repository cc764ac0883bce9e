"""``torch.cuda``: what of it training scripts call and weft does not have."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import weft
from weft.compat.torch._refusing import Refused

__all__ = [
    "CUDAGraph",
    "Event",
    "OutOfMemoryError",
    "Stream",
    "StreamContext",
    "get_rng_state_all",
    "graph",
    "is_bf16_supported",
    "max_memory_allocated",
    "reset_peak_memory_stats",
    "seed_all",
    "set_rng_state_all",
]

OutOfMemoryError = MemoryError
#: Whether a GPU is in use, which reversible networks ask before they keep its generator's state.
_initialized = weft.cuda.is_initialized()


def is_bf16_supported(including_emulation: bool = True) -> bool:
    """Return whether the GPU computes in bfloat16."""
    return weft.cuda.is_available() and weft.cuda.get_device_capability()[0] >= 8


def max_memory_allocated(device: Any = None) -> int:
    """Return 0 without a GPU, what is allocated now with one."""
    return weft.cuda.memory_allocated(device) if weft.cuda.is_available() else 0


def reset_peak_memory_stats(device: Any = None) -> None:
    """Do nothing: no peak is kept."""


def seed_all() -> None:
    """Seed every GPU from the system."""
    weft.cuda.manual_seed_all(weft.seed())


class _Unordered(Refused):
    module = "torch.cuda"
    sentence = (
        "weft has no streams, events or graphs of its own; work on a GPU is done in the order "
        "of the program"
    )


class Stream(_Unordered):
    """A queue of work."""


class StreamContext(_Unordered):
    """A block whose work goes to one queue."""


class Event(_Unordered):
    """A mark in a queue."""


class CUDAGraph(_Unordered):
    """Recorded work."""


class graph(_Unordered):
    """A block whose work is recorded."""


def get_rng_state_all() -> list[weft.Tensor]:
    """Return the states of all devices' generators."""
    return [weft.cuda.get_rng_state(device) for device in range(weft.cuda.device_count())]


def set_rng_state_all(new_states: Iterable[weft.Tensor]) -> None:
    """Set the states of all devices' generators."""
    for device, state in enumerate(new_states):
        weft.cuda.set_rng_state(state, device)
