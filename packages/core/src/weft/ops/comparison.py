"""Comparing elements, choosing among them, telling what kind of number they are."""

from __future__ import annotations

from typing import Any, overload

from weft._core import dtypes
from weft._core.errors import DTypeError, ShapeError
from weft._core.op import not_differentiable
from weft._core.samples import (
    Domain,
    ErrorSample,
    Sample,
    array,
    booleans,
    integers,
    uniform,
)
from weft._core.tensor import Tensor
from weft.ops.families.composite import composite
from weft.ops.families.elementwise import elementwise

_TRUTH = not_differentiable("its result is true or false")
_WHOLE = Domain(((0, 3),), kind="int")
_UNORDERED = (
    ErrorSample(array(2, kind="complex"), 1.0, error=DTypeError, match="expected real numbers"),
    ErrorSample(array(2), array(3), error=ValueError, match="do not broadcast"),
)


@elementwise(partials=_TRUTH, dtype="bool", samples=_WHOLE)
def eq(xp: Any, x: Any, y: Any) -> Any:
    """Whether elements are equal; NaN equals nothing.

    Args:
        input: (...), a tensor or a number.
        other: a tensor or a number that broadcasts with it.

    Returns:
        Tensor: (...), bool.
    """
    return xp.equal(x, y)


@elementwise(partials=_TRUTH, dtype="bool", samples=_WHOLE, aliases=("not_equal",))
def ne(xp: Any, x: Any, y: Any) -> Any:
    """Whether elements differ; NaN differs from everything.

    Args:
        input: (...), a tensor or a number.
        other: a tensor or a number that broadcasts with it.

    Returns:
        Tensor: (...), bool.
    """
    return xp.not_equal(x, y)


@elementwise(
    partials=_TRUTH,
    dtype="bool",
    samples=_WHOLE,
    aliases=("less",),
    errors=_UNORDERED,
    real=True,
)
def lt(xp: Any, x: Any, y: Any) -> Any:
    """Whether elements are less than others.

    Args:
        input: (...), a tensor or a number.
        other: a tensor or a number that broadcasts with it.

    Returns:
        Tensor: (...), bool.

    Raises:
        DTypeError: one is complex.
        ShapeError: the shapes do not broadcast.
    """
    return xp.less(x, y)


@elementwise(
    partials=_TRUTH,
    dtype="bool",
    samples=_WHOLE,
    aliases=("less_equal",),
    errors=_UNORDERED,
    real=True,
)
def le(xp: Any, x: Any, y: Any) -> Any:
    """Whether elements are less than or equal to others.

    Args:
        input: (...), a tensor or a number.
        other: a tensor or a number that broadcasts with it.

    Returns:
        Tensor: (...), bool.

    Raises:
        DTypeError: one is complex.
        ShapeError: the shapes do not broadcast.
    """
    return xp.less_equal(x, y)


@elementwise(
    partials=_TRUTH,
    dtype="bool",
    samples=_WHOLE,
    aliases=("greater",),
    errors=_UNORDERED,
    real=True,
)
def gt(xp: Any, x: Any, y: Any) -> Any:
    """Whether elements are greater than others.

    Args:
        input: (...), a tensor or a number.
        other: a tensor or a number that broadcasts with it.

    Returns:
        Tensor: (...), bool.

    Raises:
        DTypeError: one is complex.
        ShapeError: the shapes do not broadcast.
    """
    return xp.greater(x, y)


@elementwise(
    partials=_TRUTH,
    dtype="bool",
    samples=_WHOLE,
    aliases=("greater_equal",),
    errors=_UNORDERED,
    real=True,
)
def ge(xp: Any, x: Any, y: Any) -> Any:
    """Whether elements are greater than or equal to others.

    Args:
        input: (...), a tensor or a number.
        other: a tensor or a number that broadcasts with it.

    Returns:
        Tensor: (...), bool.

    Raises:
        DTypeError: one is complex.
        ShapeError: the shapes do not broadcast.
    """
    return xp.greater_equal(x, y)


@elementwise(partials=_TRUTH, dtype="bool", samples=uniform(-3, 3), inplace=False)
def isnan(xp: Any, x: Any) -> Any:
    """Whether elements are NaN.

    Args:
        input: (...).

    Returns:
        Tensor: (...), bool.
    """
    return xp.isnan(x)


@elementwise(partials=_TRUTH, dtype="bool", samples=uniform(-3, 3), inplace=False)
def isinf(xp: Any, x: Any) -> Any:
    """Whether elements are infinite.

    Args:
        input: (...).

    Returns:
        Tensor: (...), bool.
    """
    return xp.isinf(x)


@elementwise(partials=_TRUTH, dtype="bool", samples=uniform(-3, 3), inplace=False)
def isfinite(xp: Any, x: Any) -> Any:
    """Whether elements are neither infinite nor NaN.

    Args:
        input: (...).

    Returns:
        Tensor: (...), bool.
    """
    return xp.isfinite(x)


@composite(
    samples=(Sample(array(2, 3)), Sample(array()), Sample(integers(3))),
    errors=(ErrorSample(array(2, kind="complex"), error=DTypeError, match="no one infinity"),),
    not_differentiable=_TRUTH.reason,
    out=True,
)
def isposinf(input: Tensor) -> Tensor:
    """Whether elements are positive infinity.

    Args:
        input: (...), real.

    Returns:
        Tensor: (...), bool.

    Raises:
        DTypeError: input is complex.
    """
    _one_infinity("isposinf", input)
    return eq(input, float("inf"))


