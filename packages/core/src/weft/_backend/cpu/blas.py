"""OpenBLAS, which NumPy and SciPy bring, kept off its own threads and put on the pool's.

OpenBLAS's threads spin for a tenth of a second after each call and take the processor from the
pool meanwhile. So from the first use of the pool on it has one thread (:func:`settle`); and when
weft has a product or factorisation large enough for more (:func:`spread`), OpenBLAS is given a
function of machine code that runs its jobs on the pool, and as many threads as that has.

What the user set, by ``OPENBLAS_NUM_THREADS`` or while the program ran, is left as it is.
"""

from __future__ import annotations

import ctypes
import functools
import os
import sys
from typing import Any

from weft._backend.cpu import switches, threads

#: The order from which on a matrix is worth several threads.
LARGE = 256
_PTHREADS = 1  # of openblas_get_parallel; 2 is OpenMP, whose threads are the pool's already
#: A module of each library that is linked with its OpenBLAS: NumPy's, SciPy's.
_LINKED = ("numpy._core._multiarray_umath", "scipy.linalg._fblas")
_UNLIMITED = 2**31 - 1


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
        self._get, self._put = function("get_num_threads"), function("set_num_threads")
        called = "set_threads_callback_function"
        self._call_back = function(called) or getattr(linked, f"openblas_{called}", None)
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

    def spread(self, address: int) -> bool:
        """Have its jobs run by the function at an address; whether that can be done."""
        if not self.free or self._call_back is None:
            return False
        self._call_back(ctypes.c_void_p(address))
        return True


class _State:
    """What was found, and how far it was set."""

    def __init__(self) -> None:
        self.found: dict[str, OpenBlas | None] = {}
        #: Whether OpenBLAS was given the pool, for each module of ``_LINKED``.
        self.spread: dict[str, bool] = {}


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


def spread() -> None:
    """Have OpenBLAS use the pool for what comes next; cheap after the first time.

    To be called before large products that oneDNN does not take, and before factorisations.
    """
    for name in _LINKED:
        if name not in _state.spread and name in sys.modules:
            _state.spread[name] = False
            _spread(name)


def _spread(name: str) -> None:
    if threads.library() is None or not switches.codegen or not _whole_teams():
        return
    settle()
    one = _state.found.get(name)
    if one is None:
        return
    address = _runner()
    if address and one.spread(address):
        _state.spread[name] = True
        threads.on_change(one.set)


def _whole_teams() -> bool:
    """Whether OpenMP gives all threads that are asked for: OpenBLAS's jobs wait for each other."""
    library = threads.library()
    return not library.omp_get_dynamic() and library.omp_get_thread_limit() >= _UNLIMITED


# Called by OpenBLAS with the function to run, how many times, and where the data of each time lies.
# Inside another parallel region OpenMP would give one thread, and the jobs wait for each other
# forever; so a level more is allowed there.
_TEXT = """
%work = type { ptr, ptr, i64, i32, i32 }
declare void @GOMP_parallel(ptr, ptr, i32, i32)
declare i32 @omp_get_thread_num()
declare i32 @omp_get_active_level()
declare void @omp_set_max_active_levels(i32)

define internal void @share(ptr %work) {
  %job = load ptr, ptr %work
  %data.at = getelementptr %work, ptr %work, i32 0, i32 1
  %data = load ptr, ptr %data.at
  %size.at = getelementptr %work, ptr %work, i32 0, i32 2
  %size = load i64, ptr %size.at
  %buffer.at = getelementptr %work, ptr %work, i32 0, i32 3
  %buffer = load i32, ptr %buffer.at
  %me = call i32 @omp_get_thread_num()
  %place = sext i32 %me to i64
  %offset = mul i64 %place, %size
  %own = getelementptr i8, ptr %data, i64 %offset
  call void %job(i32 %me, ptr %own, i32 %buffer)
  ret void
}

define void @entry(i32 %wait, ptr %job, i32 %count, i64 %size, ptr %data, i32 %buffer) {
  %work = alloca %work
  store ptr %job, ptr %work
  %data.at = getelementptr %work, ptr %work, i32 0, i32 1
  store ptr %data, ptr %data.at
  %size.at = getelementptr %work, ptr %work, i32 0, i32 2
  store i64 %size, ptr %size.at
  %buffer.at = getelementptr %work, ptr %work, i32 0, i32 3
  store i32 %buffer, ptr %buffer.at
  %level = call i32 @omp_get_active_level()
  %inside = icmp sgt i32 %level, 0
  br i1 %inside, label %deeper, label %run
deeper:
  %levels = add i32 %level, 1
  call void @omp_set_max_active_levels(i32 %levels)
  br label %run
run:
  call void @GOMP_parallel(ptr @share, ptr %work, i32 %count, i32 0)
  ret void
}
"""
_CALLS = (
    "GOMP_parallel",
    "omp_get_thread_num",
    "omp_get_active_level",
    "omp_set_max_active_levels",
)


@functools.cache
def _runner() -> int:
    """Return the address of the function that runs OpenBLAS's jobs on the pool; 0 if none is."""
    import hashlib  # here, since `import weft` reads this file

    from weft._backend.cpu import code_cache, language, loader, processor

    if not language.usable():
        return 0
    library = threads.library()
    functions = {
        name: ctypes.cast(getattr(library, name), ctypes.c_void_p).value or 0 for name in _CALLS
    }
    digest = hashlib.sha256("\n".join((_TEXT, processor.identity())).encode()).hexdigest()
    key = f"openblas-{digest[:40]}"
    image = code_cache.get(key)
    if image is None:
        from weft._backend.cpu import compiler

        image = compiler.compile(_TEXT)
        code_cache.put(key, image)
    return loader.place(image, "entry", functions)


def told() -> str:
    """Return what OpenBLAS does now, for people."""
    parts = []
    for name, one in zip(_LINKED, map(_state.found.get, _LINKED), strict=True):
        if one is None:
            continue
        where = "on the pool" if _state.spread.get(name) else "of its own"
        said = "" if one.free else ", left as they were"
        parts.append(f"{one.owner}'s OpenBLAS: {one.count()} {where}{said}")
    return "; ".join(parts)
