"""What recording and the backward pass cost beside PyTorch, in time and in memory."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator
from typing import Any

import torch

import weft
import weft.nn
from benchmarks.measure import Row, compare, compare_processes, main

WIDTH = 64
BATCH = 8
STEPS = 100
#: Ops in the chain whose memory is measured.
LINKS = 20_000

#: Prints the bytes of resident memory that a chain of recorded ops on one element adds.
CHAIN_MEMORY = f"""
import resource
import {{library}} as lib

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()

def chain(length):
    x = start = lib.ones(1, requires_grad=True)
    for _ in range(length // 2):
        x = (x * start).sin()
    return x

chain(1000).backward()
before = resident()
kept = chain({LINKS})
print((resident() - before) / {LINKS})
"""


def product(lib: types.ModuleType) -> Callable[[], object]:
    """Multiply and sum: two nodes."""
    a, b = (lib.ones(8, 8, requires_grad=True) for _ in range(2))
    return lambda: (a * b).sum().backward()


def chain(lib: types.ModuleType) -> Callable[[], object]:
    """Run four ops in turn, each on the result of the one before."""
    start = lib.full((8, 8), 0.5, requires_grad=True)

    def run() -> None:
        x = start
        for _ in range(STEPS // 4):
            x = ((x * start) + start).sin().tanh()
        x.sum().backward()

    return run


def mlp(lib: types.ModuleType) -> Callable[[], object]:
    """Run three layers and the loss of class numbers."""
    nn = lib.nn
    model = nn.Sequential(
        nn.Linear(WIDTH, WIDTH), nn.ReLU(), nn.Linear(WIDTH, WIDTH), nn.ReLU(), nn.Linear(WIDTH, 10)
    )
    x = lib.ones(BATCH, WIDTH)
    labels = lib.arange(BATCH)

    def run() -> None:
        nn.functional.cross_entropy(model(x), labels).backward()

    return run


def lstm(lib: types.ModuleType) -> Callable[[], object]:
    """Run a layer over a whole sequence."""
    model = lib.nn.LSTM(WIDTH, WIDTH)
    x = lib.ones(STEPS, BATCH, WIDTH)
    return lambda: model(x)[0].sum().backward()


def lstm_cell(lib: types.ModuleType) -> Callable[[], object]:
    """Call one step after the other from Python."""
    cell = lib.nn.LSTMCell(WIDTH, WIDTH)
    x = lib.ones(STEPS, BATCH, WIDTH)

    def run() -> None:
        state: Any = None
        for step in range(STEPS):
            state = cell(x[step], state)
        state[0].sum().backward()

    return run


#: Forward and backward passes of each.
RUNS = {
    "(a * b).sum()": product,
    f"a chain of {STEPS} ops": chain,
    f"an MLP of width {WIDTH}, batch {BATCH}": mlp,
    f"an LSTM of {STEPS} steps, width {WIDTH}, batch {BATCH}": lstm,
    f"an LSTM cell called {STEPS} times": lstm_cell,
}


def rows() -> Iterator[Row]:
    """Yield each run forward and backward, and the memory of one recorded op."""
    for name, make in RUNS.items():
        yield compare(f"{name}, forward and backward", weft=make(weft), torch=make(torch))
    yield compare_processes(
        "memory of one recorded op on one element",
        baseline="torch",
        rounds=5,
        unit="B",
        weft=CHAIN_MEMORY.format(library="weft"),
        torch=CHAIN_MEMORY.format(library="torch"),
    )


if __name__ == "__main__":
    main(rows)
