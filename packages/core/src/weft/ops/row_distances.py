"""Distances of tensors, and of the rows of matrices."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from weft._core import catalogue
from weft._core.aval import Aval
from weft._core.dispatch import apply
from weft._core.errors import DTypeError, ShapeError
from weft._core.samples import ErrorSample, Sample, array, integers
from weft._core.shapes import broadcast_shapes
from weft._core.tensor import Tensor
from weft.ops.arithmetic import abs, square
from weft.ops.broadcasting import broadcast_to
from weft.ops.combinatorics import combinations
from weft.ops.comparison import eq, where
from weft.ops.creation import arange
from weft.ops.exponential import sqrt
from weft.ops.families.batching import all_batched, with_params
from weft.ops.families.composite import composite
from weft.ops.families.custom import custom
from weft.ops.families.peaks import highest
from weft.ops.families.promotion import promoted
from weft.ops.gathering import index_select
from weft.ops.joining import cat
from weft.ops.logic import logical_or
from weft.ops.matmul import matmul
from weft.ops.norms import norm
from weft.ops.powers import pow
from weft.ops.reductions import sum
from weft.ops.signs import sign

#: Beyond so many rows the Euclidean distances come from one matrix product, as in PyTorch.
_MANY = 25
_MODES = {
    "use_mm_for_euclid_dist_if_necessary": None,
    "use_mm_for_euclid_dist": True,
    "donot_use_mm_for_euclid_dist": False,
}


def _largest_slope(out: Any, x: Any) -> Any:
    return where(eq(abs(x), out.unsqueeze(-1)), sign(x), 0.0)


@custom(
    shape=lambda x: Aval(x.shape[:-1], x.dtype),
    vjp=lambda needs, g, out, x: (g.unsqueeze(-1) * _largest_slope(out, x),),
    jvp=lambda tangents, out, x: sum(tangents[0] * _largest_slope(out, x), -1),
    batch=with_params("largest_modulus"),
    saves=("x", "out"),
    namespaces=(),
    methods=(),
    samples=(Sample(array(3, 4, distinct=True)),),
)
def largest_modulus(xp: Any, x: Any) -> Any:
    """Largest modulus along the last dim; elements that reach it all get its whole gradient.

    That is PyTorch's choice for distances, where its norms share it.

    Args:
        input: (..., n), real.

    Returns:
        Tensor: (...); 0 of nothing.
    """
    return highest(xp, xp.abs(x), -1, 0)[..., 0]


def _length(x: Tensor, p: float) -> Tensor:
    """The p-norm along the last dim, with slope 0 at 0."""
    if p == math.inf:
        largest: Tensor = largest_modulus(x)
        return largest
    if p == 0:
        return sum((x != 0).to(x.dtype), -1)
    if p == 1:
        return sum(abs(x), -1)
    if p == 2:
        total = sum(square(x), -1)
        flat = eq(total, 0)
        return where(flat, 0.0, sqrt(where(flat, 1.0, total)))
    zero = eq(x, 0)
    total = sum(where(zero, 0.0, pow(where(zero, 1.0, abs(x)), p)), -1)
    flat = eq(total, 0)
    return where(flat, 0.0, pow(where(flat, 1.0, total), 1 / p))


# --- all pairs of rows -------------------------------------------------------------------------

#: How many differences of elements are held at once.
_AT_ONCE = 2**22


def _blocks(x: Any, y: Any) -> list[tuple[int, int]]:
    """Return columns as (start, length), so many at a time that their differences fit in memory."""
    pairs = math.prod(x.shape[:-1]) * y.shape[-2]
    columns = x.shape[-1]
    step = min(max(1, _AT_ONCE // max(pairs, 1)), max(columns, 1))
    return [(start, min(step, columns - start)) for start in range(0, columns, step)]


def _slope(gaps: Tensor, lengths: Tensor, p: float) -> Tensor:
    """The slope of p-norms by the differences they are of, 0 at length 0."""
    if p == 1:
        return sign(gaps)
    if p == math.inf:
        return where(eq(abs(gaps), lengths), sign(gaps), 0.0)
    flat = eq(lengths, 0)
    shares = gaps / where(flat, 1.0, lengths)
    if p == 2:
        return where(flat, 0.0, shares)
    still = eq(shares, 0)
    powers = pow(where(still, 1.0, abs(shares)), p - 1)
    return where(logical_or(flat, still), 0.0, sign(gaps) * powers)


def _gaps(x: Tensor, y: Tensor, start: int, length: int) -> Tensor:
    return x.narrow(-1, start, length).unsqueeze(-2) - y.narrow(-1, start, length).unsqueeze(-3)


def _rows_vjp(needs: Any, g: Any, out: Any, x: Any, y: Any, *, p: float) -> Any:
    blocks = _blocks(x, y)
    if p == 0 or not blocks:
        return None, None
    by_x: list[Any] = []
    by_y: list[Any] = []
    for start, length in blocks:
        part = g.unsqueeze(-1) * _slope(_gaps(x, y, start, length), out.unsqueeze(-1), p)
        by_x.append(sum(part, -2) if needs[0] else None)
        by_y.append(-sum(part, -3) if needs[1] else None)
    return cat(by_x, -1) if needs[0] else None, cat(by_y, -1) if needs[1] else None


def _rows_jvp(tangents: Any, out: Any, x: Any, y: Any, *, p: float) -> Any:
    if p == 0:
        return None
    total = out * 0
    for start, length in _blocks(x, y):
        slope = _slope(_gaps(x, y, start, length), out.unsqueeze(-1), p)
        for tangent, way, dim in zip(tangents, (1, -1), (-2, -3), strict=True):
            if tangent is not None:
                moved = tangent.narrow(-1, start, length).unsqueeze(dim)
                total = total + sum(slope * moved, -1) * way
    return total


def _rows_batch(size: int, batched: Sequence[bool], *args: Any, p: float) -> Any:
    return apply(catalogue.ops["row_lengths"], tuple(all_batched(size, batched, args)), {"p": p})


@custom(
    shape=lambda x, y, *, p: Aval((*x.shape[:-1], y.shape[-2]), x.dtype),
    vjp=_rows_vjp,
    jvp=_rows_jvp,
    batch=_rows_batch,
    saves=("x", "y", "out"),
    namespaces=(),
    methods=(),
    samples=(
        Sample(array(2, 3, 4), array(2, 5, 4, low=1.1, high=2.0), 1.5),
        Sample(array(3, 4), array(2, 4), 2.0),
        Sample(array(3, 4), array(2, 4), 1.0),
    ),
)
def row_lengths(xp: Any, x: Any, y: Any, *, p: float) -> Any:
    """Distances of each row of one matrix to each row of another, without a product of matrices.

    Args:
        input: (..., n, d), real.
        other: (..., m, d), with the same dims before.
        p: the norm's power.

    Returns:
        Tensor: (..., n, m).
    """
    total = xp.zeros((*x.shape[:-1], y.shape[-2]), x.dtype)
    for start, length in _blocks(x, y):
        columns = slice(start, start + length)
        gaps = xp.abs(x[..., :, None, columns] - y[..., None, :, columns])
        if p == math.inf:
            total = xp.maximum(total, xp.max(gaps, axis=-1))
        elif p == 0:
            total = total + xp.sum(gaps != 0, axis=-1).astype(x.dtype)
        elif p in (1, 2):
            total = total + xp.sum(gaps if p == 1 else gaps * gaps, axis=-1)
        else:
            total = total + xp.sum(gaps**p, axis=-1)
    if p in (0, 1, math.inf):
        return total
    return xp.sqrt(total) if p == 2 else total ** (1 / p)


def _checked(name: str, p: float, *tensors: Tensor) -> None:
    for one in tensors:
        if not one.dtype.is_floating_point:
            raise DTypeError(f"{name}: expected a floating tensor, got {one.dtype}")
    if not p >= 0:
        raise ValueError(f"{name}: p must not be negative, got {p}")


@composite(
    samples=(
        Sample(array(2, 3), array(2, 3)),
        Sample(array(2, 3), array(3), 1),
        Sample(array(2, 3, distinct=True), array(2, 3, distinct=True), math.inf),
        Sample(array(2, 3, fixed=True), array(2, 3, fixed=True), 0),
        Sample(array(2, 3), array(2, 3), p=2.5),
    ),
    errors=(
        ErrorSample(array(2), array(3), error=ShapeError, match="do not broadcast"),
        ErrorSample(integers(2), integers(2), error=DTypeError, match="floating or complex"),
    ),
)
def dist(input: Tensor, other: Tensor, p: float = 2) -> Tensor:
    """Distance of two tensors: the p-norm of their difference.

    .. math:: (\\sum_i |x_i - y_i|^p)^{1/p}

    Args:
        input: (...), floating or complex.
        other: broadcasts with it.
        p: the power; inf for the largest difference, -inf for the smallest, 0 for the number of
            differences.

    Returns:
        Tensor: (), real. Its gradient at 0 is 0.

    Raises:
        ShapeError: the shapes do not broadcast.
        DTypeError: both are of integers.
    """
    far = input - other
    if far.dtype.category < 2:
        raise DTypeError(f"dist: expected a floating or complex tensor, got {far.dtype}")
    return norm(far, p) if far._data.size else sum(abs(far))


@composite(
    samples=(
        Sample(array(3, 4), array(2, 4)),
        Sample(array(2, 1, 3, 4), array(3, 2, 4), 1.0),
        Sample(array(3, 4), array(2, 4), p=0.5),
        Sample(array(3, 4), array(2, 4), p=3),
        Sample(array(3, 4, distinct=True), array(2, 4), p=math.inf),
        Sample(array(3, 4, fixed=True), array(2, 4, fixed=True), p=0),
        Sample(array(3, 4), array(2, 4), compute_mode="use_mm_for_euclid_dist"),
        Sample(array(27, 2), array(3, 2)),
        Sample(array(2, 0), array(3, 0)),
        Sample(array(0, 2), array(3, 2)),
    ),
    errors=(
        ErrorSample(array(2), array(3, 2), error=ShapeError, match="at least 2 dims"),
        ErrorSample(array(2, 3), array(3, 2), error=ShapeError, match="as many columns"),
        ErrorSample(array(2, 2), array(2, 2), -1.0, error=ValueError, match="p must not be"),
        ErrorSample(integers(2, 2), integers(2, 2), error=DTypeError, match="floating tensor"),
        ErrorSample(
            array(2, 2), array(2, 2), compute_mode="mm", error=ValueError, match="compute_mode"
        ),
    ),
    methods=(),
)
def cdist(
    x1: Tensor,
    x2: Tensor,
    p: float = 2.0,
    compute_mode: str = "use_mm_for_euclid_dist_if_necessary",
) -> Tensor:
    """Distances of each row of one matrix to each row of another.

    Args:
        x1: (..., n, d), floating.
        x2: (..., m, d), floating; the dims before the last two broadcast.
        p: the norm's power, from 0 (the number of differences) to inf (the largest).
        compute_mode: whether Euclidean distances (p = 2) are taken from a matrix product, which is
            fast and loses digits of small distances: ``"use_mm_for_euclid_dist"``,
            ``"donot_use_mm_for_euclid_dist"``, or ``"use_mm_for_euclid_dist_if_necessary"``, that
            is for n or m above 25.

    Returns:
        Tensor: (..., n, m). The gradient at distance 0 is 0.

    Raises:
        ShapeError: the shapes do not fit.
        ValueError: p is negative, or there is no such mode.
        DTypeError: a tensor is not floating.
    """
    if compute_mode not in _MODES:
        raise ValueError(
            f"cdist: compute_mode must be one of {', '.join(_MODES)}, got {compute_mode!r}"
        )
    _checked("cdist", p, x1, x2)
    for one in (x1, x2):
        if one.ndim < 2:
            raise ShapeError(
                f"cdist: tensors must have at least 2 dims (..., rows, columns), got "
                f"{tuple(one.shape)}"
            )
    if x1.shape[-1] != x2.shape[-1]:
        raise ShapeError(
            f"cdist: x1 and x2 must have as many columns, got {x1.shape[-1]} (x1.shape == "
            f"{tuple(x1.shape)}) and {x2.shape[-1]} (x2.shape == {tuple(x2.shape)})"
        )
    lead = broadcast_shapes("cdist", tuple(x1.shape[:-2]), tuple(x2.shape[:-2]))
    product = _MODES[compute_mode]
    if p == 2 and (product or (product is None and max(x1.shape[-2], x2.shape[-2]) > _MANY)):
        return _by_product(x1, x2)
    x1, x2 = promoted("cdist", (x1, x2))
    x1 = broadcast_to(x1, (*lead, *x1.shape[-2:]))
    x2 = broadcast_to(x2, (*lead, *x2.shape[-2:]))
    lengths: Tensor = row_lengths(x1, x2, p=float(p))
    return lengths


def _by_product(x1: Tensor, x2: Tensor) -> Tensor:
    """Euclidean distances from |x|^2 + |y|^2 - 2 x y."""
    squares = sum(square(x1), -1, True) + sum(square(x2), -1).unsqueeze(-2)
    total = squares - 2 * matmul(x1, x2.transpose(-1, -2))
    near = total <= 0
    return where(near, 0.0, sqrt(where(near, 1.0, total)))


@composite(
    samples=(
        Sample(array(4, 3)),
        Sample(array(4, 3), 1.0),
        Sample(array(4, 3), p=0.5),
        Sample(array(4, 3), p=3),
        Sample(array(4, 3, distinct=True), p=math.inf),
        Sample(array(4, 3, fixed=True), p=0),
        Sample(array(1, 3, fixed=True)),
        Sample(array(0, 3, fixed=True)),  # torch's gradient of it ends the process
        Sample(array(3, 0, fixed=True)),
    ),
    errors=(
        ErrorSample(array(3), error=ShapeError, match="2-d"),
        ErrorSample(array(2, 2), -1.0, error=ValueError, match="p must not be negative"),
        ErrorSample(integers(2, 2), error=DTypeError, match="floating tensor"),
    ),
    methods=(),
    aliases=("nn.functional.pdist",),
)
def pdist(input: Tensor, p: float = 2) -> Tensor:
    """Distances of every two rows of a matrix.

    Args:
        input: (n, d), floating.
        p: the norm's power, from 0 (the number of differences) to inf (the largest).

    Returns:
        Tensor: (n (n - 1) / 2,), of rows 0 and 1, 0 and 2, and so on. The gradient at distance 0
        is 0.

    Raises:
        ShapeError: input is not 2-d.
        ValueError: p is negative.
        DTypeError: input is not floating.
    """
    if input.ndim != 2:
        raise ShapeError(f"pdist: expected a 2-d tensor, got shape {tuple(input.shape)}")
    _checked("pdist", p, input)
    pairs = combinations(arange(input.shape[0], device=input.device))
    return _length(index_select(input, 0, pairs[:, 0]) - index_select(input, 0, pairs[:, 1]), p)