@composite(
    samples=(Sample(array(2, 3)), Sample(array()), Sample(integers(3))),
    errors=(ErrorSample(array(2, kind="complex"), error=DTypeError, match="no one infinity"),),
    not_differentiable=_TRUTH.reason,
    out=True,
)
def isneginf(input: Tensor) -> Tensor:
    """Whether elements are negative infinity.

    Args:
        input: (...), real.

    Returns:
        Tensor: (...), bool.

    Raises:
        DTypeError: input is complex.
    """
    _one_infinity("isneginf", input)
    return eq(input, -float("inf"))


def _one_infinity(name: str, input: Tensor) -> None:
    if input.dtype.is_complex:
        raise DTypeError(
            f"{name}: complex numbers have no one infinity, got {input.dtype}; take the parts"
        )


# --- choosing ----------------------------------------------------------------------------------


@elementwise(
    partials=[
        None,
        lambda g, out, condition, x, y: chosen(condition, g, 0),
        lambda g, out, condition, x, y: chosen(condition, 0, g),
    ],
    saves=("condition",),
    unpromoted=("condition",),
    samples=(
        Sample(booleans(2, 3), array(2, 3), array(2, 3)),
        Sample(booleans(3), array(2, 1), 0.5),
        Sample(booleans(2, 1), 0.5, array(3)),
        Sample(booleans(), array(), array(2)),
    ),
    errors=(
        ErrorSample(array(2), array(2), array(2), error=DTypeError, match="boolean condition"),
    ),
    namespaces=(),
    methods=(),
    canonical=lambda condition, x, y: _boolean(condition),
    called="where",
)
def chosen(xp: Any, condition: Any, x: Any, y: Any) -> Any:
    """Take from one where a condition holds, from another where it does not.

    Args:
        condition: bool.
        input: a tensor or a number, taken where true.
        other: a tensor or a number, taken where false.

    Returns:
        Tensor: of the common shape and the promoted dtype of input and other. Gradients flow only
        to what was taken.

    Raises:
        DTypeError: the condition is not boolean.
    """
    return xp.where(condition, x, y)


@overload
def where(condition: Tensor) -> tuple[Tensor, ...]: ...


@overload
def where(condition: Tensor, input: Any, other: Any) -> Tensor: ...


@composite(
    samples=(
        Sample(booleans(2, 3), array(2, 3), array(2, 3)),
        Sample(booleans(3), array(2, 1), 0.5),
        Sample(booleans(3), 1.0, 2),
    ),
    methods=(),
    out=True,
)
def where(condition: Tensor, input: Any = None, other: Any = None) -> Any:
    """Take from one where a condition holds, from another where it does not.

    Args:
        condition: bool.
        input: a tensor or a number, taken where true.
        other: a tensor or a number, taken where false.

    Returns:
        Tensor: of the common shape and the promoted dtype of input and other. Gradients flow only
        to what was taken. Without input and other, the places where the condition is true: a
        tuple of one int64 tensor for each dim.

    Raises:
        DTypeError: the condition is not boolean.
        TypeError: only one of input and other is given.
    """
    if other is None or input is None:
        if other is not None or input is not None:
            raise TypeError("where: give both input and other, or neither")
        return condition.nonzero(as_tuple=True)
    if not isinstance(input, Tensor) and not isinstance(other, Tensor):
        # two numbers: the kernel would choose in double precision
        input = condition.new_full((), input, dtype=dtypes.result_type(input, other))
    return chosen(condition, input, other)


@composite(samples=(Sample(array(2, 3), booleans(2, 3), 2.5),), namespaces=(), methods=("where",))
def kept_where(input: Tensor, condition: Tensor, other: Any) -> Tensor:
    """Keep elements where a condition holds, take another's elsewhere.

    Args:
        input: (...).
        condition: bool, broadcasts with input.
        other: a tensor or a number that broadcasts with it.

    Returns:
        Tensor: of the common shape.
    """
    return where(condition, input, other)


def _boolean(condition: Any) -> dict[str, Any]:
    if isinstance(condition, Tensor) and condition.dtype.category:
        raise DTypeError(
            f"where: expected a boolean condition, got {condition.dtype}; write condition != 0"
        )
    return {}


@composite(
    samples=(
        Sample(array(2, 3), booleans(2, 3), 2.5),
        Sample(array(2, 3), booleans(3), array()),
    ),
    errors=(
        ErrorSample(array(2), array(2), 1.0, error=DTypeError, match="masked_fill: mask must be"),
        ErrorSample(array(2), booleans(2), array(1), error=ShapeError, match="0-d tensor"),
        ErrorSample(array(2), booleans(2), 1j, error=DTypeError, match="a complex number 1j"),
    ),
    inplace=True,
    out=True,
)
def masked_fill(input: Tensor, mask: Tensor, value: Any) -> Tensor:
    """Put a value where a mask is true.

    Args:
        input: (...).
        mask: bool, broadcasts with input.
        value: a number or a 0-d tensor.

    Returns:
        Tensor: (...), of input's dtype.

    Raises:
        DTypeError: the mask is not boolean, or a complex value does not fit.
        ShapeError: value has dims.
    """
    if mask.dtype.category:
        raise DTypeError(f"masked_fill: mask must be boolean, got {mask.dtype}; write mask != 0")
    if isinstance(value, Tensor):
        if value.ndim:
            raise ShapeError(
                f"masked_fill: value must be a number or a 0-d tensor, got shape "
                f"{tuple(value.shape)}"
            )
    elif isinstance(value, complex) and input.dtype.category in (1, 2):
        raise DTypeError(f"masked_fill: a complex number {value} does not fit {input.dtype}")
    return where(mask, value, input).to(input.dtype)
