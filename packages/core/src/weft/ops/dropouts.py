"""Dropout: of elements and of whole channels, to zero or to the value that keeps the variance."""

from __future__ import annotations

import math

from weft._backend import ndarray, np
from weft._core import catalogue, dtypes
from weft._core.dispatch import apply
from weft._core.errors import ShapeError
from weft._core.generator import Generator
from weft._core.modes import here
from weft._core.samples import ErrorSample, Sample, array
from weft._core.tensor import Tensor, wrap
from weft.ops.creation import ones
from weft.ops.draws import source_of
from weft.ops.dropped import DROPPED
from weft.ops.families.composite import composite
from weft.ops.random import rand

#: Where the scaled exponential linear unit tends to, negated: its slope's scale times its alpha.
_SELU_LIMIT = 1.7580993408473766

_SAMPLES = (
    Sample(array(2, 3), 0.0, True),
    Sample(array(2, 3), 0.4, False),
    Sample(array(2, 3), 0.4, True),
    Sample(array(2, 3), 1.0, True),
)
_ERRORS = (
    ErrorSample(array(2), 1.5, True, error=ValueError, match=r"p must be in \[0, 1\], got 1.5"),
)
_FEATURE_ERRORS = (
    *_ERRORS,
    ErrorSample(array(2), 0.5, True, error=ShapeError, match=r"\(N, C, \.\.\.\)"),
)


def _does_something(name: str, input: Tensor, p: float, train: bool) -> bool:
    if not 0 <= p <= 1:
        raise ValueError(f"{name}: p must be in [0, 1], got {p}")
    return bool(train) and p > 0 and 0 not in input.shape


def _channels(name: str, input: Tensor) -> tuple[int, ...]:
    """Return the shape of one number for each channel of each example."""
    if input.ndim < 2:
        raise ShapeError(f"{name}: input must be (N, C, ...), got shape {tuple(input.shape)}")
    return (*tuple(input.shape)[:2], *(1,) * (input.ndim - 2))


def _zeroed(input: Tensor, p: float, shape: tuple[int, ...], generator: Generator | None) -> Tensor:
    if p == 1:
        return input * 0
    data = input._data
    dtype = data.dtype
    if (
        type(data) is ndarray
        and shape == data.shape
        and not here.batches  # inside vmap whoever draws has to ask how
        and dtype.kind in "fV"
        and dtype.itemsize > 1
        and dtypes.get_default_dtype() is dtypes.float32  # what `rand` draws, and so what is drawn
    ):
        key = np.array(source_of(generator).key(data.size), np.uint64)
        fused: Tensor = apply(DROPPED, (input, wrap(key)), {"p": float(p)})[0]
        return fused
    kept = rand(shape, generator=generator, device=input.device) >= p
    return input * (kept.to(input.dtype) / (1 - p))


def _saturated(
    input: Tensor, p: float, shape: tuple[int, ...], generator: Generator | None
) -> Tensor:
    if p == 1:
        return input * 0
    kept = (rand(shape, generator=generator, device=input.device) >= p).to(input.dtype)
    # the affine map that gives back the mean 0 and variance 1
    scale = 1 / math.sqrt((_SELU_LIMIT**2 * p + 1) * (1 - p))
    shift = (kept - 1) * (_SELU_LIMIT * scale) + _SELU_LIMIT * scale * p
    return input * (kept * scale) + shift


@composite(
    samples=_SAMPLES,
    errors=_ERRORS,
    namespaces=catalogue.BOTH,
    methods=(),
    inplace=True,
    random=True,
)
def dropout(input: Tensor, p: float, train: bool, *, generator: Generator | None = None) -> Tensor:
    """Zero elements at random and scale the rest, so that the mean stays.

    Args:
        input: (...).
        p: the probability of zero.
        train: whether to do anything.
        generator: where to draw from; the default generator if None.

    Returns:
        Tensor: (...).

    Raises:
        ValueError: p is no probability.

    Source: Srivastava et al., JMLR 15 (2014).
    """
    if not _does_something("dropout", input, p, train):
        return input
    return _zeroed(input, p, tuple(input.shape), generator)


@composite(samples=_SAMPLES, errors=_FEATURE_ERRORS, methods=(), inplace=True, random=True)
def feature_dropout(
    input: Tensor, p: float, train: bool, *, generator: Generator | None = None
) -> Tensor:
    """Zero whole channels at random and scale the rest, so that the mean stays.

    Args:
        input: (N, C, ...).
        p: the probability of zero.
        train: whether to do anything.
        generator: where to draw from; the default generator if None.

    Returns:
        Tensor: of input's shape.

    Raises:
        ValueError: p is no probability.
        ShapeError: input has fewer than two dims.

    Source: Tompson et al., arXiv:1411.4280.
    """
    if not _does_something("feature_dropout", input, p, train):
        return input
    return _zeroed(input, p, _channels("feature_dropout", input), generator)


@composite(
    samples=_SAMPLES,
    errors=_ERRORS,
    namespaces=catalogue.BOTH,
    methods=(),
    inplace=True,
    random=True,
)
def alpha_dropout(
    input: Tensor, p: float, train: bool, *, generator: Generator | None = None
) -> Tensor:
    """Set elements at random to what ``selu`` tends to, keeping the mean 0 and the variance 1.

    Args:
        input: (...), floating.
        p: the probability of an element to be set.
        train: whether to do anything.
        generator: where to draw from; the default generator if None.

    Returns:
        Tensor: (...).

    Raises:
        ValueError: p is no probability.

    Source: Klambauer et al., arXiv:1706.02515.
    """
    if not _does_something("alpha_dropout", input, p, train):
        return input
    return _saturated(input, p, tuple(input.shape), generator)


@composite(
    samples=_SAMPLES,
    errors=_FEATURE_ERRORS,
    namespaces=catalogue.BOTH,
    methods=(),
    inplace=True,
    random=True,
)
def feature_alpha_dropout(
    input: Tensor, p: float, train: bool, *, generator: Generator | None = None
) -> Tensor:
    """Set whole channels at random to what ``selu`` tends to: :func:`alpha_dropout` of channels.

    Args:
        input: (N, C, ...), floating.
        p: the probability of a channel to be set.
        train: whether to do anything.
        generator: where to draw from; the default generator if None.

    Returns:
        Tensor: of input's shape.

    Raises:
        ValueError: p is no probability.
        ShapeError: input has fewer than two dims.
    """
    if not _does_something("feature_alpha_dropout", input, p, train):
        return input
    return _saturated(input, p, _channels("feature_alpha_dropout", input), generator)


@composite(samples=_SAMPLES, errors=_ERRORS, methods=(), random=True)
def native_dropout(input: Tensor, p: float, train: bool | None) -> tuple[Tensor, Tensor]:
    """Dropout, with what was kept.

    Args:
        input: (...), floating.
        p: the probability of zero.
        train: whether to do anything; None counts as True.

    Returns:
        tuple: the result (...), and (...) bool, true where an element was kept.

    Raises:
        ValueError: p is no probability.
    """
    if not _does_something("native_dropout", input, p, train is None or train):
        return input.clone(), ones(tuple(input.shape), dtype=dtypes.bool_, device=input.device)
    kept = rand(tuple(input.shape), device=input.device) >= p
    if p == 1:
        return input * 0, kept
    return input * (kept.to(input.dtype) / (1 - p)), kept
