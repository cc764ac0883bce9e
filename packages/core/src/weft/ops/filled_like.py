"""Tensors of another tensor's shape, filled with one number or with nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from weft._backend import ndarray, np
from weft._core import dtypes
from weft._core.boxed import Boxed
from weft._core.device import META, device_of
from weft._core.errors import ShapeError
from weft._core.layouts import (
    check_format,
    contiguous_format,
    empty_in_order,
    kept_order,
    order_of,
    preserve_format,
)
from weft._core.samples import ErrorSample, Sample, array
from weft._core.tensor import Tensor
from weft.ops.families.composite import composite
from weft.ops.filled import ones
from weft.ops.making import MADE, filler, finished, made, number_of, settings_of


def like(
    name: str,
    input: Tensor,
    make: Callable[..., Any],
    settings: dict[str, Any],
    memory_format: Any,
    requires_grad: bool,
) -> Tensor:
    """Return a tensor of another's shape over ``make(shape, dtype)``, lying in memory as asked."""
    if settings["device"] is None:
        settings = {**settings, "device": device_of(input)}
    own, place = settings_of(name, settings, input.dtype)
    shape = tuple(input.shape)
    form = check_format(name, memory_format, len(shape))
    data = input._data
    if isinstance(data, Boxed):  # each example gets its own, which it may write to
        out: Tensor = data.spread(made(make, shape, own, place, False))
        return out.requires_grad_() if requires_grad else out
    plain = form is contiguous_format or place == META
    if form is preserve_format:
        plain = plain or type(data) is not ndarray or data.flags.c_contiguous
    if plain:
        return made(make, shape, own, place, requires_grad)
    if form is preserve_format:
        memory = np.empty_like(data, own, order="K" if kept_order(data) == "K" else "C")
    else:
        memory = empty_in_order(shape, own, order_of(form, len(shape)))
    if make is not np.empty:
        memory[...] = make((), own)
    return finished(memory, place, requires_grad)


@composite(
    samples=(Sample(array(2, 3)), Sample(array(3, 2, step="transposed"))),
    methods=(),
    not_differentiable=MADE,
)
def zeros_like(
    input: Tensor,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """Return zeros of another tensor's shape, dtype and device.

    Args:
        input: the tensor to be like.
        dtype: another dtype.
        layout: ``weft.strided``.
        device: another device.
        pin_memory: taken for PyTorch's callers.
        requires_grad: whether ops on it are recorded.
        memory_format: how it lies in memory; as input does if None.

    Returns:
        Tensor: of input's shape.
    """
    settings = {"dtype": dtype, "layout": layout, "device": device}
    return like("zeros_like", input, np.zeros, settings, memory_format, requires_grad)


@composite(
    samples=(Sample(array(2, 3)), Sample(array(3, 2, step="transposed"))),
    methods=(),
    not_differentiable=MADE,
)
def ones_like(
    input: Tensor,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """Return ones of another tensor's shape, dtype and device.

    Args:
        input: the tensor to be like.
        dtype: another dtype.
        layout: ``weft.strided``.
        device: another device.
        pin_memory: taken for PyTorch's callers.
        requires_grad: whether ops on it are recorded.
        memory_format: how it lies in memory; as input does if None.

    Returns:
        Tensor: of input's shape.
    """
    settings = {"dtype": dtype, "layout": layout, "device": device}
    return like("ones_like", input, np.ones, settings, memory_format, requires_grad)


@composite(
    samples=(Sample(array(2, 3)), Sample(array(3, 2, step="transposed"))),
    methods=(),
    not_differentiable=MADE,
    random=True,
)
def empty_like(
    input: Tensor,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """Return an uninitialised tensor of another's shape, dtype and device.

    Args:
        input: the tensor to be like.
        dtype: another dtype.
        layout: ``weft.strided``.
        device: another device.
        pin_memory: taken for PyTorch's callers.
        requires_grad: whether ops on it are recorded.
        memory_format: how it lies in memory; as input does if None.

    Returns:
        Tensor: of input's shape.
    """
    settings = {"dtype": dtype, "layout": layout, "device": device}
    return like("empty_like", input, np.empty, settings, memory_format, requires_grad)


@composite(samples=(Sample(array(2, 3), 2.5),), methods=(), not_differentiable=MADE)
def full_like(
    input: Tensor,
    fill_value: Any,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """Return one number in another tensor's shape, dtype and device.

    Args:
        input: the tensor to be like.
        fill_value: a number, or a tensor of one.
        dtype: another dtype.
        layout: ``weft.strided``.
        device: another device.
        pin_memory: taken for PyTorch's callers.
        requires_grad: whether ops on it are recorded.
        memory_format: how it lies in memory; as input does if None.

    Returns:
        Tensor: of input's shape.
    """
    settings = {"dtype": dtype, "layout": layout, "device": device}
    make = filler("full_like", number_of("full_like", "fill_value", fill_value))
    return like("full_like", input, make, settings, memory_format, requires_grad)


@composite(
    samples=(Sample(array(2, 3), 2.5), Sample(array(2, 3), array())),
    errors=(ErrorSample(array(2), array(2), error=ShapeError, match="0-d"),),
    methods=(),
    inplace=True,
)
def fill(input: Tensor, value: Any) -> Tensor:
    """One number in another tensor's shape, dtype and device, differentiable by a 0-d tensor.

    Args:
        input: the tensor to be like.
        value: a number, or a 0-d tensor.

    Returns:
        Tensor: of input's shape and dtype.

    Raises:
        ShapeError: value has dims.
    """
    from weft.ops.comparison import masked_fill

    if isinstance(value, Tensor) and value.ndim:
        raise ShapeError(
            f"fill: value must be a number or a 0-d tensor, got shape {tuple(value.shape)}"
        )
    return masked_fill(input, ones((), dtype=dtypes.bool_, device=input.device), value)
