"""Greatest common divisors and least common multiples."""

from __future__ import annotations

from typing import Any

from weft._core.errors import DTypeError
from weft._core.op import not_differentiable
from weft._core.samples import Domain, ErrorSample, Sample, array, booleans, integers
from weft.ops.families.composite import composite
from weft.ops.families.elementwise import elementwise
from weft.ops.logic import require_integers

_WHOLE = not_differentiable("it works on integers")
_SAMPLES = (
    Sample(integers(2, 3, low=-20, high=20), integers(3, low=-20, high=20)),
    Sample(integers(2, 1, high=30), integers(3, low=1, high=30)),
    Sample(integers(), integers(0)),
)
_ERRORS = (
    ErrorSample(array(2), array(2), error=DTypeError, match="expected integers"),
    ErrorSample(booleans(2), booleans(2), error=DTypeError, match="expected integers"),
    ErrorSample(integers(2), integers(3), error=ValueError, match="do not broadcast"),
)


@elementwise(
    partials=_WHOLE,
    samples=Domain(((-20, 20),), kind="int"),
    namespaces=(),
    methods=(),
    called="gcd",
)
def common_divisor(xp: Any, x: Any, y: Any) -> Any:
    """Greatest common divisor of integers.

    Args:
        input: (...), integers.
        other: integers that broadcast with it.

    Returns:
        Tensor: (...).
    """
    return xp.gcd(x, y)


@elementwise(
    partials=_WHOLE,
    samples=Domain(((-20, 20),), kind="int"),
    namespaces=(),
    methods=(),
    called="lcm",
)
def common_multiple(xp: Any, x: Any, y: Any) -> Any:
    """Least common multiple of integers.

    Args:
        input: (...), integers.
        other: integers that broadcast with it.

    Returns:
        Tensor: (...).
    """
    multiple = xp.lcm(x, y)
    # one that wrapped round; the narrow ones C computes in int and cuts, as PyTorch does
    return xp.abs(multiple) if multiple.dtype.itemsize > 2 else multiple


@composite(
    samples=_SAMPLES, errors=_ERRORS, not_differentiable=_WHOLE.reason, inplace=True, out=True
)
def gcd(input: Any, other: Any) -> Any:
    """Greatest common divisor, element by element; gcd(0, 0) is 0.

    Args:
        input: (...), integers, a tensor or a number.
        other: a tensor or a number that broadcasts with it.

    Returns:
        Tensor: (...), of the promoted dtype, not negative unless it overflows.

    Raises:
        DTypeError: one is boolean, floating or complex.
        ShapeError: the shapes do not broadcast.
    """
    require_integers("gcd", input, other)
    return common_divisor(input, other)


@composite(
    samples=_SAMPLES, errors=_ERRORS, not_differentiable=_WHOLE.reason, inplace=True, out=True
)
def lcm(input: Any, other: Any) -> Any:
    """Least common multiple, element by element; 0 where one is 0.

    Args:
        input: (...), integers, a tensor or a number.
        other: a tensor or a number that broadcasts with it.

    Returns:
        Tensor: (...), of the promoted dtype, not negative; it wraps round where it overflows.

    Raises:
        DTypeError: one is boolean, floating or complex.
        ShapeError: the shapes do not broadcast.
    """
    require_integers("lcm", input, other)
    return common_multiple(input, other)
