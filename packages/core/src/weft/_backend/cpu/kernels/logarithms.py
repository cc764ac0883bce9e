"""log and its kin in the kernel language.

x is 2**n * m with m between sqrt(1/2) and sqrt(2). In float32 log(1 + f) is
f - f**2 / 2 + f**3 * P(f); in float64 it is a series of s = f / (2 + f), of which
log(1 + f) = 2 atanh(s). Where float32 has no form of its own it is computed in float64 and rounded
once. The polynomials are minimax fits.
"""

from __future__ import annotations

from weft._backend.cpu.kernels.exponentials import exp, exp2
from weft._backend.cpu.kernels.polynomials import horner
from weft._backend.cpu.language import (
    bits,
    copysign,
    f32,
    f64,
    fma,
    function,
    i32,
    i64,
    overload,
    sqrt,
)

INF, NAN = float("inf"), float("nan")
_LN2_32 = (0.693145751953125, 1.428606765330187e-06)
_LN2_64 = (0.6931471803691238, 1.9082149292705877e-10)
LN2, LOG2E = 0.6931471805599453, 1.4426950408889634
_LOG10E = (0.4342944819032518, 1.098319650216765e-17)
_LOG10_2 = (0.3010299955494702, 1.1451100898021838e-10)  # the first of 32 bits
_LOG32 = (
    0.0674692764878273, -0.116757832467556, 0.118880994617939, -0.12405572086572647,
    0.14219562709331512, -0.1666799634695053, 0.2000211775302887, -0.25000008940696716,
    0.3333331346511841,
)  # fmt: skip
_LOG64 = (
    0.13087807915317876, 0.1326865144000964, 0.15386244625882073, 0.18181795541390908,
    0.22222222392730404, 0.2857142857079863, 0.40000000000000885, 0.6666666666666666,
)  # fmt: skip
#: For results in float32: relative error 7e-12.
_LOG_SHORT = (
    0.19364237022717357, 0.2219130769058265, 0.28571756247551655, 0.39999998787277785,
    0.6666666666738432,
)  # fmt: skip


@function
def special(x, y):
    """y = log(x), put right where x is no positive finite number."""
    y = x if x == INF else y
    y = -INF if x == 0.0 else y
    return NAN + x if x < 0.0 else y


@function
def _log32(x):
    tiny = x < 1.1754943508222875e-38
    i = bits(i32, x * 8388608.0 if tiny else x)
    e = (i - 0x3F3504F3) >> 23
    f = bits(f32, i - (e << 23)) - 1.0
    n = f32(e) - (f32(23.0) if tiny else f32(0.0))
    z = f * f
    y = fma(n, _LN2_32[1], f * z * horner(f, _LOG32))
    y = f + fma(-0.5, z, y)
    y = fma(n, _LN2_32[0], y)
    y = x if x != x else y
    return special(x, y)


@function
def split64(x):
    """n and f of x = 2**n * (1 + f), for x positive; subnormals too."""
    tiny = x < 2.2250738585072014e-308
    i = bits(i64, x * 4503599627370496.0 if tiny else x)
    e = (i - 0x3FE6A09E667F3BCD) >> 52
    n = whole64(e) - (f64(52.0) if tiny else f64(0.0))
    return n, bits(f64, i - (e << 52)) - 1.0


@function
def whole64(e):
    """A small whole number as float64; vectors of i64 have no quick conversion everywhere."""
    return bits(f64, e + 0x4338000000000000) - 6755399441055744.0


@function
def log1p_series(f):
    """log(1 + f) for f from sqrt(1/2) - 1 to sqrt(2) - 1."""
    s = f / (2.0 + f)
    z = s * s
    h = 0.5 * f * f
    return f - (h - s * (h + z * horner(z, _LOG64)))


@function
def _log64(x):
    n, f = split64(x)
    s = f / (2.0 + f)
    z = s * s
    h = 0.5 * f * f
    y = fma(n, _LN2_64[1], s * (h + z * horner(z, _LOG64)))
    y = fma(n, _LN2_64[0], f - (h - y))
    y = x if x != x else y
    return special(x, y)


@function
def _log1p64(x):
    u = 1.0 + x
    n, g = split64(u)
    f = x if n == 0.0 else g
    lost = (x - (u - 1.0)) if x < 1.0 else (1.0 - (u - x))  # what rounding 1 + x lost
    s = f / (2.0 + f)
    z = s * s
    h = 0.5 * f * f
    c = 0.0 * f if n == 0.0 else lost / u
    y = fma(n, _LN2_64[1], s * (h + z * horner(z, _LOG64)) + c)
    y = fma(n, _LN2_64[0], f - (h - y))
    y = x if x == 0.0 or x != x else y
    y = special(u, y)
    return y


