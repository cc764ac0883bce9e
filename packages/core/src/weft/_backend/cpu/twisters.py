"""The global generators of ``random`` and ``numpy.random``, both Mersenne Twisters, set in place.

A loader of data seeds them before every sample. Their own ways to be seeded take some microseconds
each, more than a small sample takes to load; writing 2.5 kB into their state takes a tenth of one.
NumPy tells where its state is; in CPython's object it is looked for, once, by its values. If it is
not found, the generator is set by its own functions, to the same state.
"""

from __future__ import annotations

import ctypes
import functools
import random
import sys
from collections.abc import Callable
from typing import Any

from weft._backend.numpy_ import np

#: The words of a Mersenne Twister's state, and where in them it is before the first number.
WORDS = 624
_HALF = WORDS // 2
#: A row of a table of states: Python's position, its words; NumPy's words begin in the middle of
#: those, so that the two generators do not give the same numbers; its position.
ROW = 1 + WORDS + _HALF + 1
_LENGTH = 1 + WORDS
PYTHONS, NUMPYS = slice(0, _LENGTH), slice(ROW - _LENGTH, ROW)
_BYTES = 4 * _LENGTH
#: Whether a normal is kept, an int, and which, a double.
_GAUSS = 16

_M1, _M2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_S27, _S30, _S31, _S32 = map(np.uint64, (27, 30, 31, 32))


def mixed(x: Any) -> Any:
    """Return well-mixed bits of each element of a uint64 array: the finaliser of SplitMix64.

    Source: Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014.
    """
    x = (x ^ (x >> _S30)) * _M1
    x = (x ^ (x >> _S27)) * _M2
    return x ^ (x >> _S31)


