"""Seeds the global generators by a kernel, which writes their states where they are.

Another kernel makes the keys that it takes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from weft._backend.cpu.kernels.twisters import mix, seed

#: The halves of a state are written by the calling thread.
_HALF, _ALL = 312, 1 << 40


def seeder(
    salt: Any, pythons: Any, numpys: Any, kept: Any, own: Any, other: Any
) -> Callable[[int], None]:
    """Return what sets all three generators by a key.

    Args:
        salt: uint32 (624,).
        pythons: uint32 (625,), over Python's position and words.
        numpys: uint32 (625,), over NumPy's words and position.
        kept: uint32 array, over whether NumPy's keeps a normal.
        own: Python's generator, whose ``gauss_next`` is one that it keeps.
        other: weft's generator.
    """
    run = seed.at()

    def set_by(key: int) -> None:
        run(_HALF, _ALL, salt, pythons, numpys, kept, key & 0xFFFFFFFF, key >> 32)
        own.gauss_next = None  # as its seed() does
        other._seed, other._stream, other._offset = key, 0, 0

    return set_by


def keys(indices: Any, base: int, place: int) -> list[int]:
    """Return the keys of samples.

    Args:
        indices: uint64 (n,), which is overwritten.
        base: 64 bits.
        place: that of the first sample, counted from 1.
    """
    signed = base - (1 << 64) if base >> 63 else base  # a kernel is given numbers with a sign
    mix.at()(len(indices), _ALL, indices, signed, place)
    found: list[int] = indices.tolist()
    return found
