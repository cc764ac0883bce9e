"""Copies of tensors, and the order in which their dims lie in memory."""

from __future__ import annotations

from typing import Any

from weft._backend import ndarray
from weft._backend.cpu.launching import Launcher
from weft._core import catalogue, layouts
from weft._core.aval import Aval
from weft._core.boxed import Boxed
from weft._core.kernels import prefer
from weft._core.samples import ErrorSample, Sample, array
from weft._core.tensor import Tensor
from weft.ops.families.batching import with_params
from weft.ops.families.composite import composite
from weft.ops.families.linear import linear


@linear(
    shape=lambda x: x,
    transpose=lambda g, x: g,
    batch=with_params("copied"),
    namespaces=(),
    methods=(),
    samples=(Sample(array(2, 3)), Sample(array(3, 2, step="transposed")), Sample(array())),
)
def copied(xp: Any, x: Any) -> Any:
    """Copy into new memory in the order of the indices; the gradient flows through.

    Args:
        input: (...).

    Returns:
        Tensor: (...).
    """
    return xp.array(x, order="C", copy=True)


_copying = Launcher("copying")


def _copied_fast(x: Any) -> Any:
    size = x.size
    if size < 16384 or (size < 262144 and x.flags.c_contiguous):
        return None
    return _copying.copied(x)


prefer(catalogue.ops["copied"], _copied_fast)


def in_order(data: Any) -> bool:
    """Whether an array's elements lie in memory in the order of their indices."""
    if type(data) is ndarray:
        return data.flags.c_contiguous
    if isinstance(data, Boxed):
        known = layout_of(data)
        return known is None or _follow(*known, data.dtype.itemsize)
    return isinstance(data, Aval) or not hasattr(data, "flags") or bool(data.flags.c_contiguous)


def layout_of(data: Any) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
    """Return the shape and strides of what a tensor holds, of one example inside ``vmap``.

    None if it has no memory.
    """
    base = data
    while isinstance(base, Boxed):
        base = base.inner._data
    if not hasattr(base, "strides"):
        return None
    outer = len(base.shape) - len(data.shape)  # the dims of batches around it
    return base.shape[outer:], base.strides[outer:]


def _follow(lengths: tuple[int, ...], steps: tuple[int, ...], itemsize: int) -> bool:
    """Whether strides put elements in the order of their indices, without gaps."""
    if 0 in lengths:
        return True
    expected = itemsize
    for n, step in zip(reversed(lengths), reversed(steps), strict=True):
        if n != 1 and step != expected:
            return False
        expected *= n
    return True


def _own_order(data: Any) -> tuple[int, ...] | None:
    """Return the dims from outermost to innermost if the memory is dense but in another order."""
    if type(data) is not ndarray or data.flags.c_contiguous or data.ndim < 2:
        return None
    order = tuple(sorted(range(data.ndim), key=lambda d: -data.strides[d]))
    return order if data.transpose(order).flags.c_contiguous else None


def _in(input: Tensor, order: tuple[int, ...]) -> Tensor:
    """Copy into memory whose dims lie in an order."""
    from weft.ops.permuting import transposed

    back = tuple(sorted(range(len(order)), key=order.__getitem__))
    out: Tensor = transposed(copied(transposed(input, order)), back)
    return out


@composite(
    samples=(
        Sample(array(2, 3)),
        Sample(array(3, 2, step="transposed")),
        Sample(array()),
        Sample(array(2, 3, 2, 2), memory_format=layouts.channels_last),
    ),
    errors=(
        ErrorSample(
            array(2, 3),
            memory_format=layouts.channels_last,
            error=ValueError,
            match="a tensor of 4 dims",
        ),
        ErrorSample(array(2), memory_format="C", error=TypeError, match="must be one such as"),
    ),
)
def clone(input: Tensor, *, memory_format: Any = layouts.preserve_format) -> Tensor:
    """Copy into new memory; the gradient flows through.

    Args:
        input: (...).
        memory_format: the order of dims in memory; ``weft.preserve_format`` keeps the input's where
            its memory has no gaps and no overlaps, and is contiguous otherwise.

    Returns:
        Tensor: (...).

    Raises:
        ValueError: the format is of tensors with another number of dims.
    """
    wanted = layouts.check_format("clone", memory_format, input.ndim)
    if wanted is layouts.preserve_format:
        own = _own_order(input._data)
        return copied(input) if own is None else _in(input, own)
    order = layouts.order_of(wanted, input.ndim)
    return copied(input) if order == tuple(range(input.ndim)) else _in(input, order)


@composite(
    samples=(
        Sample(array(2, 3)),
        Sample(array(3, 2, step="transposed")),
        Sample(array(2, 3, 2, 2), memory_format=layouts.channels_last),
    ),
    errors=(
        ErrorSample(
            array(2, 3), memory_format=layouts.preserve_format, error=ValueError, match="no order"
        ),
    ),
    namespaces=(),
    methods=("contiguous",),
)
def contiguous(input: Tensor, memory_format: Any = layouts.contiguous_format) -> Tensor:
    """Return the tensor itself if its memory has the order wanted, else a copy that has.

    Args:
        input: (...).
        memory_format: the order of dims in memory.

    Returns:
        Tensor: (...).

    Raises:
        ValueError: the format is of tensors with another number of dims, or none.
    """
    if memory_format is layouts.preserve_format:
        raise ValueError("contiguous: weft.preserve_format names no order to bring memory into")
    if is_contiguous(input, memory_format):
        return input
    return clone(input, memory_format=memory_format)


@composite(
    samples=(Sample(array(2, 3)),),
    namespaces=(),
    methods=("is_contiguous",),
    not_differentiable="tells how memory is laid out",
)
def is_contiguous(input: Tensor, memory_format: Any = layouts.contiguous_format) -> bool:
    """Whether the dims lie in memory in an order, without gaps.

    Args:
        input: (...).
        memory_format: the order; by default that of the indices.

    Returns:
        bool: true for contiguous order also of tensors without data.
    """
    data = input._data
    wanted = layouts.check_format("is_contiguous", memory_format, input.ndim)
    if wanted is layouts.contiguous_format:
        return in_order(data)
    return type(data) is ndarray and layouts.is_in_format(data, wanted)
