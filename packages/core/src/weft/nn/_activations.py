"""The functions that PyTorch lets write over their input: each op with `inplace` added.

With `inplace=True` the result is written into the input's memory, so everyone who holds the input
sees it, as in PyTorch. The kernels compute out of place and copy: it saves no time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import weft
from weft import Tensor, ops


def _written(input: Tensor, function: Callable[..., Tensor], *settings: Any) -> Tensor:
    """The function's result, in the memory of `input`."""
    recorded = input.requires_grad and weft.is_grad_enabled()
    # The backward pass may need what is about to be overwritten.
    source = input.clone() if recorded else input
    return input.copy_(function(source, *settings))


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """`weft.ops.relu`; with `inplace` the result is written into `input`."""
    if inplace:
        return _written(input, ops.relu)
    return ops.relu(input)


def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    """`weft.ops.relu6`; with `inplace` the result is written into `input`."""
    if inplace:
        return _written(input, ops.relu6)
    return ops.relu6(input)


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """`weft.ops.silu`; with `inplace` the result is written into `input`."""
    if inplace:
        return _written(input, ops.silu)
    return ops.silu(input)


def mish(input: Tensor, inplace: bool = False) -> Tensor:
    """`weft.ops.mish`; with `inplace` the result is written into `input`."""
    if inplace:
        return _written(input, ops.mish)
    return ops.mish(input)


def selu(input: Tensor, inplace: bool = False) -> Tensor:
    """`weft.ops.selu`; with `inplace` the result is written into `input`."""
    if inplace:
        return _written(input, ops.selu)
    return ops.selu(input)


def hardswish(input: Tensor, inplace: bool = False) -> Tensor:
    """`weft.ops.hardswish`; with `inplace` the result is written into `input`."""
    if inplace:
        return _written(input, ops.hardswish)
    return ops.hardswish(input)


def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    """`weft.ops.hardsigmoid`; with `inplace` the result is written into `input`."""
    if inplace:
        return _written(input, ops.hardsigmoid)
    return ops.hardsigmoid(input)


def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """`weft.ops.celu`; with `inplace` the result is written into `input`."""
    if inplace:
        return _written(input, ops.celu, alpha)
    return ops.celu(input, alpha)


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """`weft.ops.elu`; with `inplace` the result is written into `input`."""
    if inplace:
        return _written(input, ops.elu, alpha)
    return ops.elu(input, alpha)


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """`weft.ops.leaky_relu`; with `inplace` the result is written into `input`."""
    if inplace:
        return _written(input, ops.leaky_relu, negative_slope)
    return ops.leaky_relu(input, negative_slope)


def hardtanh(
    input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False
) -> Tensor:
    """`weft.ops.hardtanh`; with `inplace` the result is written into `input`."""
    if inplace:
        return _written(input, ops.hardtanh, min_val, max_val)
    return ops.hardtanh(input, min_val, max_val)


def threshold(input: Tensor, threshold: float, value: float, inplace: bool = False) -> Tensor:
    """`weft.ops.threshold`; with `inplace` the result is written into `input`."""
    if inplace:
        return _written(input, ops.threshold, threshold, value)
    return ops.threshold(input, threshold, value)


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """`weft.ops.dropout`; with `inplace` the result is written into `input`."""
    if inplace:
        return _written(input, ops.dropout, p, training)
    return ops.dropout(input, p, training)


def softmin(input: Tensor, dim: int, dtype: weft.dtype | None = None) -> Tensor:
    """The softmax of −x along `dim`.

    Args:
        input: any shape.
        dim: the axis.
        dtype: compute in and return this dtype.
    """
    return ops.softmax(-input, dim, dtype=dtype)
