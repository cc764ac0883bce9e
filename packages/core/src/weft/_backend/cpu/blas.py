"""OpenBLAS, which NumPy and SciPy bring, kept off its own threads beside the pool.

OpenBLAS's threads spin for a tenth of a second after each call and take the processor from the pool
meanwhile. So from the first use of the pool on it has one thread (:func:`settle`); large products
are split over the pool (``blas_products.py``), and only a large factorisation, which takes longer
than that, is given threads while it runs (:class:`Raised`).

OpenBLAS can be told to run its jobs on another pool, by a callback. It is not: in that mode nothing
guards its buffers, and factorisations in several Python threads at once gave wrong numbers.

What the user set, by ``OPENBLAS_NUM_THREADS`` or while the program ran, is left as it is.
"""

from __future__ import annotations

import ctypes
import os
import sys
import threading
from typing import Any

from weft._backend.cpu import threads

#: The order from which on factorising a matrix is worth OpenBLAS's own threads.
LARGE = 1024
_PTHREADS = 1  # of openblas_get_parallel; 2 is OpenMP, whose threads are the pool's already
#: A module of each library that is linked with its OpenBLAS: NumPy's, SciPy's.
_LINKED = ("numpy._core._multiarray_umath", "scipy.linalg._fblas")


class OpenBlas:
    """One copy of OpenBLAS in this process.

    Attributes:
        owner: the library that brought it.
        ours: the number of threads that we last set; 0 if we set none.
    """

    def __init__(self, owner: str, linked: Any, prefix: str, suffix: str) -> None:
        def function(name: str) -> Any:
            return getattr(linked, f"{prefix}openblas_{name}{suffix}", None)

        self.owner, self.ours = owner, 0
        self._linked, self._prefix, self._suffix = linked, prefix, suffix
        self._routines: dict[str, int] = {}
        self._get, self._put = function("get_num_threads"), function("set_num_threads")
        self._first = self.count()
        kind, cores, config = map(function, ("get_parallel", "get_num_procs", "get_config"))
        #: Whether its threads are its own, and the user did not say how many.
        self.free = False
        if kind and cores and config and self._put and kind() == _PTHREADS:
            config.restype = ctypes.c_char_p
            self.free = self._first == _at_first(cores(), config())

    def count(self) -> int:
        """Return how many threads it uses."""
        return int(self._get())

    def set(self, n: int) -> None:
        """Set how many threads it uses, unless somebody else set it meanwhile."""
        if self.free and self.count() == (self.ours or self._first):
            self._put(n)
            self.ours = self.count()  # it has a limit of its own

    def gemm(self, letter: str) -> int:
        """Return the address of its product of matrices for a dtype of LAPACK's letter, or 0."""
        name = f"{self._prefix}cblas_{letter}gemm{self._suffix}"
        found = getattr(self._linked, name, None)
        return 0 if found is None else ctypes.cast(found, ctypes.c_void_p).value or 0

    @property
    def wide(self) -> bool:
        """Whether its Fortran routines take whole numbers of 64 bits, not 32."""
        return "64" in self._suffix

    def routine(self, name: str) -> int:
        """Return the address of a routine of LAPACK or BLAS in Fortran's manner, or 0."""
        found = self._routines.get(name)
        if found is None:
            linked = getattr(self._linked, f"{self._prefix}{name}_{self._suffix}", None)
            found = 0 if linked is None else ctypes.cast(linked, ctypes.c_void_p).value or 0
            self._routines[name] = found
        return found


class _State:
    """What was found, and how many large factorisations run."""

    def __init__(self) -> None:
        self.found: dict[str, OpenBlas | None] = {}
        self.running = 0


_state = _State()


def copies() -> list[OpenBlas]:
    """Return the copies of OpenBLAS that are loaded, in the order of ``_LINKED``."""
    for name in _LINKED:
        module = sys.modules.get(name)
        if module is not None and name not in _state.found:
            _state.found[name] = _copy(name, getattr(module, "__file__", None))
    return [one for one in _state.found.values() if one is not None]


def _copy(name: str, file: str | None) -> OpenBlas | None:
    if file is None or sys.platform != "linux":
        return None
    linked = ctypes.PyDLL(file)  # its symbols are looked for in what it is linked with, too
    for prefix in ("scipy_", ""):
        for suffix in ("64_", ""):
            if hasattr(linked, f"{prefix}openblas_get_num_threads{suffix}"):
                return OpenBlas(name.partition(".")[0], linked, prefix, suffix)
    return None


def _at_first(cores: int, config: bytes) -> int:
    """Return how many threads OpenBLAS has if nobody said otherwise; -1 if the environment did."""
    if any(os.environ.get(name) for name in ("OPENBLAS_NUM_THREADS", "GOTO_NUM_THREADS")):
        return -1
    most = config.partition(b"MAX_THREADS=")[2].split()
    said = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()  # that is the pool's
    wanted = int(said) if said.isdecimal() and int(said) else cores
    return min(wanted, cores, *map(int, most))


def settle() -> None:
    """Give OpenBLAS one thread: the pool was used for the first time, or SciPy came later."""
    for one in copies():
        if not one.ours:
            one.set(1)


class Raised:
    """Within the block OpenBLAS has as many threads as the pool, if it was kept to one."""

    def __enter__(self) -> None:
        with _lock:
            _state.running += 1
            if threads.in_use() and _state.running == 1:
                settle()
                for one in copies():
                    one.set(threads.count())

    def __exit__(self, *error: object) -> None:
        with _lock:
            _state.running -= 1
            if threads.in_use() and not _state.running:
                for one in copies():
                    one.set(1)


_lock = threading.Lock()


def told() -> str:
    """Return what OpenBLAS does now, for people."""
    parts = []
    for one in _state.found.values():
        if one is not None:
            said = "" if one.free else ", left as they were"
            parts.append(f"{one.owner}'s OpenBLAS: {one.count()} of its own{said}")
    return "; ".join(parts)
