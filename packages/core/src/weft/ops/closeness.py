"""Whether tensors are equal, exactly or within a tolerance."""

from __future__ import annotations

from weft._core import dtypes
from weft._core.errors import DTypeError
from weft._core.op import not_differentiable
from weft._core.samples import ErrorSample, Sample, array, integers
from weft._core.tensor import Tensor
from weft.ops.arithmetic import abs
from weft.ops.comparison import eq, isfinite, isnan
from weft.ops.families.composite import composite

_TRUTH = not_differentiable("its result is true or false")
_CLOSE_ERRORS = (
    ErrorSample(array(2), integers(2), error=DTypeError, match="of one dtype"),
    ErrorSample(array(2), array(2), rtol=-1.0, error=ValueError, match="rtol must be at least 0"),
    ErrorSample(array(2), array(2), atol=-1.0, error=ValueError, match="atol must be at least 0"),
)


def _comparable(name: str, input: Tensor, other: Tensor, rtol: float, atol: float) -> None:
    if input.dtype is not other.dtype:
        raise DTypeError(
            f"{name}: expected two tensors of one dtype, got {input.dtype} and {other.dtype}; "
            f"convert one with .to()"
        )
    for which, tolerance in (("rtol", rtol), ("atol", atol)):
        if not tolerance >= 0:
            raise ValueError(f"{name}: {which} must be at least 0, got {tolerance}")


@composite(
    samples=(
        Sample(array(3), array(3)),
        Sample(array(3), array(3), equal_nan=True),
        Sample(integers(3), integers(3), rtol=0.5),
        Sample(array(3, kind="complex"), array(3, kind="complex"), atol=1.0),
    ),
    errors=_CLOSE_ERRORS,
    not_differentiable=_TRUTH.reason,
)
def isclose(
    input: Tensor,
    other: Tensor,
    rtol: float = 1e-5,
    atol: float = 1e-8,
    equal_nan: bool = False,
) -> Tensor:
    """Whether elements are equal within a tolerance: |input - other| <= atol + rtol * |other|.

    Args:
        input: (...).
        other: of the same dtype; broadcasts with it.
        rtol: relative tolerance.
        atol: absolute tolerance.
        equal_nan: whether NaN counts as equal to NaN.

    Returns:
        Tensor: (...), bool. An infinity is close to itself alone.

    Raises:
        DTypeError: the dtypes differ.
        ValueError: a tolerance is negative.
    """
    _comparable("isclose", input, other, rtol, atol)
    same = eq(input, other)
    if equal_nan and input.dtype.category > 1:
        same = same | (isnan(input) & isnan(other))
    if rtol == 0 and atol == 0:
        return same
    if input.dtype.category < 2:  # so that no difference wraps round
        input, other = (x.to(dtypes.get_default_dtype()) for x in (input, other))
    apart = abs(input - other)
    return same | (isfinite(apart) & (apart <= atol + rtol * abs(other)))


@composite(
    samples=(Sample(array(3), array(3)), Sample(integers(3), integers(3))),
    errors=_CLOSE_ERRORS,
    not_differentiable=_TRUTH.reason,
)
def allclose(
    input: Tensor,
    other: Tensor,
    rtol: float = 1e-5,
    atol: float = 1e-8,
    equal_nan: bool = False,
) -> bool:
    """Whether all elements are equal within a tolerance.

    Args:
        input: (...).
        other: of the same dtype; broadcasts with it.
        rtol: relative tolerance.
        atol: absolute tolerance.
        equal_nan: whether NaN counts as equal to NaN.

    Returns:
        bool: true also of empty tensors.

    Raises:
        DTypeError: the dtypes differ.
        ValueError: a tolerance is negative.
    """
    _comparable("allclose", input, other, rtol, atol)
    return bool(isclose(input, other, rtol, atol, equal_nan).all())


@composite(
    samples=(Sample(array(3), array(3)), Sample(array(3), array(2))),
    not_differentiable=_TRUTH.reason,
)
def equal(input: Tensor, other: Tensor) -> bool:
    """Whether two tensors have the same shape and equal elements.

    Args:
        input: a tensor.
        other: a tensor.

    Returns:
        bool: false if a NaN is among them.
    """
    return tuple(input.shape) == tuple(other.shape) and bool(eq(input, other).all())
