"""sin, cos, tan and their inverses in the kernel language.

The argument is taken modulo a quarter turn. In float32 that is exact enough for every number: x is
y * 2**s with s of five values, and 2**s * 2 / pi modulo 4 is known in two floats of 64 bits. In
float64 pi / 2 is subtracted in three parts, which holds up to 2**31; what is larger gives NaN.
"""

from __future__ import annotations

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
    rint,
    sqrt,
)

INF, NAN = float("inf"), float("nan")
_PI, _HALF_PI, _QUARTER_PI = 3.141592653589793, 1.5707963267948966, 0.7853981633974483
_PI_LOW, _HALF_PI_LOW, _QUARTER_PI_LOW = (
    1.2246467991473532e-16,
    6.123233995736766e-17,
    3.061616997868383e-17,
)
_HALF_PI_PARTS = (1.5707963267948966, 6.123233995736766e-17, -1.4973849048591698e-33)
_TWO_OVER_PI = 0.6366197723675814
# 2**s * 2 / pi modulo 4, s = 0, 21, 42, 63, 84: what it rounds to and the rest
_T0 = (0.6366197723675814, -3.935735335036497e-17)
_T1 = (0.42886021794879353, 1.2738156800822154e-17)
_T2 = (1.063791748279411, 1.0868183711658421e-16)
_T3 = (0.9924876636310758, -1.5589282983320628e-17)
_T4 = (1.4887592377745509, 8.550831001313827e-17)
_BOUNDS = (2.0**44, 2.0**65, 2.0**86, 2.0**107)
_DOWN = (2.0**-21, 2.0**-42, 2.0**-63, 2.0**-84)
_LIMIT = 2147483648.0
_SIN32 = (
    2.718237738008611e-06, -0.00019839327433146536, 0.008333329111337662, -0.1666666716337204,
)  # fmt: skip
_COS32 = (-2.720954910273e-07, 2.479951217537746e-05, -0.0013888883404433727, 0.0416666679084301)
_SIN64 = (
    -7.578633837999585e-13, 1.6058365399752635e-10, -2.5052104902509134e-08,
    2.755731921415792e-06, -0.0001984126984125501, 0.008333333333333323, -0.16666666666666666,
)  # fmt: skip
_COS64 = (
    -1.1367797640996666e-11, 2.0875894650411363e-09, -2.7557315719792157e-07,
    2.480158729457783e-05, -0.0013888888888882785, 0.04166666666666665,
)  # fmt: skip
_ATAN64 = (
    -0.017919261563369263, 0.03807562151374012, -0.05039741624304, 0.05847986423018599,
    -0.06663117376290897, 0.0769206138056528, -0.09090897822524452, 0.11111110785672923,
    -0.14285714280239648, 0.19999999999954, -0.333333333333332,
)  # fmt: skip
_ASIN64 = (
    0.03267685464676013, -0.021077233924272493, 0.021763456805150103, 0.0036830596037245645,
    0.010786524433660419, 0.011397776776494542, 0.013980961363793013, 0.017351600097955885,
    0.0223722156600577, 0.030381942683621422, 0.04464285717512083, 0.07499999999970262,
    0.16666666666666763,
)  # fmt: skip


@function
def quarters32(a):
    """The quarter turn of a >= 0, which float32 can hold, modulo 4; and the angle in it."""
    far = a >= _BOUNDS[0]
    high = f64(_T1[0]) if far else f64(_T0[0])
    low = f64(_T1[1]) if far else f64(_T0[1])
    down = f64(_DOWN[0]) if far else f64(1.0)
    far = a >= _BOUNDS[1]
    high, low, down = _T2[0] if far else high, _T2[1] if far else low, _DOWN[1] if far else down
    far = a >= _BOUNDS[2]
    high, low, down = _T3[0] if far else high, _T3[1] if far else low, _DOWN[2] if far else down
    far = a >= _BOUNDS[3]
    high, low, down = _T4[0] if far else high, _T4[1] if far else low, _DOWN[3] if far else down
    y = a * down
    n = rint(y * high)
    r = fma(y, low, fma(y, high, -n)) * _HALF_PI
    n = fma(-4.0, rint(0.25 * n), n)
    return bits(i64, n + 6755399441055744.0), r


@function
def sin_of_part32(r):
    z = r * r
    return fma(r * z, horner(z, _SIN32), r)


@function
def cos_of_part32(r):
    z = r * r
    return fma(z, fma(z, horner(z, _COS32), -0.5), 1.0)


@function
def flipped32(x, by):
    """x with its sign turned where bit 31 of ``by`` is set."""
    return bits(f32, bits(i32, x) ^ (by & -2147483648))


@function
def _sin32(x):
    q, w = quarters32(f64(abs(x)))
    quarter, r = i32(q), f32(w)
    y = cos_of_part32(r) if (quarter & 1) != 0 else sin_of_part32(r)
    return flipped32(y, (quarter << 30) ^ bits(i32, x))


@function
def _cos32(x):
    q, w = quarters32(f64(abs(x)))
    quarter, r = i32(q), f32(w)
    y = sin_of_part32(r) if (quarter & 1) != 0 else cos_of_part32(r)
    return flipped32(y, (quarter + 1) << 30)


