"""Finite differences: how the results of a function change when one of its inputs is moved.

The memory of the input itself is moved and put back, so a function that reads it by another way
than its argument (a module its own weight) is measured too.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

from weft._core.errors import GradError
from weft._core.tensor import Tensor, wrap
from weft.ops.joining import stack

#: Calls the function on its inputs as they are now; gives its results, cut from any graph.
Call = Callable[[], Sequence[Tensor]]
#: Of each result what moving the input's real part does, and its imaginary part if it has one.
#: None for results that are neither floating nor complex.
Slopes = list[tuple[Tensor, Tensor | None] | None]


class Unsteady(GradError):
    """The results' number, shapes or dtypes change when an input is moved a little."""


def jacobians(call: Call, x: Tensor, eps: float) -> Slopes:
    """Return every result's slopes by every element of an input, one row an element of it."""
    places = list(itertools.product(*(range(length) for length in x.shape)))
    real = [difference(call, x, place, eps, eps) for place in places]
    both = [real]
    if x.dtype.is_complex:
        both.append([difference(call, x, place, eps * 1j, eps) for place in places])
    if not places:  # an empty input; what has no rows still has columns
        return [
            (out.new_zeros((0, out.numel())),) * 2 if is_inexact(out) else None for out in call()
        ]
    return _paired([[_stacked(column) for column in zip(*part, strict=True)] for part in both])


def projected(call: Call, x: Tensor, along: Sequence[Tensor], eps: float) -> Slopes:
    """Return every result's slopes along one direction of an input.

    Args:
        call: calls the function.
        x: the input.
        along: a real tensor of its shape, the direction; for a complex input a second one, along
            which its imaginary part moves.
        eps: the length of the step along it.
    """
    parts = [difference(call, x, ..., along[0] * eps, eps)]
    if x.dtype.is_complex:
        parts.append(difference(call, x, ..., along[1] * (eps * 1j), eps))
    return _paired(parts)


def difference(call: Call, x: Tensor, place: Any, step: Any, eps: float) -> list[Tensor | None]:
    """Return the central differences of all results, flat, x being moved at a place by ±step."""
    behind, ahead = moved(call, x, place, -step), moved(call, x, place, step)
    if len(ahead) != len(behind):
        raise Unsteady(
            f"func returned {len(ahead)} tensors and then {len(behind)} when its input was moved "
            f"by {eps}; it must return as many wherever it is called"
        )
    out: list[Tensor | None] = []
    for i, (a, b) in enumerate(zip(ahead, behind, strict=True)):
        if tuple(a.shape) != tuple(b.shape) or a.dtype is not b.dtype:
            raise Unsteady(
                f"output {i} of func changes when an input is moved by {eps}: shape "
                f"{tuple(b.shape)} and {b.dtype} before, {tuple(a.shape)} and {a.dtype} behind "
                f"the point; its shape and dtype must not depend on the values"
            )
        out.append(((a - b) / (2 * eps)).reshape(-1) if is_inexact(a) else None)
    return out


def moved(call: Call, x: Tensor, place: Any, step: Any) -> Sequence[Tensor]:
    """Return the results with x moved by ``step`` at a place; x is put back whatever happens."""
    # A tensor of its own over the same memory: what a graph has saved of x does not count this
    # write, which is undone before that graph is asked.
    memory = wrap(x._data)
    before = memory[place].detach().clone()
    try:
        memory[place] = before + step
        return call()
    finally:
        memory[place] = before


def is_inexact(x: Tensor) -> bool:
    """Whether a tensor can have a derivative: it is floating or complex."""
    return x.dtype.is_floating_point or x.dtype.is_complex


def _stacked(column: Sequence[Tensor | None]) -> Tensor | None:
    found = [one for one in column if one is not None]
    return stack(found) if found else None


def _paired(parts: Sequence[Sequence[Tensor | None]]) -> Slopes:
    """Join what moving the real part did with what moving the imaginary part did."""
    imaginary = parts[1] if len(parts) == 2 else [None] * len(parts[0])
    return [None if a is None else (a, b) for a, b in zip(parts[0], imaginary, strict=True)]