@function
def _log2_64(x):
    n, f = split64(x)
    y = fma(log1p_series(f), LOG2E, n)
    y = x if x != x else y
    return special(x, y)


@function
def _log10_64(x):
    n, f = split64(x)
    y = log1p_series(f)
    y = fma(y, _LOG10E[0], fma(n, _LOG10_2[1], y * _LOG10E[1]))
    y = fma(n, _LOG10_2[0], y)
    y = x if x != x else y
    return special(x, y)


@function
def short(f):
    """log(1 + f) in float64 for a result in float32."""
    s = f / (2.0 + f)
    z = s * s
    return fma(s * z, horner(z, _LOG_SHORT), 2.0 * s)


@function
def short_split(x):
    """The same as split64 for x that float32 can hold."""
    i = bits(i64, x)
    e = (i - 0x3FE6A09E667F3BCD) >> 52
    return whole64(e), bits(f64, i - (e << 52)) - 1.0


@function
def short_log2(x):
    """log2 in float64 of a positive x that float32 can hold, good to 1e-11."""
    n, f = short_split(x)
    return fma(short(f), LOG2E, n)


@function
def _log2_32(x):
    w = f64(x)
    y = f32(short_log2(w))
    y = x if x != x else y
    return special(x, y)


@function
def _log10_32(x):
    n, f = short_split(f64(x))
    y = f32(fma(n, 0.30102999566398120, short(f) * _LOG10E[0]))
    y = x if x != x else y
    return special(x, y)


@function
def _log1p32(x):
    u = 1.0 + x
    i = bits(i32, u)
    e = (i - 0x3F3504F3) >> 23
    f = x if e == 0 else bits(f32, i - (e << 23)) - 1.0
    n = f32(e)
    lost = (x - (u - 1.0)) if x < 1.0 else (1.0 - (u - x))  # what rounding 1 + x lost
    c = 0.0 * f if e == 0 else lost / u
    z = f * f
    y = fma(n, _LN2_32[1], fma(f * z, horner(f, _LOG32), c))
    y = f + fma(-0.5, z, y)
    y = fma(n, _LN2_32[0], y)
    y = x if x == 0.0 or x != x else y
    return special(u, y)


log = overload(f32=_log32, f64=_log64)
log1p = overload(f32=_log1p32, f64=_log1p64)
log2 = overload(f32=_log2_32, f64=_log2_64)
log10 = overload(f32=_log10_32, f64=_log10_64)


@function
def _asinh64(x):
    a = abs(x)
    s = a * a
    large = a > 268435456.0
    y = _log1p64(a - 1.0 if large else a + s / (1.0 + sqrt(s + 1.0)))
    return copysign(y + LN2 if large else y, x)


@function
def _asinh32(x):
    return f32(_asinh64(f64(x)))


@function
def _acosh64(x):
    t = x - 1.0
    large = x > 268435456.0
    y = _log1p64(t if large else t + sqrt(fma(t, t, t + t)))
    y = y + LN2 if large else y
    return NAN if x < 1.0 else y


@function
def _acosh32(x):
    return f32(_acosh64(f64(x)))


@function
def _atanh64(x):
    a = abs(x)
    return copysign(0.5 * _log1p64((a + a) / (1.0 - a)), x)


@function
def _atanh32(x):
    return f32(_atanh64(f64(x)))


asinh = overload(f32=_asinh32, f64=_asinh64)
acosh = overload(f32=_acosh32, f64=_acosh64)
atanh = overload(f32=_atanh32, f64=_atanh64)


@function
def softplus(x):
    """log(1 + exp(x)), of the exponential of a negative number alone."""
    return (x if x > 0.0 or x != x else 0.0) + log1p(exp(-abs(x)))


@function
def logaddexp(x, y):
    """log(exp(x) + exp(y)); of two equal infinities that infinity."""
    most = max(x, y)
    d = abs(x - y)
    return most + (LN2 if x == y else log1p(exp(-d)))


@function
def logaddexp2(x, y):
    """log2(2**x + 2**y); of two equal infinities that infinity."""
    most = max(x, y)
    d = abs(x - y)
    return most + (1.0 if x == y else log1p(exp2(-d)) * LOG2E)
