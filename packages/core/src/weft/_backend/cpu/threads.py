"""The one thread pool: libgomp's, which generated kernels and oneDNN share, and how wide it is.

Generated code calls ``GOMP_parallel`` by the addresses given here, with the number of threads that
:func:`on_change` keeps it told of. oneDNN asks OpenMP, whose setting belongs to the calling thread:
:func:`align` before each call of it.

libgomp's threads do not survive a fork, and it would wait for them forever in the child. So the
pool is put away before a fork and grows again, on both sides, when it is next used.
"""

from __future__ import annotations

import ctypes
import os
import sys
import threading
from collections.abc import Callable
from typing import Any

#: What generated code calls.
_CALLED = ("GOMP_parallel", "omp_get_thread_num", "omp_get_num_threads")
_SOFT = 1  # omp_pause_soft: the threads end, settings stay


class _State:
    """The pool as it is now."""

    looked = False
    library: Any = None
    count = -1  # nobody asked yet
    #: Whether a pool was alive at a fork, which its child must then never use.
    left_behind = False
    #: In such a child.
    alone = False


class _Here(threading.local):
    """What this thread's OpenMP setting is; 0 until we set it."""

    count = 0


_state = _State()
_here = _Here()
_listeners: list[Callable[[int], None]] = []
_lock = threading.RLock()


def library() -> Any:
    """Return libgomp, loaded if it was not; None where there is none.

    Its functions keep the GIL: they only ask and set. Kernels are run through their own types.
    """
    if not _state.looked:
        with _lock:
            if not _state.looked:
                _state.library = _load()
                _state.looked = True
                if _state.library is not None:
                    from weft._backend.cpu import blas

                    blas.settle()
    return _state.library


def in_use() -> bool:
    """Whether libgomp was loaded: something ran on the pool, or was about to."""
    return _state.library is not None


def why_none() -> str:
    """Return why there is no pool, in one clause; empty if there is one."""
    if library() is not None:
        return ""
    if sys.platform != "linux":
        return "the pool is GNU's libgomp, which weft looks for on Linux alone"
    return "libgomp.so.1 was not found; the system's package is usually called libgomp1"


def _load() -> Any:
    if sys.platform != "linux":
        return None
    try:
        # One that another library brought is found first by this name, so there is never a second.
        found = ctypes.PyDLL("libgomp.so.1")
        addresses = [getattr(found, name) for name in (*_CALLED, "omp_set_num_threads")]
    except (OSError, AttributeError):
        return None
    assert all(addresses)
    os.register_at_fork(before=_put_away, after_in_child=_after_fork)
    return found


def addresses() -> dict[str, int]:
    """Return where the functions are that generated code calls; 0 where there is no libgomp."""
    found = library()
    if found is None:
        return dict.fromkeys(_CALLED, 0)
    return {name: ctypes.cast(getattr(found, name), ctypes.c_void_p).value or 0 for name in _CALLED}


def count() -> int:
    """Return how many threads a parallel kernel runs with, the calling one included."""
    if _state.count < 0:
        _state.count = default()
    return _state.count


def default() -> int:
    """Return the first number of ``OMP_NUM_THREADS``, else the cores that this process may use."""
    for variable in ("OMP_NUM_THREADS", "OMP_THREAD_LIMIT"):
        first = os.environ.get(variable, "").partition(",")[0].strip()
        if first.isdecimal() and int(first) > 0:
            return int(first) if variable == "OMP_NUM_THREADS" else min(int(first), _usable())
    return _usable()


def _usable() -> int:
    from weft._backend.cpu import cores  # reads files: `import weft` does not

    return cores.usable()


def set_count(n: int) -> None:
    """Set how many threads parallel kernels run with, in every thread of this process.

    In the child of a fork where the pool is not usable it stays 1.
    """
    with _lock:
        _set(1 if _state.alone else n)


def _set(n: int) -> None:
    _state.count = n
    for callback in _listeners:
        callback(n)


def on_change(callback: Callable[[int], None]) -> None:
    """Call with the number of threads: now, and from then on in every thread that sets it."""
    with _lock:
        _listeners.append(callback)
        callback(count())


def align() -> None:
    """Make OpenMP's own setting of the calling thread what :func:`count` says."""
    if _here.count != _state.count:
        found = library()
        if found is not None:
            found.omp_set_num_threads(count())
        _here.count = count()


def _put_away() -> None:
    """End the forking thread's pool; other threads, and so their pools, are not in the child."""
    pause = getattr(_state.library, "omp_pause_resource_all", None)  # since GCC 9
    _state.left_behind = pause is None or pause(_SOFT) != 0


def _after_fork() -> None:
    global _lock
    _lock = threading.RLock()  # another thread may have held it, and is not here to let go
    _state.alone = _state.alone or _state.left_behind
    if _state.alone:
        _set(1)
