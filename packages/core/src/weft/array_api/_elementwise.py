"""Elementwise functions of the standard, each over weft's function of the same meaning.

They differ from weft's in what they refuse: arguments of other kinds than the standard names, and
arrays of different kinds together. Python scalars may stand for one of two arrays.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import weft
from weft import Tensor
from weft.array_api._operands import (
    ANY,
    BITS,
    BOOLEAN,
    COMPLEX,
    FLOATING,
    INTEGER,
    NUMERIC,
    REAL,
    REAL_FLOATING,
    array,
    category,
    operands,
)

_KINDS = {
    ANY: "of any dtype",
    NUMERIC: "of a numeric dtype",
    REAL: "of a real-valued dtype",
    FLOATING: "of a floating-point dtype, real or complex",
    REAL_FLOATING: "of a real-valued floating-point dtype",
    COMPLEX: "of a complex dtype",
    INTEGER: "of an integer dtype",
    BITS: "of an integer or boolean dtype",
    BOOLEAN: "of a boolean dtype",
}

Unary = Callable[[Tensor], Tensor]
Binary = Callable[[Any, Any], Tensor]


def _unary(name: str, kinds: frozenset[int], what: str, compute: Callable[..., Any]) -> Unary:
    def call(x: Tensor, /) -> Tensor:
        out: Tensor = compute(array(name, x, kinds))
        return out

    call.__name__ = call.__qualname__ = name
    call.__doc__ = (
        f"Return {what}.\n\n"
        f"Args:\n    x: (...), {_KINDS[kinds]}.\n\n"
        f"Returns:\n    Tensor: (...).\n\n"
        f"Raises:\n    TypeError: x is no array, or of another kind.\n"
    )
    return call


def _binary(name: str, kinds: frozenset[int], what: str, compute: Callable[..., Any]) -> Binary:
    def call(x1: Any, x2: Any, /) -> Tensor:
        out: Tensor = compute(*operands(name, kinds, x1, x2))
        return out

    call.__name__ = call.__qualname__ = name
    call.__doc__ = (
        f"Return {what}.\n\n"
        f"Args:\n    x1: (...), {_KINDS[kinds]}; or a Python scalar.\n"
        f"    x2: likewise; shapes are broadcast.\n\n"
        f"Returns:\n    Tensor: of the broadcast shape.\n\n"
        f"Raises:\n    TypeError: neither is an array, or their kinds do not go together.\n"
    )
    return call


def _conj(x: Tensor) -> Tensor:
    return weft.conj(x) if x.dtype.is_complex else x


def _expm1(x: Tensor) -> Tensor:
    out = weft.expm1(x)
    if not x.dtype.is_complex:
        return out
    # Of numbers that are not finite the accurate formula makes NaN, where exp has a limit.
    return weft.where(weft.isfinite(x), out, weft.exp(x) - 1)


def _log2(x: Tensor) -> Tensor:
    return _by_parts(weft.log(x), 1 / math.log(2)) if x.dtype.is_complex else weft.log2(x)


def _log10(x: Tensor) -> Tensor:
    return _by_parts(weft.log(x), 1 / math.log(10)) if x.dtype.is_complex else weft.log10(x)


def _by_parts(x: Tensor, factor: float) -> Tensor:
    """Multiply complex numbers by a real one, which leaves an infinite part beside NaN infinite."""
    return weft.complex(weft.real(x) * factor, weft.imag(x) * factor)


def _real(x: Tensor) -> Tensor:
    return weft.real(x) if x.dtype.is_complex else x


def _round(x: Tensor) -> Tensor:
    if not x.dtype.is_complex:
        return weft.round(x)
    return weft.complex(weft.round(weft.real(x)), weft.round(weft.imag(x)))


def _sign(x: Tensor) -> Tensor:
    if category(x.dtype) == 2:  # PyTorch's sign of NaN is 0
        return weft.where(weft.isnan(x), x, weft.sign(x))
    return weft.sgn(x) if x.dtype.is_complex else weft.sign(x)


abs = _unary("abs", NUMERIC, "the magnitude of each element", lambda x: weft.abs(x))
acos = _unary("acos", FLOATING, "the inverse cosine of each element", lambda x: weft.acos(x))
acosh = _unary(
    "acosh", FLOATING, "the inverse hyperbolic cosine of each element", lambda x: weft.acosh(x)
)
add = _binary("add", NUMERIC, "the sums of elements", lambda a, b: weft.add(a, b))
asin = _unary("asin", FLOATING, "the inverse sine of each element", lambda x: weft.asin(x))
asinh = _unary(
    "asinh", FLOATING, "the inverse hyperbolic sine of each element", lambda x: weft.asinh(x)
)
atan = _unary("atan", FLOATING, "the inverse tangent of each element", lambda x: weft.atan(x))
atan2 = _binary(
    "atan2",
    REAL_FLOATING,
    "the angles between the first axis and the points (x2, x1), in radians",
    lambda a, b: weft.atan2(a, b),
)
atanh = _unary(
    "atanh", FLOATING, "the inverse hyperbolic tangent of each element", lambda x: weft.atanh(x)
)
bitwise_and = _binary("bitwise_and", BITS, "the bits set in both", lambda a, b: a & b)
bitwise_invert = _unary("bitwise_invert", BITS, "each element with every bit flipped", lambda x: ~x)
bitwise_left_shift = _binary(
    "bitwise_left_shift",
    INTEGER,
    "x1 with its bits moved x2 places up",
    lambda a, b: weft.bitwise_left_shift(a, b),
)
bitwise_or = _binary("bitwise_or", BITS, "the bits set in either", lambda a, b: a | b)
bitwise_right_shift = _binary(
    "bitwise_right_shift",
    INTEGER,
    "x1 with its bits moved x2 places down, its sign kept",
    lambda a, b: weft.bitwise_right_shift(a, b),
)
bitwise_xor = _binary("bitwise_xor", BITS, "the bits set in one alone", lambda a, b: a ^ b)
ceil = _unary("ceil", REAL, "the least integer not below each element", lambda x: weft.ceil(x))
conj = _unary("conj", NUMERIC, "the complex conjugate of each element", _conj)
copysign = _binary(
    "copysign",
    REAL_FLOATING,
    "the magnitudes of x1 with the signs of x2",
    lambda a, b: weft.copysign(a, b),
)
cos = _unary("cos", FLOATING, "the cosine of each element, in radians", lambda x: weft.cos(x))
cosh = _unary("cosh", FLOATING, "the hyperbolic cosine of each element", lambda x: weft.cosh(x))
divide = _binary("divide", FLOATING, "the quotients of elements", lambda a, b: weft.div(a, b))
equal = _binary("equal", ANY, "whether elements are equal", lambda a, b: weft.eq(a, b))
exp = _unary("exp", FLOATING, "e to the power of each element", lambda x: weft.exp(x))
expm1 = _unary("expm1", FLOATING, "e to the power of each element, minus 1", _expm1)
floor = _unary(
    "floor", REAL, "the greatest integer not above each element", lambda x: weft.floor(x)
)
floor_divide = _binary(
    "floor_divide",
    REAL,
    "the quotients of elements, rounded down, as Python's //",
    lambda a, b: weft.floor_divide(a, b),
)
greater = _binary("greater", REAL, "whether x1 is above x2", lambda a, b: weft.gt(a, b))
greater_equal = _binary(
    "greater_equal", REAL, "whether x1 is not below x2", lambda a, b: weft.ge(a, b)
)
hypot = _binary(
    "hypot",
    REAL_FLOATING,
    "the square root of the sum of squares, without overflow on the way",
    lambda a, b: weft.hypot(a, b),
)
imag = _unary("imag", COMPLEX, "the imaginary part of each element", lambda x: weft.imag(x))
isfinite = _unary("isfinite", NUMERIC, "whether elements are finite", lambda x: weft.isfinite(x))
isinf = _unary("isinf", NUMERIC, "whether elements are infinite", lambda x: weft.isinf(x))
isnan = _unary("isnan", NUMERIC, "whether elements are NaN", lambda x: weft.isnan(x))
less = _binary("less", REAL, "whether x1 is below x2", lambda a, b: weft.lt(a, b))
less_equal = _binary("less_equal", REAL, "whether x1 is not above x2", lambda a, b: weft.le(a, b))
log = _unary("log", FLOATING, "the natural logarithm of each element", lambda x: weft.log(x))
log1p = _unary(
    "log1p", FLOATING, "the natural logarithm of 1 plus each element", lambda x: weft.log1p(x)
)
log2 = _unary("log2", FLOATING, "the logarithm to base 2", _log2)
log10 = _unary("log10", FLOATING, "the logarithm to base 10", _log10)
logaddexp = _binary(
    "logaddexp",
    REAL_FLOATING,
    "log(exp(x1) + exp(x2)), without overflow on the way",
    lambda a, b: weft.logaddexp(a, b),
)
logical_and = _binary("logical_and", BOOLEAN, "whether both are true", lambda a, b: a & b)
logical_not = _unary("logical_not", BOOLEAN, "whether elements are false", lambda x: ~x)
logical_or = _binary("logical_or", BOOLEAN, "whether either is true", lambda a, b: a | b)
logical_xor = _binary("logical_xor", BOOLEAN, "whether one alone is true", lambda a, b: a ^ b)
maximum = _binary(
    "maximum", REAL, "the greater of elements; NaN if one is", lambda a, b: weft.maximum(a, b)
)
minimum = _binary(
    "minimum", REAL, "the lesser of elements; NaN if one is", lambda a, b: weft.minimum(a, b)
)
multiply = _binary("multiply", NUMERIC, "the products of elements", lambda a, b: weft.mul(a, b))
negative = _unary("negative", NUMERIC, "the negative of each element", lambda x: weft.neg(x))
nextafter = _binary(
    "nextafter",
    REAL_FLOATING,
    "the number next to x1 on the way to x2",
    lambda a, b: weft.nextafter(a, b),
)
not_equal = _binary("not_equal", ANY, "whether elements differ", lambda a, b: weft.ne(a, b))
positive = _unary("positive", NUMERIC, "each element as it is", lambda x: weft.clone(x))
pow = _binary("pow", NUMERIC, "x1 to the power of x2", lambda a, b: weft.pow(a, b))
real = _unary("real", NUMERIC, "the real part of each element", _real)
reciprocal = _unary("reciprocal", FLOATING, "1 over each element", lambda x: weft.reciprocal(x))
remainder = _binary(
    "remainder",
    REAL,
    "the remainder of division, of x2's sign, as Python's %",
    lambda a, b: weft.remainder(a, b),
)
round = _unary("round", NUMERIC, "the nearest integer, the even one of two as near", _round)
sign = _unary("sign", NUMERIC, "-1, 0 or 1 by sign; of a complex number, its direction", _sign)
signbit = _unary("signbit", REAL_FLOATING, "whether the sign bit is set", lambda x: weft.signbit(x))
sin = _unary("sin", FLOATING, "the sine of each element, in radians", lambda x: weft.sin(x))
sinh = _unary("sinh", FLOATING, "the hyperbolic sine of each element", lambda x: weft.sinh(x))
sqrt = _unary("sqrt", FLOATING, "the square root of each element", lambda x: weft.sqrt(x))
square = _unary("square", NUMERIC, "the square of each element", lambda x: weft.square(x))
subtract = _binary("subtract", NUMERIC, "the differences of elements", lambda a, b: weft.sub(a, b))
tan = _unary("tan", FLOATING, "the tangent of each element, in radians", lambda x: weft.tan(x))
tanh = _unary("tanh", FLOATING, "the hyperbolic tangent of each element", lambda x: weft.tanh(x))
trunc = _unary("trunc", REAL, "the integer part of each element", lambda x: weft.trunc(x))


def clip(x: Tensor, /, min: Any = None, max: Any = None) -> Tensor:
    """Return each element, or the bound it leaves.

    Args:
        x: (...), of a real-valued dtype.
        min: the lower bound, a number or an array of x's kind; None for none.
        max: the upper bound, likewise.

    Returns:
        Tensor: of the broadcast shape, and of x's dtype where the bounds have it. NaN in x or in a
        bound gives NaN. Where min is above max, max.

    Raises:
        TypeError: x is no array of a real-valued dtype, or a bound is of another kind.
    """
    out = array("clip", x, REAL)
    if min is not None:
        out = weft.maximum(*operands("clip", REAL, out, min))
    if max is not None:
        out = weft.minimum(*operands("clip", REAL, out, max))
    return out.clone() if out is x else out
