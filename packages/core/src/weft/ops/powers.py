"""Powers."""

from __future__ import annotations

from typing import Any

from weft._core import dtypes
from weft._core.samples import ErrorSample, Sample, array, integers, uniforms
from weft._core.tensor import Tensor
from weft.ops.families.composite import composite
from weft.ops.families.elementwise import elementwise

_MISFIT = (ErrorSample(array(2, 3), array(2, 4), error=ValueError, match="do not broadcast"),)


def _by_base(out: Any, x: Any, y: Any) -> Any:
    if not isinstance(y, Tensor):
        return 0 if y == 0 else y * power(x, y - 1)
    from weft.ops.comparison import where

    # 0 ** (0 - 1) is inf; its factor 0 must make 0 of it, not NaN
    return where(y == 0, 0.0, y * power(x, where(y == 0, 1.0, y - 1)))


def _by_exponent(out: Any, x: Any, y: Any) -> Any:
    from weft.ops.comparison import where
    from weft.ops.complex import real
    from weft.ops.exponential import log

    if not isinstance(x, Tensor):
        return out * log(out.new_tensor(x))
    # 0 ** y is flat for positive y; log 0 would make NaN of it
    flat = (x == 0) & ((real(y) if isinstance(y, Tensor) else y.real) >= 0)
    return where(flat, 0.0, out * log(where(x == 0, 1.0, x)))


@elementwise(
    partials=[_by_base, _by_exponent],
    saves=("x", "y", "out"),
    reads={"x": ("x", "y"), "y": ("x", "y", "out")},
    samples=uniforms((0.3, 3), (-2, 2)),
    namespaces=(),
    methods=(),
    called="pow",
)
def power(xp: Any, x: Any, y: Any) -> Any:
    """Base to the power of an exponent, element by element.

    Args:
        input: (...), the base, a tensor or a number.
        other: the exponent, a tensor or a number that broadcasts with it.

    Returns:
        Tensor: (...). A negative base gives NaN for a fractional exponent.
    """
    if getattr(getattr(x, "dtype", None), "kind", "") == "b":  # NumPy would make int8 of it
        return x | ~y
    return xp.power(x, y)


@composite(
    samples=(
        Sample(array(2, 3, low=0.3, high=2.0), 2),
        Sample(array(2, low=0.3, high=2.0), array(2)),
        Sample(2.0, array(3)),
        Sample(array(3), 3),
        Sample(array(3, low=0.3), -0.5),
    ),
    errors=_MISFIT,
    inplace=True,
    out=True,
)
def pow(input: Any, exponent: Any) -> Any:
    """Base to the power of an exponent, element by element.

    Args:
        input: (...), the base, a tensor or a number.
        exponent: a tensor or a number that broadcasts with it.

    Returns:
        Tensor: (...). A negative base gives NaN for a fractional exponent.

    Raises:
        ShapeError: the shapes do not broadcast.
        ValueError: an integer is raised to a negative integer power.
    """
    return power(input, exponent)


@composite(
    samples=(
        Sample(array(2, 3, low=0.3, high=2.0), 2),
        Sample(array(2, low=0.3, high=2.0), array(2)),
        Sample(2, array(3)),
        Sample(integers(3), integers(3)),
        Sample(array(2, low=0.3, high=2.0, kind="complex"), 2),
    ),
    errors=_MISFIT,
    inplace=True,
    out=True,
)
def float_power(input: Any, exponent: Any) -> Any:
    """Base to the power of an exponent, in double precision.

    Args:
        input: (...), the base, a tensor or a number.
        exponent: a tensor or a number that broadcasts with it.

    Returns:
        Tensor: (...), float64, or complex128 if one is complex.

    Raises:
        ShapeError: the shapes do not broadcast.
    """

    def is_complex(x: Any) -> bool:
        return x.dtype.is_complex if isinstance(x, Tensor) else isinstance(x, complex)

    wide = dtypes.complex128 if is_complex(input) or is_complex(exponent) else dtypes.float64
    operands = (x.to(wide) if isinstance(x, Tensor) else _as_float(x) for x in (input, exponent))
    return power(*operands)


def _as_float(x: Any) -> Any:
    """Return a number as it is, but an int as a float."""
    return float(x) if isinstance(x, int) else x
