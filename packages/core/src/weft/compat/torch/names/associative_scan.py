"""``torch._higher_order_ops.associative_scan``: running results of a function of two elements."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import weft
from weft._core.tree import flatten

__all__ = ["associative_scan"]


def associative_scan(
    combine_fn: Callable[[Any, Any], Any],
    xs: Any,
    dim: int,
    reverse: bool = False,
    combine_mode: str = "pointwise",
) -> Any:
    """Return, at each place along a dim, what ``combine_fn`` makes of the elements up to there.

    Neighbours are combined first, then what came of them: n elements take about 2 log2(n) calls.

    Args:
        combine_fn: associative; of two trees like ``xs``, without ``dim``, to one.
        xs: a tensor or a tree of them, all of one length n along ``dim``.
        dim: the dim that is scanned.
        reverse: whether to begin at the end.
        combine_mode: read, and of no meaning here.

    Returns:
        A tree like ``xs``, of the same shapes.

    Raises:
        ValueError: ``xs`` has no tensor, or the lengths differ.
    """
    tensors, rebuild = flatten(xs)
    lengths = {x.shape[dim] for x in tensors}
    if len(lengths) != 1:
        raise ValueError(
            "associative_scan: expected tensors of one length along "
            f"dim {dim}, got shapes {[tuple(x.shape) for x in tensors]}"
        )
    combined = weft.vmap(lambda *both: tuple(flatten(combine_fn(*map(rebuild, _halves(both))))[0]))
    rows = [x.movedim(dim, 0) for x in tensors]
    rows = _scan(combined, [x.flip(0) for x in rows] if reverse else rows)
    return rebuild([(x.flip(0) if reverse else x).movedim(0, dim) for x in rows])


def _halves(both: tuple[Any, ...]) -> tuple[list[Any], list[Any]]:
    middle = len(both) // 2
    return list(both[:middle]), list(both[middle:])


def _scan(combined: Callable[..., Any], rows: list[Any]) -> list[Any]:
    length = rows[0].shape[0]
    if length < 2:
        return rows
    odd = _scan(combined, list(combined(*(x[:-1:2] for x in rows), *(x[1::2] for x in rows))))
    if length == 2:
        return [weft.cat([x[:1], y]) for x, y in zip(rows, odd, strict=True)]
    before = odd if length % 2 else [y[:-1] for y in odd]
    even = combined(*before, *(x[2::2] for x in rows))
    even = [weft.cat([x[:1], y]) for x, y in zip(rows, even, strict=True)]
    return [_by_turns(first, second) for first, second in zip(even, odd, strict=True)]


def _by_turns(first: Any, second: Any) -> Any:
    """Return the rows of two tensors by turns; the first has as many or one more."""
    both = weft.stack([first[: len(second)], second], 1).flatten(0, 1)
    return both if len(first) == len(second) else weft.cat([both, first[-1:]])
