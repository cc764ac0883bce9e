"""What recording and the backward pass cost beside PyTorch, in time and in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from benchmarks.measure import Row, compare_processes, main
from benchmarks.models.weights import fill
from benchmarks.rivals import turns
from benchmarks.rivals.case import Case, alike

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


def _backward(total: Any, leaf: Any) -> Any:
    """Run a backward pass and return what it gave one leaf, whose gradient then starts anew."""
    total.backward()
    gradient, leaf.grad = leaf.grad, None
    return gradient


def product(lib: Any) -> Callable[[], Any]:
    """Multiply and sum: two nodes."""
    a, b = (lib.ones(8, 8, requires_grad=True) for _ in range(2))
    return lambda: _backward((a * b).sum(), a)


def chain(lib: Any) -> Callable[[], Any]:
    """Run four ops in turn, each on the result of the one before."""
    start = lib.full((8, 8), 0.5, requires_grad=True)

    def run() -> Any:
        x = start
        for _ in range(STEPS // 4):
            x = ((x * start) + start).sin().tanh()
        return _backward(x.sum(), start)

    return run


def mlp(lib: Any) -> Callable[[], Any]:
    """Run three layers and the loss of class numbers."""
    nn = lib.nn
    model = nn.Sequential(
        nn.Linear(WIDTH, WIDTH), nn.ReLU(), nn.Linear(WIDTH, WIDTH), nn.ReLU(), nn.Linear(WIDTH, 10)
    )
    fill(lib, model)
    x = lib.ones(BATCH, WIDTH)
    labels = lib.arange(BATCH)

    def run() -> Any:
        return _backward(nn.functional.cross_entropy(model(x), labels), model[0].weight)

    return run


def lstm(lib: Any) -> Callable[[], Any]:
    """Run a layer over a whole sequence."""
    model = fill(lib, lib.nn.LSTM(WIDTH, WIDTH))
    x = lib.ones(STEPS, BATCH, WIDTH)
    return lambda: _backward(model(x)[0].sum(), model.weight_ih_l0)


def lstm_cell(lib: Any) -> Callable[[], Any]:
    """Call one step after the other from Python."""
    cell = fill(lib, lib.nn.LSTMCell(WIDTH, WIDTH))
    x = lib.ones(STEPS, BATCH, WIDTH)

    def run() -> Any:
        state: Any = None
        for step in range(STEPS):
            state = cell(x[step], state)
        return _backward(state[0].sum(), cell.weight_ih)

    return run


#: Forward and backward passes of each.
RUNS = {
    "(a * b).sum()": product,
    f"a chain of {STEPS} ops": chain,
    f"an MLP of width {WIDTH}, batch {BATCH}": mlp,
    f"an LSTM of {STEPS} steps, width {WIDTH}, batch {BATCH}": lstm,
    f"an LSTM cell called {STEPS} times": lstm_cell,
}


def cases() -> Iterator[Case]:
    """Yield each run forward and backward."""
    for name, make in RUNS.items():
        yield alike(f"{name}, forward and backward", make)


def rows() -> Iterator[Row]:
    """Measure the cases, and the memory of one recorded op."""
    yield from turns.measured_as_asked(__spec__.name, shipped=False)
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
