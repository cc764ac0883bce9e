"""What a measurement was taken on: processor, threads and versions."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any


def machine(lib: Any) -> dict[str, Any]:
    """Return the processor, the threads that ``lib`` computes with, and the versions."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "threads": lib.get_num_threads(),
        "python": platform.python_version(),
        lib.__name__: str(lib.__version__),
    }


def _processor() -> str:
    """Return the processor's name: ``platform.processor()`` is empty on most Linux systems."""
    told = Path("/proc/cpuinfo")
    if told.exists():
        for line in told.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
