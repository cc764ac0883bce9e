"""Angles and directions of numbers in the complex plane."""

from __future__ import annotations

import math
from typing import Any

from weft._core.samples import Draw, Sample, array, integers
from weft._core.tensor import Tensor
from weft.ops.complex import imaginary_part, real_part
from weft.ops.families.composite import composite
from weft.ops.families.elementwise import elementwise


def _numbers(*shape: int) -> Draw:
    return array(*shape, low=0.3, high=2.0, kind="complex")


@elementwise(
    partials=[0],
    dtype="float",
    samples=(Sample(array(2, 3, low=0.2)), Sample(array(2, 3, low=-1.0, high=-0.2))),
    namespaces=(),
    methods=(),
    real=True,
    called="angle",
)
def half_turn(xp: Any, x: Any) -> Any:
    """Angle of a real number: pi where it is negative, else 0.

    Args:
        input: (...), real.

    Returns:
        Tensor: (...). The gradient is 0.
    """
    return xp.where(x < 0, math.pi, xp.where(x >= 0, 0.0, x))


@composite(
    samples=(
        Sample(array(2, 3, low=0.2)),
        Sample(array(2, 3, low=-1.0, high=-0.2)),
        Sample(_numbers(2, 3)),
        Sample(integers(3, low=-2)),
    ),
    out=True,
)
def angle(input: Tensor) -> Tensor:
    """Angle of a complex number from the positive real axis, in radians.

    Args:
        input: (...).

    Returns:
        Tensor: (...), real, in [-pi, pi]. Of real numbers, pi where they are negative, else 0, and
        NaN of NaN. The gradient is 0 at 0, and by real numbers everywhere.
    """
    from weft.ops.trigonometric import atan2

    if not input.dtype.is_complex:
        return half_turn(input)
    return atan2(imaginary_part(input), real_part(input))


@composite(
    samples=(Sample(array(2, 3, low=0.2)), Sample(_numbers(2, 3)), Sample(integers(3, low=-2))),
    inplace=True,
    out=True,
)
def sgn(input: Tensor) -> Tensor:
    """Direction of a complex number, x / abs(x), and 0 of 0; the sign of a real number.

    Args:
        input: (...).

    Returns:
        Tensor: (...). NaN of NaN, and of a complex infinity. The gradient at 0 is 0.
    """
    from weft.ops.arithmetic import abs
    from weft.ops.comparison import where
    from weft.ops.signs import sign

    if not input.dtype.is_complex:
        return sign(input)
    length = abs(input)
    return where(length == 0, 0.0, input / where(length == 0, 1.0, length))
