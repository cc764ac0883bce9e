"""Matrix products by oneDNN: which it takes, and how operands of any strides reach it uncopied.

oneDNN reads each operand where it lies, transposed or with gaps between its rows, as long as one of
its last two dims is dense; leading dims are batch dims, which may be broadcast. All that a call
needs to know is found out once for its shapes, strides and dtype and kept under these.
"""

from __future__ import annotations

import math
import threading
from typing import Any

from weft._backend.cpu import onednn, onednn_packed, switches, threads
from weft._backend.cpu.addresses import address_of
from weft._backend.cpu.onednn import BIAS, DST, SRC, WEIGHTS, OneDNNError
from weft._backend.cpu.onednn_primitives import (
    NUMBERS,
    Attributes,
    Descriptor,
    Primitive,
    kept,
    known,
    plan,
    strided,
)
from weft._backend.numpy_ import BFLOAT16, ndarray, np

Array = Any

F32, F16 = np.dtype(np.float32), np.dtype(np.float16)
#: Multiplications beyond which a product of a dtype is oneDNN's. Smaller ones of float32 are
#: quicker without the microseconds that a primitive takes to begin; of bfloat16 NumPy has none.
BEYOND = {F32: 1 << 18, BFLOAT16: 1 << 12, F16: 1 << 18}


def _dense(a: Array) -> Array:
    """Return the array, or a copy if oneDNN cannot read it where it lies."""
    rows, step = a.strides[-2:]
    m, n = a.shape[-2:]
    size = a.itemsize
    if a.ndim > 2 and min(a.strides) < 0:
        return np.ascontiguousarray(a)
    if (n == 1 or step == size) and (m == 1 or rows >= n * size) and not rows % size:
        return a
    if (m == 1 or rows == size) and (n == 1 or step >= m * size) and not step % size:
        return a
    return np.ascontiguousarray(a)


