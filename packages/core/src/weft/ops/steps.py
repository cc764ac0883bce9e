"""Cutting a sequence into its steps, for the functions that go through time."""

from __future__ import annotations

from weft._core.tensor import Tensor


def steps(sequence: Tensor) -> list[Tensor]:
    """Return the elements of dim 0, of which there is at least one.

    By halves: the gradient of each piece is as large as what it was cut from, so cutting every
    step from the whole would make the backward pass quadratic in the number of steps.
    """
    length = sequence.shape[0]
    if length == 1:
        return [sequence.squeeze(0)]
    if not sequence.requires_grad:
        return list(sequence.unbind(0))
    first, second = sequence.split([length // 2, length - length // 2], 0)
    return steps(first) + steps(second)
