"""On what a measurement was made, and the settings that make it fair."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from pathlib import Path

# Libraries whose versions a result names, where they are installed.
LIBRARIES = (
    *("weft", "numpy", "scipy", "ml_dtypes", "llvmlite", "onednn-cpu-gomp"),
    *("torch", "jax", "jaxlib", "onnxruntime", "huggingface_hub"),
)


def default_threads() -> int:
    """Return the number of processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def settings(threads: int) -> dict[str, str]:
    """Return the variables that every measured process gets, whichever library it measures.

    glibc gives large blocks back to the system after each use by default, and getting them again
    faults in every page: a cost of the allocator that would hide the cost of the operation. These
    keep such blocks for all alike; weft, which does so by itself, leaves the allocator alone then.

    OpenBLAS, which comes with NumPy, reads ``OMP_NUM_THREADS`` too. Its own variable stays unset,
    since weft leaves OpenBLAS alone where a user has set it.
    """
    count = str(threads)
    return {
        "OMP_NUM_THREADS": count,
        "MKL_NUM_THREADS": count,
        "MALLOC_MMAP_MAX_": "0",
        "MALLOC_TRIM_THRESHOLD_": str(2**31 - 1),
        "MALLOC_TOP_PAD_": str(2**24),
        "PYTHONHASHSEED": "0",
    }


def environment(wanted: dict[str, str]) -> dict[str, str]:
    """Return this process's environment with the settings laid over it."""
    return {**os.environ, **wanted}


def shipped() -> dict[str, str]:
    """Return this process's environment without any of the settings: what users get unasked."""
    named = set(settings(1)) - {"PYTHONHASHSEED"}
    return {name: value for name, value in os.environ.items() if name not in named}


def describe() -> dict[str, str]:
    """Return the machine and the versions that a result has to be read with."""
    found = {
        "processor": _processor(),
        "processors usable": str(default_threads()),
        "memory": _memory(),
        "system": f"{platform.system()} {platform.release().split('-')[0]}",
        "C library": " ".join(platform.libc_ver()).strip() or "unknown",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
    }
    for name in LIBRARIES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def _processor() -> str:
    """Return the processor's name: platform.processor() is empty on most Linux systems."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _memory() -> str:
    try:
        size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # not every system says
        return "unknown"
    return f"{size / 2**30:.1f} GiB"
