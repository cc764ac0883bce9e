"""The mathematics that kernels call: functions of float32 and float64 that vectorise.

Errors, measured by tests/core/cpu/test_mathematics.py, are told in docs/guide/cpu.md.
"""

from weft._backend.cpu.kernels.bessel import i0, i0e, i1, i1e
from weft._backend.cpu.kernels.circular import acos, asin, atan, atan2, cos, sin, tan
from weft._backend.cpu.kernels.error_functions import (
    erf,
    erfc,
    erfcx,
    erfinv,
    log_normal_share,
    ndtr,
    normal_share,
)
from weft._backend.cpu.kernels.exponentials import (
    clamped,
    cosh,
    exp,
    exp2,
    expm1,
    sigmoid,
    sinh,
    tanh,
)
from weft._backend.cpu.kernels.gamma_functions import digamma, lgamma, trigamma
from weft._backend.cpu.kernels.logarithms import (
    acosh,
    asinh,
    atanh,
    log,
    log1p,
    log2,
    log10,
    logaddexp,
    logaddexp2,
    softplus,
)
from weft._backend.cpu.kernels.neighbours import nextafter
from weft._backend.cpu.kernels.polynomials import horner
from weft._backend.cpu.kernels.powers import hypot, pow, rsqrt
from weft._backend.cpu.kernels.remainders import floor_divide, fmod, remainder

__all__ = [
    "acos",
    "acosh",
    "asin",
    "asinh",
    "atan",
    "atan2",
    "atanh",
    "clamped",
    "cos",
    "cosh",
    "digamma",
    "erf",
    "erfc",
    "erfcx",
    "erfinv",
    "exp",
    "exp2",
    "expm1",
    "floor_divide",
    "fmod",
    "horner",
    "hypot",
    "i0",
    "i0e",
    "i1",
    "i1e",
    "lgamma",
    "log",
    "log1p",
    "log2",
    "log10",
    "log_normal_share",
    "logaddexp",
    "logaddexp2",
    "ndtr",
    "nextafter",
    "normal_share",
    "pow",
    "remainder",
    "rsqrt",
    "sigmoid",
    "sin",
    "sinh",
    "softplus",
    "tan",
    "tanh",
    "trigamma",
]
