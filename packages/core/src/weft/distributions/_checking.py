"""The checks of parameters and values, and the one sentence with which they fail."""

from __future__ import annotations

import copy
from typing import Any

import weft
from weft import Size, Tensor
from weft.distributions.constraints import Constraint
from weft.ops.gathering import plain_data


def check_constraint(who: str, name: str, value: Tensor, constraint: Constraint) -> None:
    """Raise ValueError unless all values satisfy a constraint.

    The values are those of every example where it runs inside ``vmap``. What the meta device holds
    cannot be checked.
    """
    good = plain_data(constraint.check(value))
    if good is None or good.all():
        return
    shape = tuple(good.shape)
    first = [int(at[0]) for at in (~good).nonzero()] if shape else []
    held = plain_data(value)
    bad = held[tuple(first)] if held.shape[: len(shape)] == shape else held
    where = f"{name}{first or ''}"
    total = int(good.size)
    count = total - int(good.sum())
    # a row is shown as far as it fits on a line
    shown = " ".join(str(bad.tolist() if hasattr(bad, "tolist") else bad).split())
    shown = shown if len(shown) <= 80 else f"{shown[:77]}..."
    others = f" ({count} of {total} in shape {tuple(held.shape)})" if total > 1 else ""
    raise ValueError(
        f"{who}: {name} must satisfy {_at(constraint, first)!r}, but {where} == {shown}{others}"
    )


def _at(constraint: Constraint, place: list[int]) -> Constraint:
    """Return a constraint whose bounds are tensors with the numbers that they have at a place."""
    bounds = {name: bound for name, bound in vars(constraint).items() if isinstance(bound, Tensor)}
    if not bounds:
        return constraint
    own = copy.copy(constraint)
    for name, bound in bounds.items():
        data = plain_data(bound)
        ends = place[len(place) - data.ndim :]
        at = tuple(i if n > 1 else 0 for i, n in zip(ends, data.shape, strict=False))
        vars(own)[name] = data[at].item() if len(at) == data.ndim else bound.shape
    return own


def check_value_shape(who: str, value: Any, batch_shape: Size, event_shape: Size) -> None:
    """Raise unless a value is a tensor whose dims on the right are, or broadcast to, a draw's.

    Raises:
        ValueError: it is no tensor.
        ShapeError: its shape does not fit.
    """
    if not isinstance(value, Tensor):
        raise ValueError(
            f"{who}: value must be a weft.Tensor, got {type(value).__name__} {value!r:.60}"
        )
    shape, event = tuple(value.shape), tuple(event_shape)
    if shape[len(shape) - len(event) :] != event or len(shape) < len(event):
        raise weft.ShapeError(
            f"{who}: value must end in the event_shape {event}, got value.shape == {shape}"
        )
    whole = (*tuple(batch_shape), *event)
    for have, want in zip(reversed(shape), reversed(whole), strict=False):
        if have != want and have != 1 and want != 1:
            raise weft.ShapeError(
                f"{who}: value.shape == {shape} does not broadcast with batch_shape + "
                f"event_shape == {whole}"
            )


def only_one_given(who: str, **given: Any) -> str:
    """Return the name of the one argument that is not None.

    Raises:
        ValueError: none is given, or several.
    """
    names = [name for name, value in given.items() if value is not None]
    if len(names) != 1:
        listed = list(given)
        choices = f"{', '.join(listed[:-1])} or {listed[-1]}"
        raise ValueError(
            f"{who}: exactly one of {choices} must be given, got {' and '.join(names) or 'none'}"
        )
    return names[0]