@function
def sin_of_part64(r):
    z = r * r
    return fma(r * z, horner(z, _SIN64), r)


@function
def cos_of_part64(r):
    z = r * r
    h = 0.5 * z
    w = 1.0 - h
    return w + fma(z * z, horner(z, _COS64), (1.0 - w) - h)


@function
def _tan32(x):
    q, r = quarters32(f64(abs(x)))
    s, c = sin_of_part64(r), cos_of_part64(r)
    odd = (q & 1) != 0
    y = f32((-c if odd else s) / (s if odd else c))
    return flipped32(y, bits(i32, x))


@function
def quarters64(a):
    """The same for float64 up to 2**31."""
    n = rint(a * _TWO_OVER_PI)
    r = fma(n, -_HALF_PI_PARTS[0], a)
    r = fma(n, -_HALF_PI_PARTS[1], r)
    r = fma(n, -_HALF_PI_PARTS[2], r)
    r = NAN if a > _LIMIT else r
    return bits(i64, n + 6755399441055744.0), r


@function
def flipped64(x, by):
    return bits(f64, bits(i64, x) ^ ((by >> 63) << 63))


@function
def _sin64(x):
    q, r = quarters64(abs(x))
    y = cos_of_part64(r) if (q & 1) != 0 else sin_of_part64(r)
    return flipped64(y, (q << 62) ^ bits(i64, x))


@function
def _cos64(x):
    q, r = quarters64(abs(x))
    y = sin_of_part64(r) if (q & 1) != 0 else cos_of_part64(r)
    return flipped64(y, (q + 1) << 62)


@function
def _tan64(x):
    q, r = quarters64(abs(x))
    s, c = sin_of_part64(r), cos_of_part64(r)
    odd = (q & 1) != 0
    return flipped64((-c if odd else s) / (s if odd else c), bits(i64, x))


sin = overload(f32=_sin32, f64=_sin64)
cos = overload(f32=_cos32, f64=_cos64)
tan = overload(f32=_tan32, f64=_tan64)


@function
def _atan64(x):
    """By tan(pi / 8) and tan(3 pi / 8) the angle is taken from 0, pi / 4 or pi / 2."""
    a = abs(x)
    far, near = a > 2.414213562373095, a > 0.41421356237309503
    top = f64(-1.0) if far else (a - 1.0 if near else a)
    under = a if far else (a + 1.0 if near else f64(1.0))
    base = f64(_HALF_PI) if far else (f64(_QUARTER_PI) if near else f64(0.0))
    low = f64(_HALF_PI_LOW) if far else (f64(_QUARTER_PI_LOW) if near else f64(0.0))
    t = top / under
    z = t * t
    return copysign(base + (fma(t * z, horner(z, _ATAN64), low) + t), x)


@function
def _atan32(x):
    return f32(_atan64(f64(x)))


@function
def asin_series(x):
    z = x * x
    return fma(x * z, horner(z, _ASIN64), x)


@function
def _asin64(x):
    a = abs(x)
    half = 0.5 - 0.5 * a
    s = sqrt(half)
    rest = fma(-s, s, half) / (s + s) if s > 0.0 else 0.0 * s  # what the root's rounding lost
    z = half if a > 0.5 else a * a
    p = z * horner(z, _ASIN64)
    far = _HALF_PI - 2.0 * s - (2.0 * fma(s, p, rest) - _HALF_PI_LOW)
    return copysign(far if a > 0.5 else fma(a, p, a), x)


@function
def _acos64(x):
    a = abs(x)
    half = 0.5 - 0.5 * a
    s = sqrt(half)
    rest = fma(-s, s, half) / (s + s) if s > 0.0 else 0.0 * s
    far = 2.0 * (s + fma(s * half, horner(half, _ASIN64), rest))
    far = _PI - (far - _PI_LOW) if x < 0.0 else far
    z = x * x
    near = _HALF_PI - (x + fma(x * z, horner(z, _ASIN64), -_HALF_PI_LOW))
    return far if a > 0.5 else near


@function
def _asin32(x):
    return f32(_asin64(f64(x)))


@function
def _acos32(x):
    return f32(_acos64(f64(x)))


atan = overload(f32=_atan32, f64=_atan64)
asin = overload(f32=_asin32, f64=_asin64)
acos = overload(f32=_acos32, f64=_acos64)


@function
def _atan2_64(y, x):
    a, b = abs(y), abs(x)
    top, under = (b if a > b else a), (a if a > b else b)
    t = top / under
    t = 0.0 if under == 0.0 else t
    t = 1.0 if top == INF else t
    t = NAN if x != x or y != y else t
    angle = _atan64(t)
    angle = _HALF_PI - (angle - _HALF_PI_LOW) if a > b else angle
    angle = _PI - (angle - _PI_LOW) if bits(i64, x) < 0 else angle
    return copysign(angle, y)


@function
def _atan2_32(y, x):
    return f32(_atan2_64(f64(y), f64(x)))


atan2 = overload(f32=_atan2_32, f64=_atan2_64)
