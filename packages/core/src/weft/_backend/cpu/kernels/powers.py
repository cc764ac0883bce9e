"""x ** y in the kernel language: 2 ** (y log2 |x|), the logarithm to more bits than x has.

In float32 it is computed in float64; in float64 the logarithm is a sum of two floats.
"""

from __future__ import annotations

from weft._backend.cpu.kernels.exponentials import scaled64
from weft._backend.cpu.kernels.logarithms import short_log2, split64
from weft._backend.cpu.kernels.polynomials import horner, product
from weft._backend.cpu.language import bits, f32, f64, fma, function, i32, i64, overload, rint, sqrt

INF, NAN = float("inf"), float("nan")
_LOG2E = (1.4426950408889634, 2.0355273740931033e-17)
_EXP2_SHORT = (
    1.5196196727629285e-05, 0.00015466763579752296, 0.0013333935057744384, 0.009618038311600685,
    0.055504102259874344, 0.24022650718688965, 0.69314718055,
)  # fmt: skip
_EXP2 = (
    2.5625414330357233e-11, 4.4565705255679783e-10, 7.054974483428666e-09, 1.0178051941837798e-07,
    1.321548659489674e-06, 1.5252733854318632e-05, 0.0001540353039364074, 0.001333355814639269,
    0.00961812910762833, 0.05550410866482169, 0.24022650695910072, 0.6931471805599453,
)  # fmt: skip
_LN2_LOW = 2.3190468138462996e-17
# (2 atanh(s) - 2 s) / s / s**2 after its first term, 2/3
_ATANH = (
    0.13087807915317876, 0.1326865144000964, 0.15386244625882073, 0.18181795541390908,
    0.22222222392730404, 0.2857142857079863, 0.40000000000000885,
)  # fmt: skip
_TWO_THIRDS = (0.6666666666666666, 3.700743415417188e-17)


@function
def _signed(x, y, magnitude, negative):
    """|x| ** y as x ** y: the sign, and what is no number or 1 whatever the other is."""
    whole = rint(y) == y
    half = 0.5 * y
    odd = whole and rint(half) != half
    out = -magnitude if negative and odd else magnitude
    out = NAN if negative and not whole and x != 0.0 and x != -INF else out
    out = 1.0 if abs(x) == 1.0 and abs(y) == INF else out
    out = NAN if x != x or y != y else out
    return 1.0 if y == 0.0 or x == 1.0 else out


@function
def _pow32(x, y):
    a = f64(abs(x))
    l = short_log2(a)
    l = -INF if a == 0.0 else (INF if a == INF else l)
    p = f64(y) * l
    p = -160.0 if p < -160.0 else p
    p = 130.0 if p > 130.0 else p
    t = p + 6755399441055744.0
    r = p - (t - 6755399441055744.0)
    e = bits(f64, (bits(i64, t) << 52) + 0x3FF0000000000000)
    magnitude = f32(e * fma(r, horner(r, _EXP2_SHORT), 1.0))
    return _signed(x, y, magnitude, bits(i32, x) < 0)


@function
def _log2_parts(x):
    """log2 of a positive x as a sum of two floats, good to 2**-64."""
    n, f = split64(x)
    d, dl = 2.0 + f, f - ((2.0 + f) - 2.0)
    s = f / d
    sl = (fma(-s, d, f) - s * dl) / d  # s + sl is f / (2 + f)
    z, zl = product(s, s)
    zl = fma(2.0 * s, sl, zl)
    # 1 + z / 3 + ..., all over 2 s
    t, tl = product(z, 0.3333333333333333)
    tl = tl + fma(z, 1.850371707708594e-17, 0.3333333333333333 * zl)
    tl = fma(0.5 * z * z, horner(z, _ATANH), tl)
    u = t + tl
    ul = tl - (u - t)
    # log(1 + f) = 2 s (1 + u)
    h, hl = product(s, u)
    hl = hl + fma(s, ul, sl * u)
    m = s + h
    ml = (h - (m - s)) + (sl + hl)
    # times 2 log2(e), plus n
    p, pl = product(m, 2.0 * _LOG2E[0])
    pl = pl + fma(m, 2.0 * _LOG2E[1], ml * (2.0 * _LOG2E[0]))
    total = n + p
    back = total - n
    low = ((p - back) + (n - (total - back))) + pl
    high = total + low
    return high, low - (high - total)


@function
def _pow64(x, y):
    a = abs(x)
    h, l = _log2_parts(a)
    p, pl = product(y, h)
    pl = fma(y, l, pl)
    h = -INF if a == 0.0 else INF
    extreme = a == 0.0 or a == INF
    p = y * h if extreme else p
    over, under = p > 1100.0, p < -1100.0
    p = 1100.0 if over else (-1100.0 if under else p)
    pl = 0.0 if extreme or over or under else pl
    n = rint(p)
    r = (p - n) + pl
    e = fma(r, horner(r, _EXP2), 1.0)
    i = bits(i64, n + 6755399441055744.0)
    magnitude = scaled64(e, (i << 32) >> 32)
    return _signed(x, y, magnitude, bits(i64, x) < 0)


pow = overload(f32=_pow32, f64=_pow64)


@function
def rsqrt(x):
    """1 / sqrt(x)."""
    return 1.0 / sqrt(x)


@function
def _hypot32(x, y):
    a, b = f64(x), f64(y)
    length = f32(sqrt(fma(a, a, b * b)))
    return INF if abs(x) == INF or abs(y) == INF else length


@function
def _hypot64(x, y):
    """The larger times the root of 1 and the square of their quotient: no square overflows."""
    a, b = abs(x), abs(y)
    most = a if a > b else b
    least = b if a > b else a
    q = least / most
    length = most * sqrt(fma(q, q, 1.0))
    length = most + least if most == 0.0 or a != a or b != b else length
    return INF if a == INF or b == INF else length


hypot = overload(f32=_hypot32, f64=_hypot64)
