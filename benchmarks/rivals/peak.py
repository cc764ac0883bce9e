"""``python -m benchmarks.rivals.peak LIBRARY MODULE CASE``: the most memory that a case takes.

Prints the peak of the whole process, and by how much it lies above what was resident when the call
had been made ready and not yet run.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from benchmarks.rivals.case import cases_of, library_of, load

#: How often the call runs: buffers that are kept for the next time then count.
CALLS = 3


def status(key: str) -> int:
    """Return an entry of the kernel's account of this process, in bytes."""
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(key))


def main(rival: str, module: str, what: str) -> None:
    """Run a case and print the two numbers."""
    call = cases_of(module)[what].makers[rival](load(library_of(rival)))
    before, peak = status("VmRSS"), status("VmHWM")
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts from here
    for _ in range(CALLS):
        call()
    reached = status("VmHWM")
    print(json.dumps({"process": max(peak, reached), "run": reached - before}))


if __name__ == "__main__":
    main(*sys.argv[1:])
