"""Seeds by sample: every draw of data code follows from the epoch's seed and the sample alone.

Before each sample the default generators of ``weft``, ``random`` and ``numpy.random`` are set from
the seed of the epoch, the sample's place in it and its index. So what is drawn does not depend on
which process loads it, nor on what was drawn for other samples.
"""

from __future__ import annotations

from typing import Any

from weft._backend import np
from weft._backend.cpu.launching import Launcher
from weft._backend.cpu.twisters import mixed, twisters
from weft._core.generator import Generator, default_generator

_twisters = Launcher("twisters")
#: Below how many samples the seeds are made one by one.
_FEW = 12
_MASK = 0xFFFFFFFFFFFFFFFF
_STEP, _OTHER = 0x9E3779B97F4A7C15, 0xD1B54A32D192ED03
_M1, _M2 = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB


def drawn_seed(generator: Generator | None) -> int:
    """Return the seed of an epoch, 63 bits, drawn from a generator or the default one."""
    low, high = (default_generator if generator is None else generator).words(2).tolist()
    return (high << 32 | low) >> 1


def _mixed(x: int) -> int:
    """Return well-mixed bits of a number, as ``mixed`` does of an array's."""
    x = ((x ^ (x >> 30)) * _M1) & _MASK
    x = ((x ^ (x >> 27)) * _M2) & _MASK
    return x ^ (x >> 31)


class Seeds:
    """The seeds of one epoch.

    Args:
        seed: the epoch's.
        purpose: a number: the seeds for samples, those for samplers and those of each stream of an
            iterable data set have nothing in common.
    """

    def __init__(self, seed: int, purpose: int) -> None:
        self._base = _mixed(_mixed(seed * _STEP & _MASK) + purpose * _OTHER & _MASK)
        #: Sets the generators to what a key says.
        self.put = twisters().setter(default_generator)

    def keys(self, start: int, indices: Any) -> list[int]:
        """Return the keys of a batch's samples, for :attr:`put`.

        Args:
            start: the place of the batch's first sample in the epoch, from -1 on.
            indices: the samples' indices; only whole numbers count.
        """
        by_kernel = _twisters.keys(_whole(indices), self._base, start + 1) if _twisters else None
        if by_kernel is not None:
            return by_kernel
        if len(indices) < _FEW:
            return [self.key(start + i, index) for i, index in enumerate(indices)]
        places = np.arange(start + 1, start + 1 + len(indices), dtype=np.uint64)
        keys = places * np.uint64(_STEP) + np.uint64(self._base)
        keys = mixed(keys ^ (_whole(indices) * np.uint64(_OTHER)))
        found: list[int] = keys.tolist()
        return found

    def key(self, place: int, index: Any = 0) -> int:
        """Return the key of one sample."""
        key = (place + 1) * _STEP + self._base & _MASK
        whole = _whole([index]).tolist()[0] if type(index) is not int else index
        return _mixed(key ^ (whole * _OTHER & _MASK))

    def set(self, place: int, index: Any = 0) -> None:
        """Set the generators for one sample."""
        self.put(self.key(place, index))


def _whole(indices: Any) -> Any:
    """Return the indices as uint64 where they are whole numbers, else zeros."""
    try:
        found = np.array(indices)
    except ValueError:  # lists of several lengths
        found = None
    if found is None or found.ndim != 1 or found.dtype.kind not in "iu":
        return np.zeros(len(indices), np.uint64)
    return found.astype(np.uint64)


class Aside:
    """The program's own generators, laid aside while data code runs in its process."""

    __slots__ = ("_others", "_own")

    def __enter__(self) -> None:
        own = default_generator
        self._own = own._seed, own._stream, own._offset
        self._others = twisters().saved()

    def __exit__(self, *_: object) -> None:
        own = default_generator
        own._seed, own._stream, own._offset = self._own
        twisters().restore(self._others)
