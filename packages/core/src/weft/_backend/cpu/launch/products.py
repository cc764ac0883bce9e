"""Runs the kernels of matrix products: small ones, batches of these, few rows with a matrix."""

from __future__ import annotations

from typing import Any

from weft._backend import ndarray, np
from weft._backend.cpu.kernels import skinny, small_products
from weft._backend.cpu.kernels.small_products import ROOM
from weft._backend.cpu.language import f32, f64

_F32, _F64 = np.dtype(np.float32), np.dtype(np.float64)
_ONE_STEP = 1 << 62  # a grain that keeps all in the calling thread
#: Multiplications of one product in a batch, up to which a kernel is quicker than oneDNN.
SMALL_OF_MANY = 1 << 12
#: Rows of the smaller factor, at most: where the other's rows are read along, and where columns.
FEW_ALONG, FEW_ACROSS = 16, 8
#: Bytes of a row from which reading along it pays: each sum of vectors is added up in the end.
_LONG, _LONGER = 256, 2048
#: Multiplications that are worth a thread of their own.
_SHARE = 1 << 16

# By dtype, or by what specialises a kernel further; made when first used.
_small: dict[Any, Any] = {}
_many: dict[Any, Any] = {}
_rows: dict[Any, Any] = {}
_columns: dict[Any, Any] = {}
_zeros: dict[Any, Any] = {}


def zeros(dtype: Any, n: int) -> Any:
    """Return an array of n zeros or more, which nobody may write to: for who has no bias."""
    found = _zeros.get(dtype)
    if found is None or found.size < n:
        found = _zeros[dtype] = np.zeros(max(n, 1024), dtype)
    return found


def small(x: Any, y: Any, m: int, n: int) -> Any:
    """Return x y, (m, n), computed in the calling thread; None if it is too large, or askew.

    Args:
        x: (m, k), float32 or float64, of any strides.
        y: (k, n) of the same dtype, likewise.
        m: rows of the result.
        n: columns of the result.
    """
    if y.size > ROOM or not (x.flags.aligned and y.flags.aligned):
        return None
    dtype = x.dtype
    run = _product32 if dtype is _F32 else _product64
    out = ndarray((m, n), dtype)
    run(1, _ONE_STEP, out, x, y, None)
    return out


def small_map(x: Any, weight: Any, bias: Any = None) -> Any:
    """The same of x and the transpose of a weight (n, k), and a bias (n,) without gaps, or None."""
    if weight.size > ROOM or not (x.flags.aligned and weight.flags.aligned):
        return None
    dtype = x.dtype
    run = _small.get((dtype, bias is None))
    if run is None:
        kind = f32 if dtype is _F32 else f64
        made = small_products.product.at(T=kind, BIAS=bias is not None, TURNED=True)
        run = _small[dtype, bias is None] = made
    out = ndarray((x.shape[0], weight.shape[0]), dtype)
    run(1, _ONE_STEP, out, x, weight, bias)
    return out


def _first32(*args: Any) -> None:
    global _product32
    _product32 = small_products.product.at(T=f32, BIAS=False, TURNED=False)
    _product32(*args)


def _first64(*args: Any) -> None:
    global _product64
    _product64 = small_products.product.at(T=f64, BIAS=False, TURNED=False)
    _product64(*args)


# The kernels of small products, made when first used.
_product32: Any = _first32
_product64: Any = _first64


def many(x: Any, y: Any) -> Any:
    """Return products in pairs, (..., m, n), of small matrices; None if they are not, or no floats.

    Args:
        x: (..., m, k), of any strides.
        y: (..., k, n), likewise; leading dims broadcast.
    """
    dtype = x.dtype
    if dtype is not y.dtype or (dtype is not _F32 and dtype is not _F64):
        return None
    m, k = x.shape[-2:]
    n = y.shape[-1]
    if m * k * n > SMALL_OF_MANY or y.shape[-2] != k or k * n > ROOM or not x.size or not y.size:
        return None
    lead = x.shape[:-2]
    if lead != y.shape[:-2]:
        try:
            lead = np.broadcast_shapes(lead, y.shape[:-2])
        except ValueError:
            return None  # the shape rule tells the user
        x = np.broadcast_to(x, (*lead, m, k))
        y = np.broadcast_to(y, (*lead, k, n))
    item = dtype.itemsize
    batch = _two(lead, x.strides, y.strides)
    if batch is None or not (x.flags.aligned and y.flags.aligned):
        return None
    outer, inner, (x_outer, x_inner), (y_outer, y_inner) = batch
    x_row, x_column = x.strides[-2:]
    y_row, y_column = y.strides[-2:]
    run = _many.get(dtype)
    if run is None:
        run = _many[dtype] = small_products.products.at(T=f32 if dtype is _F32 else f64)
    out = ndarray((*lead, m, n), dtype)
    run(
        outer * inner, 1 + _SHARE // (m * k * n), out,
        x, x_outer // item, x_inner // item, x_row // item, x_column // item,
        y, y_outer // item, y_inner // item, y_row // item, y_column // item, inner, m, k, n,
    )  # fmt: skip
    return out


