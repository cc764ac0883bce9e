"""Differences of neighbours, slopes, and areas under sampled curves."""

from __future__ import annotations

from typing import Any

from weft._core import dtypes
from weft._core.errors import DTypeError, ShapeError
from weft._core.samples import ErrorSample, Sample, array, booleans, integers
from weft._core.shapes import canonical_dim, canonical_dims
from weft._core.tensor import Tensor
from weft.ops.cumulative import cumsum
from weft.ops.families.composite import composite
from weft.ops.joining import cat, narrow
from weft.ops.logic import logical_xor
from weft.ops.reductions import sum


def _first(x: Tensor, dim: int, count: int) -> Tensor:
    return narrow(x, dim, 0, count)


def _last(x: Tensor, dim: int, count: int) -> Tensor:
    return narrow(x, dim, x.shape[dim] - count, count)


def _has_dim(name: str, x: Tensor, dim: Any) -> int:
    if not x.ndim:
        raise IndexError(f"{name}: dim {dim} is out of range: a 0-d tensor has no neighbours")
    return canonical_dim(name, dim, x.ndim)


# --- differences -------------------------------------------------------------------------------


def _extension(x: Tensor, more: Tensor, which: str, dim: int) -> Tensor:
    wanted, have = list(x.shape), list(more.shape)
    if len(have) == len(wanted):
        have[dim] = wanted[dim]
    if have != wanted:
        raise ShapeError(
            f"diff: {which} must have input's shape {tuple(x.shape)} except in dim {dim}, got "
            f"{tuple(more.shape)}"
        )
    return more


@composite(
    samples=(
        Sample(array(5)),
        Sample(array(2, 5), 2),
        Sample(array(4, 2), dim=0),
        Sample(array(2, 3), prepend=array(2, 1), append=array(2, 2)),
        Sample(array(3), 0),
        Sample(array(3), 7),
        Sample(integers(4)),
        Sample(booleans(5)),
    ),
    errors=(
        ErrorSample(array(), error=IndexError, match="0-d"),
        ErrorSample(array(3), -1, error=ValueError, match="n must not be negative"),
        ErrorSample(array(3), 1, 1, error=IndexError, match="dim 1 is out of range"),
        ErrorSample(array(2, 3), prepend=array(1, 3), error=ShapeError, match="prepend"),
        ErrorSample(array(2, 3), append=array(3), error=ShapeError, match="append"),
    ),
    out=True,
)
def diff(
    input: Tensor,
    n: int = 1,
    dim: int = -1,
    prepend: Tensor | None = None,
    append: Tensor | None = None,
) -> Tensor:
    """Difference of each element and the one before it along a dim, n times over.

    .. math:: out_i = x_{i + 1} - x_i

    Args:
        input: (...), of at least one dim.
        n: how often.
        dim: the dim.
        prepend: put before input first; of its shape but in dim.
        append: put behind it first; of its shape but in dim.

    Returns:
        Tensor: (...), with n elements less in dim, but not less than 0. Of booleans, whether the
        two differ.

    Raises:
        IndexError: the dim is out of range.
        ValueError: n is negative.
        ShapeError: prepend or append does not fit.
    """
    at = _has_dim("diff", input, dim)
    if n < 0:
        raise ValueError(f"diff: n must not be negative, got {n}")
    if not n:
        return input.clone()
    parts = [] if prepend is None else [_extension(input, prepend, "prepend", at)]
    parts.append(input)
    if append is not None:
        parts.append(_extension(input, append, "append", at))
    out = cat(parts, at) if len(parts) > 1 else input
    for _ in range(min(n, out.shape[at])):
        length = max(out.shape[at] - 1, 0)
        late, early = _last(out, at, length), _first(out, at, length)
        out = logical_xor(late, early) if out.dtype is dtypes.bool_ else late - early
    return out


# --- slopes ------------------------------------------------------------------------------------


def _even_slope(x: Tensor, dim: int, step: Any, order: int) -> Tensor:
    """The slope of values at equal distances."""
    length = x.shape[dim]
    inner = (_last(x, dim, length - 2) - _first(x, dim, length - 2)) / (2 * step)
    a, b = _first(x, dim, 1), narrow(x, dim, 1, 1)
    y, z = narrow(x, dim, length - 2, 1), _last(x, dim, 1)
    if order == 1:
        return cat([(b - a) / step, inner, (z - y) / step], dim)
    c, w = narrow(x, dim, 2, 1), narrow(x, dim, length - 3, 1)
    left = (-1.5 * a + 2.0 * b - 0.5 * c) / step
    right = (0.5 * w - 2.0 * y + 1.5 * z) / step
    return cat([left, inner, right], dim)


