"""The functions that PyTorch lets write over their input: each op with `inplace` added.

With `inplace=True` the result is written into the input's memory, so everyone who holds the input
sees it, as in PyTorch. The kernels compute out of place and copy: it saves no time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from weft import Tensor
from weft._core.inplace import compute, write
from weft.nn import _functions


def written(input: Tensor, function: Callable[..., Tensor], *settings: Any) -> Tensor:
    """The function's result, in the memory of `input`."""
    name = f"{function.__name__}_"
    return write(input, compute(function, name, input, settings), name)


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """The op `relu`; with `inplace` the result is written into `input`."""
    if inplace:
        return written(input, _functions.relu)
    return _functions.relu(input)


def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    """The op `relu6`; with `inplace` the result is written into `input`."""
    if inplace:
        return written(input, _functions.relu6)
    return _functions.relu6(input)


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """The op `silu`; with `inplace` the result is written into `input`."""
    if inplace:
        return written(input, _functions.silu)
    return _functions.silu(input)


def mish(input: Tensor, inplace: bool = False) -> Tensor:
    """The op `mish`; with `inplace` the result is written into `input`."""
    if inplace:
        return written(input, _functions.mish)
    return _functions.mish(input)


def selu(input: Tensor, inplace: bool = False) -> Tensor:
    """The op `selu`; with `inplace` the result is written into `input`."""
    if inplace:
        return written(input, _functions.selu)
    return _functions.selu(input)


def hardswish(input: Tensor, inplace: bool = False) -> Tensor:
    """The op `hardswish`; with `inplace` the result is written into `input`."""
    if inplace:
        return written(input, _functions.hardswish)
    return _functions.hardswish(input)


def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    """The op `hardsigmoid`; with `inplace` the result is written into `input`."""
    if inplace:
        return written(input, _functions.hardsigmoid)
    return _functions.hardsigmoid(input)


def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """The op `celu`; with `inplace` the result is written into `input`."""
    if inplace:
        return written(input, _functions.celu, alpha)
    return _functions.celu(input, alpha)


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """The op `elu`; with `inplace` the result is written into `input`."""
    if inplace:
        return written(input, _functions.elu, alpha)
    return _functions.elu(input, alpha)


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """The op `leaky_relu`; with `inplace` the result is written into `input`."""
    if inplace:
        return written(input, _functions.leaky_relu, negative_slope)
    return _functions.leaky_relu(input, negative_slope)


def hardtanh(
    input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False
) -> Tensor:
    """The op `hardtanh`; with `inplace` the result is written into `input`."""
    if inplace:
        return written(input, _functions.hardtanh, min_val, max_val)
    return _functions.hardtanh(input, min_val, max_val)


def threshold(input: Tensor, threshold: float, value: float, inplace: bool = False) -> Tensor:
    """The op `threshold`; with `inplace` the result is written into `input`."""
    if inplace:
        return written(input, _functions.threshold, threshold, value)
    return _functions.threshold(input, threshold, value)


def rrelu(
    input: Tensor,
    lower: float = 1.0 / 8,
    upper: float = 1.0 / 3,
    training: bool = False,
    inplace: bool = False,
) -> Tensor:
    """The op `rrelu`; with `inplace` the result is written into `input`."""
    if inplace:
        return written(input, _functions.rrelu, lower, upper, training)
    return _functions.rrelu(input, lower, upper, training)
