"""The Airy function, of which neither NumPy nor CuPy has a kernel."""

from __future__ import annotations

import math
from typing import Any

from weft._core import catalogue
from weft._core.samples import Sample, array, uniform
from weft.ops.families.elementwise import elementwise

#: Ai and its derivative at -10, -9, ..., 10, about which its power series are summed.
_CENTRES = (
    (0.040241238486441955, 0.9962650441327905),  # -10
    (-0.022133721547341126, -0.9756639809263316),  # -9
    (-0.05270505035638643, 0.9355609381983064),  # -8
    (0.1842808352505062, -0.7710081684101256),  # -7
    (-0.3291451736298231, 0.3459354872813428),  # -6
    (0.3507610090241142, 0.3271928185544436),  # -5
    (-0.07026553294928964, -0.7906285753685814),  # -4
    (-0.37881429367765806, 0.314583769216599),  # -3
    (0.22740742820168564, 0.618259020741691),  # -2
    (0.5355608832923522, -0.010160567116645175),  # -1
    (0.3550280538878172, -0.2588194037928068),  # 0
    (0.13529241631288147, -0.15914744129679328),  # 1
    (0.03492413042327436, -0.05309038443365388),  # 2
    (0.006591139357460717, -0.011912976705951313),  # 3
    (0.0009515638512048024, -0.00195864095020418),  # 4
    (0.00010834442813607433, -0.0002474138908684623),  # 5
    (9.947694360252897e-06, -2.4765200397034972e-05),  # 6
    (7.492128863997157e-07, -2.0081508947387894e-06),  # 7
    (4.6922076160992236e-08, -1.3414392979067844e-07),  # 8
    (2.4711684308724904e-09, -7.480641389658946e-09),  # 9
    (1.1047532552898654e-10, -3.520633676738912e-10),  # 10
)
_REACH = 10.5  # beyond it 20 terms of the asymptotic series are exact
_TERMS = 24  # of the power series: 0.5 from a centre the next one is below rounding


def _asymptotic(count: int) -> tuple[list[float], list[float]]:
    """Return the coefficients of the asymptotic series of Ai and of its derivative."""
    value, slope = [1.0], [1.0]
    for k in range(1, count):
        factor = (6 * k - 5) * (6 * k - 3) * (6 * k - 1) / (216 * k * (2 * k - 1))
        value.append(value[-1] * factor)
        slope.append(-value[-1] * (6 * k + 1) / (6 * k - 1))
    return value, slope


_VALUE, _SLOPE = _asymptotic(20)


def _near(xp: Any, x: Any, order: int) -> Any:
    """Sum the power series about the nearest whole number: y'' = x y gives its terms."""
    centre = xp.rint(x)
    h = x - centre
    start = xp.asarray(_CENTRES)[(centre + 10).astype(xp.int64)]
    before, a, b = xp.zeros_like(x), start[..., 0], start[..., 1]
    total, power = (a + b * h, h) if order == 0 else (b, xp.ones_like(x))
    for n in range(2, _TERMS):
        before, a, b = a, b, (centre * a + before) / (n * (n - 1))
        power = power * h
        total = total + (b * power if order == 0 else n * b * power)
    return total


def _right(xp: Any, x: Any, order: int) -> Any:
    """The decay of large positive arguments."""
    exponent = x * xp.sqrt(x) * (2 / 3)
    series = xp.zeros_like(x)
    for k, term in reversed(list(enumerate(_SLOPE if order else _VALUE))):
        series = series / exponent + (-term if k % 2 else term)
    scale = -xp.sqrt(xp.sqrt(x)) if order else 1 / xp.sqrt(xp.sqrt(x))
    # a factor may be infinite where the exponential is 0
    return xp.where(
        exponent > 800, 0.0, scale * xp.exp(-exponent) / (2 * math.sqrt(math.pi)) * series
    )


def _left(xp: Any, x: Any, order: int) -> Any:
    """The waves of large negative arguments."""
    phase = x * xp.sqrt(x) * (2 / 3)
    coefficients = _SLOPE if order else _VALUE
    even, odd = xp.zeros_like(x), xp.zeros_like(x)
    square = phase * phase
    for k in reversed(range(len(coefficients) // 2)):
        sign = -1 if k % 2 else 1
        even = even / square + sign * coefficients[2 * k]
        odd = odd / square + sign * coefficients[2 * k + 1]
    odd = odd / phase
    cos, sin = xp.cos(phase - math.pi / 4), xp.sin(phase - math.pi / 4)
    root = xp.sqrt(xp.sqrt(x)) * math.sqrt(math.pi) if order == 0 else None
    if order == 0:
        return (cos * even + sin * odd) / root
    return xp.sqrt(xp.sqrt(x)) / math.sqrt(math.pi) * (sin * even - cos * odd)


def _airy(xp: Any, x: Any, order: int) -> Any:
    dtype, x = x.dtype, x.astype(xp.float64)
    near = _near(xp, xp.where(xp.abs(x) < _REACH, x, 0.0), order)
    right = _right(xp, xp.where(x < _REACH, _REACH, x), order)
    left = _left(xp, xp.where(-x < _REACH, _REACH, -x), order)
    far = xp.where(x < 0, left, right)
    return xp.where(xp.abs(x) < _REACH, near, far).astype(dtype)


@elementwise(
    partials=[lambda out, x: x * airy_ai(x)],
    saves=("x",),
    dtype="float",
    real=True,
    namespaces=(),
    methods=(),
    samples=(
        Sample(array(2, 3, low=-4.0, high=3.0)),
        Sample(array(4, low=-14.0, high=-11.0)),
        Sample(array(4, low=11.0, high=14.0)),
    ),
)
def airy_ai_slope(xp: Any, x: Any) -> Any:
    """Derivative of the Airy function Ai.

    Args:
        input: (...), real.

    Returns:
        Tensor: (...).
    """
    return _airy(xp, x, 1)


@elementwise(
    partials=[lambda out, x: airy_ai_slope(x)],
    saves=("x",),
    dtype="float",
    real=True,
    namespaces=catalogue.SPECIAL,
    samples=uniform(-4, 3),
)
def airy_ai(xp: Any, x: Any) -> Any:
    """Airy function Ai: the solution of y'' = x y that vanishes for large x.

    Args:
        input: (...), real; integers become the default floating dtype.

    Returns:
        Tensor: (...); 0 where it is below what the dtype holds.
    """
    return _airy(xp, x, 0)
