"""The mathematics that kernels call: functions of float32 and float64 that vectorise.

Errors, measured by tests/core/cpu/test_mathematics.py, are told in docs/guide/cpu.md.
"""

from weft._backend.cpu.kernels.circular import acos, asin, atan, atan2, cos, sin, tan
from weft._backend.cpu.kernels.error_functions import erf, erfc, erfinv, ndtr
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
from weft._backend.cpu.kernels.logarithms import (
    acosh,
    asinh,
    atanh,
    log,
    log1p,
    log2,
    log10,
    logaddexp,
    softplus,
)
from weft._backend.cpu.kernels.polynomials import horner
from weft._backend.cpu.kernels.powers import hypot, pow, rsqrt
from weft._backend.cpu.kernels.remainders import fmod, remainder

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
    "erf",
    "erfc",
    "erfinv",
    "exp",
    "exp2",
    "expm1",
    "fmod",
    "horner",
    "hypot",
    "log",
    "log1p",
    "log2",
    "log10",
    "logaddexp",
    "ndtr",
    "pow",
    "remainder",
    "rsqrt",
    "sigmoid",
    "sin",
    "sinh",
    "softplus",
    "tan",
    "tanh",
]
