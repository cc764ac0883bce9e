"""Draws whose parameters are tensors: Bernoulli, Poisson, binomial, multinomial.

Small means are drawn by inversion, one uniform number each; large ones by rejection from a
transformed uniform distribution.

Source: Hörmann, "The transformed rejection method for generating Poisson random variables",
Insurance: Mathematics and Economics 12 (1993); "The generation of binomial random variates",
Journal of Statistical Computation and Simulation 46 (1993).
"""

from __future__ import annotations

from typing import Any

from weft._backend import np, xp
from weft._backend.numpy_ import restore, silence
from weft._core.aval import Aval
from weft._core.boxed import Boxed
from weft._core.device import device_of, placed
from weft._core.drawn import drawn_by
from weft._core.errors import DTypeError, ShapeError
from weft._core.generator import Generator
from weft._core.modes import here
from weft._core.samples import ErrorSample, Sample, array
from weft._core.shapes import broadcast_shapes
from weft._core.tensor import Tensor, wrap
from weft.ops import draws
from weft.ops.broadcasting import broadcast_to
from weft.ops.families.composite import composite
from weft.ops.gathering import plain_data
from weft.ops.random import rand

_DRAWN = "it draws at random"
_SMALL = 10.0  # a mean below which inversion takes fewer steps than rejection


def _floating(name: str, what: str, x: Tensor) -> None:
    if not x.dtype.is_floating_point or x.dtype.is_float8:
        raise DTypeError(f"{name}: {what} must be floating, got {x.dtype}")


def _drawn(x: Tensor, draw: Any, shape: tuple[int, ...], dtype: Any) -> Tensor:
    """Return a tensor over ``draw()``; of the meta device where x is."""
    if plain_data(x) is None:
        return wrap(Aval(shape, dtype))
    return wrap(placed(_quietly(draw), device_of(x)))


def _quietly(draw: Any) -> Any:
    """Run a draw without NumPy's warnings: 0 divides where a result is not used."""
    before = silence()
    try:
        return draw()
    finally:
        restore(before)


@composite(
    samples=(Sample(array(3, low=0.0)), Sample(array(2, 3), 0.25)),
    errors=(
        ErrorSample(array(2, low=1.5, high=2.0), error=ValueError, match=r"in \[0, 1\], got 1"),
        ErrorSample(array(2), 1.5, error=ValueError, match=r"p must be in \[0, 1\], got 1.5"),
    ),
    not_differentiable=_DRAWN,
    random=True,
    out=True,
)
def bernoulli(
    input: Tensor, p: float | None = None, *, generator: Generator | None = None
) -> Tensor:
    """1 with the probability that each element gives, else 0.

    Args:
        input: (...), floating, in [0, 1].
        p: one probability for all elements, in place of theirs.
        generator: where to draw from; the default generator if None.

    Returns:
        Tensor: (...), of input's dtype.

    Raises:
        ValueError: an element, or p, is no probability.
        DTypeError: input is not floating and p is not given.
    """
    if p is not None:
        if not 0 <= p <= 1:
            raise ValueError(f"bernoulli: p must be in [0, 1], got {p}")
        return (rand(tuple(input.shape), generator=generator, device=input.device) < p).to(
            input.dtype
        )
    _floating("bernoulli", "input", input)
    data = plain_data(input)
    if data is not None and not ((data >= 0) & (data <= 1)).all():
        bad = data[~((data >= 0) & (data <= 1))].flat[0]
        raise ValueError(f"bernoulli: probabilities must be in [0, 1], got {bad}")
    drawn = rand(tuple(input.shape), generator=generator, device=input.device)
    return (drawn < input).to(input.dtype)


def _stepped(uniforms: Any, first: Any, ratio: Any, last: Any) -> Any:
    """Return by inversion the numbers of a distribution with ``p[k] = p[k-1] * ratio(k)``.

    Args:
        uniforms: (n,), in (0, 1).
        first: (n,), the probability of 0.
        ratio: ``ratio(k)``, (n,).
        last: the largest number, (n,) or one for all.
    """
    found = xp.zeros(uniforms.shape)
    term, left, k = first, uniforms - first, 0
    while True:
        pending = (left > 0) & (k < last)
        if not pending.any():
            return found
        k += 1
        term = term * ratio(k)
        found = xp.where(pending, k, found)
        # a term that no longer counts ends the search where rounding left some probability over
        left = xp.where(pending & (term > 0), left - term, 0.0)


