"""Random numbers drawn into a tensor's memory, each from a distribution given by numbers."""

from __future__ import annotations

import math
from typing import Any

from weft._backend import np
from weft._backend.libraries import on_host
from weft._backend.numpy_ import restore, silence
from weft._core import dtypes
from weft._core.aval import Aval
from weft._core.boxed import Boxed
from weft._core.device import device_of, placed
from weft._core.drawn import drawn
from weft._core.errors import DTypeError
from weft._core.generator import Generator
from weft._core.inplace import write
from weft._core.modes import here
from weft._core.tensor import Tensor, wrap
from weft.ops import draws
from weft.ops.random import maker, rand


def _fill(self: Tensor, name: str, make: Any) -> Tensor:
    """Write what ``make(count)`` draws, in the tensor's dtype."""
    own = self._data.dtype
    shape = tuple(self.shape)
    if isinstance(self._data, Aval):
        return write(self, wrap(Aval(shape, own)), name)
    place = device_of(self)

    def draw(wide: tuple[int, ...]) -> Tensor:
        before = silence()  # what overflows is inf here, not a warning
        try:
            numbers = np.asarray(make(math.prod(wide)).reshape(wide)).astype(own)
        finally:
            restore(before)
        return wrap(placed(numbers, place))

    return write(self, drawn(name, shape, draw), name)


def _floating(self: Tensor, name: str, *, parts: bool = False) -> None:
    own = self.dtype
    if not (own.is_floating_point or (parts and own.is_complex)) or own.is_float8:
        raise DTypeError(f"{name}: expected a floating tensor, got {own}")


def _check(name: str, what: str, value: float, good: bool, wanted: str) -> None:
    if not good:
        raise ValueError(f"{name}: {what} must be {wanted}, got {value}")


def uniform_(
    self: Tensor, from_: float = 0.0, to: float = 1.0, *, generator: Generator | None = None
) -> Tensor:
    """Fill in place with uniform numbers in [from, to); return self.

    Raises:
        ValueError: from is above to.
        DTypeError: the tensor is not floating.
    """
    _floating(self, "uniform_", parts=True)
    if from_ > to:
        raise ValueError(f"uniform_: expected from <= to, got from={from_}, to={to}")
    return _scaled(self, "uniform_", draws.uniform, generator, 1.0, to - from_, from_)


def normal_(
    self: Tensor, mean: float = 0.0, std: float = 1.0, *, generator: Generator | None = None
) -> Tensor:
    """Fill in place with normal numbers of a mean and standard deviation; return self.

    Raises:
        ValueError: std is negative.
        DTypeError: the tensor is not floating.
    """
    _floating(self, "normal_", parts=True)
    _check("normal_", "std", std, std >= 0, "at least 0")
    return _scaled(self, "normal_", draws.normal, generator, math.sqrt(0.5), std, mean)


def _scaled(
    self: Tensor, name: str, draw: Any, generator: Any, part: float, width: float, start: float
) -> Tensor:
    shape = tuple(self.shape)
    own = self._data.dtype
    if isinstance(self._data, Aval):
        return write(self, wrap(Aval(shape, own)), name)
    place, make = device_of(self), maker(draw, generator, part)
    numbers = drawn(name, shape, lambda wide: wrap(placed(np.asarray(make(wide, own)), place)))
    if width != 1 or start != 0:
        numbers = numbers * width + start
    return write(self, numbers, name)


def log_normal_(
    self: Tensor, mean: float = 1.0, std: float = 2.0, *, generator: Generator | None = None
) -> Tensor:
    """Fill in place with numbers whose logarithms are normal; return self.

    Raises:
        ValueError: std is not positive.
        DTypeError: the tensor is not floating.
    """
    _floating(self, "log_normal_")
    _check("log_normal_", "std", std, std > 0, "above 0")
    double = np.dtype(np.float64)

    return _fill(
        self, "log_normal_", lambda n: np.exp(draws.normal(generator, n, double) * std + mean)
    )


def exponential_(self: Tensor, lambd: float = 1.0, *, generator: Generator | None = None) -> Tensor:
    """Fill in place with exponential numbers of rate ``lambd``; return self.

    Raises:
        ValueError: lambd is not positive.
        DTypeError: the tensor is not floating.
    """
    _floating(self, "exponential_")
    _check("exponential_", "lambd", lambd, lambd > 0, "above 0")
    return _fill(self, "exponential_", lambda n: -np.log(draws.between(generator, n)) / lambd)


