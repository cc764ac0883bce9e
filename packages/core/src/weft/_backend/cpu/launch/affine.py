"""Runs the kernels of small layers on arrays."""

from __future__ import annotations

import functools
from typing import Any

from weft._backend import np
from weft._backend.cpu.kernels import affine as kernels
from weft._backend.cpu.language import type_of
from weft._backend.cpu.launch.products import zeros

_empty = np.empty
_ONE_STEP = 1 << 62  # a grain that keeps all in the calling thread
_forward: dict[Any, Any] = {}


@functools.cache
def _made(kernel: Any, dtype: Any, **given: bool) -> Any:
    return kernel.at(T=type_of(dtype), **given)


def forward(x: Any, weight: Any, bias: Any) -> Any:
    """Return x weightᵀ + bias: x (rows, k), weight (n, k), bias (n,) or None, without gaps."""
    rows, k = x.shape
    n = weight.shape[0]
    dtype = x.dtype
    run = _forward.get(dtype)
    if run is None:
        run = _forward[dtype] = kernels.affine_rows.at(T=type_of(dtype))
    out = _empty((rows, n), dtype)
    run(rows, _ONE_STEP, out, x, weight, zeros(dtype, n) if bias is None else bias, k, n)
    return out


def slopes(g: Any, x: Any, weight: Any) -> Any:
    """Return the cotangents of x, weight and bias: g (rows, n), without gaps."""
    rows, k = x.shape
    n = weight.shape[0]
    to_x, to_weight = _empty((rows, k), g.dtype), _empty((n, k), g.dtype)
    to_bias = _empty(n, g.dtype)
    run = _made(kernels.affine_slopes, g.dtype, INPUT=True)
    run(1, _ONE_STEP, g, x, weight, to_x, to_weight, to_bias, rows, k, n)
    return to_x, to_weight, to_bias


def weight_slopes(g: Any, x: Any) -> Any:
    """Return the cotangents of weight and bias alone."""
    rows, k = x.shape
    n = g.shape[1]
    to_weight, to_bias = _empty((n, k), g.dtype), _empty(n, g.dtype)
    run = _made(kernels.affine_slopes, g.dtype, INPUT=False)
    run(1, _ONE_STEP, g, x, None, None, to_weight, to_bias, rows, k, n)
    return to_weight, to_bias
