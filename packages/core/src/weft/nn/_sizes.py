"""Settings given as one number or as one for each axis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

Sizes: TypeAlias = int | Sequence[int]


def spread(value: Sizes, axes: int, what: str) -> tuple[int, ...]:
    """`value` as a tuple with one entry for each of `axes` axes.

    Args:
        value: a number for all axes, or a sequence of as many numbers as there are axes, or of one.
        axes: how many axes there are.
        what: who asks for what, for the message.

    Raises:
        ValueError: the sequence has another length.
    """
    if isinstance(value, Sequence):
        if len(value) == 1:
            return tuple(value) * axes
        if len(value) != axes:
            raise ValueError(f"{what} must be one number or {axes}, got {tuple(value)}")
        return tuple(value)
    return (value,) * axes
