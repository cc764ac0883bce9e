"""exp and its kin in the kernel language: no table, no branch, so that loops of them vectorise.

e**x is 2**n * e**r with n whole and |r| <= log(2) / 2; the polynomials are minimax fits of
(e**r - 1 - r) / r**2 and (2**r - 1) / r (Remez exchange in 60 digits, weighted by the result).
Adding ``_ROUND`` rounds to a whole number, which the sum's low bits then are: no conversion of
what may be NaN is needed.
"""

from __future__ import annotations

from weft._backend.cpu.kernels.polynomials import horner
from weft._backend.cpu.language import bits, copysign, f32, f64, fma, function, i32, i64, overload

INF = float("inf")
LOG2E = 1.4426950408889634
_ROUND32, _ROUND64 = 12582912.0, 6755399441055744.0  # 1.5 * 2**23, 1.5 * 2**52
# log(2) in two parts; n times the first is exact where n is small
_LN2_32 = (0.693145751953125, 1.428606765330187e-06)
_LN2_64 = (0.6931471803691238, 1.9082149292705877e-10)
_EXP32 = (
    0.0013814468402415514, 0.008368780836462975, 0.04166839271783829, 0.1666651964187622,
    0.4999999403953552,
)  # fmt: skip
_EXPM1_32 = (
    0.0013946567196398973, 0.008366641588509083, 0.04166628047823906, 0.16666541993618011, 0.5,
)  # fmt: skip
_EXP64 = (
    2.0924524783726194e-09, 2.510914756082916e-08, 2.755724249940244e-07, 2.755724391117887e-06,
    2.48015873608562e-05, 0.0001984126988640158, 0.0013888888888866687, 0.008333333333321532,
    0.0416666666666667, 0.16666666666666677, 0.5,
)  # fmt: skip
_TANH32 = (
    0.0021476561669260263, -0.008182846009731293, 0.02170305699110031, -0.05394722521305084,
    0.13333210349082947, -0.3333333134651184,
)  # fmt: skip
_EXP2_32 = (
    1.5196196727629285e-05, 0.00015466763579752296, 0.0013333935057744384, 0.009618038311600685,
    0.055504102259874344, 0.24022650718688965, 0.6931471824645996,
)  # fmt: skip
_EXP2_64 = (
    2.5625414330357233e-11, 4.4565705255679783e-10, 7.054974483428666e-09, 1.0178051941837798e-07,
    1.321548659489674e-06, 1.5252733854318632e-05, 0.0001540353039364074, 0.001333355814639269,
    0.00961812910762833, 0.05550410866482169, 0.24022650695910072, 0.6931471805599453,
)  # fmt: skip


@function
def scaled32(x, n):
    """x * 2**n for n from -250 to 250: the power is split, so that a subnormal is rounded once."""
    half = n >> 1
    rest = n - half
    return x * bits(f32, (half + 127) << 23) * bits(f32, (rest + 127) << 23)


@function
def scaled64(x, n):
    """The same in float64, for n from -2000 to 2000."""
    half = n >> 1
    rest = n - half
    return x * bits(f64, (half + 1023) << 52) * bits(f64, (rest + 1023) << 52)


@function
def clamped(x, least, most):
    """x held between bounds; NaN stays."""
    x = least if x < least else x
    return most if x > most else x


@function
def _exp32(x):
    x = clamped(x, -104.5, 89.0)
    t = fma(x, LOG2E, _ROUND32)
    n = t - _ROUND32
    r = fma(n, -_LN2_32[1], fma(n, -_LN2_32[0], x))
    p = fma(r * r, horner(r, _EXP32), r) + 1.0
    return scaled32(p, (bits(i32, t) << 10) >> 10)


@function
def _exp64(x):
    x = clamped(x, -746.0, 710.0)
    t = fma(x, LOG2E, _ROUND64)
    n = t - _ROUND64
    r = fma(n, -_LN2_64[1], fma(n, -_LN2_64[0], x))
    p = fma(r * r, horner(r, _EXP64), r) + 1.0
    return scaled64(p, (bits(i64, t) << 32) >> 32)