def cauchy_(
    self: Tensor, median: float = 0.0, sigma: float = 1.0, *, generator: Generator | None = None
) -> Tensor:
    """Fill in place with Cauchy numbers of a median and a half width; return self.

    Raises:
        ValueError: sigma is not positive.
        DTypeError: the tensor is not floating.
    """
    _floating(self, "cauchy_")
    _check("cauchy_", "sigma", sigma, sigma > 0, "above 0")

    def make(n: int) -> Any:
        return median + sigma * np.tan(math.pi * (draws.between(generator, n) - 0.5))

    return _fill(self, "cauchy_", make)


def geometric_(self: Tensor, p: float, *, generator: Generator | None = None) -> Tensor:
    """Fill in place with how many trials the first success of probability ``p`` took; return self.

    Raises:
        ValueError: p is not in (0, 1).
        DTypeError: the tensor is boolean or complex.
    """
    if self.dtype.category in (0, 3) or self.dtype.is_float8:
        raise DTypeError(f"geometric_: expected a tensor of numbers, got {self.dtype}")
    _check("geometric_", "p", p, 0 < p < 1, "between 0 and 1")
    least = math.log1p(-p)

    def make(n: int) -> Any:
        return np.ceil(np.log(draws.between(generator, n)) / least)

    return _fill(self, "geometric_", make)


def bernoulli_(self: Tensor, p: Any = 0.5, *, generator: Generator | None = None) -> Tensor:
    """Fill in place with 1 of probability ``p``, a number or a tensor, and 0; return self.

    Raises:
        ValueError: p is no probability.
    """
    if isinstance(p, Tensor) and (here.batches or isinstance(p._data, Boxed)):
        numbers = rand(tuple(self.shape), dtype=dtypes.float64, generator=generator)
        return write(self, (numbers < p).to(self.dtype), "bernoulli_")
    if isinstance(p, Tensor):
        data = on_host(p._data)
        if not isinstance(data, Aval) and not ((data >= 0) & (data <= 1)).all():
            bad = data[~((data >= 0) & (data <= 1))].flat[0]
            raise ValueError(f"bernoulli_: p must be in [0, 1], got {bad}")
        wide = np.broadcast_to(data, tuple(self.shape)).reshape(-1)
    else:
        _check("bernoulli_", "p", p, 0 <= p <= 1, "in [0, 1]")
        wide = p
    double = np.dtype(np.float64)
    return _fill(self, "bernoulli_", lambda n: draws.uniform(generator, n, double) < wide)


def random_(
    self: Tensor,
    from_: int | None = None,
    to: int | None = None,
    *,
    generator: Generator | None = None,
) -> Tensor:
    """Fill in place with whole numbers in [from, to); return self.

    ``random_(to)`` starts at 0. Without an end: up to the largest number of an integer dtype, and
    all whole numbers that a floating one holds exactly.

    Raises:
        ValueError: the range is empty, or the dtype does not hold it.
    """
    own = self.dtype
    if own.is_complex or own.is_float8:
        raise DTypeError(f"random_: expected a real tensor, got {own}")
    if own is dtypes.bool_:
        most = 1
    elif own.category == 1:
        most = int(np.iinfo(own.numpy).max)
    else:
        most = 1 << draws.SIGNIFICANT[own.numpy]
    if to is None:
        low, end = (0, most + 1) if from_ is None else (0, from_)
    else:
        low, end = from_ or 0, to
    if low >= end:
        raise ValueError(f"random_: expected from < to, got from={low}, to={end}")
    least = int(np.iinfo(own.numpy).min) if own.category == 1 else -most * (own.category > 1)
    if low < least or end - 1 > most:
        raise ValueError(
            f"random_: {own} holds whole numbers from {least} to {most}, which from={low} and "
            f"to={end} leave"
        )
    return _fill(self, "random_", lambda n: draws.integers(generator, n, low, end - low))


METHODS: dict[str, Any] = {
    "bernoulli_": bernoulli_,
    "cauchy_": cauchy_,
    "exponential_": exponential_,
    "geometric_": geometric_,
    "log_normal_": log_normal_,
    "normal_": normal_,
    "random_": random_,
    "uniform_": uniform_,
}
