"""Seeds the global generators by a kernel, which writes their states where they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from weft._backend.cpu.kernels.twisters import seed

#: The halves of a state are written by the calling thread.
_HALF, _ALL = 312, 1 << 40


def seeder(
    salt: Any, pythons: Any, numpys: Any, own: Any, kept: Any, other: Any
) -> Callable[[int], None]:
    """Return what sets all three generators by a key.

    Args:
        salt: uint32 (624,).
        pythons: uint32 (625,), over Python's position and words.
        numpys: uint32 (625,), over NumPy's words and position.
        own: Python's generator, whose ``gauss_next`` is a normal that it keeps.
        kept: whose ``value`` is whether NumPy's keeps one.
        other: weft's generator.
    """
    run = seed.at()

    def set_by(key: int) -> None:
        run(_HALF, _ALL, salt, pythons, numpys, key & 0xFFFFFFFF, key >> 32)
        own.gauss_next = None  # as its seed() does
        kept.value = 0
        other._seed, other._stream, other._offset = key, 0, 0

    return set_by
