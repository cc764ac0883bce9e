"""What the first call of a fused kernel costs: compiling it, or taking it from the cache on disk.

Each program runs in a fresh process with a folder of its own for compiled code, which is empty
before the first row of a rival and left as it is for the second.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measure import Row, asked, main, row_of

ROUNDS = 3

#: The first call of each kernel, less what a later call takes. Another kernel has been compiled
#: before where ``warm`` says so, and has loaded what compiles.
EAGER = """
import time
import {library} as lib
import {library}.nn.functional as F

x = lib.linspace(-3.0, 3.0, 1_000_000)
if {warm}:
    lib.tanh(x)
    F.silu(x)

def run():
    start = time.perf_counter()
    F.gelu(x)
    return time.perf_counter() - start

first = run()
print(first - min(run() for _ in range(5)))
"""

COMPILED = """
import time
import torch

x = torch.linspace(-3.0, 3.0, 1_000_000)
call = torch.compile(torch.nn.functional.gelu)
other = torch.compile(torch.nn.functional.silu)
if {warm}:
    other(x)

def run():
    start = time.perf_counter()
    call(x)
    return time.perf_counter() - start

first = run()
print(first - min(run() for _ in range(5)))
"""

JITTED = """
import time
import jax

x = jax.numpy.linspace(-3.0, 3.0, 1_000_000)
call = jax.jit(lambda x: jax.nn.gelu(x, approximate=False))
if {warm}:
    jax.jit(jax.nn.silu)(x).block_until_ready()

def run():
    start = time.perf_counter()
    call(x).block_until_ready()
    return time.perf_counter() - start

first = run()
print(first - min(run() for _ in range(5)))
"""


@dataclass(frozen=True)
class Rival:
    """A program, the variable that names its folder of compiled code, and how often it is run."""

    program: str
    folder: str
    rounds: int = ROUNDS


def rivals() -> dict[str, Rival]:
    """Return what can be measured here: PyTorch's compiler needs one of C++."""
    found = {
        "weft": Rival(EAGER.replace("{library}", "weft"), "WEFT_CACHE_DIR"),
        # It compiles nothing: what remains is loading, and the first use of its threads.
        "torch": Rival(EAGER.replace("{library}", "torch"), "TORCHINDUCTOR_CACHE_DIR"),
    }
    if shutil.which("g++"):
        found["torch.compile"] = Rival(COMPILED, "TORCHINDUCTOR_CACHE_DIR", rounds=1)
    if importlib.util.find_spec("jax"):
        found["jax.jit"] = Rival(JITTED, "JAX_COMPILATION_CACHE_DIR")
    return found


#: Whether another kernel comes first within the process, and the two rows: the first process to
#: use a folder, and a second one.
ROWS = {
    False: (
        "gelu, the first kernel, nothing on disk",
        "gelu, the first kernel, kept by an earlier process",
    ),
    True: (
        "gelu, after another kernel, nothing on disk",
        "gelu, after another kernel, kept by an earlier process",
    ),
}


def rows() -> Iterator[Row]:
    """Yield the first call with nothing on disk, and that of a second process."""
    quick = asked().quick
    for warm, names in ROWS.items():
        samples: tuple[dict[str, list[float]], ...] = ({}, {})
        for name, rival in rivals().items():
            if warm and rival.rounds == 1:
                continue  # its processes take very long, and what they load is a small part of it
            for _ in range(1 if quick else rival.rounds):
                for part, seconds in zip(samples, first_calls(rival, warm=warm), strict=True):
                    part.setdefault(name, []).append(seconds)
        for name, part in zip(names, samples, strict=True):
            yield row_of(name, part, baseline="torch.compile")


def first_calls(rival: Rival, *, warm: bool) -> tuple[float, float]:
    """Return the seconds of two processes, the second of which finds what the first kept."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, rival.folder: str(Path(folder) / "compiled")}
        # Otherwise JAX keeps only what took a second to compile.
        environment["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
        first, second = (
            float(
                subprocess.run(
                    [sys.executable, "-c", rival.program.format(warm=warm)],
                    env=environment,
                    capture_output=True,
                    text=True,
                    check=True,
                ).stdout
            )
            for _ in range(2)
        )
        return first, second


if __name__ == "__main__":
    main(rows)
