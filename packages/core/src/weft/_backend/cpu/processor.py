"""What this processor is, told without loading LLVM, and what LLVM is told of it."""

from __future__ import annotations

import functools
import os
import sys

from weft._backend.cpu.digests import digest

#: Lines of /proc/cpuinfo that tell processors apart, and bytes that hold all of the first core's.
_TELLING = (b"vendor_id", b"cpu family", b"model", b"flags", b"Features", b"CPU part")
_FIRST_CORE = 16384


@functools.cache
def identity() -> bytes:
    """Return bytes that differ between processors for which different code is made."""
    machine = os.uname().machine if hasattr(os, "uname") else ""
    parts = [sys.platform.encode(), machine.encode()]
    if sys.platform == "linux":
        try:
            with open("/proc/cpuinfo", "rb", buffering=0) as told:
                first = told.read(_FIRST_CORE).partition(b"\n\n")[0]  # it tells it for all
                parts += [line for line in first.splitlines() if line.startswith(_TELLING)]
        except OSError:
            pass
    if len(parts) < 4:
        import platform

        parts.append(platform.processor().encode())
    return digest(parts)


def attributes(features: dict[str, bool]) -> str:
    """Return the attributes of functions that use the widest vectors there are."""
    width = "512" if features.get("avx512f") else "256"
    return f'"prefer-vector-width"="{width}" "no-trapping-math"="true"'
