"""Cases made from a program: a function of a library and some inputs, run forward and backward."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

from benchmarks.rivals.case import Case, Maker, alike
from benchmarks.rivals.inputs import normal, wanting

Call = Callable[[], Any]
#: From inputs, the first of which are to have gradients, to what is run.
Program = Callable[..., Any]


def pair(
    what: str, program: Program, inputs: Callable[[Any], list[Any]], *, leaves: int = 1, **o: Any
) -> Iterator[Case]:
    """Yield a program's forward and backward as two rows.

    Args:
        what: the name of both.
        program: takes the library and the inputs.
        inputs: makes them for a library.
        leaves: of how many of the inputs, from the first, the gradient is taken.
        o: what else the cases get.
    """
    yield alike(f"{what}, forward", functools.partial(_forward, program, inputs), **o)
    yield alike(f"{what}, backward", functools.partial(_backward, program, inputs, leaves), **o)


def _forward(program: Program, inputs: Callable[[Any], list[Any]], lib: Any) -> Call:
    return functools.partial(program, lib, *inputs(lib))


def _backward(program: Program, inputs: Callable[[Any], list[Any]], leaves: int, lib: Any) -> Call:
    given = inputs(lib)
    wanted = wanting(*given[:leaves])
    out = program(lib, *given)
    cotangent = normal(lib, *out.shape, seed=9).to(out.dtype)
    return lambda: lib.autograd.grad(out, wanted, cotangent, retain_graph=True)


def step(program: Program, inputs: Callable[[Any], list[Any]], leaves: int = 1) -> Maker:
    """Return what makes one call of forward and backward of a program that ends in a number."""

    def make(lib: Any) -> Call:
        given = inputs(lib)
        wanted = wanting(*given[:leaves])
        return lambda: lib.autograd.grad(program(lib, *given), wanted)

    return make


def matrix(rows: int, columns: int, lib: Any) -> list[Any]:
    """Return one input: a matrix."""
    return [normal(lib, rows, columns)]


def images(channels: int, side: int, lib: Any) -> list[Any]:
    """Return one input: a batch of 8 square images."""
    return [normal(lib, 8, channels, side, side)]
