"""What the processor can do."""

from __future__ import annotations

from weft._backend.cpu import features

__all__ = ["get_cpu_capability"]


def get_cpu_capability() -> str:
    """Return the widest kind of vectors that kernels may use: AVX512, AVX2 or DEFAULT."""
    return features.capability()