def _seen(lib: Any, a: Array, ndim: int) -> Descriptor:
    """Return the descriptor of an operand, with as many dims as the result has.

    A batch dim that repeats one matrix has length 1: oneDNN broadcasts it. Dims of length 1 get
    the strides that they have in dense memory: NumPy's may be anything.
    """
    size = a.itemsize
    *batch, m, n = a.shape
    *leads, rows, step = (each // size for each in a.strides)
    if m == 1 and n == 1:
        rows = step = 1
    elif m == 1:
        rows = n if step == 1 else 1  # one row, or one row of a transposed matrix
    elif n == 1:
        step = m if rows == 1 else 1
    lengths = [1 if lead == 0 else n for n, lead in zip(batch, leads, strict=True)]
    span = max(m * rows, n * step)
    strides = []
    for length, lead in zip(reversed(lengths), reversed(leads), strict=True):
        lead = span if length == 1 else lead
        strides.append(lead)
        span = max(span, length * lead)
    more = ndim - a.ndim
    return strided(
        lib,
        ((1,) * more + (*lengths, m, n)),
        NUMBERS[a.dtype],
        ((span,) * more + (*reversed(strides), rows, step)),
    )


class _Product:
    """How products of one kind run."""

    __slots__ = ("_dtype", "_run", "_shape")

    def __init__(self, x: Array, y: Array, bias: bool, after: Any) -> None:
        lib = onednn.loaded()
        number = NUMBERS[x.dtype]
        batch = np.broadcast_shapes(x.shape[:-2], y.shape[:-2])
        self._shape, self._dtype = (*batch, x.shape[-2], y.shape[-1]), x.dtype
        ndim = len(self._shape)
        left, right = _seen(lib, x, ndim), _seen(lib, y, ndim)
        steps = [math.prod(self._shape[d + 1 :]) for d in range(ndim)]
        result = strided(lib, self._shape, number, steps)
        added = None
        if bias:
            ones = (1,) * (ndim - 1)
            added = strided(lib, (*ones, y.shape[-1]), number, (*ones, 1))
        attributes = Attributes(lib, after)
        made = plan(
            "matmul", lib.engine, left.handle, right.handle,
            None if added is None else added.handle, result.handle, attributes.handle,
        )  # fmt: skip
        if made.implementation.startswith("ref"):
            raise OneDNNError("oneDNN: it has only its slow way for this product")
        arguments = [(SRC, left), (WEIGHTS, right), (DST, result)]
        self._run = Primitive(made, arguments if added is None else [*arguments, (BIAS, added)])

    def __call__(self, x: Array, y: Array, bias: Array | None) -> Array:
        out = ndarray(self._shape, self._dtype)
        if bias is None:
            self._run(address_of(x), address_of(y), address_of(out))
        else:
            self._run(address_of(x), address_of(y), address_of(out), address_of(bias))
        return out


def _product(x: Array, y: Array, bias: bool, after: Any) -> Any:
    """Return how a product runs, or None if oneDNN does not take it."""
    try:
        return _Product(x, y, bias, after)
    except OneDNNError:
        return None


class _Offered(threading.local):
    """What is kept of the weight that this thread's next products may read, and where it lies."""

    at = 0
    weight: Any = None
    made: list[Any] | None = None


_offered = _Offered()


def constant(weight: Array | None, made: list[Any] | None) -> None:
    """Say what is kept of a weight that layers of this thread are about to read; None: nothing.

    Args:
        weight: (n, k). The caller holds it until it has said that nothing is kept.
        made: a list that belongs to it and to its values as they are.
    """
    _offered.weight, _offered.made = weight, made
    _offered.at = 0 if weight is None else address_of(weight)


def _with_constant(x: Array, y: Array, bias: Array | None, made: list[Any]) -> Array | None:
    """Return the product if y is the transpose of the weight that is offered; None otherwise."""
    weight = _offered.weight
    dtype = weight.dtype
    if address_of(y) != _offered.at or y.shape != weight.shape[::-1] or dtype not in NUMBERS:
        return None
    if not (x.dtype is y.dtype is dtype and x.flags.c_contiguous and weight.flags.c_contiguous):
        return None
    n, k = weight.shape
    if y.strides != (dtype.itemsize, k * dtype.itemsize) or x.shape[-1] != k:
        return None
    if x.size * n <= BEYOND[dtype] or (dtype is F32 and x.size <= k) or not onednn.usable():
        return None
    plain = bias is None or (bias.dtype is dtype and bias.shape == (n,) and bias.flags.c_contiguous)
    if not plain:
        return None
    rows = x if x.ndim == 2 else x.reshape(-1, k)
    out = onednn_packed.product(rows, weight, bias, made)
    return out if out is None or x.ndim == 2 else out.reshape(*x.shape[:-1], n)


def product(
    x: Array,
    y: Array,
    bias: Array | None = None,
    after: tuple[tuple[int, float, float], ...] = (),
) -> Array | None:
    """Return the product of two matrices, or of many in pairs; None if oneDNN does not take it.

    Args:
        x: (..., m, k), of any strides.
        y: (..., k, n), likewise; leading dims broadcast.
        bias: (n,), or None; added to each row.
        after: elementwise functions of the result, as oneDNN numbers them, with two parameters.
    """
    made = _offered.made
    if made is not None and not after:
        out = _with_constant(x, y, bias, made)
        if out is not None:
            return out
    dtype = x.dtype
    given = None if bias is None else (bias.dtype, bias.shape, bias.strides)
    key = (_Product, dtype, y.dtype, x.shape, x.strides, y.shape, y.strides, given, after)
    if switches.onednn:
        run = known(key)
        if run is not None:  # a call like one before, which went through all that follows
            threads.align()
            return run(x, y, bias)
    if dtype is not y.dtype or dtype not in BEYOND or not onednn.usable():
        return None
    if x.ndim < 2 or y.ndim < 2 or x.shape[-1] != y.shape[-2]:
        return None
    if bias is not None and (bias.dtype is not dtype or bias.shape != y.shape[-1:]):
        return None
    if not _is_large(x, y):
        return None
    if dtype is F16:
        wide = [a.astype(F32) for a in (x, y)]
        out = product(wide[0], wide[1], None if bias is None else bias.astype(F32), after)
        return None if out is None else out.astype(F16)
    if y.ndim == 2 and x.ndim > 2 and x.flags.c_contiguous:  # one product over all rows
        rows = product(x.reshape(-1, x.shape[-1]), y, bias, after)
        return None if rows is None else rows.reshape(*x.shape[:-1], y.shape[1])
    left, right = _dense(x), _dense(y)
    if bias is not None and not bias.flags.c_contiguous:
        bias = bias.copy()
        return product(left, right, bias, after)
    if left is not x or right is not y:
        return product(left, right, bias, after)
    run = kept(key, _product, x, y, bias is not None, after)
    if run is None:
        return None
    threads.align()
    return run(x, y, bias)


def _is_large(x: Array, y: Array) -> bool:
    if x.dtype is F32 and x.ndim == y.ndim == 2 and (x.shape[0] == 1 or y.shape[1] == 1):
        return False  # a matrix read once: OpenBLAS's way for vectors is the quicker one
    count: int = x.size * y.shape[-1]
    if y.ndim > 2 and y.size > 0:  # leading dims of y that x has not, or has as 1
        count = max(count, y.size * x.shape[-2])
    return count > BEYOND[x.dtype]
