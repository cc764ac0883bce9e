"""What this processor is, told without loading LLVM, and what LLVM is told of it."""

from __future__ import annotations

import functools
import os
import sys

from weft._backend.cpu.digests import digest


@functools.cache
def identity() -> bytes:
    """Return bytes that differ between processors for which different code is made."""
    parts = [sys.platform, os.uname().machine if hasattr(os, "uname") else ""]
    if sys.platform == "linux":
        wanted = ("vendor_id", "cpu family", "model", "flags", "Features", "CPU part")
        try:
            with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as told:
                for line in told:
                    if line == "\n":
                        break  # the first core tells it for all
                    if line.startswith(wanted):
                        parts.append(line.strip())
        except OSError:
            pass
    if len(parts) < 4:
        import platform

        parts.append(platform.processor())
    return digest(part.encode() for part in parts)


def attributes(features: dict[str, bool]) -> str:
    """Return the attributes of functions that use the widest vectors there are."""
    width = "512" if features.get("avx512f") else "256"
    return f'"prefer-vector-width"="{width}" "no-trapping-math"="true"'
