"""erf and erfc in the kernel language; the polynomials are minimax fits.

Up to 1, erf(x) is x + x * Q(x**2). Beyond, in float32, it is 1 - exp(P(x)); in float64 it is
1 - erfc(x), and erfc(x) = exp(-x**2) / (1 + 2 x) * P((x - 4) / (x + 4)).
"""

from __future__ import annotations

from weft._backend.cpu.kernels.exponentials import exp, exp_of_moderate32
from weft._backend.cpu.kernels.logarithms import log, log1p
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
    sqrt,
)

INF = float("inf")
_ERF32 = (
    7.853849820094183e-05, -0.0008010202436707914, 0.005188330542296171, -0.026853814721107483,
    0.1128358542919159, -0.3761262595653534, 0.12837916709551256,
)  # fmt: skip
_LOG_ERFC32 = (
    -2.169750769098755e-05, 0.00044147131848149, -0.004205277655273676, 0.025210320949554443,
    -0.10842206329107285, -0.6332164406776428, -1.1295802593231201, 0.0001884641096694395,
)  # fmt: skip
#: log2(erfc(a / sqrt(2))) / a up to _FAR32, right to 1.5e-8 of the tail; and (2**r - 1) / r.
_LOG2_TAIL32 = (
    -2.006045851281278e-06, 3.07318440049752e-05, -0.00015091672184490095, -0.00020873005493135744,
    0.007140582651988559, -0.05253865537166536, -0.45919761667114495, -1.1511060524809484,
)  # fmt: skip
_SHORT_EXP2_32 = (
    0.0013264727123646278, 0.009671512644823455, 0.05550733743496905, 0.24022242085262285,
    0.6931469775989934,
)  # fmt: skip
_FAR32 = 5.656854249492381  # where less than 1e-8 of the normal distribution is left
_ROOT_HALF = 0.7071067811865476
#: erfinv(x) / x over w = -log(1 - x**2), about 2.5 up to 5; then over its root, about _MIDDLE.
_ERFINV_NEAR = (
    3.355320561317561e-10, -8.772819623818162e-09, 1.8037340071482917e-08, 4.658920584737443e-07,
    -3.434612546979819e-06, -4.9619117635129186e-06, 0.00021828263336569478, -0.001252744660403979,
    -0.004177339408581784, 0.2466402876309106, 1.501409353637369,
)  # fmt: skip
_MIDDLE = 3.179586801558725
_ERFINV_FAR = (
    -2.9943334514528668e-05, 0.0001071106753177099, -6.0164904572731886e-05,
    -0.00035210688915693876, 0.0011449660598411245, -0.00212966028690467, 0.0031573762960309167,
    -0.0045433563210523316, 0.006244016924349218, 1.004443099579311, 3.013130109650115,
)  # fmt: skip
#: x erfcx(x) of 1 / x**2, from 28 on.
_ERFCX_FAR = (
    91.63673001529574, -16.66122363914468, 3.702494142032151, -1.0578554691520432,
    0.42314218766081724, -0.28209479177387814, 0.5641895835477563,
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
def _erfcx64(x):
    """exp(x**2) erfc(x)."""
    a = abs(x)
    t = 28.0 if a > 28.0 else a
    y = horner((t - 4.0) / (t + 4.0), _ERFC64) / fma(2.0, t, 1.0)
    z = 1.0 / (a if a > 28.0 else 28.0)
    far = z * horner(z * z, _ERFCX_FAR)
    y = far if a > 28.0 else y
    s = x * x
    e = exp(s)
    grown = fma(e, fma(x, x, -s), e) if e < INF else e
    y = 2.0 * grown - y if x < 0.0 else y
    return x if x != x else y


@function
def _erfcx32(x):
    return f32(_erfcx64(f64(x)))


@function
def _normal_share64(x):
    """The normal distribution function, of full relative precision far below 0 too."""
    return 0.5 * _erfc64(x * -_ROOT_HALF)


@function
def _normal_share32(x):
    return f32(_normal_share64(f64(x)))


@function
def _log_normal_share64(x):
    z = x * _ROOT_HALF
    low = x < -1.0
    near = log1p(-0.5 * _erfc64(z))
    far = log(0.5 * _erfcx64(-z)) - z * z
    y = far if low else near
    y = -INF if x == -INF else y
    return x if x != x else y


@function
def _log_normal_share32(x):
    return f32(_log_normal_share64(f64(x)))


@function
def _ndtr32(x):
    """(1 + erf(x / sqrt(2))) / 2, off by 1e-7 at most as that sum is, without erf's polynomials."""
    a = abs(x)
    t = _FAR32 if a > _FAR32 else a
    p = t * horner(t, _LOG2_TAIL32)
    whole = p + _ROUND32
    r = p - (whole - _ROUND32)
    half = bits(f32, (bits(i32, whole) << 23) + 0x3F000000)
    y = fma(r, horner(r, _SHORT_EXP2_32), 1.0) * half
    y = 0.0 if a > _FAR32 else y
    return 1.0 - y if x > 0.0 else y


@function
def _ndtr64(x):
    return 0.5 * (1.0 + _erf64(x * _ROOT_HALF))


#: Of the normal distribution, as right as by erf alone: far below 0 it keeps no relative precision.
ndtr = overload(f32=_ndtr32, f64=_ndtr64)
normal_share = overload(f32=_normal_share32, f64=_normal_share64)
log_normal_share = overload(f32=_log_normal_share32, f64=_log_normal_share64)
erfcx = overload(f32=_erfcx32, f64=_erfcx64)
erf = overload(f32=_erf32, f64=_erf64)
erfc = overload(f32=_erfc32, f64=_erfc64)


@function
def _erfinv32(x):
    a = f64(x)
    w = -log(fma(-a, a, 1.0))
    near = horner(w - 2.5, _ERFINV_NEAR)
    far = horner(sqrt(w) - _MIDDLE, _ERFINV_FAR)
    y = f32(a * (near if w < 5.0 else far))
    return copysign(INF, x) if abs(x) == 1.0 else y


erfinv = overload(f32=_erfinv32)
