"""Inverses, systems, factors and products of vectors: medium matrices, and stacks of small ones."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from benchmarks.measure import Row, main
from benchmarks.rivals import turns
from benchmarks.rivals.case import Case, alike
from benchmarks.rivals.inputs import normal
from benchmarks.rivals.programs import Call, Program, pair, step

#: Leading dims and order of the matrices: medium ones, and many small ones.
SIZES: tuple[tuple[tuple[int, ...], int], ...] = (((1000,), 3), ((64,), 16), ((), 64), ((), 256))


def cases() -> Iterator[Case]:
    """Yield functions of square matrices, then of tall ones and of vectors."""
    for lead, order in SIZES:
        shape = "x".join(map(str, (*lead, order, order)))
        one = functools.partial(_positive, lead, order)
        both = functools.partial(_system, lead, order)
        for name, program in (("inv", _inv), ("det", _det), ("cholesky", _cholesky)):
            yield from pair(f"{name}, {shape}", program, one)
        yield from pair(f"solve of 8 right sides, {shape}", _solve, both, leaves=2)
        yield from pair(
            f"solve_triangular of 8 right sides, {shape}", _solve_triangular, both, leaves=2
        )
        yield from pair(f"lu_factor, {shape}", _lu_factor, one)
        # PyTorch finds the vectors beforehand where a gradient may be asked for, weft when it is
        for name, program in (("eigvalsh", _eigvalsh), ("svdvals", _svdvals)):
            forward = functools.partial(_run, program, one)
            yield alike(f"{name}, {shape}, forward", forward, tolerance=1e-3)
            yield alike(f"{name}, {shape}, forward and backward", step(program, one))
    yield from pair("lstsq, 64x16x8", _lstsq, _tall, leaves=2)
    yield from pair("qr, 1000x50", _qr, lambda lib: [normal(lib, 1000, 50)])
    yield from pair("cross, 300,000 vectors of 3", _cross, _vectors, leaves=2)


def _positive(lead: tuple[int, ...], order: int, lib: Any) -> list[Any]:
    """Return one input: symmetric positive matrices, well conditioned."""
    a = np.random.default_rng(order).standard_normal((*lead, order, order), np.float32)
    product = a @ a.swapaxes(-1, -2) / order + np.eye(order, dtype=np.float32)
    return [lib.from_numpy(product)]


def _system(lead: tuple[int, ...], order: int, lib: Any) -> list[Any]:
    return [*_positive(lead, order, lib), normal(lib, *lead, order, 8)]


def _tall(lib: Any) -> list[Any]:
    return [normal(lib, 64, 16, 8), normal(lib, 64, 16, 1)]


def _vectors(lib: Any) -> list[Any]:
    return [normal(lib, 300_000, 3, seed=seed) for seed in range(2)]


def _run(program: Program, inputs: Callable[[Any], list[Any]], lib: Any) -> Call:
    return functools.partial(program, lib, *inputs(lib))


def _inv(lib: Any, a: Any) -> Any:
    return lib.linalg.inv(a)


def _det(lib: Any, a: Any) -> Any:
    return lib.linalg.slogdet(a)[1].reshape(-1)


def _cholesky(lib: Any, a: Any) -> Any:
    return lib.linalg.cholesky(a)


def _solve(lib: Any, a: Any, b: Any) -> Any:
    return lib.linalg.solve(a, b)


def _solve_triangular(lib: Any, a: Any, b: Any) -> Any:
    return lib.linalg.solve_triangular(a, b, upper=True)


def _lu_factor(lib: Any, a: Any) -> Any:
    return lib.linalg.lu_factor(a)[0]


def _eigvalsh(lib: Any, a: Any) -> Any:
    return lib.linalg.eigvalsh(a).sum()


def _svdvals(lib: Any, a: Any) -> Any:
    return lib.linalg.svdvals(a).sum()


def _lstsq(lib: Any, a: Any, b: Any) -> Any:
    return lib.linalg.lstsq(a, b)[0]


def _qr(lib: Any, a: Any) -> Any:
    q, r = lib.linalg.qr(a)
    return q @ r  # the signs of both are free


def _cross(lib: Any, a: Any, b: Any) -> Any:
    return lib.linalg.cross(a, b)


def rows() -> Iterator[Row]:
    """Measure the cases."""
    yield from turns.measured_as_asked(__spec__.name)


if __name__ == "__main__":
    main(rows)
