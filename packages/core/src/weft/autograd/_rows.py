"""Whole Jacobians: one backward pass a row, all rows at once, or all columns forward."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from weft._core.errors import DTypeError
from weft._core.tensor import Tensor
from weft.autograd._operands import Inputs, Tuple, gradients
from weft.ops.casting import detach
from weft.ops.creation import zeros_like
from weft.ops.joining import stack
from weft.transforms import jacobians
from weft.transforms.jvp import jvp as forward
from weft.transforms.vmap import vmap


def looped_rows(
    name: str, outputs: Sequence[Any], inputs: Sequence[Any], create_graph: bool, strict: bool
) -> list[list[Any]]:
    """Return for each output the blocks of the Jacobian by each input, one backward pass a row."""
    blocks = []
    for i, out in enumerate(outputs):
        if out.dtype.is_complex:
            raise DTypeError(
                f"{name}: result {i} is {out.dtype}; rows of its real and of its imaginary part "
                f"are not told apart: return real tensors, as weft.view_as_real makes them"
            )
        (basis,) = jacobians.one_hots([out])
        rows = [gradients(name, [out], inputs, [seed], create_graph, strict) for seed in basis]
        if strict and not rows:
            gradients(name, [out], inputs, [zeros_like(out)], create_graph, strict)
        blocks.append(
            [
                stack(list(column), 0).reshape((*out.shape, *x.shape))
                if rows
                else x.new_zeros((*out.shape, *x.shape))
                for column, x in zip(
                    zip(*rows, strict=True) if rows else inputs, inputs, strict=True
                )
            ]
        )
    return blocks


def mapped_rows(
    name: str, outputs: Sequence[Any], inputs: Sequence[Any], create_graph: bool, strict: bool
) -> list[list[Any]]:
    """The same in one backward pass over all rows."""

    def pulled(*seeds: Any) -> Any:
        return tuple(gradients(name, outputs, inputs, seeds, create_graph, strict))

    rows = [x.numel() for x in outputs]
    columns = vmap(pulled)(*jacobians.one_hots(outputs))
    pieces = [column.split(rows, 0) for column in columns]
    return [
        [own[i].reshape((*out.shape, *x.shape)) for own, x in zip(pieces, inputs, strict=True)]
        for i, out in enumerate(outputs)
    ]


def by_columns(func: Callable[..., Any], inputs: Any) -> Any:
    """Return the Jacobian of a function, all its columns in one pass of forward mode."""
    given = Inputs("jacobian", inputs, create_graph=False)
    held: list[Tuple] = []

    def call(*tensors: Tensor) -> Any:
        out = Tuple("jacobian", "the function must return", func(*tensors))
        held[:] = [out]
        return tuple(out.tensors)

    points = tuple(detach(x) for x in given.tensors)

    def pushed(*directions: Tensor) -> Any:
        return forward(call, points, directions)[1]

    slopes = vmap(pushed)(*jacobians.one_hots(points))
    counts = [x.numel() for x in points]
    blocks = []
    for slope in slopes:
        pieces = zip(slope.split(counts, 0), points, strict=True)
        blocks.append(
            [p.movedim(0, -1).reshape((*tuple(p.shape)[1:], *x.shape)) for p, x in pieces]
        )
    return held[0].packed([given.packed(row, False) for row in blocks], True)
