"""What launching functions ask of arrays: the kernels' types by dtype, memory in one piece."""

from __future__ import annotations

from typing import Any

import ml_dtypes

from weft._backend import np
from weft._backend.cpu.language import bf16, f16, f32, f64

#: The kernels' floats by NumPy's dtypes.
FLOATS: dict[Any, Any] = {
    np.dtype(np.float32): f32,
    np.dtype(np.float64): f64,
    np.dtype(np.float16): f16,
    np.dtype(ml_dtypes.bfloat16): bf16,
}
#: Those that are computed as they lie.
WIDE = frozenset({np.dtype(np.float32), np.dtype(np.float64)})
#: The NumPy dtype that each is computed in.
COMPUTED: dict[Any, Any] = {
    dtype: np.dtype(np.float64 if kind is f64 else np.float32) for dtype, kind in FLOATS.items()
}


def dense(x: Any) -> Any:
    """Return an array whose elements lie side by side in the order of its indices."""
    return x if x.flags.c_contiguous else np.ascontiguousarray(x)


def grain(elements: int) -> int:
    """Return how many steps of so many elements each are worth a thread of their own."""
    return max(1, 24576 // (elements or 1))


def channels_last(x: Any) -> Any:
    """Return an image (N, C, ...) as rows of channels, (N, ..., C), where they lie so; or None.

    A table (N, C), and an image of single pixels, is taken so too.
    """
    if x.ndim == 2:
        return x if x.flags.c_contiguous else None
    if x.ndim == 4:  # as most are
        turned = x.transpose(0, 2, 3, 1)
    else:
        turned = x.transpose(0, *range(2, x.ndim), 1)
    if turned.flags.c_contiguous:
        return turned
    if x.size == x.shape[0] * x.shape[1]:
        return dense(turned)
    return None


def channels_first(turned: Any, ndim: int) -> Any:
    """Undo :func:`channels_last`: (N, ..., C) as (N, C, ...), in the same memory."""
    if ndim == 2:
        return turned
    return turned.transpose(0, ndim - 1, *range(1, ndim - 1))


def ordered(x: Any) -> tuple[Any, tuple[int, ...] | None]:
    """Return an array with its dims in the order of its memory, and that order; or a dense copy.

    The order is None where it is that of the dims. ``unordered`` undoes it.
    """
    if x.flags.c_contiguous:
        return x, None
    strides = x.strides
    order = tuple(sorted(range(x.ndim), key=lambda d: -strides[d]))
    turned = x.transpose(order)
    if turned.flags.c_contiguous:
        return turned, order
    return np.ascontiguousarray(x), None


def unordered(x: Any, order: tuple[int, ...] | None) -> Any:
    """Return an array that lies in an order as one of dims in theirs."""
    return x if order is None else x.transpose(tuple(map(order.index, range(x.ndim))))


def like(g: Any, order: tuple[int, ...] | None) -> Any:
    """Return an array in one piece with its dims in a given order."""
    return dense(g if order is None else g.transpose(order))


def rows_like(g: Any, x: Any) -> Any:
    """Return a cotangent as rows of channels, as x lies."""
    turned = channels_last(g)
    if turned is None:
        turned = np.ascontiguousarray(g.transpose(0, *range(2, x.ndim), 1))
    return turned
