"""CuPy as the GPU backend: whether it can be used here, and if not, the one reason why."""

from __future__ import annotations

import functools


@functools.cache
def why_unavailable() -> str:
    """Return in one sentence why no GPU can be used, and what was found of one."""
    return f"this version of weft has no GPU kernels yet, so all runs on the CPU ({_found()})"


def _found() -> str:
    import importlib.util

    if importlib.util.find_spec("cupy") is None:
        return "CuPy, which they will need, is not installed"
    try:
        import cupy

        count = cupy.cuda.runtime.getDeviceCount()
    except Exception as error:  # CuPy raises its own kinds for a missing driver and a mismatch
        return f"CuPy is installed, but cannot reach the driver: {error}"
    return f"CuPy is installed, and the driver reports {count} device(s)"