def _uneven_slope(x: Tensor, dim: int, places: Tensor, order: int) -> Tensor:
    """The slope of values at given places: that of the parabola through three neighbours."""
    length = x.shape[dim]
    steps = diff(places).reshape((length - 1, *(1,) * (x.ndim - 1 - dim)))
    h, k = steps[:-1], steps[1:]
    inner = (
        -k / (h * (h + k)) * _first(x, dim, length - 2)
        + (k - h) / (h * k) * narrow(x, dim, 1, length - 2)
        + h / (k * (h + k)) * _last(x, dim, length - 2)
    )
    a, b = _first(x, dim, 1), narrow(x, dim, 1, 1)
    y, z = narrow(x, dim, length - 2, 1), _last(x, dim, 1)
    if order == 1:
        return cat([(b - a) / steps[:1], inner, (z - y) / steps[-1:]], dim)
    c, w = narrow(x, dim, 2, 1), narrow(x, dim, length - 3, 1)
    h, k = steps[:1], steps[1:2]
    left = -(2 * h + k) / (h * (h + k)) * a + (h + k) / (h * k) * b - h / (k * (h + k)) * c
    h, k = steps[-2:-1], steps[-1:]
    right = k / (h * (h + k)) * w - (h + k) / (h * k) * y + (h + 2 * k) / (k * (h + k)) * z
    return cat([left, inner, right], dim)


def _spacings(spacing: Any, count: int, named: bool) -> list[Any]:
    """Return a step, or the places, for each dim."""
    if not isinstance(spacing, (tuple, list)):
        if isinstance(spacing, Tensor) and spacing.ndim:
            raise TypeError(
                "gradient: places along a dim must come as a sequence with a tensor for each dim; "
                "pass spacing=(places,)"
            )
        return [spacing] * count
    if len(spacing) != count:
        whose = "dims named" if named else "dims of input"
        raise ValueError(
            f"gradient: spacing must be a number, or one for each of the {count} {whose}; got "
            f"{len(spacing)}"
        )
    return list(spacing)


@composite(
    samples=(
        Sample(array(5)),
        Sample(array(3, 4)),
        Sample(array(3, 4), dim=1, spacing=0.5),
        Sample(array(3, 4), dim=(1, 0), spacing=(0.5, 2.0), edge_order=2),
        Sample(array(3, 4), dim=0, spacing=(array(3, low=0.2, distinct=True),)),
        Sample(array(5), spacing=(array(5, low=0.2, distinct=True),), edge_order=2),
        Sample(integers(4), spacing=2),
    ),
    errors=(
        ErrorSample(array(1), error=ValueError, match="at least 2 elements"),
        ErrorSample(array(2), edge_order=2, error=ValueError, match="at least 3 elements"),
        ErrorSample(array(3), edge_order=3, error=ValueError, match="edge_order must be 1 or 2"),
        ErrorSample(array(3, 3), spacing=(1.0,), error=ValueError, match="2 dims of input"),
        ErrorSample(array(3), dim=1, error=IndexError, match="dim 1 is out of range"),
        ErrorSample(array(3), dim=(0, 0), error=ValueError, match="names a dimension twice"),
        ErrorSample(array(3), spacing=(array(2),), error=ShapeError, match=r"\(3,\)"),
    ),
    methods=(),
)
def gradient(
    input: Tensor, *, spacing: Any = 1, dim: Any = None, edge_order: int = 1
) -> tuple[Tensor, ...]:
    """Slopes of sampled values along dims, by central differences of second order.

    Inside it is (f(x + h) - f(x - h)) / 2h, or the slope of the parabola through three neighbours
    where their distances differ.

    Args:
        input: (...), the values; neither uint8 nor bool, which have no negative differences.
        spacing: the distance of neighbours, a number or one for each dim; or for each dim the
            places of its values, (n,).
        dim: the dim or dims; all if None.
        edge_order: 1 for the difference of two values at both ends, 2 for three.

    Returns:
        tuple of Tensor: for each dim a tensor of input's shape; floating for integers.

    Raises:
        ValueError: a dim has too few values, or spacing or edge_order is none of these.
        IndexError: a dim is out of range.
        ShapeError: places do not fit their dim.
        DTypeError: input is uint8 or bool.
    """
    if input.dtype in (dtypes.uint8, dtypes.bool_):
        raise DTypeError(f"gradient: expected a signed dtype, got {input.dtype}; convert it first")
    if edge_order not in (1, 2):
        raise ValueError(f"gradient: edge_order must be 1 or 2, got {edge_order}")
    dims = canonical_dims("gradient", dim, input.ndim) if input.ndim else ()
    if isinstance(dim, int) and not input.ndim:
        canonical_dim("gradient", dim, 0)
    slopes = []
    for at, step in zip(dims, _spacings(spacing, len(dims), dim is not None), strict=True):
        length = input.shape[at]
        if length <= edge_order:
            raise ValueError(
                f"gradient: dim {at} needs at least {edge_order + 1} elements for "
                f"edge_order={edge_order}, got {length}"
            )
        if not isinstance(step, Tensor) or not step.ndim:
            slopes.append(_even_slope(input, at, step, edge_order))
            continue
        if tuple(step.shape) != (length,):
            raise ShapeError(
                f"gradient: the places along dim {at} must be ({length},), got {tuple(step.shape)}"
            )
        slopes.append(_uneven_slope(input, at, step, edge_order))
    return tuple(slopes)