def _poisson(rate: Any, generator: Generator | None) -> Any:
    """Return Poisson numbers of rates (n,), float64."""
    out = xp.zeros(rate.shape)
    small = rate < _SMALL
    own = rate[small]
    out[small] = _stepped(
        draws.between(generator, own.size), xp.exp(-own), lambda k: own / k, xp.inf
    )
    large = ~small & (rate < xp.inf)
    own = rate[large]
    root, log_rate = xp.sqrt(own), xp.log(own)
    b = 0.931 + 2.53 * root
    a = -0.059 + 0.02483 * b
    inverse_alpha = 1.1239 + 1.1328 / (b - 3.4)
    bound = 0.9277 - 3.6224 / (b - 2)

    def propose(at: Any, u: Any, v: Any) -> tuple[Any, Any]:
        us = 0.5 - xp.abs(u)
        k = xp.floor((2 * a[at] / us + b[at]) * u + own[at] + 0.43)
        quick = (us >= 0.07) & (v <= bound[at])
        possible = (k >= 0) & ((us >= 0.013) | (v <= us))
        high = xp.log(v * inverse_alpha[at] / (a[at] / (us * us) + b[at]))
        safe = xp.maximum(k, 0)
        slow = high <= safe * log_rate[at] - own[at] - xp.gammaln(safe + 1)
        return k, quick | (possible & slow)

    out[large] = _accepted(own.size, propose, generator)
    out[~small & ~large] = xp.inf
    return out


def _accepted(count: int, propose: Any, generator: Generator | None) -> Any:
    """Return what ``propose(places, u, v)`` accepts, drawing again for the rest."""
    out = xp.zeros(count)
    at = xp.arange(count)
    while at.size:
        pair = draws.between(generator, 2 * at.size).reshape(2, -1)
        found, good = propose(at, pair[0] - 0.5, pair[1])
        out[at[good]] = found[good]
        at = at[~good]
    return out


@composite(
    samples=(Sample(array(2, 3, low=0.0, high=30.0)), Sample(array(low=0.5))),
    errors=(ErrorSample(array(2, low=-2.0, high=-1.0), error=ValueError, match="not be negative"),),
    methods=(),
    not_differentiable=_DRAWN,
    random=True,
)
def poisson(input: Tensor, generator: Generator | None = None) -> Tensor:
    """Poisson numbers of given rates.

    Args:
        input: (...), floating, the rates; not negative.
        generator: where to draw from; the default generator if None.

    Returns:
        Tensor: (...), of input's dtype.

    Raises:
        ValueError: a rate is negative or NaN.
        DTypeError: input is not floating.
    """
    _floating("poisson", "input", input)
    if isinstance(input._data, Boxed) or here.batches:
        return drawn_by("poisson", (input,), lambda rate: poisson(rate, generator))
    data = plain_data(input)

    def draw() -> Any:
        rate = np.asarray(data).astype(np.float64)
        if not (rate >= 0).all():
            bad = rate[~(rate >= 0)].flat[0]
            raise ValueError(f"poisson: a rate must not be negative, got {bad}")
        return _poisson(rate.reshape(-1), generator).reshape(rate.shape).astype(data.dtype)

    return _drawn(input, draw, tuple(input.shape), input._data.dtype)