def _two(lead: Any, *steps: Any) -> Any:
    """Return leading dims as two, with two strides for each array; None if they are more."""
    found: list[list[int]] = []  # lengths, and the strides of each array
    for d, length in enumerate(lead):
        if length == 1:
            continue
        own = [each[d] for each in steps]
        if found and all(a == b * length for a, b in zip(found[-1][1:], own, strict=True)):
            found[-1] = [found[-1][0] * length, *own]
        else:
            found.append([length, *own])
    if len(found) > 2:
        return None
    while len(found) < 2:
        found.insert(0, [1, *(0 for _ in steps)])
    (outer, *before), (inner, *after) = found
    return outer, inner, *zip(before, after, strict=True)


def few(x: Any, y: Any, bias: Any = None) -> Any:
    """Return x y + bias where one of them has few rows, or columns; None where neither has.

    Args:
        x: (m, k), of any strides.
        y: (k, n), with a dense dim: the first or the second.
        bias: (n,), or None.
    """
    dtype = x.dtype
    if dtype is not y.dtype or (dtype is not _F32 and dtype is not _F64):
        return None
    m, k = x.shape
    n = y.shape[1]
    if y.shape[0] != k or not (x.size and y.size):
        return None
    if bias is not None:
        if bias.dtype is not dtype or bias.shape != (n,):
            return None
        bias = bias if bias.flags.c_contiguous else bias.copy()
    if m <= n:
        return _few_rows(x, y, bias, m, k, n)
    out = _few_columns(x, y, m, k, n)
    if out is not None and bias is not None:
        out += bias
    return out


def _few_rows(x: Any, y: Any, bias: Any, m: int, k: int, n: int) -> Any:
    if m > FEW_ALONG or not y.flags.aligned:
        return None
    dtype = x.dtype
    item = dtype.itemsize
    down, across = y.strides
    if bias is None:
        bias = zeros(dtype, n)
    if down == item:
        if not _is_long(m, k * item):
            return None
        out = ndarray((m, n), dtype)
        _along(out, n, 1, _dense(x), y, across // item, bias, m, k, n)
        return out
    if across != item or m > FEW_ACROSS:
        return None
    return _across(_dense(x), y, down // item, bias, m, k, n)


def _few_columns(x: Any, y: Any, m: int, k: int, n: int) -> Any:
    """The same, turned round: the few columns are rows of y's transpose."""
    if n > FEW_ALONG or not x.flags.aligned:
        return None
    dtype = x.dtype
    item = dtype.itemsize
    down, across = x.strides
    if across == item:
        if not _is_long(n, k * item):
            return None
        out = ndarray((m, n), dtype)
        _along(out, 1, n, _dense(y.T), x, down // item, zeros(dtype, m), n, k, m)
        return out
    if down != item or n > FEW_ACROSS:
        return None
    turned = _across(_dense(y.T), x.T, across // item, zeros(dtype, m), n, k, m)
    return turned.reshape(m, 1) if n == 1 else np.ascontiguousarray(turned.T)


def _is_long(few: int, nbytes: int) -> bool:
    return nbytes >= (_LONG if few <= FEW_ACROSS else _LONGER)


def _dense(a: Any) -> Any:
    return a if a.flags.c_contiguous and a.flags.aligned else a.copy()


def _along(
    out: Any, row: int, column: int, x: Any, w: Any, step: int, bias: Any, m: int, k: int, n: int
) -> None:
    key = (x.dtype, m >= 4, m % 4)
    run = _rows.get(key)
    if run is None:
        run = _rows[key] = _at(skinny.along_rows, key)
    share = 1 + _SHARE // (m * k * skinny.DOTS)
    run(-(-n // skinny.DOTS), share, out, row, column, x, w, step, bias, m, k, n)


def _across(x: Any, y: Any, step: int, bias: Any, m: int, k: int, n: int) -> Any:
    key = (x.dtype, m >= 4, m % 4)
    run = _columns.get(key)
    if run is None:
        run = _columns[key] = _at(skinny.along_columns, key)
    out = ndarray((m, n), x.dtype)
    share = 1 + _SHARE // (m * k * skinny.STRIP)
    run(-(-n // skinny.STRIP), share, out, x, y, step, bias, m, k, n)
    return out


def _at(kernel: Any, key: Any) -> Any:
    dtype, several, rest = key
    return kernel.at(T=f32 if dtype is _F32 else f64, MANY=several, REST=rest)