# --- areas -------------------------------------------------------------------------------------


def _panels(name: str, y: Tensor, x: Tensor | None, dx: Any, at: int) -> tuple[Tensor, Any]:
    """Return twice the mean height of each panel between neighbours, and the panels' widths."""
    for one in (y, x):
        if one is not None and one.dtype is dtypes.bool_:
            raise DTypeError(f"{name}: expected numbers, got weft.bool; convert it first")
    panels = max(y.shape[at] - 1, 0)
    heights = _last(y, at, panels) + _first(y, at, panels)
    if x is None:
        return heights, 1 if dx is None else dx
    if dx is not None:
        raise TypeError(f"{name}: x and dx both tell the distances of the values; pass one of them")
    if x.ndim == 1:
        if x.shape[0] != y.shape[at]:
            raise ShapeError(
                f"{name}: x must have one place for each of the {y.shape[at]} values along dim "
                f"{at}, got {x.shape[0]}"
            )
        x = x.reshape((x.shape[0], *(1,) * (y.ndim - 1 - at)))
        return heights, diff(x, dim=0)
    if not x.ndim:
        return heights, 0 * x  # all at one place
    return heights, diff(x, dim=at - y.ndim)


_AREAS = (
    Sample(array(5)),
    Sample(array(2, 4), dx=0.5),
    Sample(array(3, 2), array(3), dim=0),
    Sample(array(2, 4), array(2, 4)),
    Sample(array(3, 2), array(3, 2), dim=-2),
    Sample(integers(4)),
    Sample(array(2, 1)),
    Sample(array(2, 0, fixed=True)),
)
_AREA_ERRORS = (
    ErrorSample(array(), error=IndexError, match="0-d"),
    ErrorSample(array(3), array(2), error=ShapeError, match="one place for each of the 3"),
    ErrorSample(array(3), array(3), dx=1.0, error=TypeError, match="pass one of them"),
    ErrorSample(booleans(3), error=DTypeError, match="expected numbers"),
    ErrorSample(array(3), dim=1, error=IndexError, match="dim 1 is out of range"),
)


@composite(samples=_AREAS, errors=_AREA_ERRORS, methods=(), aliases=("trapz",))
def trapezoid(y: Tensor, x: Tensor | None = None, *, dx: Any = None, dim: int = -1) -> Tensor:
    """Area under sampled values along a dim, by the trapezoidal rule.

    .. math:: \\sum_i (x_{i+1} - x_i) (y_i + y_{i+1}) / 2

    Args:
        y: (...), the values; no booleans.
        x: their places, (n,), or a shape that broadcasts with y's.
        dx: their distance, where x is not given; 1 if neither is.
        dim: the dim.

    Returns:
        Tensor: without that dim; floating for integers. 0 of fewer than two values.

    Raises:
        IndexError: the dim is out of range.
        ShapeError: x does not fit y.
        TypeError: both x and dx are given.
        DTypeError: y or x is boolean.
    """
    at = _has_dim("trapezoid", y, dim)
    heights, widths = _panels("trapezoid", y, x, dx, at)
    return sum(heights * widths, at) / 2.0


@composite(samples=_AREAS, errors=_AREA_ERRORS, methods=())
def cumulative_trapezoid(
    y: Tensor, x: Tensor | None = None, *, dx: Any = None, dim: int = -1
) -> Tensor:
    """Area under sampled values up to each along a dim, by the trapezoidal rule.

    Args:
        y: (...), the values; no booleans.
        x: their places, (n,), or a shape that broadcasts with y's.
        dx: their distance, where x is not given; 1 if neither is.
        dim: the dim.

    Returns:
        Tensor: (...), with one element less in dim; floating for integers.

    Raises:
        IndexError: the dim is out of range.
        ShapeError: x does not fit y.
        TypeError: both x and dx are given.
        DTypeError: y or x is boolean.
    """
    at = _has_dim("cumulative_trapezoid", y, dim)
    heights, widths = _panels("cumulative_trapezoid", y, x, dx, at)
    return cumsum(heights * widths, at) / 2.0
