"""What one call costs beside PyTorch when there is next to nothing to compute: 8 x 8 float32."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

from benchmarks.measure import Row, main
from benchmarks.rivals import turns
from benchmarks.rivals.case import Case, alike

#: Each takes two square matrices and the library's functional namespace.
CALLS: dict[str, Callable[..., Any]] = {
    "a + b": lambda a, b, F: a + b,
    "a * b": lambda a, b, F: a * b,
    "a * 2.0": lambda a, b, F: a * 2.0,
    "a @ b": lambda a, b, F: a @ b,
    "a.exp()": lambda a, b, F: a.exp(),
    "relu(a)": lambda a, b, F: F.relu(a),
    "a.sum()": lambda a, b, F: a.sum(),
    "a.sum(1)": lambda a, b, F: a.sum(1),
    "a.view(4, 16)": lambda a, b, F: a.view(4, 16),
    "a.t()": lambda a, b, F: a.t(),
    "a[1]": lambda a, b, F: a[1],
    "a[1:3]": lambda a, b, F: a[1:3],
    "linear(a, b)": lambda a, b, F: F.linear(a, b),
}


def _call(function: Callable[..., Any], recorded: bool, lib: Any) -> Callable[[], Any]:
    factors = [lib.ones(8, 8, requires_grad=recorded) for _ in range(2)]
    return functools.partial(function, *factors, lib.nn.functional)


def _gradient(lib: Any) -> Callable[[], Any]:
    a, b = (lib.ones(8, 8, requires_grad=True) for _ in range(2))

    def call() -> Any:
        (a * b).sum().backward()
        return a.grad

    return call


def cases() -> Iterator[Case]:
    """Yield each call without and with a graph recorded, and a whole forward and backward."""
    for recorded in (False, True):
        for name, function in CALLS.items():
            what = f"{name}{', recorded' if recorded else ''}"
            yield alike(what, functools.partial(_call, function, recorded))
    yield alike("(a * b).sum().backward()", _gradient)


def rows() -> Iterator[Row]:
    """Measure the cases; there is nothing here that an allocator could change."""
    yield from turns.measured_as_asked(__spec__.name, shipped=False)


if __name__ == "__main__":
    main(rows)
