"""Random tensors after others: like a tensor, or with means and deviations that tensors give."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from weft._backend import np
from weft._backend.libraries import store
from weft._core import dtypes
from weft._core.device import META, placed
from weft._core.generator import Generator
from weft._core.modes import here
from weft._core.samples import ErrorSample, Sample, array
from weft._core.tensor import Tensor
from weft.ops import draws
from weft.ops.families.composite import composite
from weft.ops.filled_like import empty_like, like
from weft.ops.random import DRAWN, check_floating, made_of, maker, numbers, whole


@composite(samples=(Sample(array(3)),), methods=(), not_differentiable=DRAWN, random=True)
def rand_like(
    input: Tensor,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """Uniform numbers in [0, 1) of another tensor's shape and dtype.

    Args:
        input: the tensor to be like.
        generator: where to draw from; the default generator if None.
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
    make = maker(draws.uniform, generator, 1.0)
    return _drawn_like("rand_like", input, make, settings, memory_format, requires_grad)


@composite(samples=(Sample(array(3)),), methods=(), not_differentiable=DRAWN, random=True)
def randn_like(
    input: Tensor,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """Normal numbers of another tensor's shape and dtype.

    Args:
        input: the tensor to be like.
        generator: where to draw from; the default generator if None.
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
    make = maker(draws.normal, generator, math.sqrt(0.5))
    return _drawn_like("randn_like", input, make, settings, memory_format, requires_grad)


def _drawn_like(
    name: str,
    input: Tensor,
    make: Callable[..., Any],
    settings: dict[str, Any],
    memory_format: Any,
    requires_grad: bool,
) -> Tensor:
    """Draw into a tensor like another: in the order of its indices, wherever they lie in memory."""
    out = like(name, input, np.empty, settings, memory_format, False)
    own = out._data.dtype
    if name != "randint_like":
        check_floating(name, own)
    if here.batches:
        return made_of(name, make, tuple(input.shape), own, out.device, requires_grad)
    if out.device != META:
        store(out._data, ..., placed(make(tuple(out.shape), own), out.device))
    return out.requires_grad_() if requires_grad else out


@composite(
    samples=(Sample(array(3), 5), Sample(array(2, 3), -2, 3)),
    errors=(ErrorSample(array(2), 3, 3, error=ValueError, match="high must be above low"),),
    methods=(),
    not_differentiable=DRAWN,
    random=True,
)
def randint_like(
    input: Tensor,
    low: Any = 0,
    high: Any = None,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """Whole numbers from low up to but not including high, of another tensor's shape and dtype.

    Args:
        input: the tensor to be like.
        low: the least; if no high is given, this is high, and low is 0.
        high: the end.
        generator: where to draw from; the default generator if None.
        dtype: another dtype.
        layout: ``weft.strided``.
        device: another device.
        pin_memory: taken for PyTorch's callers.
        requires_grad: whether ops on it are recorded.
        memory_format: how it lies in memory; as input does if None.

    Returns:
        Tensor: of input's shape.

    Raises:
        ValueError: high is not above low, or the dtype does not hold the numbers.
    """
    if high is None:
        low, high = 0, low
    own = input._data.dtype if dtype is None else dtypes.canonical(dtype)
    settings = {"dtype": dtype, "layout": layout, "device": device}
    make = whole("randint_like", low, high, own, generator)
    return _drawn_like("randint_like", input, make, settings, memory_format, requires_grad)


@composite(
    samples=(
        Sample(array(3), 2.0),
        Sample(array(2, 1), array(3, low=0.0)),
        Sample(0.5, array(3, low=0.0)),
        Sample(0.0, 1.0, (2, 3)),
        Sample(array(2)),
    ),
    errors=(
        ErrorSample(0.0, -1.0, (2,), error=ValueError, match="std must not be negative, got -1"),
        ErrorSample(array(2), array(2, low=-2.0, high=-1.0), error=ValueError, match="negative"),
        ErrorSample(0.0, 1.0, error=TypeError, match="expected a size"),
    ),
    methods=(),
    not_differentiable=DRAWN,
    random=True,
    out=True,
)
def normal(
    mean: Any = 0.0,
    std: Any = 1.0,
    size: Any = None,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
) -> Tensor:
    """Normal numbers of given means and standard deviations.

    Args:
        mean: a number or a tensor.
        std: a number or a tensor, not negative; broadcasts with mean.
        size: the shape, where mean and std are numbers.
        generator: where to draw from; the default generator if None.
        dtype: a floating dtype, where mean and std are numbers; the default one if None.
        layout: ``weft.strided``.
        device: where to make it.
        pin_memory: taken for PyTorch's callers.
        requires_grad: whether ops on it are recorded.

    Returns:
        Tensor: of the common shape of mean and std, in the dtype of mean, of std if mean is a
        number; or (*size).

    Raises:
        ValueError: a standard deviation is negative.
        TypeError: mean and std are numbers, and there is no size.
    """
    from weft.ops.casting import detach
    from weft.ops.gathering import plain_data

    tensors = [t for t in (mean, std) if isinstance(t, Tensor)]
    if isinstance(std, Tensor):
        data = plain_data(std)
        if data is not None and data.size and data.min() < 0:
            raise ValueError(f"normal: std must not be negative, got {data.min()}")
    elif std < 0:
        raise ValueError(f"normal: std must not be negative, got {std}")
    if not tensors:
        if size is None:
            raise TypeError("normal: expected a size, as mean and std are numbers")
        settings = {"dtype": dtype, "layout": layout, "device": device}
        make = maker(draws.normal, generator, math.sqrt(0.5))
        drawn = numbers("normal", (size,), make, settings, False)
        out: Tensor = drawn * std + mean
        return out.requires_grad_() if requires_grad else out
    check_floating("normal", tensors[0]._data.dtype)
    fixed = [detach(t).to(tensors[0].dtype) for t in tensors]
    total = fixed[0] if len(fixed) == 1 else fixed[0] + fixed[1]
    noise = randn_like(empty_like(total), generator=generator)
    centre = fixed[0] if isinstance(mean, Tensor) else mean
    width = fixed[-1] if isinstance(std, Tensor) else std
    shifted: Tensor = noise * width + centre
    return shifted.requires_grad_() if requires_grad else shifted
