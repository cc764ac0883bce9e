"""Random generators: a seed and a count of what was drawn, over one counter-based function."""

from __future__ import annotations

import os
import threading
from typing import Any

from weft._backend import xp
from weft._core import philox

_MASK = 0xFFFFFFFFFFFFFFFF


def _fresh_seed() -> int:
    """Return 63 random bits of the system's; ``secrets`` would import all of ``hashlib`` for it."""
    return int.from_bytes(os.urandom(8), "little") >> 1


class Generator:
    """A stream of random numbers; the same seed gives the same stream on every backend.

    Args:
        seed: 64 bits; drawn from the system if None.
    """

    __slots__ = ("_lock", "_offset", "_seed", "_stream")

    def __init__(self, seed: int | None = None) -> None:
        self._lock = threading.Lock()
        self._stream = 0
        self.manual_seed(_fresh_seed() if seed is None else seed)

    def manual_seed(self, seed: int) -> Generator:
        """Start the stream of a seed over; return self."""
        if not isinstance(seed, int) or isinstance(seed, bool):
            raise TypeError(f"manual_seed: expected an int, got {type(seed).__name__} {seed!r}")
        self._seed, self._offset = seed & _MASK, 0
        return self

    def seed(self) -> int:
        """Take a new seed from the system and return it."""
        seed = _fresh_seed()
        self.manual_seed(seed)
        return seed

    def initial_seed(self) -> int:
        """Return the seed in use."""
        return self._seed

    def get_state(self) -> tuple[int, int, int]:
        """Return all that determines what is drawn next: seed, stream, offset."""
        return self._seed, self._stream, self._offset

    def set_state(self, state: tuple[int, int, int]) -> None:
        """Go on from a state that ``get_state`` returned."""
        self._seed, self._stream, self._offset = (int(part) & _MASK for part in state)

    def split(self, index: int) -> Generator:
        """Return the generator of a worker: same seed, a stream that never meets this one.

        Args:
            index: the worker's number, from 0.
        """
        child = Generator(self._seed)
        child._stream = (self._stream * 0x9E3779B97F4A7C15 + index + 1) & _MASK
        return child

    def words(self, count: int) -> Any:
        """Return the next random 32-bit words, a uint32 array (count,)."""
        with self._lock:
            offset = self._offset
            self._offset = (offset + -(-count // 4)) & _MASK
        return philox.words(xp, self._seed, offset, count, self._stream)


default_generator = Generator()


def manual_seed(seed: int) -> Generator:
    """Seed the default generator: the one call that makes a program repeatable.

    Args:
        seed: 64 bits.

    Returns:
        Generator: the default generator.
    """
    return default_generator.manual_seed(seed)


def initial_seed() -> int:
    """Return the default generator's seed."""
    return default_generator.initial_seed()


def get_rng_state() -> tuple[int, int, int]:
    """Return the default generator's state."""
    return default_generator.get_state()


def set_rng_state(state: tuple[int, int, int]) -> None:
    """Set the default generator's state to one that ``get_rng_state`` returned."""
    default_generator.set_state(state)
