"""Starts the kernels of integrals over tails."""

from __future__ import annotations

from typing import Any

from weft._backend import np
from weft._backend.cpu.kernels import tails as kernels


def gamma(places: Any, weights: Any, *arrays: Any) -> Any:
    """Return the integrals for float64 arrays (n,); see the kernel."""
    return _run(kernels.gamma, places, weights, arrays)


def dirichlet(places: Any, weights: Any, *arrays: Any) -> Any:
    """Likewise."""
    return _run(kernels.dirichlet, places, weights, arrays)


def _run(kernel: Any, places: Any, weights: Any, arrays: tuple[Any, ...]) -> Any:
    count = arrays[0].size
    out = np.empty(count)
    steps = -(-count // kernels.BLOCK)
    dense = [np.ascontiguousarray(a) for a in arrays]
    # one block is work enough for a thread of its own
    kernel.at()(steps, 1, places, weights, places.size, *dense, out, count)
    return out
