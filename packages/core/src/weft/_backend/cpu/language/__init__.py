"""The kernel language: loops over numbers, written as Python functions, compiled to machine code.

A kernel is a Python function that is never run by Python. Its source is translated to LLVM's
intermediate language for the types it is asked for, vectorised, and kept on disk:

    @kernel
    def scale(begin, end, x: ptr(T), out: ptr(T), by: f64):
        for i in range(begin, end):
            out[i] = x[i] * by

    scale.at(T=f32)(n, grain, x, out, 2.0)

What the language has is told in ``translation.py``; what numbers it knows in ``types.py``.
"""

from weft._backend.cpu.language.intrinsics import (
    C,
    I,
    Placeholder,
    T,
    U,
    V,
    barrier,
    bits,
    ceil,
    copy,
    copysign,
    floor,
    fma,
    fmax,
    fmin,
    isnan,
    lanes,
    local,
    memory,
    popcount,
    prefetch,
    rint,
    select,
    simd,
    spread,
    sqrt,
    static,
    thread,
    total,
    trunc,
    turn,
    wide,
)
from weft._backend.cpu.language.kernel import (
    Kernel,
    kernel,
    usable,
    why_unusable,
)
from weft._backend.cpu.language.source import function, overload
from weft._backend.cpu.language.texts import Names, TextKernel
from weft._backend.cpu.language.types import (
    Type,
    bf16,
    boolean,
    f16,
    f32,
    f64,
    i8,
    i16,
    i32,
    i64,
    ptr,
    type_of,
    u8,
    u16,
    u32,
    u64,
)

__all__ = [
    "C",
    "I",
    "Kernel",
    "Names",
    "Placeholder",
    "T",
    "TextKernel",
    "Type",
    "U",
    "V",
    "barrier",
    "bf16",
    "bits",
    "boolean",
    "ceil",
    "copy",
    "copysign",
    "f16",
    "f32",
    "f64",
    "floor",
    "fma",
    "fmax",
    "fmin",
    "function",
    "i8",
    "i16",
    "i32",
    "i64",
    "isnan",
    "kernel",
    "lanes",
    "local",
    "memory",
    "overload",
    "popcount",
    "prefetch",
    "ptr",
    "rint",
    "select",
    "simd",
    "spread",
    "sqrt",
    "static",
    "thread",
    "total",
    "trunc",
    "turn",
    "type_of",
    "u8",
    "u16",
    "u32",
    "u64",
    "usable",
    "why_unusable",
    "wide",
]
