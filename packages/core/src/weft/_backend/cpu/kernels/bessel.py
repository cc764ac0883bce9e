"""Modified Bessel functions of the first kind in the kernel language, of float32.

They are computed in float64. Up to 8 they are a polynomial of x**2, beyond that exp(x) / sqrt(x)
times one of 1 / x. The polynomials interpolate at Chebyshev's points, to 3e-10.
"""

from __future__ import annotations

from weft._backend.cpu.kernels.exponentials import exp
from weft._backend.cpu.kernels.polynomials import horner
from weft._backend.cpu.language import f32, f64, function, overload, sqrt

_I0_NEAR32 = (
    2.8886773392558603e-22, 4.66075445367238e-20, 3.1582716592600754e-17, 9.221437658211749e-15,
    2.4095807854096087e-12, 4.707653445342245e-10, 6.782015176666883e-08, 6.781646537440732e-06,
    0.0004340280276997327, 0.015624999140668472, 0.25000000115556303, 0.9999999997431299,
)  # fmt: skip
_I0_FAR32 = (
    9.029041910927784, -2.1197724894034526, 0.3728431763593113, 0.027236240209719095,
    0.029790933179536974, 0.028041596739860196, 0.04986783906945196, 0.3989422803486322,
)  # fmt: skip
_I1_NEAR32 = (
    1.1460832451640963e-23, 2.3291947609270933e-21, 1.5456262162831017e-18, 5.153365891203708e-16,
    1.504265455397372e-13, 3.3632455960175416e-11, 5.651525939110622e-09, 6.781670155494767e-07,
    5.425348146727897e-05, 0.0026041666348843476, 0.06250000004273418, 0.4999999999905008,
)  # fmt: skip
_I1_FAR32 = (
    -10.161899277741165, 2.3791430575102672, -0.430640602147839, -0.03759874466033855,
    -0.04156003016067409, -0.04674070440219407, -0.14960341710369246, 0.3989422804620052,
)  # fmt: skip


@function
def _scaled(a, near, far):
    """A function of a, at least 0, times exp(-a): up to 8 by one polynomial, beyond by another."""
    low = 8.0 if a > 8.0 else a
    high = a if a > 8.0 else 8.0
    return exp(-low) * horner(low * low, near), horner(1.0 / high, far) / sqrt(high)


@function
def _i0e32(x):
    a = f64(abs(x))
    low, high = _scaled(a, _I0_NEAR32, _I0_FAR32)
    return f32(high if a > 8.0 else low)


@function
def _i0_32(x):
    a = f64(abs(x))
    low, high = _scaled(a, _I0_NEAR32, _I0_FAR32)
    return f32((high if a > 8.0 else low) * exp(a))


@function
def _i1e32(x):
    a = f64(abs(x))
    low, high = _scaled(a, _I1_NEAR32, _I1_FAR32)
    y = f32(high if a > 8.0 else low * a)
    return -y if x < 0.0 else y


@function
def _i1_32(x):
    a = f64(abs(x))
    low, high = _scaled(a, _I1_NEAR32, _I1_FAR32)
    y = f32((high if a > 8.0 else low * a) * exp(a))
    return -y if x < 0.0 else y


i0 = overload(f32=_i0_32)
i0e = overload(f32=_i0e32)
i1 = overload(f32=_i1_32)
i1e = overload(f32=_i1e32)
