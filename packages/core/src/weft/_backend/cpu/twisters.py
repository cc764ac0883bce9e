"""The global generators of ``random`` and ``numpy.random``, both Mersenne Twisters, set in place.

A loader of data seeds them before every sample. Their own ways to be seeded take some microseconds
each, more than a small sample takes to load; a copy of 2,5 kB into their state takes a tenth of
one. NumPy tells where its state is; in CPython's object it is looked for, once, by its values. Where
it is not found, the generator is set by its own functions, to the same state.
"""

from __future__ import annotations

import ctypes
import random
import sys
from typing import Any

from weft._backend.numpy_ import np

#: The words of a Mersenne Twister's state, and where in them it is before the first number.
WORDS = 624
_HALF = WORDS // 2
#: A row of a table of states: Python's position and its words; NumPy's words begin in the middle,
#: so that the two generators do not give the same numbers; NumPy's position.
_ROW = 1 + WORDS + _HALF + 1
_NUMPYS = 4 * (1 + _HALF)
_BYTES = 4 * (1 + WORDS)


def _mixed(x: Any) -> Any:
    """Return well-mixed bits of each element (the finaliser of SplitMix64)."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


class Twisters:
    """Both generators of this process.

    Attributes:
        python: the address of Python's position and words; 0 if it was not found.
        numpy: the address of NumPy's words and position; 0 if its generator is none of these.
    """

    def __init__(self) -> None:
        import numpy.random  # NumPy loads it when it is first used

        self._numpy_random = numpy.random
        # kept, so that its memory stays even if another takes its place
        self.generator = numpy.random.mtrand._rand._bit_generator
        self.python, self.numpy = _python_state(), _numpy_state(self.generator)
        steps = np.arange(1, _HALF + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        self._salt = _mixed(steps)
        self._python_random = random._inst  # type: ignore[attr-defined]  # behind random.random
        self._position = self._first = None
        if self.numpy:
            self._position = ctypes.c_uint32.from_address(self.numpy + 4 * WORDS)
            self._first = ctypes.c_uint32.from_address(self.numpy)
        self._put = -1  # NumPy's first word as it was last set here

    def states(self, keys: Any) -> Any:
        """Return a table with a state of both generators for each key.

        Args:
            keys: uint64 array (n,), well mixed.

        Returns:
            uint32 array, for :meth:`put`.
        """
        x = keys[:, None] ^ self._salt
        x *= np.uint64(0xBF58476D1CE4E5B9)
        x ^= x >> np.uint64(32)
        x *= np.uint64(0x94D049BB133111EB)
        x ^= x >> np.uint64(29)
        words = x.view(np.uint32)
        table = np.empty((len(keys), _ROW), np.uint32)
        table[:, 0] = table[:, -1] = WORDS
        table[:, 1 : 1 + WORDS] = words
        table[:, 1 + WORDS : -1] = words[:, :_HALF]
        return table

    def put(self, row: Any, address: int) -> None:
        """Set both generators to a row of a table.

        Args:
            row: the row.
            address: where it lies.
        """
        if self.python:
            ctypes.memmove(self.python, address, _BYTES)
            self._python_random.gauss_next = None  # as its seed() does
        else:
            random.setstate((3, (*row[1 : 1 + WORDS].tolist(), WORDS), None))
        if self._first is not None:
            if self._drawn():
                self._numpy_random.seed(0)  # it may keep half a pair of normals
            ctypes.memmove(self.numpy, address + _NUMPYS, _BYTES)
            self._put = self._first.value

    def _drawn(self) -> bool:
        """Whether NumPy's generator was drawn from, or set, since :meth:`put`."""
        assert self._position is not None and self._first is not None
        return self._position.value != WORDS or self._first.value != self._put

    def saved(self) -> Any:
        """Return the state of both, for :meth:`restore`."""
        gauss = self._python_random.gauss_next
        pythons = ctypes.string_at(self.python, _BYTES) if self.python else random.getstate()
        if not self.numpy:
            return pythons, gauss, None, b""
        numpys = self._numpy_random.get_state(legacy=False)
        words = b"" if numpys["has_gauss"] else ctypes.string_at(self.numpy, _BYTES)
        self._put = -1  # so that the first put() drops what it keeps
        return pythons, gauss, numpys, words

    def restore(self, saved: Any) -> None:
        """Set both to what :meth:`saved` returned."""
        pythons, gauss, numpys, words = saved
        if self.python:
            ctypes.memmove(self.python, pythons, _BYTES)
            self._python_random.gauss_next = gauss
        else:
            random.setstate(pythons)
        if numpys is None:
            return
        if words and not self._drawn():
            ctypes.memmove(self.numpy, words, _BYTES)
        else:
            self._numpy_random.set_state(numpys)


def _python_state() -> int:
    """Return where ``random``'s position and words are, or 0."""
    if sys.implementation.name != "cpython":
        return 0
    probe = random.Random(20061024)
    *words, position = probe.getstate()[1]
    wanted = np.array([position, *words], np.uint32).tobytes()
    size = random.Random.__mro__[1].__basicsize__
    offset = ctypes.string_at(id(probe), size).find(wanted)
    if offset < 0:
        return 0
    # What is written there must be what is drawn from.
    other = random.Random(1)
    ctypes.memmove(id(other) + offset, wanted, _BYTES)
    if other.getstate() != probe.getstate():
        return 0
    return id(random._inst) + offset  # type: ignore[attr-defined]  # the one behind random.random


def _numpy_state(generator: Any) -> int:
    """Return where the words and position of ``numpy.random``'s global generator are, or 0."""
    if type(generator).__name__ != "MT19937":  # set by numpy.random.set_bit_generator
        return 0
    address = int(generator.ctypes.state_address)
    state = generator.state["state"]
    wanted = state["key"].astype(np.uint32).tobytes() + np.uint32(state["pos"]).tobytes()
    return address if ctypes.string_at(address, _BYTES) == wanted else 0


class _State:
    """The one instance, made on first use, and anew when NumPy was given another generator."""

    found: Twisters | None = None


_state = _State()


def twisters() -> Twisters:
    """Return both generators of this process."""
    found = _state.found
    if found is None or found.generator is not np.random.mtrand._rand._bit_generator:
        found = _state.found = Twisters()
    return found