def _binomial(count: Any, prob: Any, generator: Generator | None) -> Any:
    """Return binomial numbers of counts and probabilities (n,), float64."""
    swapped = prob > 0.5
    p = xp.where(swapped, 1 - prob, prob)
    out = xp.zeros(count.shape)
    small = count * p < _SMALL
    n, q = count[small], p[small]
    odds = q / (1 - q)
    first = xp.exp(n * xp.log1p(-q))
    out[small] = _stepped(
        draws.between(generator, n.size), first, lambda k: odds * (n - k + 1) / k, n
    )
    large = ~small
    n, p_large = count[large], p[large]
    spread = xp.sqrt(n * p_large * (1 - p_large))
    b = 1.15 + 2.53 * spread
    a = -0.0873 + 0.0248 * b + 0.01 * p_large
    centre = n * p_large + 0.5
    bound = 0.92 - 4.2 / b
    alpha = (2.83 + 5.1 / b) * spread
    mode = xp.floor((n + 1) * p_large)
    log_odds = xp.log(p_large / (1 - p_large))
    peak = xp.gammaln(mode + 1) + xp.gammaln(n - mode + 1)

    def propose(at: Any, u: Any, v: Any) -> tuple[Any, Any]:
        us = 0.5 - xp.abs(u)
        k = xp.floor((2 * a[at] / us + b[at]) * u + centre[at])
        quick = (us >= 0.07) & (v <= bound[at])
        possible = (k >= 0) & (k <= n[at])
        safe = xp.clip(k, 0, n[at])
        high = xp.log(v * alpha[at] / (a[at] / (us * us) + b[at]))
        low = peak[at] - xp.gammaln(safe + 1) - xp.gammaln(n[at] - safe + 1)
        slow = high <= low + (safe - mode[at]) * log_odds[at]
        return k, possible & (quick | slow)

    out[large] = _accepted(n.size, propose, generator)
    return xp.where(swapped, count - out, out)


@composite(
    samples=(
        Sample(array(2, 3, low=0.0, high=50.0), array(3, low=0.0)),
        Sample(array(2, low=1.0, high=5.0), array(low=0.1)),
    ),
    errors=(
        ErrorSample(
            array(2, low=1.0), array(2, low=1.5, high=2.0), error=ValueError, match=r"in \[0, 1\]"
        ),
        ErrorSample(
            array(2, low=-2.0, high=-1.0), array(2, low=0.0), error=ValueError, match="negative"
        ),
    ),
    methods=(),
    not_differentiable=_DRAWN,
    random=True,
)
def binomial(count: Tensor, prob: Tensor, generator: Generator | None = None) -> Tensor:
    """Numbers of successes among so many trials of a probability.

    Args:
        count: (...), floating, the numbers of trials; a fraction is cut.
        prob: (...), floating, in [0, 1]; broadcasts with count.
        generator: where to draw from; the default generator if None.

    Returns:
        Tensor: of the common shape, in count's dtype.

    Raises:
        ValueError: a count is negative, or prob is no probability.
        DTypeError: an argument is not floating.
    """
    _floating("binomial", "count", count)
    _floating("binomial", "prob", prob)
    shape = broadcast_shapes("binomial", tuple(count.shape), tuple(prob.shape))
    if here.batches or isinstance(count._data, Boxed) or isinstance(prob._data, Boxed):
        wide = (broadcast_to(count, shape), broadcast_to(prob, shape))
        return drawn_by("binomial", wide, lambda n, p: binomial(n, p, generator))

    def draw() -> Any:
        n = np.floor(np.asarray(plain_data(count)).astype(np.float64))
        p = np.asarray(plain_data(prob)).astype(np.float64)
        if not (n >= 0).all():
            raise ValueError(f"binomial: a count must not be negative, got {n[~(n >= 0)].flat[0]}")
        if not ((p >= 0) & (p <= 1)).all():
            bad = p[~((p >= 0) & (p <= 1))].flat[0]
            raise ValueError(f"binomial: prob must be in [0, 1], got {bad}")
        n, p = (np.broadcast_to(v, shape).reshape(-1) for v in (n, p))
        return _binomial(n, p, generator).reshape(shape).astype(count._data.dtype)

    absent = plain_data(count) is None or plain_data(prob) is None
    if absent:
        return wrap(Aval(shape, count._data.dtype))
    return wrap(placed(_quietly(draw), device_of(count)))