@function
def exp_of_moderate32(x):
    """exp for x from -80 to 80, where nothing over- or underflows."""
    t = fma(x, LOG2E, _ROUND32)
    n = t - _ROUND32
    r = fma(n, -_LN2_32[1], fma(n, -_LN2_32[0], x))
    p = fma(r * r, horner(r, _EXP32), r) + 1.0
    return p * bits(f32, (bits(i32, t) << 23) + 0x3F800000)


@function
def _exp2_32(x):
    x = clamped(x, -151.0, 129.0)
    t = x + _ROUND32
    r = x - (t - _ROUND32)
    return scaled32(fma(r, horner(r, _EXP2_32), 1.0), (bits(i32, t) << 10) >> 10)


@function
def _exp2_64(x):
    x = clamped(x, -1076.0, 1025.0)
    t = x + _ROUND64
    r = x - (t - _ROUND64)
    return scaled64(fma(r, horner(r, _EXP2_64), 1.0), (bits(i64, t) << 32) >> 32)


@function
def _expm1_32(x):
    """2**n * (e**r - 1) + (2**n - 1), halved meanwhile so that 2**128 does not overflow."""
    a = clamped(x, -20.0, 89.0)
    t = fma(a, LOG2E, _ROUND32)
    n = t - _ROUND32
    r = fma(n, -_LN2_32[1], fma(n, -_LN2_32[0], a))
    p = fma(r * r, horner(r, _EXPM1_32), r)
    half = bits(f32, (bits(i32, t) << 23) + 0x3F000000)
    y = 2.0 * fma(half, p, half - 0.5)
    return x if x == 0.0 else y  # the sign of zero


@function
def _expm1_64(x):
    a = clamped(x, -40.0, 710.0)
    t = fma(a, LOG2E, _ROUND64)
    n = t - _ROUND64
    r = fma(n, -_LN2_64[1], fma(n, -_LN2_64[0], a))
    p = fma(r * r, horner(r, _EXP64), r)
    half = bits(f64, (bits(i64, t) << 52) + 0x3FE0000000000000)
    y = 2.0 * fma(half, p, half - 0.5)
    return x if x == 0.0 else y


@function
def _tanh32(x):
    """Up to 0.625 x + x**3 * P(x**2), beyond 1 - 2 / (exp(2 |x|) + 1)."""
    a = abs(x)
    z = a * a
    small = fma(a * z, horner(z, _TANH32), a)
    t = 10.0 if a > 10.0 else a
    large = 1.0 - 2.0 / (exp_of_moderate32(t + t) + 1.0)
    return copysign(small if a < 0.625 else large, x)


@function
def _tanh64(x):
    """e / (e + 2) with e = expm1(2 |x|)."""
    a = abs(x)
    a = 20.0 if a > 20.0 else a
    e = _expm1_64(a + a)
    return copysign(e / (e + 2.0), x)


exp = overload(f32=_exp32, f64=_exp64)
exp2 = overload(f32=_exp2_32, f64=_exp2_64)
expm1 = overload(f32=_expm1_32, f64=_expm1_64)
tanh = overload(f32=_tanh32, f64=_tanh64)


@function
def sigmoid(x):
    """1 / (1 + exp(-x)); of the exponential of a negative number alone, which cannot overflow."""
    e = exp(-abs(x))
    s = 1.0 / (1.0 + e)
    return e * s if x < 0.0 else s


@function
def _sinh32(x):
    return f32(_sinh64(f64(x)))


@function
def _sinh64(x):
    a = abs(x)
    e = _expm1_64(710.0 if a > 710.0 else a)
    h = _exp64(0.5 * a)
    y = 0.5 * h * h if a > 709.0 else 0.5 * (e + e / (e + 1.0))
    return copysign(y, x)


@function
def _cosh32(x):
    return f32(_cosh64(f64(x)))


@function
def _cosh64(x):
    h = _exp64(0.5 * abs(x))
    return fma(0.5 * h, h, 0.5 / (h * h))


sinh = overload(f32=_sinh32, f64=_sinh64)
cosh = overload(f32=_cosh32, f64=_cosh64)
