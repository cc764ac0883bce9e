"""Short formulas of several tensors that have names of their own."""

from __future__ import annotations

from typing import Any

from weft._core import dtypes
from weft._core.samples import ErrorSample, Sample, array, integers, uniform
from weft._core.tensor import Tensor
from weft.ops.comparison import eq, where
from weft.ops.families.composite import composite
from weft.ops.families.elementwise import elementwise

_F32, _F64 = dtypes.float32.numpy, dtypes.float64.numpy
_LARGE = 8192  # elements below which three short calls are quicker than one of three tensors


@elementwise(
    partials=[
        lambda out, x, end, weight: 1 - weight,
        lambda out, x, end, weight: weight,
        lambda out, x, end, weight: end - x,
    ],
    saves=("x", "end", "weight"),
    dtype="float",
    samples=(
        Sample(array(2, 3), array(2, 3), 0.3),
        Sample(array(2, 3), array(2, 3), 0.8),
        Sample(array(2, 3), array(3), array(2, 1, low=0.0)),
        Sample(array(), array(2), array(2, low=0.6)),
        Sample(array(0), array(0), 0.5),
    ),
    errors=(ErrorSample(array(2), array(3), 0.5, error=ValueError, match="do not broadcast"),),
)
def lerp(xp: Any, x: Any, end: Any, weight: Any) -> Any:
    """Linear interpolation: input + weight (end - input).

    Args:
        input: (...), what weight 0 gives.
        end: a tensor or a number that broadcasts with it; what weight 1 gives.
        weight: a number, or a tensor that broadcasts.

    Returns:
        Tensor: (...), floating or complex; exactly end at weight 1.

    Raises:
        ShapeError: the shapes do not broadcast.
    """
    apart = end - x
    return xp.where(xp.abs(weight) < 0.5, x + weight * apart, end - apart * (1 - weight))


_COMBINED = (
    Sample(array(2, 3), array(2, 3), array(2, 3, low=0.5), value=0.5),
    Sample(array(2, 3), array(3), array(2, 1, low=0.5), value=-2.0),
)


@elementwise(
    partials=[
        lambda g, out, x, y, z, *, value: g,
        lambda g, out, x, y, z, *, value: g * z * value,
        lambda g, out, x, y, z, *, value: g * y * value,
    ],
    saves=("y", "z"),
    reads={"x": (), "y": ("z",), "z": ("y",)},
    real=True,
    numbers=False,
    samples=_COMBINED,
    namespaces=(),
    methods=(),
)
def plus_product(xp: Any, x: Any, y: Any, z: Any, *, value: float) -> Any:
    """x + y z value, of floats, in one pass.

    Args:
        input: (...).
        other: broadcasts with it.
        z: broadcasts with it.
        value: the multiple.

    Returns:
        Tensor: (...).
    """
    return x + y * z * value


@elementwise(
    partials=[
        lambda g, out, x, y, z, *, value: g,
        lambda g, out, x, y, z, *, value: g / z * value,
        lambda g, out, x, y, z, *, value: -(g / z * value) * (y / z),
    ],
    saves=("y", "z"),
    reads={"x": (), "y": ("z",), "z": ("y", "z")},
    real=True,
    numbers=False,
    samples=_COMBINED,
    namespaces=(),
    methods=(),
)
def plus_quotient(xp: Any, x: Any, y: Any, z: Any, *, value: float) -> Any:
    """x + y / z value, of floats, in one pass.

    Args:
        input: (...).
        other: broadcasts with it.
        z: broadcasts with it.
        value: the multiple.

    Returns:
        Tensor: (...).
    """
    return x + y / z * value


def _worth_one_pass(value: object, *tensors: Tensor) -> bool:
    """Whether tensors are large, of one dtype, float32 or float64."""
    first = tensors[0]._data.dtype
    return (
        (type(value) is float or type(value) is int)
        and first in (_F32, _F64)
        and all(t._data.dtype == first for t in tensors[1:])
        and max(t.numel() for t in tensors) >= _LARGE
    )


@composite(
    samples=(
        Sample(array(2, 3), array(3), array(2, 1), value=0.5),
        Sample(integers(3), integers(3), integers(3), value=2),
    ),
    errors=(ErrorSample(array(2), array(2), array(3), error=ValueError, match="do not broadcast"),),
    inplace=True,
    out=True,
)
def addcmul(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: float = 1) -> Tensor:
    """A tensor plus a multiple of a product: input + value tensor1 tensor2.

    Args:
        input: (...).
        tensor1: broadcasts with it.
        tensor2: broadcasts with it.
        value: the multiple.

    Returns:
        Tensor: (...).

    Raises:
        ShapeError: the shapes do not broadcast.
    """
    if _worth_one_pass(value, input, tensor1, tensor2):
        out: Tensor = plus_product(input, tensor1, tensor2, value=float(value))
        return out
    product = tensor1 * tensor2
    return input + (product if value == 1 else product * value)


@composite(
    samples=(Sample(array(2, 3), array(3), array(2, 1, low=0.5), value=0.5),),
    errors=(ErrorSample(array(2), array(2), array(3), error=ValueError, match="do not broadcast"),),
    inplace=True,
    out=True,
)
def addcdiv(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: float = 1) -> Tensor:
    """A tensor plus a multiple of a quotient: input + value tensor1 / tensor2.

    Args:
        input: (...).
        tensor1: broadcasts with it.
        tensor2: broadcasts with it.
        value: the multiple.

    Returns:
        Tensor: (...); the quotient of integers is floating, where PyTorch raises.

    Raises:
        ShapeError: the shapes do not broadcast.
    """
    if _worth_one_pass(value, input, tensor1, tensor2):
        out: Tensor = plus_quotient(input, tensor1, tensor2, value=float(value))
        return out
    quotient = tensor1 / tensor2
    return input + (quotient if value == 1 else quotient * value)


@elementwise(
    partials=[
        lambda g, out, x, y: where(eq(out, 0), 0, g * (x / where(eq(out, 0), 1.0, out))),
        lambda g, out, x, y: where(eq(out, 0), 0, g * (y / where(eq(out, 0), 1.0, out))),
    ],
    saves=("x", "y", "out"),
    dtype="float",
    samples=uniform(0.3, 3),
    real=True,
)
def hypot(xp: Any, x: Any, y: Any) -> Any:
    """Length of the hypotenuse: the square root of x^2 + y^2, without overflow.

    Args:
        input: (...), real.
        other: broadcasts with it.

    Returns:
        Tensor: (...). The gradient at the origin is 0.
    """
    return xp.hypot(x, y)
