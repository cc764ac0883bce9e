"""Cutting a sequence into its steps and joining them, for what goes through time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

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


def order(length: int, reverse: bool) -> range:
    """Return the steps of a network in the order it takes them."""
    return range(length - 1, -1, -1) if reverse else range(length)


def before(first: Any, later: Any, reverse: bool, join: Callable[[list[Any]], Any]) -> Any:
    """Return what each step found: of states in time's order, and the one given to the first."""
    return join([later[1:], first[None]] if reverse else [first[None], later[:-1]])


def all_rows(x: Any) -> Any:
    """Return (time, ..., batch, features) as (..., time batch, features)."""
    moved = x.movedim(0, -3)
    shape = tuple(moved.shape)
    return moved.reshape((*shape[:-3], shape[-3] * shape[-2], shape[-1]))
