"""CuPy as the GPU backend: whether it can be used here, and if not, the one reason why."""

from __future__ import annotations

import functools
import importlib.util


@functools.cache
def why_unavailable() -> str:
    """Return in one sentence why no GPU can be used."""
    if importlib.util.find_spec("cupy") is None:
        return (
            "no GPU can be used because CuPy is not installed; install weft[cuda13] (driver 580 "
            "or newer) or weft[cuda12]"
        )
    try:
        import cupy

        count = cupy.cuda.runtime.getDeviceCount()
    except Exception as error:  # CuPy raises its own kinds for a missing driver and a mismatch
        return f"no GPU can be used because CuPy cannot reach the driver: {error}"
    if count == 0:
        return "no GPU can be used because the driver reports no device"
    return (
        f"the driver reports {count} device(s), but this version of weft has no GPU kernels yet; "
        f"use device='cpu'"
    )
