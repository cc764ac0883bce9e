"""Random tensors and in-place draws."""

from __future__ import annotations

import math
from typing import Any

from weft._backend import ndarray, np
from weft._core import dtypes
from weft._core.aval import Aval
from weft._core.device import META, device_of, require
from weft._core.errors import ShapeError
from weft._core.generator import Generator, default_generator
from weft._core.inplace import write
from weft._core.samples import Sample, array
from weft._core.shapes import shape_tuple
from weft._core.tensor import Tensor, wrap
from weft.ops.families.composite import composite

_DRAWN = "it draws at random from settings"
_PI2 = 2 * math.pi
#: Bits of a number's significand, the leading one included.
_SIGNIFICANT = {dtypes.float16.numpy: 11, dtypes.bfloat16.numpy: 8}


def _uniform(generator: Generator | None, count: int, dtype: Any) -> Any:
    """Return floats in [0, 1): all bits of the significand are random."""
    source = default_generator if generator is None else generator
    if dtype == np.float64:
        words = source.words(2 * count).astype(np.uint64).reshape(count, 2)
        return ((words[:, 0] << 21) ^ (words[:, 1] >> 11)).astype(np.float64) * 2.0**-53
    bits = np.finfo(np.float32).nmant + 1 if dtype == np.float32 else _SIGNIFICANT[dtype]
    # as many bits as the dtype holds: more would round up to 1
    whole = (source.words(count) >> (32 - bits)).astype(np.float32)
    return (whole * np.float32(2.0**-bits)).astype(dtype)


