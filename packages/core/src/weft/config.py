"""What weft found on this machine, as text."""

from __future__ import annotations

import platform
from typing import Any

from weft._backend import cupy_, np
from weft._backend.numpy_ import ml_dtypes
from weft.version import installed


def show_config() -> None:
    """Print versions, what the CPU runs with, and the GPUs or the one reason why there is none.

    Example:
        >>> weft.show_config()  # doctest: +SKIP
        weft       0.1.0
        ...
        GPU        none: CuPy, which runs weft's kernels on NVIDIA GPUs, is not installed
    """
    from weft._backend.cpu import engine

    rows = {
        "weft": installed(),
        "Python": f"{platform.python_version()} ({platform.python_implementation()})",
        "platform": f"{platform.system()} {platform.machine()}",
        "NumPy": np.__version__,
        "SciPy": installed("scipy"),
        "ml_dtypes": ml_dtypes.__version__,
        "BLAS": _blas(),
        **engine.rows(),
        "CuPy": cupy_.version(),
    }
    reason = cupy_.why_unavailable()
    if reason:
        rows["GPU"] = f"none: {reason}"
    else:
        from weft import cuda

        for index in range(cuda.device_count()):
            found = cuda.get_device_properties(index)
            rows[f"cuda:{index}"] = (
                f"{found.name}, compute capability {found.major}.{found.minor}, "
                f"{found.total_memory / 2**30:.1f} GiB"
            )
    width = max(map(len, rows))
    for name, value in rows.items():
        print(f"{name:<{width}}  {value}")


def _blas() -> str:
    """Return the library of matrix products that NumPy was built with."""
    built: Any = np.show_config(mode="dicts")
    found = built.get("Build Dependencies", {}).get("blas", {})
    return f"{found.get('name', 'unknown')} {found.get('version', '')}".strip()
