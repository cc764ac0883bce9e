"""How a batch passes through indexing by arrays: as one dim more of the key.

NumPy puts the dims of index arrays in the place of the arrays where these stand side by side, and
in front of all others where something stands between them. One dim more in front may turn the one
into the other, so that dims are to be moved: ``Moves`` says from where in NumPy's result to where.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from weft._backend import np
from weft._core.tensor import wrap
from weft.ops.transfer import beside

Moves = tuple[tuple[int, ...], tuple[int, ...]]
_NONE: Moves = ((), ())


def with_batch(
    size: int,
    like: Any,
    ndim: int,
    of_x: bool,
    indices: Sequence[Any],
    of_indices: Sequence[bool],
    key: tuple[Any, ...],
    array: Any,
) -> tuple[list[Any], tuple[Any, ...], Moves]:
    """Return index arrays and a key that read, or write, for all examples of a batch at once.

    Args:
        size: how many examples there are.
        like: a tensor on the device of what is indexed.
        ndim: how many dims what is indexed has in one example.
        of_x: whether it has a batch axis in front of them.
        indices: the index arrays.
        of_indices: which of them have a batch axis in front.
        key: the key of one example: ``array`` stands for the next index array.
        array: that stand-in.

    Returns:
        tuple: the arrays, the key, and how the dims of what the key reads are to be moved so that
        the batch is first and the rest as in one example.
    """
    at = [i for i, part in enumerate(key) if part is array]
    if not at:
        return [], (slice(None), *key), _NONE
    dims = max(i.ndim - b for i, b in zip(indices, of_indices, strict=True))
    beside_each_other = at[-1] - at[0] + 1 == len(at)
    wide = [
        i.reshape((size, *(1,) * (dims - i.ndim + 1), *tuple(i.shape)[1:])) if b else i
        for i, b in zip(indices, of_indices, strict=True)
    ]
    if True not in of_indices:
        return wide, (slice(None), *key), _NONE if beside_each_other else ((dims,), (0,))
    before = sum(
        _lengths(part, key, ndim, array) for part in key[: at[0]]
    )  # dims in front of the arrays' own
    if not of_x:
        return wide, key, ((before,), (0,)) if beside_each_other else _NONE
    every = beside(like, wrap(np.arange(size).reshape((size, *(1,) * dims))))
    moves = _NONE
    if beside_each_other:
        moves = (tuple(range(1, 1 + dims)), tuple(range(1 + before, 1 + before + dims)))
    return [every, *wide], (array, *key), moves


def _lengths(part: Any, key: tuple[Any, ...], ndim: int, array: Any) -> int:
    """Return how many dims of the result a part of a key gives."""
    if part is not Ellipsis:
        return 0 if isinstance(part, int) else 1
    return ndim - sum(one is array or isinstance(one, (int, slice)) for one in key)


def arranged(x: Any, moves: Moves) -> Any:
    """Return what a key has read, the batch first."""
    return x.movedim(*moves) if moves[0] else x


def back(x: Any, moves: Moves) -> Any:
    """Return what is to be written, the batch first, as the key writes it."""
    return x.movedim(moves[1], moves[0]) if moves[0] else x
