"""What the processor can do, as NumPy found when it was imported."""

from __future__ import annotations

import functools
import platform
from importlib import import_module

#: PyTorch's name of a feature, and NumPy's.
_NAMES = {
    "sse4_1": "SSE41",
    "sse4_2": "SSE42",
    "popcnt": "POPCNT",
    "avx": "AVX",
    "avx2": "AVX2",
    "f16c": "F16C",
    "fma3": "FMA3",
    "avx512_f": "AVX512F",
    "avx512_cd": "AVX512CD",
    "avx512_dq": "AVX512DQ",
    "avx512_bw": "AVX512BW",
    "avx512_vl": "AVX512VL",
    "avx512_ifma": "AVX512IFMA",
    "avx512_vbmi": "AVX512VBMI",
    "avx512_vbmi2": "AVX512VBMI2",
    "avx512_bitalg": "AVX512BITALG",
    "avx512_vpopcntdq": "AVX512VPOPCNTDQ",
    "avx512_vnni": "AVX512VNNI",
    "avx512_bf16": "AVX512BF16",
    "avx512_fp16": "AVX512FP16",
    "neon": "NEON",
    "fp16_arith": "ASIMDHP",
    "dot": "ASIMDDP",
    "fhm": "ASIMDFHM",
    "sve": "SVE",
}


def architecture() -> str:
    """Return the kind of processor: ``"x86_64"``, ``"aarch64"`` or what the system calls it."""
    told = platform.machine()
    return {"amd64": "x86_64", "arm64": "aarch64"}.get(told.lower(), told)


def found() -> dict[str, bool]:
    """Return the features of this kind of processor by PyTorch's names, and whether it has each."""
    try:  # a private name of NumPy's, for which there is no public one
        told = import_module("numpy._core._multiarray_umath").__cpu_features__
    except (ImportError, AttributeError):
        return {}
    ours = {name: bool(told.get(numpys, False)) for name, numpys in _NAMES.items()}
    arm = list(ours)[list(ours).index("neon") :]
    if architecture() == "x86_64":
        return {name: has for name, has in ours.items() if name not in arm}
    return {name: ours[name] for name in arm} if architecture() == "aarch64" else {}


def capability() -> str:
    """Return the widest kind of vectors that kernels may use: AVX512, AVX2 or DEFAULT."""
    has = found()
    if all(has.get(f"avx512_{part}") for part in ("f", "dq", "bw", "vl")):
        return "AVX512"
    return "AVX2" if has.get("avx2") and has.get("fma3") else "DEFAULT"


@functools.cache
def has_many_registers() -> bool:
    """Whether there are 32 registers of 64 bytes, which kernels with many sums at once ask for."""
    return capability() == "AVX512"