class Twisters:
    """Both generators of this process.

    Attributes:
        python: the address of Python's position and words; 0 if it was not found.
        numpy: the address of NumPy's words and position; 0 likewise.
        gauss: the address of whether NumPy keeps half a pair of normals, and which; 0 likewise.
        generator: NumPy's, kept so that its memory stays even if another takes its place.
    """

    def __init__(self) -> None:
        import numpy.random  # NumPy loads it when it is first used

        self._numpy_random = numpy.random
        self._python_random: Any = random._inst
        self.generator = numpy.random.mtrand._rand._bit_generator
        self.python = _python_state()
        #: NumPy's may be no Mersenne Twister (numpy.random.set_bit_generator): it is left alone.
        self._has_numpy = type(self.generator).__name__ == "MT19937"
        self.gauss = _numpy_gauss() if self._has_numpy else 0
        self.numpy = _numpy_state(self.generator) if self.gauss else 0
        steps = np.arange(1, _HALF + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        self._salt = mixed(steps).view(np.uint32)
        self._kept = ctypes.c_int.from_address(self.gauss) if self.numpy else ctypes.c_int()
        self._python_words = _view(self.python)
        self._numpy_words = _view(self.numpy)
        self._gauss_bytes = _view(self.gauss if self.numpy else 0, _GAUSS)

    def states(self, keys: Any) -> Any:
        """Return a table with a state of both generators for each key.

        Args:
            keys: uint64 array (n,), well mixed.

        Returns:
            uint32 array (n, ROW), whose rows :meth:`put` takes.
        """
        low = (keys & np.uint64(0xFFFFFFFF)).astype(np.uint32)
        high = (keys >> _S32).astype(np.uint32)
        # The multiplications of the hash function that Wellons found by a search of many.
        x = (self._salt ^ low[:, None]) * np.uint32(0x7FEB352D)
        x ^= x >> np.uint32(15)
        x ^= high[:, None]
        x *= np.uint32(0x846CA68B)
        x ^= x >> np.uint32(16)
        table = np.empty((len(keys), ROW), np.uint32)
        table[:, 0] = table[:, -1] = WORDS
        table[:, 1:_LENGTH] = x
        table[:, _LENGTH:-1] = x[:, :_HALF]
        return table

    def setter(self, other: Any) -> Callable[[int], None]:
        """Return what sets both to the state of a key, 64 bits: a kernel where there are any.

        Args:
            other: a generator of weft's, which is set to the stream of that seed too.
        """
        return self._by_kernel(other) or functools.partial(self._by_row, other)

    def _by_row(self, other: Any, key: int) -> None:
        other._seed, other._stream, other._offset = key, 0, 0
        self.put(self.states(np.array([key], np.uint64))[0])

    def _by_kernel(self, other: Any) -> Callable[[int], None] | None:
        if not (self.python and self.numpy):
            return None
        from weft._backend.cpu.language import usable

        if not usable():
            return None
        from weft._backend.cpu.launch.twisters import seeder

        words = self._salt, self._python_words, self._numpy_words
        return seeder(*words, self._gauss_bytes, self._python_random, other)

    def put(self, row: Any) -> None:
        """Set both generators to a row of a table."""
        if self.python:
            self._python_words[:] = row[PYTHONS]
            self._python_random.gauss_next = None  # as its seed() does
        else:
            random.setstate((3, (*row[PYTHONS][1:].tolist(), WORDS), None))
        if self.numpy:
            self._numpy_words[:] = row[NUMPYS]
            self._kept.value = 0
        elif self._has_numpy:
            self._numpy_random.set_state(("MT19937", row[NUMPYS][:-1], WORDS, 0, 0.0))

    def saved(self) -> Any:
        """Return the state of both, for :meth:`restore`."""
        if self.python:
            pythons: Any = self._python_words.copy(), self._python_random.gauss_next
        else:
            pythons = random.getstate()
        if self.numpy:
            numpys: Any = self._numpy_words.copy(), self._gauss_bytes.copy()
        else:
            numpys = self._numpy_random.get_state(legacy=False) if self._has_numpy else None
        return pythons, numpys

    def restore(self, saved: Any) -> None:
        """Set both to what :meth:`saved` returned."""
        pythons, numpys = saved
        if self.python:
            self._python_words[:], self._python_random.gauss_next = pythons
        else:
            random.setstate(pythons)
        if self.numpy:
            self._numpy_words[:], self._gauss_bytes[:] = numpys
        elif self._has_numpy:
            self._numpy_random.set_state(numpys)


def _view(address: int, size: int = 0) -> Any:
    """Return the memory at an address as uint32; nothing at 0."""
    size = size or _BYTES
    memory: Any = (ctypes.c_char * size).from_address(address) if address else bytearray(size)
    return np.frombuffer(memory, np.uint32)


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
    return id(random._inst) + offset


def _numpy_state(generator: Any) -> int:
    """Return where the words and position of a Mersenne Twister of NumPy's are, or 0."""
    address = int(generator.ctypes.state_address)
    state = generator.state["state"]
    wanted = state["key"].astype(np.uint32).tobytes() + np.uint32(state["pos"]).tobytes()
    return address if ctypes.string_at(address, _BYTES) == wanted else 0


def _numpy_gauss() -> int:
    """Return where ``numpy.random`` says whether it keeps a normal, and which, or 0.

    Its functions that set this take a tenth of a millisecond.
    """
    probe = np.random.RandomState(20061024)
    probe.standard_normal()
    state = probe.get_state(legacy=False)
    wanted = np.int32(1).tobytes() + bytes(4) + np.float64(state["gauss"]).tobytes()
    size = type(probe).__basicsize__
    held = ctypes.string_at(id(probe), size)
    # The padding between the two may hold anything.
    offset = held.find(wanted[8:]) - 8
    if (
        sys.implementation.name != "cpython"
        or offset < 0
        or held[offset : offset + 4] != wanted[:4]
    ):
        return 0
    ctypes.c_int.from_address(id(probe) + offset).value = 0
    if probe.get_state(legacy=False)["has_gauss"]:
        return 0
    return id(np.random.mtrand._rand) + offset


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
