"""The default generator, by the names of ``torch.random``."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from weft._core.generator import (
    default_generator,
    get_rng_state,
    initial_seed,
    manual_seed,
    seed,
    set_rng_state,
)

__all__ = [
    "default_generator",
    "fork_rng",
    "get_rng_state",
    "initial_seed",
    "manual_seed",
    "seed",
    "set_rng_state",
]


@contextlib.contextmanager
def fork_rng(devices: Any = None, enabled: bool = True) -> Iterator[None]:
    """Put the default generator back to where it was, whatever is drawn or seeded inside.

    Args:
        devices: taken for PyTorch's callers: one generator serves all devices.
        enabled: ``False`` makes it do nothing, so that a flag can decide.
    """
    state = get_rng_state()
    try:
        yield
    finally:
        if enabled:
            set_rng_state(state)
