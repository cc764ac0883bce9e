"""Linear recurrences along a dim: what the derivatives of running products and sums are made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from weft._backend.cpu.launching import Launcher
from weft._core import catalogue
from weft._core.dispatch import apply
from weft._core.kernels import prefer
from weft._core.samples import Sample, array
from weft.ops.complex import conj
from weft.ops.creation import zeros_like
from weft.ops.families.batching import all_batched
from weft.ops.families.custom import custom
from weft.ops.joining import piece, spaced


def delayed(x: Any, dim: int, *, reverse: bool = False) -> Any:
    """Return each element's predecessor along a dim, 0 where there is none; or its successor."""
    if not x.ndim:
        return zeros_like(x)
    n = x.shape[dim]
    start, length = min(1, n), max(n - 1, 0)
    if reverse:
        return spaced(piece(x, dim=dim, start=start, length=length), dim=dim, start=0, total=n)
    return spaced(piece(x, dim=dim, start=0, length=length), dim=dim, start=start, total=n)


def _vjp(needs: Any, g: Any, out: Any, x: Any, y: Any, *, dim: int, reverse: bool) -> Any:
    back = conj(delayed(x, dim, reverse=not reverse)) if x.ndim else x
    added = recurrence(back, g, dim=dim, reverse=not reverse) if x.ndim else g
    return added * conj(delayed(out, dim, reverse=reverse)) if needs[0] else None, added


def _jvp(tangents: Any, out: Any, x: Any, y: Any, *, dim: int, reverse: bool) -> Any:
    by_x, by_y = tangents
    terms = [] if by_y is None else [by_y]
    if by_x is not None:
        terms.append(by_x * delayed(out, dim, reverse=reverse))
    return recurrence(x, terms[0] if len(terms) == 1 else terms[0] + terms[1], dim, reverse)


def _batch(size: int, batched: Sequence[bool], *args: Any, dim: int, reverse: bool) -> Any:
    x, y = all_batched(size, batched, args)
    params = {"dim": dim + 1, "reverse": reverse}
    if x.ndim > 1:
        return apply(catalogue.ops["recurrence"], (x, y), params)
    pair = (x.unsqueeze(-1), y.unsqueeze(-1))
    return apply(catalogue.ops["recurrence"], pair, params).squeeze(-1)


@custom(
    shape=lambda x, y, *, dim, reverse: y,
    vjp=_vjp,
    jvp=_jvp,
    batch=_batch,
    saves=("x", "out"),
    namespaces=(),
    methods=(),
    samples=(
        Sample(array(2, 5), array(2, 5), 1),
        Sample(array(5, 2), array(5, 2), 0, True),
        Sample(array(), array(), 0),
        Sample(array(0), array(0), 0),
    ),
)
def recurrence(xp: Any, x: Any, y: Any, *, dim: int, reverse: bool = False) -> Any:
    """Solution of a linear recurrence of the first order along a dim.

    .. math:: out_i = y_i + x_i \\, out_{i - 1}

    Args:
        input: the factors x, (...).
        other: what is added, y, of the same shape.
        dim: the dim, not negative.
        reverse: whether it runs from the last to the first.

    Returns:
        Tensor: (...).
    """
    if not x.ndim:
        return y.copy()
    factors, out = xp.moveaxis(x, dim, 0), xp.moveaxis(y, dim, 0)
    if reverse:
        factors, out = factors[::-1], out[::-1]
    factors, out = factors.copy(), out.copy()
    step = 1  # after each round, every entry has taken in 2 * step terms
    while step < out.shape[0]:
        out[step:] = out[step:] + factors[step:] * out[:-step]
        factors[step:] = factors[step:] * factors[:-step]
        step *= 2
    return xp.ascontiguousarray(xp.moveaxis(out[::-1] if reverse else out, 0, dim))


_cumulative = Launcher("cumulative")


def _fast(x: Any, y: Any, **params: Any) -> Any:
    if y.size < 128:
        return None
    return _cumulative.recurrence(x, y, **params)


prefer(catalogue.ops["recurrence"], _fast)
