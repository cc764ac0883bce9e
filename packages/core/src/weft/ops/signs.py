"""The sign of a number: read, taken from another, and the step function."""

from __future__ import annotations

from typing import Any

from weft._core.errors import DTypeError
from weft._core.op import not_differentiable
from weft._core.samples import ErrorSample, Sample, array, booleans, integers, uniform, uniforms
from weft._core.tensor import Tensor
from weft.ops.families.composite import composite
from weft.ops.families.elementwise import elementwise


@elementwise(
    partials=[0],
    samples=uniforms((0.2, 3)),
    errors=(ErrorSample(array(2, kind="complex"), error=DTypeError, match="expected real"),),
    real=True,
)
def sign(xp: Any, x: Any) -> Any:
    """-1, 0 or 1, as the element is negative, zero or positive.

    Args:
        input: (...), real or boolean; ``sgn`` is of complex numbers too.

    Returns:
        Tensor: (...), NaN of NaN (PyTorch gives 0); booleans stay as they are. The gradient is 0.
    """
    return xp.array(x, copy=True) if x.dtype.kind == "b" else xp.sign(x)


@composite(
    samples=(
        Sample(array(2, 3)),
        Sample(array()),
        Sample(integers(4, low=-2, high=3)),
        Sample(booleans(3)),
    ),
    errors=(ErrorSample(array(2, kind="complex"), error=DTypeError, match="expected real"),),
    not_differentiable="its result is true or false",
    out=True,
)
def signbit(input: Tensor) -> Tensor:
    """Whether the sign bit of an element is set.

    Args:
        input: (...), real.

    Returns:
        Tensor: (...), bool; true of -0.0 too, and of a NaN whose sign bit is set.

    Raises:
        DTypeError: input is complex.
    """
    return is_signed_negative(input)


@elementwise(
    partials=not_differentiable("its result is true or false"),
    dtype="bool",
    samples=uniform(-3, 3),
    namespaces=(),
    methods=(),
    real=True,
    called="signbit",
)
def is_signed_negative(xp: Any, x: Any) -> Any:
    """Whether the sign bit of a real element is set.

    Args:
        input: (...), real.

    Returns:
        Tensor: (...), bool.
    """
    return xp.signbit(x) if x.dtype.kind not in "biu" else x < 0


def _copysign_scale(g: Any, out: Any, x: Any, y: Any) -> Any:
    from weft.ops.comparison import where

    flat = x == 0
    return where(flat, 0.0, g * (out / where(flat, 1.0, x)))


@elementwise(
    partials=[_copysign_scale, 0],
    saves=("x", "out"),
    dtype="float",
    samples=(
        *uniforms((0.3, 3), (-3, -0.3)).samples(2),
        Sample(array(3, low=0.3), -2),
        Sample(integers(3, low=-3, high=3), array(3)),
    ),
    errors=(
        ErrorSample(array(2, kind="complex"), array(2), error=DTypeError, match="expected real"),
    ),
    real=True,
)
def copysign(xp: Any, x: Any, y: Any) -> Any:
    """The size of one element with the sign of another, -0.0 being negative.

    Args:
        input: (...), real.
        other: a tensor or a number that broadcasts with it, whose sign is taken.

    Returns:
        Tensor: (...), floating. The gradient by input is 1 or -1, and 0 at 0; by other it is 0.

    Raises:
        DTypeError: one is complex.
    """
    return xp.copysign(x, y)


@elementwise(
    partials=not_differentiable("the step has no slope but at 0, where it is infinite"),
    samples=uniform(-3, 3),
    namespaces=(),
    methods=(),
    real=True,
    called="heaviside",
)
def step(xp: Any, x: Any, y: Any) -> Any:
    """0 below 0, 1 above it, and another's element at 0.

    Args:
        input: (...), real.
        other: broadcasts with it.

    Returns:
        Tensor: (...).
    """
    return xp.where(x == 0, y, x > 0)


@composite(
    samples=(
        Sample(array(2, 3), array(3)),
        Sample(integers(4, low=-1, high=2), integers(1)),
        Sample(array(0), array(0)),
    ),
    errors=(
        ErrorSample(array(2), integers(2), error=DTypeError, match="of one dtype"),
        ErrorSample(
            array(2, kind="complex"),
            array(2, kind="complex"),
            error=DTypeError,
            match="expected real",
        ),
    ),
    not_differentiable="the step has no slope but at 0, where it is infinite",
    inplace=True,
    out=True,
)
def heaviside(input: Tensor, values: Tensor) -> Tensor:
    """The step function: 0 below 0, 1 above it, and a value of your choice at 0.

    Args:
        input: (...), real.
        values: broadcasts with it, of its dtype; what is returned where input is 0.

    Returns:
        Tensor: (...); 0 of NaN.

    Raises:
        DTypeError: the dtypes differ, or are complex.
    """
    if input.dtype is not values.dtype:
        raise DTypeError(
            f"heaviside: expected input and values of one dtype, got {input.dtype} and "
            f"{values.dtype}; convert one with .to()"
        )
    return step(input, values)
