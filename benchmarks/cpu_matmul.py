"""Matrix products by size and dtype, and linear layers with constant weights."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

from benchmarks.measure import Row, main
from benchmarks.rivals import turns
from benchmarks.rivals.case import Case, alike
from benchmarks.rivals.inputs import normal

#: Rows, inner size, columns.
PRODUCTS = (
    (8, 8, 8), (64, 64, 64), (256, 256, 256), (1024, 1024, 1024), (2048, 768, 3072),
    (1, 1024, 1024), (32, 1024, 1024), (1024, 1024, 1), (1, 4096, 4096),
)  # fmt: skip
#: Batch, rows, inner size, columns.
BATCHED = ((96, 128, 64, 128), (512, 8, 8, 8))
#: Rows, features in, features out.
LINEARS = ((1, 768, 3072), (32, 768, 3072), (512, 768, 3072), (512, 3072, 768))


def product(lib: Any, m: int, k: int, n: int, dtype: str = "float32") -> Callable[[], Any]:
    """Multiply two matrices."""
    a, b = factors(lib, (m, k), (k, n), dtype)
    return lambda: a @ b


def transposed(lib: Any, m: int, k: int, n: int, which: str) -> Callable[[], Any]:
    """Multiply where a factor lies in memory as its transpose, as in a backward pass."""
    if which == "first":
        a, b = factors(lib, (k, m), (k, n))
        return lambda: a.t() @ b
    a, b = factors(lib, (m, k), (n, k))
    return lambda: a @ b.t()


def batched(lib: Any, batch: int, m: int, k: int, n: int, dtype: str) -> Callable[[], Any]:
    """Multiply matrices pairwise."""
    a, b = factors(lib, (batch, m, k), (batch, k, n), dtype)
    return lambda: lib.bmm(a, b)


def linear(
    lib: Any, m: int, k: int, n: int, dtype: str, activation: bool = False
) -> Callable[[], Any]:
    """Run a linear layer whose weights stay the same, and GELU after it if told."""
    F = lib.nn.functional
    x, weight = factors(lib, (m, k), (n, k), dtype)
    bias = normal(lib, n, seed=2).to(getattr(lib, dtype))
    weight = lib.nn.Parameter(weight * k**-0.5, requires_grad=False)
    if activation:
        return lambda: F.gelu(F.linear(x, weight, bias))
    return lambda: F.linear(x, weight, bias)


def linear_gradients(lib: Any, m: int, k: int, n: int) -> Callable[[], Any]:
    """Run the backward pass of a linear layer, to its input and its parameters."""
    x, weight = factors(lib, (m, k), (n, k))
    leaves = [leaf.requires_grad_() for leaf in (x, weight, normal(lib, n, seed=2))]
    out = lib.nn.functional.linear(*leaves)
    cotangent = normal(lib, m, n, seed=3)
    return lambda: lib.autograd.grad(out, leaves, cotangent, retain_graph=True)


def factors(
    lib: Any, first: tuple[int, ...], second: tuple[int, ...], dtype: str = "float32"
) -> tuple[Any, Any]:
    """Return two factors."""
    kind = getattr(lib, dtype)
    return normal(lib, *first, seed=0).to(kind), normal(lib, *second, seed=1).to(kind)


def cases() -> Iterator[Case]:
    """Yield products, batches of products, and linear layers."""
    part = functools.partial
    for m, k, n in PRODUCTS:
        yield alike(f"{m}x{k}x{n}", part(product, m=m, k=k, n=n))
    for m, k, n in PRODUCTS[2:6]:
        yield alike(
            f"{m}x{k}x{n}, bfloat16", part(product, m=m, k=k, n=n, dtype="bfloat16"), tolerance=0.02
        )
    for which in ("first", "second"):
        make = part(transposed, m=512, k=1024, n=768, which=which)
        yield alike(f"512x1024x768, {which} factor transposed", make)
    for batch, m, k, n in BATCHED:
        for dtype in ("float32", "bfloat16"):
            make = part(batched, batch=batch, m=m, k=k, n=n, dtype=dtype)
            name = f"{batch} of {m}x{k}x{n}{', bfloat16' if dtype == 'bfloat16' else ''}"
            yield alike(name, make, tolerance=0.02 if dtype == "bfloat16" else 1e-4)
    for dtype in ("float32", "bfloat16"):
        tolerance = 0.02 if dtype == "bfloat16" else 1e-4
        suffix = ", bfloat16" if dtype == "bfloat16" else ""
        for m, k, n in LINEARS:
            for activation in (False, True):
                make = part(linear, m=m, k=k, n=n, dtype=dtype, activation=activation)
                what = f"linear{' and GELU' if activation else ''}, {k} to {n}, {m} rows{suffix}"
                yield alike(what, make, tolerance=tolerance)
    for m, k, n in LINEARS[1:3]:
        make = part(linear_gradients, m=m, k=k, n=n)
        yield alike(f"linear, {k} to {n}, {m} rows, backward", make)


def rows() -> Iterator[Row]:
    """Measure the cases."""
    yield from turns.measured_as_asked(__spec__.name)


if __name__ == "__main__":
    main(rows)
