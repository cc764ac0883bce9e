"""The mathematics of kernels at every float32 there is, beside float64: the largest errors.

``python -m tests.core.cpu.every_float [NAME...]`` prints them. A kernel compares 2**32 results in
half a minute to two minutes a function. NumPy's and SciPy's float64 functions, wrong by some 1e-8
of float32's last place, are exact enough; where the error is largest, 120 digits confirm it.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import mpmath
import numpy as np
from scipy import special

from weft._backend.cpu.kernels import mathematics
from weft._backend.cpu.language import (
    Placeholder,
    T,
    bits,
    f32,
    f64,
    i32,
    i64,
    kernel,
    ptr,
    u32,
)

FUNCTION = Placeholder("FUNCTION")
_STEP = 1 << 16  # of float64 half a megabyte, so that all of a step stays in the cache
_CONFIRMED = 48  # how many of the worst places are computed in 120 digits
INF = float("inf")


@kernel
def of_one(begin, end, x: ptr(T), out: ptr(T)):
    for i in range(begin, end):
        out[i] = FUNCTION(x[i])


@kernel
def largest_error(begin, end, out: ptr(f32), exact: ptr(f64), found: ptr(f64)):
    """The largest error in units of the last place; infinite where a special number is missed."""
    worst: f64 = 0.0
    for i in range(begin, end):
        wanted = f32(exact[i])
        word = bits(i32, wanted) & 0x7FFFFFFF
        own = bits(i32, out[i]) & 0x7FFFFFFF
        power = word >> 23
        power = power if power > 1 else 1  # subnormal numbers lie as the least normal ones
        per_unit = bits(f64, i64(1023 + 150 - power) << 52)
        error = (f64(out[i]) - exact[i]) * per_unit
        error = error if error >= 0.0 else -error
        finite = word < 0x7F800000 and own < 0x7F800000
        same = bits(i32, wanted) == bits(i32, out[i]) or (word > 0x7F800000 and own > 0x7F800000)
        error = error if finite else (0.0 if same else INF)
        error = INF if word + own == 0 and not same else error  # the sign of zero
        worst = max(worst, error)
    found[0] = worst


@kernel
def unlike(begin, end, out: ptr(f32), mirrored: ptr(f32), sign: i64, found: ptr(i64)):
    """Count the results whose mirror image is not the same but for its sign; NaN is like NaN."""
    count = 0
    for i in range(begin, end):
        a = bits(u32, out[i])
        b = bits(u32, mirrored[i]) ^ u32(sign)
        nan = (a & 0x7FFFFFFF) > 0x7F800000 and (b & 0x7FFFFFFF) > 0x7F800000
        count += 0 if a == b or nan else 1
    found[0] = count


class Function(NamedTuple):
    """A function in float64, in any number of digits, and how f(-x) follows from f(x)."""

    double: Callable[[Any], Any]
    exact: Callable[[Any], Any]
    parity: int = 0  # 1: f(-x) = f(x), -1: f(-x) = -f(x)


FUNCTIONS = {
    "exp": Function(np.exp, mpmath.exp),
    "exp2": Function(np.exp2, lambda x: mpmath.power(2, x)),
    "expm1": Function(np.expm1, mpmath.expm1),
    "log": Function(np.log, mpmath.log),
    "log2": Function(np.log2, lambda x: mpmath.log(x, 2)),
    "log10": Function(np.log10, mpmath.log10),
    "log1p": Function(np.log1p, mpmath.log1p),
    "tanh": Function(np.tanh, mpmath.tanh, -1),
    "sinh": Function(np.sinh, mpmath.sinh, -1),
    "cosh": Function(np.cosh, mpmath.cosh, 1),
    "asinh": Function(np.arcsinh, mpmath.asinh, -1),
    "acosh": Function(np.arccosh, mpmath.acosh),
    "atanh": Function(np.arctanh, mpmath.atanh, -1),
    "sin": Function(np.sin, mpmath.sin, -1),
    "cos": Function(np.cos, mpmath.cos, 1),
    "tan": Function(np.tan, mpmath.tan, -1),
    "asin": Function(np.arcsin, mpmath.asin, -1),
    "acos": Function(np.arccos, mpmath.acos),
    "atan": Function(np.arctan, mpmath.atan, -1),
    "erf": Function(special.erf, mpmath.erf, -1),
    "erfc": Function(special.erfc, mpmath.erfc),
    "erfinv": Function(lambda x: np.copysign(special.erfinv(x), x), mpmath.erfinv, -1),
    "rsqrt": Function(lambda x: 1 / np.sqrt(x), lambda x: 1 / mpmath.sqrt(x)),
    "sigmoid": Function(lambda x: 1 / (1 + np.exp(-x)), lambda x: 1 / (1 + mpmath.exp(-x))),
    "softplus": Function(
        lambda x: np.maximum(x, 0) + np.log1p(np.exp(-abs(x))),
        lambda x: mpmath.log1p(mpmath.exp(x)),
    ),
}


def _error_in_digits(name: str, x: float, out: np.float32) -> float:
    """Return the error of one finite result in units of the last place, by 120 digits."""
    with mpmath.workdps(120):
        exact = FUNCTIONS[name].exact(mpmath.mpf(x))
        unit = np.spacing(max(abs(np.float32(float(exact))), np.finfo(np.float32).tiny))
        return float(abs(mpmath.mpf(float(out)) - exact) / mpmath.mpf(float(unit)))


def errors_of(name: str, every: int = 1) -> tuple[float, float]:
    """Return the largest error of a float32 function, in units of the last place, and its place.

    Args:
        name: one of :data:`FUNCTIONS`.
        every: measure each so-many-th block of 65,536 neighbours alone.

    Raises:
        AssertionError: an infinity, a NaN or the sign of a zero is not the right one, the function
            is not as odd or even as it should be, or the digits tell another error than float64.
    """
    double, _, parity = FUNCTIONS[name]
    function = of_one.at(T=f32, FUNCTION=getattr(mathematics, name))
    measure, compare = largest_error.at(), unlike.at()
    words = np.arange(_STEP, dtype=np.uint32)
    x, out, mirrored = (np.empty(_STEP, np.float32) for _ in range(3))
    found, count = np.zeros(1), np.zeros(1, np.int64)
    worst: list[tuple[float, int]] = []
    with np.errstate(all="ignore"):
        for first in range(0, 1 << (31 if parity else 32), _STEP * every):
            np.add(words, np.uint32(first), out=x.view(np.uint32))
            function(_STEP, _STEP, x, out)
            measure(_STEP, _STEP, out, double(x.astype(np.float64)), found)
            if found[0] > 0.5:
                worst.append((float(found[0]), first))
            if parity:
                function(_STEP, _STEP, -x, mirrored)
                compare(_STEP, _STEP, out, mirrored, 1 << 31 if parity < 0 else 0, count)
                assert count[0] == 0, f"{name}: {count[0]} of f(-x) are not f(x)'s from {x[0]!r} on"
    worst = sorted(worst, reverse=True)[:_CONFIRMED]
    largest, at = 0.5, 0.0  # rightly rounded everywhere
    for error, first in worst:
        x = (words + np.uint32(first)).view(np.float32)
        function(_STEP, _STEP, x, out)
        with np.errstate(all="ignore"):
            exact = double(x.astype(np.float64))
            unit = np.spacing(np.maximum(abs(exact.astype(np.float32)), np.finfo(np.float32).tiny))
            place = int(np.nanargmax(abs(out - exact) / unit))
        assert error < INF, f"{name}: special numbers from {x[0]!r} to {x[-1]!r}"
        own = _error_in_digits(name, float(x[place]), out[place])
        assert abs(own - error) < 1e-6, f"{name}({x[place]!r}): {own} in digits, {error} in float64"
        if own > largest:
            largest, at = own, float(x[place])
    return largest, at


if __name__ == "__main__":
    for each in sys.argv[1:] or FUNCTIONS:
        start = time.perf_counter()
        ulp, place = errors_of(each)
        print(f"{each:9} {ulp:.6f} at {place!r} ({time.perf_counter() - start:.0f} s)", flush=True)
