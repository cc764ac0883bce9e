"""What floating-point numbers are: mantissa and exponent, neighbours, NaN and infinities."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from weft._core import dtypes
from weft._core.errors import DTypeError
from weft._core.limits import finfo
from weft._core.samples import ErrorSample, Sample, array, booleans, integers, uniform, uniforms
from weft._core.tensor import Tensor
from weft.ops.families.batching import with_params
from weft.ops.families.composite import composite
from weft.ops.families.custom import custom
from weft.ops.families.elementwise import elementwise


def _floating(name: str, *operands: Any) -> None:
    for x in operands:
        if isinstance(x, Tensor) and not x.dtype.is_floating_point:
            raise DTypeError(f"{name}: expected a floating tensor, got {x.dtype}")


# --- mantissa and exponent ---------------------------------------------------------------------


class Frexp(NamedTuple):
    """Mantissa and exponent of floating-point numbers."""

    mantissa: Tensor
    exponent: Tensor


def _frexp_canonical(input: Any) -> dict[str, Any]:
    _floating("frexp", input)
    return {}


def _frexp_back(needs: Any, g: Any, out: Any, x: Any) -> tuple[Any, ...]:
    return (None if g[0] is None else times_power(g[0], -out[1]),)


@custom(
    shape=lambda x: (x, x.like(dtype=dtypes.int32.numpy)),
    vjp=_frexp_back,
    jvp=lambda tangents, out, x: (times_power(tangents[0], -out[1]), None),
    batch=with_params("frexp"),
    saves=("out",),
    outputs=2,
    returns=Frexp,
    canonical=_frexp_canonical,
    samples=(Sample(array(2, 3, low=0.3, high=3.0)), Sample(array()), Sample(array(0, 2))),
    errors=(ErrorSample(integers(2), error=DTypeError, match="frexp: expected a floating"),),
)
def frexp(xp: Any, x: Any) -> Any:
    """Take floating-point numbers apart: input = mantissa * 2 ** exponent.

    Args:
        input: (...), floating.

    Returns:
        Frexp: mantissa, of input's shape and dtype, in [0.5, 1) but for its sign, and exponent,
        int32. Of 0, infinities and NaN the mantissa is the number itself and the exponent 0. The
        exponent has no gradient.

    Raises:
        DTypeError: input is not floating.
    """
    mantissa, exponent = xp.frexp(x)
    return mantissa, xp.where(xp.isfinite(x), exponent, 0).astype("int32")


@elementwise(
    partials=[
        lambda g, out, x, y: times_power(g, y),
        lambda out, x, y: out * 0.6931471805599453,
    ],
    saves=("y", "out"),
    dtype="float",
    samples=uniform(-3, 3),
    namespaces=(),
    methods=(),
    real=True,
    called="ldexp",
)
def times_power(xp: Any, x: Any, y: Any) -> Any:
    """Multiply real numbers by a power of two, in three steps, of which none leaves the range.

    Args:
        input: (...), real.
        other: the exponent, which broadcasts with it.

    Returns:
        Tensor: (...), floating.
    """
    narrow = (x if hasattr(x, "dtype") else y).dtype.itemsize == 4
    widest = 300.0 if narrow else 2200.0  # from the least number to beyond the largest
    y = xp.minimum(xp.maximum(y, -widest), widest)
    third = xp.floor(y * (1 / 3))
    return x * xp.exp2(third) * xp.exp2(third) * xp.exp2(y - 2 * third)


@composite(
    samples=(
        Sample(array(2, 3), integers(3, low=-3, high=4)),
        Sample(array(3), array(2, 1)),
        Sample(array(2, kind="complex"), integers(2)),
        Sample(integers(3), integers(3)),
    ),
    inplace=True,
    out=True,
)
def ldexp(input: Tensor, other: Any) -> Tensor:
    """Multiply by a power of two: input * 2 ** other.

    Args:
        input: (...).
        other: the exponent, a tensor or a number that broadcasts with it.

    Returns:
        Tensor: (...), floating or complex.
    """
    from weft.ops.powers import pow

    if not input.dtype.is_complex:
        return times_power(input, other)
    out: Tensor = input * pow(2.0, other)
    return out


# --- neighbours --------------------------------------------------------------------------------


def _moved(g: Any, out: Any, x: Any, y: Any) -> Any:
    from weft.ops.comparison import where

    return where(x == y, 0.0, g)


@elementwise(
    partials=[_moved, 0],
    saves=("x", "y"),
    dtype="float",
    widen=False,
    samples=uniforms((-3, 3), (4, 5)),
    errors=(ErrorSample(array(2), array(3), error=ValueError, match="do not broadcast"),),
    real=True,
)
def nextafter(xp: Any, x: Any, y: Any) -> Any:
    """The next number of the dtype from one element towards another.

    Args:
        input: (...), real.
        other: broadcasts with it.

    Returns:
        Tensor: (...), floating; other itself where the two are equal, NaN where one is. The
        gradient by input is 1, and 0 where the two are equal; by other it is 0.

    Raises:
        ShapeError: the shapes do not broadcast.
    """
    return xp.nextafter(x, y)


# --- NaN and infinities ------------------------------------------------------------------------


def _limits(dtype: dtypes.dtype, posinf: Any, neginf: Any) -> tuple[Any, Any]:
    greatest = finfo(dtype).max
    return (greatest if posinf is None else posinf), (-greatest if neginf is None else neginf)


def _where_finite(g: Any, out: Any, x: Any, **numbers: float) -> Any:
    from weft.ops.comparison import where

    return where(x.isfinite(), g, 0)


@elementwise(
    partials=[_where_finite],
    saves=("x",),
    samples=(Sample(array(2, 3), nan=0.0, high=2.0, low=-3.0),),
    namespaces=(),
    methods=(),
    real=True,
    called="nan_to_num",
)
def with_numbers(xp: Any, x: Any, *, nan: float, high: float, low: float) -> Any:
    """Put numbers in the place of NaN, infinity and -infinity. Internal: in one pass.

    Args:
        input: (...), floating.
        nan: what replaces NaN.
        high: what replaces infinity.
        low: what replaces -infinity.

    Returns:
        Tensor: (...).
    """
    bounded = xp.where(x == math.inf, high, xp.where(x == -math.inf, low, x))
    return xp.where(x != x, nan, bounded)


@composite(
    samples=(
        Sample(array(2, 3)),
        Sample(array(2), 1.5, 2.0, neginf=-3.0),
        Sample(array(2, kind="complex")),
        Sample(integers(3)),
        Sample(booleans(3)),
    ),
    inplace=True,
    out=True,
)
def nan_to_num(
    input: Tensor, nan: float | None = 0.0, posinf: float | None = None, neginf: float | None = None
) -> Tensor:
    """Put numbers in the place of NaN and infinities.

    Args:
        input: (...); of complex numbers each part is treated alone.
        nan: what replaces NaN; None is 0 too.
        posinf: what replaces infinity; None is the largest number of the dtype.
        neginf: what replaces -infinity; None is the least number of the dtype.

    Returns:
        Tensor: (...), new. The gradient is 1, and 0 where something was replaced.
    """
    from weft.ops.complex import complex, imaginary_part, real_part

    if input.dtype.is_complex:
        return complex(
            nan_to_num(real_part(input), nan, posinf, neginf),
            nan_to_num(imaginary_part(input), nan, posinf, neginf),
        )
    if not input.dtype.is_floating_point:
        return input.clone()
    high, low = _limits(input.dtype, posinf, neginf)
    out: Tensor = with_numbers(
        input, nan=0.0 if nan is None else float(nan), high=float(high), low=float(low)
    )
    return out