@composite(
    samples=(
        Sample(array(4, low=0.1), 2),
        Sample(array(2, 3, low=0.1), 5, True),
        Sample(array(2, 3, low=0.1), 3),
    ),
    errors=(
        ErrorSample(array(2, low=0.1), 3, error=ValueError, match="3 of 2 categories without"),
        ErrorSample(array(2, low=0.1), 0, error=ValueError, match="must be positive, got 0"),
        ErrorSample(array(1, 2, 2, low=0.1), 1, error=ShapeError, match="one or two dims"),
        ErrorSample(array(2, low=-2.0, high=-1.0), 1, error=ValueError, match="negative"),
        ErrorSample(array(2, low=0.0, high=0.0), 1, error=ValueError, match="all zero"),
    ),
    not_differentiable=_DRAWN,
    random=True,
    out=True,
)
def multinomial(
    input: Tensor,
    num_samples: int,
    replacement: bool = False,
    *,
    generator: Generator | None = None,
) -> Tensor:
    """Category numbers, drawn with the probability of their weight.

    Args:
        input: (categories,) or (rows, categories), floating weights, which need not add up to 1.
        num_samples: how many to draw for each row.
        replacement: whether one category can be drawn several times.
        generator: where to draw from; the default generator if None.

    Returns:
        Tensor: int64, (num_samples,) or (rows, num_samples).

    Raises:
        ValueError: a weight is negative or not finite, a row has none above 0, or without
            replacement there are too few categories.
        ShapeError: input has neither one nor two dims.
        DTypeError: input is not floating.
    """
    _floating("multinomial", "input", input)
    if input.ndim not in (1, 2):
        raise ShapeError(
            f"multinomial: expected one or two dims, got input.shape == {tuple(input.shape)}"
        )
    categories = input.shape[-1]
    if num_samples <= 0:
        raise ValueError(f"multinomial: num_samples must be positive, got {num_samples}")
    if not replacement and num_samples > categories:
        raise ValueError(
            f"multinomial: cannot draw {num_samples} of {categories} categories without replacement"
        )
    if isinstance(input._data, Boxed) or here.batches:
        return _drawn_rows(input, num_samples, replacement, generator)
    data = plain_data(input)

    def draw() -> Any:
        weights = np.asarray(data).astype(np.float64).reshape(-1, categories)
        if not ((weights >= 0) & (weights < np.inf)).all():
            bad = weights[~((weights >= 0) & (weights < np.inf))].flat[0]
            raise ValueError(f"multinomial: a weight is negative or not finite: {bad}")
        if not (weights.sum(-1) > 0).all():
            raise ValueError("multinomial: the weights of a row are all zero")
        return _categories(weights, num_samples, replacement, generator)

    shape = (*input.shape[:-1], num_samples)
    return _drawn(input, lambda: draw().reshape(shape), shape, np.dtype(np.int64))


def _drawn_rows(
    input: Tensor, num_samples: int, replacement: bool, generator: Generator | None
) -> Tensor:
    """Draw categories inside a transform: the examples of all batches are rows of one draw."""

    def draw(weights: Tensor) -> Tensor:
        rows = weights.reshape((-1, weights.shape[-1]))
        drawn = multinomial(rows, num_samples, replacement, generator=generator)
        out: Tensor = drawn.reshape((*tuple(weights.shape)[:-1], num_samples))
        return out

    return drawn_by("multinomial", (input,), draw)


def _first(waits: Any, count: int) -> Any:
    """Return the places of the ``count`` smallest of each row, the smallest first."""
    if count == 1:
        return np.argmin(waits, axis=-1)[:, None]
    if count * 4 < waits.shape[-1]:
        at = np.argpartition(waits, count - 1, axis=-1)[:, :count]
        at.sort(axis=-1)  # of equal ones the first is taken first
        found = np.take_along_axis(waits, at, -1)
        if (np.count_nonzero(waits <= found.max(-1, keepdims=True), axis=-1) == count).all():
            return np.take_along_axis(at, np.argsort(found, axis=-1, kind="stable"), -1)
    return np.argsort(waits, axis=-1, kind="stable")[:, :count]


def _categories(weights: Any, count: int, replacement: bool, generator: Generator | None) -> Any:
    rows, categories = weights.shape
    if not replacement:
        # the first of independent exponential waiting times, again and again
        waits = -np.log(draws.between(generator, rows * categories)).reshape(weights.shape)
        before = silence()  # a weight of 0 waits for ever
        try:
            waits /= weights
        finally:
            restore(before)
        return _first(waits, count)
    upto = np.cumsum(weights, -1)
    # row r lies between r and r + 1, so that one search serves all
    number = np.arange(rows)[:, None]
    bounds = upto / upto[:, -1:] + number
    marks = draws.between(generator, rows * count).reshape(rows, count) + number
    out = np.searchsorted(bounds.reshape(-1), marks.reshape(-1), side="right")
    out = out.reshape(rows, count) - number * categories
    # rounding may put a mark at the very end: the last category with any weight
    last = categories - 1 - np.argmax(weights[:, ::-1] > 0, axis=-1)
    return np.minimum(out, last[:, None])
