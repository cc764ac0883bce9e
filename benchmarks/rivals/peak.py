"""``python -m benchmarks.rivals.peak LIBRARY MODULE CASE [above]``: the most memory of a case.

Prints the peak of the whole process in bytes. With ``above`` it prints by how much the peak lies
above what was resident when the case had been made ready and not yet run. Before that a small
network is trained, so that a library that loads its parts when they are first used has loaded them,
and what the making of weights left behind is given back to the system, where it would hide what the
case takes.
"""

from __future__ import annotations

import ctypes
import gc
import json
import sys
from pathlib import Path
from typing import Any

from benchmarks.rivals.case import cases_of, library_of, load

#: How often the call runs: buffers that are kept for the next time then count.
CALLS = 3


def status(key: str) -> int:
    """Return an entry of the kernel's account of this process, in bytes."""
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(key))


def use(lib: Any) -> None:
    """Have a library load what it runs networks with."""
    nn = lib.nn
    layers = (nn.Conv2d(16, 16, 3), nn.BatchNorm2d(16), nn.ReLU(), nn.Flatten())
    model = nn.Sequential(*layers, nn.Linear(16 * 30 * 30, 256), nn.LayerNorm(256), nn.GELU())
    x, heads = lib.randn(8, 16, 32, 32), lib.randn(1, 4, 64, 64)
    for _ in range(CALLS):
        model(x).sum().backward()
    heads.requires_grad_()
    nn.functional.scaled_dot_product_attention(heads, heads, heads).sum().backward()
    with lib.no_grad():
        model(x)


def trim() -> None:
    """Give memory that is free back to the system, where the C library has a function for it."""
    gc.collect()
    give_back = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if give_back is not None:
        give_back(0)


def main(rival: str, module: str, what: str, above: str = "") -> None:
    """Run a case and print the number."""
    library = load(library_of(rival))
    call = cases_of(module)[what].makers[rival](library)
    before = 0
    if above:
        use(library)
        trim()
        before = status("VmRSS")
        Path("/proc/self/clear_refs").write_text("5")  # the peak starts from here
    for _ in range(CALLS):
        call()
    print(json.dumps(status("VmHWM") - before))


if __name__ == "__main__":
    main(*sys.argv[1:])
