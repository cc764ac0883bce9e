"""Starts the kernels that normalise groups of channels that lie side by side."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from weft._backend import np
from weft._backend.cpu.kernels import group_columns as kernels
from weft._backend.cpu.launch.arrays import COMPUTED, FLOATS, dense, grain

_made: dict[Any, Callable[..., Any]] = {}
#: Elements of a chunk of rows.
_CHUNK = 8192


def _kernel(kernel: Any, dtype: Any, weight: Any = None, bias: Any = None) -> Callable[..., Any]:
    key = (kernel, dtype, weight is None, bias is None)
    run = _made.get(key)
    if run is None:
        run = _made[key] = kernel.at(
            T=FLOATS[dtype], WEIGHT=weight is not None, BIAS=bias is not None
        )
    return run


def _moments(x: Any, groups: int, eps: float) -> tuple[Any, Any, int, int]:
    """Return means and roots by example and channel, the rows of a chunk and the chunks."""
    examples, channels = x.shape[0], x.shape[-1]
    n = x.size // (examples * channels)
    own = COMPUTED[x.dtype]
    chunk = max(_CHUNK // channels, 8, -(-n // 256))
    chunks = -(-n // chunk)
    parts = np.empty((examples, chunks, 2, channels), own)
    means, roots = np.empty((examples, channels), own), np.empty((examples, channels), own)
    _kernel(kernels.sums, x.dtype)(
        examples * chunks, grain(chunk * channels), x, parts, n, chunk, chunks, channels
    )
    _kernel(kernels.moments, x.dtype)(
        examples, grain(chunks * channels * 4), parts, means, roots, n, chunk, chunks, channels,
        groups, eps,
    )  # fmt: skip
    return means, roots, chunk, chunks


def forward(x: Any, weight: Any, bias: Any, groups: int, eps: float) -> Any:
    """Return rows of channels, (examples, ..., channels), normalised."""
    examples, channels = x.shape[0], x.shape[-1]
    n = x.size // (examples * channels)
    means, roots, chunk, chunks = _moments(x, groups, eps)
    weight = None if weight is None else dense(weight)
    bias = None if bias is None else dense(bias)
    out = np.empty(x.shape, x.dtype)
    _kernel(kernels.apply, x.dtype, weight, bias)(
        examples * chunks, grain(chunk * channels), x, means, roots, weight, bias, out, n, chunk,
        chunks, channels,
    )  # fmt: skip
    return out


def backward(g: Any, x: Any, weight: Any, groups: int, eps: float) -> tuple[Any, Any, Any]:
    """Return the cotangent of rows of channels, and weight's and bias's by example."""
    examples, channels = x.shape[0], x.shape[-1]
    n = x.size // (examples * channels)
    means, roots, chunk, chunks = _moments(x, groups, eps)
    weight = None if weight is None else dense(weight)
    own, dtype = COMPUTED[x.dtype], x.dtype
    parts = np.empty((examples, chunks, 2, channels), own)
    steps = grain(chunk * channels)
    _kernel(kernels.slopes, dtype)(
        examples * chunks, steps, g, x, means, parts, n, chunk, chunks, channels
    )
    shifts, pulls, dw, db = (np.empty((examples, channels), own) for _ in range(4))
    _kernel(kernels.pulls, dtype, weight)(
        examples, grain(chunks * channels * 4), parts, roots, weight, shifts, pulls, dw, db, n,
        chunks, channels, groups,
    )  # fmt: skip
    dx = np.empty(x.shape, dtype)
    _kernel(kernels.backward, dtype, weight)(
        examples * chunks, steps, g, x, means, roots, weight, shifts, pulls, dx, n, chunk, chunks,
        channels,
    )  # fmt: skip
    return dx, dw, db
