"""How long `import numpy`, `import weft` and `import torch` take, each in fresh processes."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.measure import Row, compare_processes, main

# Timed inside the process: Python's own start is everybody's and nobody's.
PROGRAM = """
import time
start = time.perf_counter()
import {library}
print(time.perf_counter() - start)
"""


def rows() -> Iterator[Row]:
    """Yield the one row, with ratios to `import numpy`, without which weft is nothing."""
    libraries = ("numpy", "weft", "torch")
    programs = {name: PROGRAM.format(library=name) for name in libraries}
    yield compare_processes("import", baseline="numpy", rounds=15, **programs)


if __name__ == "__main__":
    main(rows)