def _normal(generator: Generator | None, count: int, dtype: Any) -> Any:
    """Return standard normal floats, two from each pair of uniform ones (Box and Muller)."""
    wide = np.float64 if dtype == np.float64 else np.float32
    pairs = _uniform(generator, 2 * (-(-count // 2)), wide).reshape(2, -1)
    radius = np.sqrt(-2 * np.log1p(-pairs[0]))
    angle = pairs[1] * wide(_PI2)
    both = np.concatenate([radius * np.cos(angle), radius * np.sin(angle)])
    return both[:count].astype(dtype)


def _shape(name: str, size: tuple[Any, ...]) -> tuple[int, ...]:
    shape = shape_tuple(name, size[0] if len(size) == 1 else size)
    if any(n < 0 for n in shape):
        raise ShapeError(f"{name}: a length cannot be negative, got {shape}")
    return shape


def _floating(name: str, dtype: Any) -> Any:
    own = dtypes.get_default_dtype() if dtype is None else dtypes.of(dtypes.canonical(dtype))
    if not own.is_floating_point:
        raise TypeError(f"{name}: expected a floating dtype, got {own}")
    return own.numpy


def _finish(data: Any, shape: tuple[int, ...], device: Any, requires_grad: bool) -> Tensor:
    place = require(device)
    out = wrap(Aval(shape, data.dtype) if place == META else data.reshape(shape))
    return out.requires_grad_() if requires_grad else out


@composite(samples=(Sample(2, 3),), methods=(), not_differentiable=_DRAWN, random=True)
def rand(
    *size: Any,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Uniform numbers in [0, 1).

    Args:
        size: the shape, as ints or one tuple.
        generator: where to draw from; the default generator if None.
        dtype: a floating dtype; the default one if None.
        device: where to make it.
        requires_grad: whether ops on it are recorded.

    Returns:
        Tensor: (*size).
    """
    shape = _shape("rand", size)
    drawn = _uniform(generator, math.prod(shape), _floating("rand", dtype))
    return _finish(drawn, shape, device, requires_grad)


@composite(samples=(Sample(2, 3),), methods=(), not_differentiable=_DRAWN, random=True)
def randn(
    *size: Any,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Normal numbers of mean 0 and variance 1.

    Args:
        size: the shape, as ints or one tuple.
        generator: where to draw from; the default generator if None.
        dtype: a floating dtype; the default one if None.
        device: where to make it.
        requires_grad: whether ops on it are recorded.

    Returns:
        Tensor: (*size).
    """
    shape = _shape("randn", size)
    drawn = _normal(generator, math.prod(shape), _floating("randn", dtype))
    return _finish(drawn, shape, device, requires_grad)


@composite(
    samples=(Sample(5, (2, 3)), Sample(-2, 3, (4,))),
    methods=(),
    not_differentiable=_DRAWN,
    random=True,
)
def randint(
    low: Any = 0,
    high: Any = None,
    size: Any = None,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Whole numbers from low up to but not including high, all equally likely.

    Args:
        low: the least; if no high is given, this is high, and low is 0.
        high: the end. ``randint(high, size)`` takes the shape as its second argument.
        size: the shape.
        generator: where to draw from; the default generator if None.
        dtype: the dtype; int64 if None.
        device: where to make it.
        requires_grad: whether ops on it are recorded; for floating dtypes only.

    Returns:
        Tensor: (*size).

    Raises:
        ValueError: high is not above low.
        TypeError: there is no high or no size.
    """
    if size is None:  # randint(high, size)
        low, high, size = 0, low, high
    elif high is None:  # randint(high, size=size)
        low, high = 0, low
    if size is None:
        raise TypeError(f"randint: expected a size, as in weft.randint({high}, (2, 3)), got None")
    if high <= low:
        raise ValueError(f"randint: high must be above low, got low={low}, high={high}")
    shape = _shape("randint", (size,))
    count = math.prod(shape)
    source = default_generator if generator is None else generator
    words = source.words(2 * count).astype(np.uint64).reshape(count, 2)
    # 64 random bits against the span leave no bias that anyone could measure below 2**40
    drawn = ((words[:, 0] << np.uint64(32)) | words[:, 1]) % np.uint64(high - low)
    own = np.dtype(np.int64) if dtype is None else dtypes.canonical(dtype)
    return _finish((drawn.astype(np.int64) + low).astype(own), shape, device, requires_grad)


@composite(samples=(Sample(6),), methods=(), not_differentiable=_DRAWN, random=True)
def randperm(
    n: int, *, generator: Generator | None = None, dtype: Any = None, device: Any = None
) -> Tensor:
    """The numbers from 0 to n - 1 in random order.

    Args:
        n: how many.
        generator: where to draw from; the default generator if None.
        dtype: the dtype; int64 if None.
        device: where to make it.

    Returns:
        Tensor: (n,).

    Raises:
        ValueError: n is negative.
    """
    if n < 0:
        raise ValueError(f"randperm: n must not be negative, got {n}")
    source = default_generator if generator is None else generator
    words = source.words(2 * n).astype(np.uint64).reshape(n, 2)
    order = np.argsort((words[:, 0] << np.uint64(32)) | words[:, 1], kind="stable")
    own = np.dtype(np.int64) if dtype is None else dtypes.canonical(dtype)
    return _finish(order.astype(own, copy=False), (n,), device, False)


@composite(samples=(Sample(array(3)),), methods=(), not_differentiable=_DRAWN, random=True)
def rand_like(
    input: Tensor,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Uniform numbers in [0, 1) of another tensor's shape and dtype.

    Args:
        input: the tensor to be like.
        generator: where to draw from; the default generator if None.
        dtype: another dtype.
        device: another device.
        requires_grad: whether ops on it are recorded.

    Returns:
        Tensor: of input's shape.
    """
    return rand(
        tuple(input.shape),
        generator=generator,
        dtype=dtype or input.dtype,
        device=device_of(input) if device is None else device,
        requires_grad=requires_grad,
    )


@composite(samples=(Sample(array(3)),), methods=(), not_differentiable=_DRAWN, random=True)
def randn_like(
    input: Tensor,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Normal numbers of another tensor's shape and dtype.

    Args:
        input: the tensor to be like.
        generator: where to draw from; the default generator if None.
        dtype: another dtype.
        device: another device.
        requires_grad: whether ops on it are recorded.

    Returns:
        Tensor: of input's shape.
    """
    return randn(
        tuple(input.shape),
        generator=generator,
        dtype=dtype or input.dtype,
        device=device_of(input) if device is None else device,
        requires_grad=requires_grad,
    )


@composite(samples=(Sample(array(3, low=0.0)),), not_differentiable=_DRAWN, random=True)
def bernoulli(input: Tensor, *, generator: Generator | None = None) -> Tensor:
    """1 with the probability that each element gives, else 0.

    Args:
        input: (...), in [0, 1].
        generator: where to draw from; the default generator if None.

    Returns:
        Tensor: (...), of input's dtype.

    Raises:
        ValueError: an element is no probability.
    """
    data = input._data
    if type(data) is ndarray and not ((data >= 0) & (data <= 1)).all():
        bad = data[~((data >= 0) & (data <= 1))].flat[0]
        raise ValueError(f"bernoulli: probabilities must be in [0, 1], got {bad}")
    return (rand(tuple(input.shape), generator=generator) < input).to(input.dtype)


def uniform_(
    self: Tensor, a: float = 0.0, b: float = 1.0, *, generator: Generator | None = None
) -> Tensor:
    """Fill in place with uniform numbers in [a, b); return self."""
    drawn = rand(tuple(self.shape), generator=generator, dtype=self.dtype)
    return write(self, drawn * (b - a) + a, "uniform_")


def normal_(
    self: Tensor, mean: float = 0.0, std: float = 1.0, *, generator: Generator | None = None
) -> Tensor:
    """Fill in place with normal numbers of a mean and standard deviation; return self."""
    drawn = randn(tuple(self.shape), generator=generator, dtype=self.dtype)
    return write(self, drawn * std + mean, "normal_")
