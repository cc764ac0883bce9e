"""What weft found on this machine, as text."""

from __future__ import annotations

import os
import platform

from weft._backend import np
from weft._backend.cupy_ import why_unavailable
from weft._backend.numpy_ import ml_dtypes
from weft.version import installed


def show_config() -> None:
    """Print versions, the CPU's kernels, and whether a GPU can be used or why not."""
    rows = {
        "weft": installed(),
        "Python": f"{platform.python_version()} ({platform.python_implementation()})",
        "platform": f"{platform.system()} {platform.machine()}",
        "NumPy": np.__version__,
        "ml_dtypes": ml_dtypes.__version__,
        "CPU": f"{os.cpu_count()} cores; all ops run on NumPy, which is the reference",
        "GPU": why_unavailable(),
    }
    width = max(map(len, rows))
    for name, value in rows.items():
        print(f"{name:<{width}}  {value}")
