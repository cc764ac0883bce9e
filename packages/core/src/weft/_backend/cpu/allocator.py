"""The C library's allocator told to keep memory: a freed array's pages serve the next one.

As it comes, glibc takes a large array's memory from the kernel and gives it back when the array
goes. Each new array then meets fresh pages, which the kernel must find and clear as they are first
touched: for arrays of 32 MB and more that takes several times as long as the arithmetic. So large
arrays are taken from the heap too, and the heap is trimmed only when much of its top lies unused.

That is done once, when weft is imported, unless the user said how the allocator shall work.
"""

from __future__ import annotations

import ctypes
import os
import sys

from weft._backend.cpu import switches

# The numbers of mallopt's settings, as malloc.h has them.
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX = -1, -2, -4
#: How much the heap grows at least; untouched, it takes no memory.
_GROWTH = 16 * 2**20
#: What the heap's top may hold unused before it goes back: this share of the machine's memory.
_SHARE = 8
#: What the user may have set, in the environment's spelling.
_THEIRS = ("MMAP_MAX", "MMAP_THRESHOLD", "TRIM_THRESHOLD", "TOP_PAD")
_OTHERS = ("jemalloc", "tcmalloc", "mimalloc", "hoard", "snmalloc")


class _State:
    """What was set, and if nothing, why."""

    kept = 0
    reason = "weft was not imported"


_state = _State()


def settle() -> None:
    """Set the allocator, unless a switch, the user or the system speaks against it."""
    _state.reason = _against()
    if _state.reason:
        return
    # mallopt takes an int, so 2 GiB is the most that it can be told.
    kept = min(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // _SHARE, 2**31 - 1)
    mallopt = ctypes.PyDLL(None).mallopt
    if mallopt(_MMAP_MAX, 0) and mallopt(_TRIM_THRESHOLD, kept) and mallopt(_TOP_PAD, _GROWTH):
        _state.kept = kept
    else:
        _state.reason = "the C library refused the settings"


def _against() -> str:
    if not switches.malloc:
        return "WEFT_MALLOC is off"
    if sys.platform != "linux" or not _glibc():
        return "only GNU's C library has these settings"
    tunables = os.environ.get("GLIBC_TUNABLES", "")
    for name in _THEIRS:
        if f"MALLOC_{name}_" in os.environ:
            return f"the environment sets the allocator: MALLOC_{name}_"
        if f"glibc.malloc.{name.lower()}" in tunables:
            return f"the environment sets the allocator: GLIBC_TUNABLES={tunables}"
    preloaded = os.environ.get("LD_PRELOAD", "")
    for name in _OTHERS:
        if name in preloaded:
            return f"another allocator serves this process: {name}"
    return ""


def _glibc() -> bool:
    try:
        return "glibc" in (os.confstr("CS_GNU_LIBC_VERSION") or "")
    except (ValueError, OSError):  # another C library does not know the name
        return False


def why_not() -> str:
    """Return why the allocator is as it came, in one clause; empty if it was set."""
    return _state.reason


def kept() -> int:
    """Return how many bytes the heap's top may hold unused; 0 if the allocator is as it came."""
    return _state.kept


def give_back() -> bool:
    """Give memory that is not in use back to the system, wherever in the heap it lies.

    Returns:
        bool: whether any was; False also where the C library cannot.
    """
    return sys.platform == "linux" and _glibc() and bool(ctypes.CDLL(None).malloc_trim(0))
