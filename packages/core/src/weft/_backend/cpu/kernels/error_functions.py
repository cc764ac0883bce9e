"""erf and erfc in the kernel language; the polynomials are minimax fits.

Up to 1, erf(x) is x + x * Q(x**2). Beyond, in float32, it is 1 - exp(P(x)); in float64 it is
1 - erfc(x), and erfc(x) = exp(-x**2) / (1 + 2 x) * P((x - 4) / (x + 4)).
"""

from __future__ import annotations

from weft._backend.cpu.kernels.exponentials import exp, exp_of_moderate32
from weft._backend.cpu.kernels.polynomials import horner
from weft._backend.cpu.language import (
    bits,
    copysign,
    f32,
    f64,
    fma,
    function,
    i32,
    overload,
)

_ERF32 = (
    7.853849820094183e-05, -0.0008010202436707914, 0.005188330542296171, -0.026853814721107483,
    0.1128358542919159, -0.3761262595653534, 0.12837916709551256,
)  # fmt: skip
_LOG_ERFC32 = (
    -2.169750769098755e-05, 0.00044147131848149, -0.004205277655273676, 0.025210320949554443,
    -0.10842206329107285, -0.6332164406776428, -1.1295802593231201, 0.0001884641096694395,
)  # fmt: skip
#: log2(erfc(a)) / a up to 4, right to 1.6e-8 of erfc; and (2**r - 1) / r.
_LOG2_ERFC32 = (
    -4.535860326192115e-05, 0.00044550770894384757, -0.0014894419020659035, -0.0007746291116434382,
    0.02825368051602475, -0.1484816147761816, -0.9184163933274492, -1.6279085930569595,
)  # fmt: skip
_SHORT_EXP2_32 = (
    0.00015353361907269152, 0.0013398874414000915, 0.009618437357674672, 0.05550332471126172,
    0.24022647913628756, 0.693147202855066,
)  # fmt: skip
_ROUND32 = 12582912.0  # 1.5 * 2**23
_ERF64 = (
    5.945255584223488e-11, -1.136567067182716e-09, 1.4657883530919653e-08,
    -1.635002619207727e-07, 1.6460972954153765e-06, -1.4925593518728226e-05,
    0.00012055331037551108, -0.0008548326978765149, 0.00522397762478137, -0.02686617064507296,
    0.11283791670954858, -0.3761263890318375, 0.12837916709551256,
)  # fmt: skip
_ERFC64 = (
    -1.717649361047253e-09, -1.3386330264832654e-08, -7.778862240365399e-09,
    1.1456152808524852e-07, 6.238913898129773e-08, -8.342407041919476e-07, 3.0195631480419993e-07,
    5.717295477832896e-06, -1.122528297706517e-05, -2.44029416157774e-05, 0.00015062247154696518,
    -0.00019925556123116635, -0.0007577734048556285, 0.0050319697635631, -0.01619773404842544,
    0.03716751556185321, -0.0663303658125638, 0.09373283499682378, -0.10103906603630115,
    0.0680970542547366, 0.015379652102619764, -0.1396211168405629, 1.2329951186255526,
)  # fmt: skip


@function
def _erf32(x):
    a = abs(x)
    small = fma(x, horner(x * x, _ERF32), x)
    t = 4.0 if a > 4.0 else a
    large = copysign(1.0 - exp_of_moderate32(horner(t, _LOG_ERFC32)), x)
    return small if a < 1.0 else large


@function
def _erfc_positive(a):
    s = a * a
    rest = fma(a, a, -s)
    t = (a - 4.0) / (a + 4.0)
    e = exp(-s)
    return fma(e, -rest, e) * (horner(t, _ERFC64) / fma(2.0, a, 1.0))


@function
def _erf64(x):
    a = abs(x)
    small = fma(x, horner(x * x, _ERF64), x)
    large = copysign(1.0 - _erfc_positive(6.0 if a > 6.0 else a), x)
    return small if a < 1.0 else large


@function
def _erfc64(x):
    a = abs(x)
    y = _erfc_positive(28.0 if a > 28.0 else a)
    return 2.0 - y if x < 0.0 else y


@function
def _erfc32(x):
    return f32(_erfc64(f64(x)))


@function
def _erf_plus_one32(x):
    """1 + erf(x), off by 1.5e-7 at most as the sum of both is, without erf's two polynomials."""
    a = abs(x)
    t = 4.0 if a > 4.0 else a
    p = t * horner(t, _LOG2_ERFC32)
    whole = p + _ROUND32
    r = p - (whole - _ROUND32)
    y = fma(r, horner(r, _SHORT_EXP2_32), 1.0) * bits(f32, (bits(i32, whole) << 23) + 0x3F800000)
    y = 0.0 if a > 4.0 else y
    return 2.0 - y if x > 0.0 else y


@function
def _erf_plus_one64(x):
    return 1.0 + _erf64(x)


erf_plus_one = overload(f32=_erf_plus_one32, f64=_erf_plus_one64)
erf = overload(f32=_erf32, f64=_erf64)
erfc = overload(f32=_erfc32, f64=_erfc64)
