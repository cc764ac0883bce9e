"""Random tensors of a size: uniform, normal, whole numbers, permutations."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from weft._backend import np
from weft._core import dtypes
from weft._core.device import device
from weft._core.drawn import drawn
from weft._core.errors import DTypeError
from weft._core.generator import Generator
from weft._core.modes import here
from weft._core.samples import ErrorSample, Sample
from weft._core.tensor import Tensor
from weft.ops import draws
from weft.ops.families.composite import composite
from weft.ops.making import lengths_of, made, number_of, settings_of

DRAWN = "it draws at random from settings"


def maker(
    draw: Callable[..., Any], generator: Generator | None, part: float
) -> Callable[[tuple[int, ...], Any], Any]:
    """Return ``make(shape, dtype)`` over ``draw(generator, count, dtype)``.

    Args:
        part: what the parts of complex numbers are scaled by.
    """

    def make(shape: tuple[int, ...], dtype: Any) -> Any:
        count = math.prod(shape)
        if dtype.kind != "c":
            return draw(generator, count, dtype).reshape(shape)
        real = np.dtype(np.float64 if dtype.itemsize == 16 else np.float32)
        both = draw(generator, 2 * count, real).reshape((2, *shape)) * real.type(part)
        return (both[0] + 1j * both[1]).astype(dtype)

    return make


def numbers(
    name: str,
    size: tuple[Any, ...],
    make: Callable[..., Any],
    settings: dict[str, Any],
    requires_grad: bool,
) -> Tensor:
    """Return a new tensor of drawn floats, of a size and settings as users give them."""
    own, place = settings_of(name, settings)
    check_floating(name, own)
    return made_of(name, make, lengths_of(name, size), own, place, requires_grad)


def made_of(
    name: str,
    make: Callable[..., Any],
    shape: tuple[int, ...],
    own: Any,
    place: device,
    requires_grad: bool,
) -> Tensor:
    """Return a tensor of ``make(shape, dtype)``, in ``vmap`` as its randomness asks."""
    if not here.batches:
        return made(make, shape, own, place, requires_grad)
    out = drawn(name, shape, lambda wide: made(make, wide, own, place, False))
    return out.requires_grad_() if requires_grad else out


def check_floating(name: str, own: Any) -> None:
    """Raise unless a dtype is one in which floats can be drawn."""
    dtype = dtypes.of(own)
    if dtype.category < 2 or dtype.is_float8:
        raise DTypeError(f"{name}: expected a floating dtype, got {dtype}")


_NOT_FLOATING = (
    ErrorSample(2, dtype=dtypes.int64, error=DTypeError, match="expected a floating dtype"),
    ErrorSample(2, generator=3, error=TypeError, match=r"expected a weft\.Generator, got int 3"),
)


@composite(
    samples=(Sample(2, 3), Sample((2,), dtype=dtypes.complex64)),
    errors=_NOT_FLOATING,
    methods=(),
    not_differentiable=DRAWN,
    random=True,
    out=True,
)
def rand(
    *size: Any,
    generator: Generator | None = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
) -> Tensor:
    """Uniform numbers in [0, 1).

    Args:
        size: the shape, as ints or one tuple.
        generator: where to draw from; the default generator if None.
        dtype: a floating or complex dtype, of which both parts are drawn so; the default
            floating one if None.
        layout: ``weft.strided``.
        device: where to make it.
        pin_memory: taken for PyTorch's callers.
        requires_grad: whether ops on it are recorded.

    Returns:
        Tensor: (*size).

    Raises:
        DTypeError: dtype is neither floating nor complex.
    """
    settings = {"dtype": dtype, "layout": layout, "device": device}
    return numbers("rand", size, maker(draws.uniform, generator, 1.0), settings, requires_grad)


@composite(
    samples=(Sample(2, 3), Sample((2,), dtype=dtypes.complex64)),
    errors=_NOT_FLOATING,
    methods=(),
    not_differentiable=DRAWN,
    random=True,
    out=True,
)
def randn(
    *size: Any,
    generator: Generator | None = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
) -> Tensor:
    """Normal numbers of mean 0 and variance 1.

    Args:
        size: the shape, as ints or one tuple.
        generator: where to draw from; the default generator if None.
        dtype: a floating dtype, or a complex one, each part of which has half the variance;
            the default floating one if None.
        layout: ``weft.strided``.
        device: where to make it.
        pin_memory: taken for PyTorch's callers.
        requires_grad: whether ops on it are recorded.

    Returns:
        Tensor: (*size).

    Raises:
        DTypeError: dtype is neither floating nor complex.
    """
    settings = {"dtype": dtype, "layout": layout, "device": device}
    return numbers(
        "randn", size, maker(draws.normal, generator, math.sqrt(0.5)), settings, requires_grad
    )


def whole(name: str, low: Any, high: Any, own: Any, generator: Any) -> Callable[..., Any]:
    """Return ``make(shape, dtype)`` of whole numbers from low up to but not including high."""
    low, high = int(number_of(name, "low", low)), int(number_of(name, "high", high))
    if high <= low:
        raise ValueError(f"{name}: high must be above low, got low={low}, high={high}")
    dtype = dtypes.of(own)
    if dtype.category == 1:
        limits = np.iinfo(own)
        if low < limits.min or high - 1 > limits.max:
            raise ValueError(
                f"{name}: {dtype} holds {limits.min} to {limits.max}, which low={low} and "
                f"high={high} leave"
            )

    def make(shape: tuple[int, ...], own: Any) -> Any:
        drawn = draws.integers(generator, math.prod(shape), low, high - low)
        return drawn.astype(own, copy=False).reshape(shape)

    return make


@composite(
    samples=(Sample(5, (2, 3)), Sample(-2, 3, (4,)), Sample(3, (2,), dtype=dtypes.float32)),
    errors=(
        ErrorSample(3, 3, (1,), error=ValueError, match="high must be above low"),
        ErrorSample(3, error=TypeError, match="expected a size"),
        ErrorSample(300, (2,), dtype=dtypes.uint8, error=ValueError, match="uint8 holds 0 to 255"),
    ),
    methods=(),
    not_differentiable=DRAWN,
    random=True,
    out=True,
)
def randint(
    low: Any = 0,
    high: Any = None,
    size: Any = None,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
) -> Tensor:
    """Whole numbers from low up to but not including high, all equally likely.

    Args:
        low: the least; if no high is given, this is high, and low is 0.
        high: the end. ``randint(high, size)`` takes the shape as its second argument.
        size: the shape.
        generator: where to draw from; the default generator if None.
        dtype: the dtype; int64 if None.
        layout: ``weft.strided``.
        device: where to make it.
        pin_memory: taken for PyTorch's callers.
        requires_grad: whether ops on it are recorded.

    Returns:
        Tensor: (*size).

    Raises:
        ValueError: high is not above low, or the dtype does not hold the numbers.
        TypeError: there is no high or no size.
    """
    if size is None and isinstance(high, (tuple, list)):  # randint(high, size)
        low, high, size = 0, low, high
    elif high is None:  # randint(high, size=size)
        low, high = 0, low
    if size is None:
        raise TypeError(f"randint: expected a size, as in weft.randint({high}, (2, 3)), got None")
    own, place = settings_of(
        "randint",
        {"dtype": dtype, "layout": layout, "device": device},
        dtypes.int64,
    )
    make = whole("randint", low, high, own, generator)
    return made_of("randint", make, lengths_of("randint", (size,)), own, place, requires_grad)


@composite(
    samples=(Sample(6), Sample(3, dtype=dtypes.float32), Sample(0)),
    errors=(ErrorSample(-1, error=ValueError, match="must not be negative"),),
    methods=(),
    not_differentiable=DRAWN,
    random=True,
    out=True,
)
def randperm(
    n: int,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
) -> Tensor:
    """The numbers from 0 to n - 1 in random order.

    Args:
        n: how many.
        generator: where to draw from; the default generator if None.
        dtype: the dtype; int64 if None.
        layout: ``weft.strided``.
        device: where to make it.
        pin_memory: taken for PyTorch's callers.
        requires_grad: whether ops on it are recorded.

    Returns:
        Tensor: (n,).

    Raises:
        ValueError: n is negative.
    """
    if n < 0:
        raise ValueError(f"randperm: n must not be negative, got {n}")
    own, place = settings_of(
        "randperm",
        {"dtype": dtype, "layout": layout, "device": device},
        dtypes.int64,
    )

    def make(shape: tuple[int, ...], own: Any) -> Any:
        keys = draws.integers(generator, math.prod(shape), 0, 1 << 64).reshape(shape)
        if len(shape) == 1:
            return draws.ascending(keys).astype(own, copy=False)
        return np.argsort(keys, axis=-1, kind="stable").astype(own)

    return made_of("randperm", make, (n,), own, place, requires_grad)
