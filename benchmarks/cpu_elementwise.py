"""Functions of each element, activations with bias, chains of both, and sums."""

from __future__ import annotations

import functools
import operator
from collections.abc import Iterator
from typing import Any

from benchmarks.measure import Row, main
from benchmarks.rivals import turns
from benchmarks.rivals.case import Case, alike
from benchmarks.rivals.inputs import normal, uniform
from benchmarks.rivals.programs import Call, pair


def cases() -> Iterator[Case]:
    """Yield functions of each element, chains of them, and sums."""
    for name in ("exp", "log", "tanh", "erf", "sin", "cos", "sigmoid", "sqrt"):
        yield alike(f"{name}, 1e6 elements", functools.partial(_unary, name=name))
    for name in ("lgamma", "digamma", "special.i0e", "special.ndtr", "special.log_ndtr"):
        yield alike(f"{name}, 1e6 elements", functools.partial(_unary, name=name))
    yield alike("polygamma of order 1, 1e6 elements", _trigamma)
    for name in ("logaddexp2", "floor_divide", "nextafter"):
        yield alike(f"{name}, 1e6 elements", functools.partial(_binary, name=name))
    yield alike("pow with exponents in a tensor, 1e6 elements", _power)
    for size in (1_000, 10_000, 100_000, 1_000_000, 10_000_000):
        yield alike(
            f"tanh(a * b + c), {size:,} elements", functools.partial(_chain, size=size),
            tolerance=1e-5,
        )  # fmt: skip
    activations = "relu gelu silu sigmoid tanh elu leaky_relu softplus mish hardswish".split()
    for name in activations:
        yield from pair(
            f"{name} with bias, 512x3072",
            functools.partial(_activation, name=name),
            lambda lib: [normal(lib, 512, 3072), normal(lib, 3072, seed=1)],
            leaves=2,
        )
    yield alike("sum of 1024x4096 over the last dim", functools.partial(_reduced, dim=1))
    yield alike("sum of 1024x4096 over the first dim", functools.partial(_reduced, dim=0))
    yield alike("mean of squares, 1e6 elements", _mean_of_squares)
    yield alike("a + b, bfloat16, 1e6 elements", _sum_of_halves)
    yield alike("exp, bfloat16, 1e6 elements", _exp_of_halves, tolerance=0.01)
    yield alike("a + b, 1024x4096 and a row", functools.partial(_broadcast, shape=(4096,)))
    yield alike("a + b, 1024x4096 and a column", functools.partial(_broadcast, shape=(1024, 1)))
    yield alike("a.t() + b, 2048x2048", _transposed_sum)
    yield alike("where(a > b, a, 0), 1e6 elements", _chosen)
    yield alike("a < b, 1e6 elements", _compared)


def _unary(lib: Any, name: str) -> Call:
    x, function = uniform(lib, 1_000_000, low=0.1, high=5.0), operator.attrgetter(name)(lib)
    return lambda: function(x)


def _binary(lib: Any, name: str) -> Call:
    x, y = (uniform(lib, 1_000_000, low=0.1, high=5.0, seed=seed) for seed in range(2))
    function = getattr(lib, name)
    return lambda: function(x, y)


def _trigamma(lib: Any) -> Call:
    x = uniform(lib, 1_000_000, low=0.1, high=5.0)
    return lambda: lib.polygamma(1, x)


def _power(lib: Any) -> Call:
    x, y = uniform(lib, 1_000_000, low=0.1, high=3.0), normal(lib, 1_000_000)
    return lambda: lib.pow(x, y)


def _chain(lib: Any, size: int) -> Call:
    a, b, c = (normal(lib, size, seed=seed) for seed in range(3))
    return lambda: lib.tanh(a * b + c)


def _activation(lib: Any, x: Any, bias: Any, name: str) -> Any:
    return getattr(lib.nn.functional, name)(x + bias)


def _reduced(lib: Any, dim: int) -> Call:
    x = normal(lib, 1024, 4096)
    return lambda: x.sum(dim)


def _mean_of_squares(lib: Any) -> Call:
    x = normal(lib, 1_000_000)
    return lambda: (x * x).mean()


def _sum_of_halves(lib: Any) -> Call:
    a, b = (normal(lib, 1_000_000, seed=seed).to(lib.bfloat16) for seed in range(2))
    return lambda: a + b


def _exp_of_halves(lib: Any) -> Call:
    x = normal(lib, 1_000_000).to(lib.bfloat16)
    return lambda: lib.exp(x)


def _broadcast(lib: Any, shape: tuple[int, ...]) -> Call:
    a, b = normal(lib, 1024, 4096), normal(lib, *shape, seed=1)
    return lambda: a + b


def _transposed_sum(lib: Any) -> Call:
    a, b = normal(lib, 2048, 2048), normal(lib, 2048, 2048, seed=1)
    return lambda: a.t() + b


def _chosen(lib: Any) -> Call:
    a, b = normal(lib, 1_000_000), normal(lib, 1_000_000, seed=1)
    return lambda: lib.where(a > b, a, 0.0)


def _compared(lib: Any) -> Call:
    a, b = normal(lib, 1_000_000), normal(lib, 1_000_000, seed=1)
    return lambda: a < b


def rows() -> Iterator[Row]:
    """Measure the cases."""
    yield from turns.measured_as_asked(__spec__.name)


if __name__ == "__main__":
    main(rows)
