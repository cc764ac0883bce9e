"""The larger and the smaller of two, and limiting to an interval."""

from __future__ import annotations

from typing import Any

from weft._core.errors import DTypeError
from weft._core.samples import ErrorSample, Sample, array, integers, uniform
from weft._core.tensor import Tensor
from weft.ops.comparison import where
from weft.ops.families.composite import composite
from weft.ops.families.elementwise import elementwise

_UNORDERED = (
    ErrorSample(array(2, kind="complex"), 1.0, error=DTypeError, match="expected real numbers"),
    ErrorSample(array(2), array(3), error=ValueError, match="do not broadcast"),
)


def _share(g: Any, x: Any, y: Any, left: Any) -> Any:
    """Give the gradient to the element that was not left, half of it where both are equal."""
    return where(left, 0, where(x == y, g * 0.5, g))


#: The types of limits that change no floating dtype.
_NUMBERS = (int, float)


@elementwise(
    partials=[
        lambda g, out, x, y: _share(g, x, y, x < y),
        lambda g, out, x, y: _share(g, x, y, y < x),
    ],
    saves=("x", "y"),
    samples=uniform(-3, 3),
    inplace=False,
    errors=_UNORDERED,
    real=True,
)
def maximum(xp: Any, x: Any, y: Any) -> Any:
    """The larger of two elements; NaN if one is NaN.

    Args:
        input: (...), real.
        other: a tensor or a number that broadcasts with it.

    Returns:
        Tensor: (...). Where they are equal, each gets half the gradient.

    Raises:
        DTypeError: one is complex.
        ShapeError: the shapes do not broadcast.
    """
    return xp.maximum(x, y)


@elementwise(
    partials=[
        lambda g, out, x, y: _share(g, x, y, x > y),
        lambda g, out, x, y: _share(g, x, y, y > x),
    ],
    saves=("x", "y"),
    samples=uniform(-3, 3),
    inplace=False,
    errors=_UNORDERED,
    real=True,
)
def minimum(xp: Any, x: Any, y: Any) -> Any:
    """The smaller of two elements; NaN if one is NaN.

    Args:
        input: (...), real.
        other: a tensor or a number that broadcasts with it.

    Returns:
        Tensor: (...). Where they are equal, each gets half the gradient.

    Raises:
        DTypeError: one is complex.
        ShapeError: the shapes do not broadcast.
    """
    return xp.minimum(x, y)


@elementwise(
    partials=[
        lambda g, out, x, y: where((x >= y) | (y != y), g, 0),
        lambda g, out, x, y: where((x >= y) | (y != y), 0, g),
    ],
    saves=("x", "y"),
    samples=uniform(-3, 3),
    inplace=False,
    errors=_UNORDERED,
    real=True,
)
def fmax(xp: Any, x: Any, y: Any) -> Any:
    """The larger of two elements; the other one where one is NaN.

    Args:
        input: (...), real.
        other: a tensor or a number that broadcasts with it.

    Returns:
        Tensor: (...). Where they are equal, input gets the gradient.

    Raises:
        DTypeError: one is complex.
        ShapeError: the shapes do not broadcast.
    """
    return xp.fmax(x, y)


@elementwise(
    partials=[
        lambda g, out, x, y: where((x <= y) | (y != y), g, 0),
        lambda g, out, x, y: where((x <= y) | (y != y), 0, g),
    ],
    saves=("x", "y"),
    samples=uniform(-3, 3),
    inplace=False,
    errors=_UNORDERED,
    real=True,
)
def fmin(xp: Any, x: Any, y: Any) -> Any:
    """The smaller of two elements; the other one where one is NaN.

    Args:
        input: (...), real.
        other: a tensor or a number that broadcasts with it.

    Returns:
        Tensor: (...). Where they are equal, input gets the gradient.

    Raises:
        DTypeError: one is complex.
        ShapeError: the shapes do not broadcast.
    """
    return xp.fmin(x, y)


# --- limits ------------------------------------------------------------------------------------


@elementwise(
    partials=[
        lambda g, out, x, y: where(x >= y, g, 0),
        lambda g, out, x, y: where(x < y, g, 0),
    ],
    saves=("x", "y"),
    samples=uniform(-3, 3),
    namespaces=(),
    methods=(),
    real=True,
    called="clamp",
)
def at_least(xp: Any, x: Any, y: Any) -> Any:
    """Raise elements to a limit.

    Args:
        input: (...), real.
        other: the least value, a tensor or a number that broadcasts with it.

    Returns:
        Tensor: (...). Where they are equal, input gets the gradient.
    """
    return xp.maximum(x, y)


