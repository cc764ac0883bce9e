"""Starts the kernels of softmax and its kin, along the last dim and along others."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from weft._backend import np
from weft._backend.cpu.kernels import softmax as kernels
from weft._backend.cpu.launch.arrays import FLOATS, dense, like, ordered, unordered

_made: dict[Any, Callable[..., Any]] = {}
#: The forward kernels of rows, by kind and dtype.
_rows: tuple[dict[Any, Callable[..., Any]], ...] = ({}, {})
_EXP_ROWS, _LOG_ROWS = _rows
_empty = np.empty
_PAIRS = {
    "forward": (kernels.rows_forward, kernels.columns_forward),
    "backward": (kernels.rows_backward, kernels.columns_backward),
    "logsum": (kernels.rows_logsum, kernels.columns_logsum),
    "logsum_backward": (kernels.rows_logsum_backward, kernels.columns_logsum_backward),
}


def _kernel(name: str, rows: bool, dtype: Any, kind: int) -> Callable[..., Any]:
    key = (name, rows, dtype, kind)
    run = _made.get(key)
    if run is None:
        kernel = _PAIRS[name][0 if rows else 1]
        run = _made[key] = kernel.at(T=FLOATS[dtype], KIND=kind, NARROW=dtype.itemsize == 2)
        if rows and name == "forward":
            _rows[kind][dtype] = run
    return run


def _run(name: str, kind: int, dtype: Any, shape: Any, dim: int, *arrays: Any) -> None:
    """Run over all rows of a dense shape along a dim."""
    n = shape[dim]
    # an element costs about four times what it does where nothing is exponential
    if dim == len(shape) - 1:
        count = 1
        for d in shape[:-1]:
            count *= d
        _kernel(name, True, dtype, kind)(count, 8192 // n or 1, *arrays, n)
        return
    outer, inner = math.prod(shape[:dim]), math.prod(shape[dim + 1 :])
    blocks = -(-inner // 64)
    grain = 8192 // (n * min(inner, 64)) or 1
    _kernel(name, False, dtype, kind)(outer * blocks, grain, *arrays, n, inner, blocks)


def _forward(x: Any, dim: int, kind: int) -> Any:
    if x.dtype not in FLOATS or not x.size or not x.ndim:
        return None
    turned, order = ordered(x)
    out = np.empty(turned.shape, x.dtype)
    _run("forward", kind, x.dtype, turned.shape, dim if order is None else order.index(dim),
         turned, out)  # fmt: skip
    return out if order is None else unordered(out, order)


def _backward(g: Any, out: Any, dim: int, kind: int) -> Any:
    dtype = out.dtype
    if dtype not in FLOATS or g.dtype != dtype or not out.size or not out.ndim:
        return None
    turned, order = ordered(out)
    dx = np.empty(turned.shape, dtype)
    _run("backward", kind, dtype, turned.shape, dim if order is None else order.index(dim),
         like(g, order), turned, dx)  # fmt: skip
    return dx if order is None else unordered(dx, order)


def softmax(x: Any, *, dim: int) -> Any:
    """Return the softmax along a dim; see ``normalised_exp``."""
    run = _EXP_ROWS.get(x.dtype)
    if run is not None and x.flags.c_contiguous:  # as below, for small rows: each question counts
        shape, size = x.shape, x.size
        if dim == len(shape) - 1 and size:
            out, n = _empty(shape, x.dtype), shape[dim]
            run(size // n, 8192 // n or 1, x, out, n)
            return out
    return _forward(x, dim, kernels.EXP)


def log_softmax(x: Any, *, dim: int) -> Any:
    """Return its logarithm; see ``normalised_log``."""
    run = _LOG_ROWS.get(x.dtype)
    if run is not None and x.flags.c_contiguous:
        shape, size = x.shape, x.size
        if dim == len(shape) - 1 and size:
            out, n = _empty(shape, x.dtype), shape[dim]
            run(size // n, 8192 // n or 1, x, out, n)
            return out
    return _forward(x, dim, kernels.LOG)


def softmax_backward(g: Any, out: Any, *, dim: int) -> Any:
    """Return the cotangent of softmax's argument; see ``exp_slopes``."""
    return _backward(g, out, dim, kernels.EXP)


def log_softmax_backward(g: Any, out: Any, *, dim: int) -> Any:
    """Return the cotangent of log_softmax's argument; see ``log_slopes``."""
    return _backward(g, out, dim, kernels.LOG)


def _joined(x: Any, dims: tuple[int, ...]) -> tuple[tuple[int, ...], int] | None:
    """Return a shape of three dims in which neighbouring dims are the middle one; or None."""
    first, last = min(dims), max(dims)
    if last - first != len(dims) - 1:
        return None
    shape = x.shape
    n = math.prod(shape[first : last + 1])
    if last == x.ndim - 1:
        return (math.prod(shape[:first]), n), 1
    return (math.prod(shape[:first]), n, math.prod(shape[last + 1 :])), 1


def logsumexp(x: Any, *, dim: tuple[int, ...], keepdim: bool = False) -> Any:
    """Return the logarithm of sums of exponentials; see the op."""
    if x.dtype not in FLOATS or not x.size or not dim:
        return None
    found = _joined(x, dim)
    if found is None:
        return None
    out = np.empty(
        tuple((1 if d in dim else n) for d, n in enumerate(x.shape) if keepdim or d not in dim),
        x.dtype,
    )
    _run("logsum", 0, x.dtype, *found, dense(x), out)
    return out


def logsumexp_backward(g: Any, out: Any, x: Any, *, dim: tuple[int, ...], keepdim: bool) -> Any:
    """Return the cotangent of logsumexp's argument; see ``logsum_slopes``."""
    dtype = x.dtype
    if dtype not in FLOATS or not g.dtype == out.dtype == dtype or not x.size or not dim:
        return None
    found = _joined(x, dim)
    if found is None:
        return None
    dx = np.empty(x.shape, dtype)
    _run("logsum_backward", 0, dtype, *found, dense(g), dense(out), dense(x), dx)
    return dx