@elementwise(
    partials=[
        lambda g, out, x, y: where(x <= y, g, 0),
        lambda g, out, x, y: where(x > y, g, 0),
    ],
    saves=("x", "y"),
    samples=uniform(-3, 3),
    namespaces=(),
    methods=(),
    real=True,
    called="clamp",
)
def at_most(xp: Any, x: Any, y: Any) -> Any:
    """Lower elements to a limit.

    Args:
        input: (...), real.
        other: the largest value, a tensor or a number that broadcasts with it.

    Returns:
        Tensor: (...). Where they are equal, input gets the gradient.
    """
    return xp.minimum(x, y)


@elementwise(
    partials=[lambda g, out, x, *, least, most: where((x >= least) & (x <= most), g, 0)],
    saves=("x",),
    samples=(
        Sample(array(2, 3, low=-2.0, high=2.0), least=-0.5, most=0.5),
        Sample(array(4, low=-2.0, high=2.0), least=0.5, most=-0.5),
    ),
    namespaces=(),
    methods=(),
    real=True,
    called="clamp",
)
def clipped(xp: Any, x: Any, *, least: float, most: float) -> Any:
    """Limit floats to an interval of numbers; the upper limit wins. Internal: in one pass.

    Args:
        input: (...), real and floating.
        least: the lower limit.
        most: the upper one.

    Returns:
        Tensor: (...).
    """
    return xp.minimum(xp.maximum(x, least), most)


@composite(
    samples=(
        Sample(array(2, 3, low=-2.0, high=2.0), -0.5, 0.7),
        Sample(array(4, low=-2.0, high=2.0), min=0.1),
        Sample(array(4, low=-2.0, high=2.0), max=0.1),
        Sample(array(4, low=-2.0, high=2.0), array(4, low=-2.0, high=-1.0), array(4, low=1.0)),
        Sample(integers(4), 2.5, 6),
    ),
    errors=(
        ErrorSample(array(2), error=ValueError, match="needs min, max or both"),
        ErrorSample(array(2, kind="complex"), 0.0, error=DTypeError, match="expected real numbers"),
    ),
    aliases=("clip",),
    inplace=True,
    out=True,
)
def clamp(input: Tensor, min: Any = None, max: Any = None) -> Tensor:
    """Limit to an interval.

    Args:
        input: (...), real.
        min: the least value, a number or a tensor that broadcasts; None sets no limit.
        max: the largest; it wins where it is below min.

    Returns:
        Tensor: (...). NaN stays, and a limit of NaN gives NaN. The gradient is 1 inside and at the
        limits, 0 outside.

    Raises:
        ValueError: neither limit is given.
        DTypeError: input is complex.
    """
    if min is None and max is None:
        raise ValueError("clamp: needs min, max or both")
    if type(min) in _NUMBERS and type(max) in _NUMBERS and input.dtype.category == 2:
        return clipped(input, least=float(min), most=float(max))
    out: Any = input if min is None else at_least(input, min)
    return out if max is None else at_most(out, max)


@composite(
    samples=(
        Sample(array(2, 3, low=-2.0, high=2.0), 0.5),
        Sample(array(2, 3, low=-2.0, high=2.0), array(3)),
        Sample(integers(4), 2.5),
    ),
    errors=(
        ErrorSample(array(2, kind="complex"), 0.0, error=DTypeError, match="expected real numbers"),
    ),
    inplace=True,
    out=True,
)
def clamp_min(input: Tensor, min: Any) -> Tensor:
    """Raise elements to a limit.

    Args:
        input: (...), real.
        min: the least value, a number or a tensor that broadcasts.

    Returns:
        Tensor: (...); NaN where one is NaN. The gradient is 1 at the limit too.

    Raises:
        DTypeError: input is complex.
    """
    return at_least(input, min)


@composite(
    samples=(
        Sample(array(2, 3, low=-2.0, high=2.0), 0.5),
        Sample(array(2, 3, low=-2.0, high=2.0), array(3)),
        Sample(integers(4), 2.5),
    ),
    errors=(
        ErrorSample(array(2, kind="complex"), 0.0, error=DTypeError, match="expected real numbers"),
    ),
    inplace=True,
    out=True,
)
def clamp_max(input: Tensor, max: Any) -> Tensor:
    """Lower elements to a limit.

    Args:
        input: (...), real.
        max: the largest value, a number or a tensor that broadcasts.

    Returns:
        Tensor: (...); NaN where one is NaN. The gradient is 1 at the limit too.

    Raises:
        DTypeError: input is complex.
    """
    return at_most(input, max)
