"""Draws from gamma and Dirichlet distributions, differentiable by their parameters.

Source: Marsaglia and Tsang, "A simple method for generating gamma variables" (2000).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from weft._backend import np
from weft._backend.numpy_ import restore, silence
from weft._core.aval import Aval
from weft._core.boxed import Boxed
from weft._core.device import device_of, placed
from weft._core.drawn import drawn_by
from weft._core.errors import DTypeError, ShapeError
from weft._core.generator import Generator
from weft._core.limits import finfo
from weft._core.modes import here
from weft._core.samples import ErrorSample, Sample, array
from weft._core.tensor import Tensor, wrap
from weft.ops import draws
from weft.ops.families.composite import composite
from weft.ops.families.custom import custom
from weft.ops.families.elementwise import elementwise
from weft.ops.gathering import plain_data
from weft.ops.quantile_slopes import dirichlet_slope, gamma_slope

# Concentrations are fixed in the samples: finite differences do not see how a draw moves with them.
# tests/core/distributions/test_gamma_draws.py holds those rules to differences of quantiles.


@elementwise(
    partials=[lambda out, a, x: gamma_slope(a, x), 1.0],
    saves=("a", "x"),
    reads={"a": ("a", "x"), "x": ()},
    dtype="float",
    real=True,
    widen=False,
    namespaces=(),
    methods=(),
    samples=(
        Sample(array(2, 3, low=0.3, high=4.0, fixed=True), array(2, 3, low=0.3, high=4.0)),
        Sample(array(2, 1, low=0.3, high=4.0, fixed=True), array(3, low=0.3, high=4.0)),
    ),
)
def drawn_gamma(xp: Any, a: Any, x: Any) -> Any:
    """A draw, whose derivative by the concentration is that of the quantile that it is.

    Args:
        input: (...), the concentration it was drawn by.
        other: (...), what was drawn.

    Returns:
        Tensor: (...), what was drawn.
    """
    return xp.where(a > 0, x, x)


def _part_slopes(a: Tensor, x: Tensor) -> Tensor:
    return dirichlet_slope(x, a, a.sum(-1, keepdim=True))


def _drawn_dirichlet_vjp(needs: Sequence[bool], g: Tensor, out: Any, a: Tensor, x: Tensor) -> Any:
    first = None
    if needs[0]:
        first = _part_slopes(a, x) * (g - (x * g).sum(-1, keepdim=True))
    return first, g if needs[1] else None


def _drawn_dirichlet_jvp(tangents: Sequence[Any], out: Any, a: Tensor, x: Tensor) -> Any:
    moved = tangents[1]
    if tangents[0] is None:
        return moved
    own = _part_slopes(a, x) * tangents[0]
    own = own - x * own.sum(-1, keepdim=True)
    return own if moved is None else own + moved


def _drawn_dirichlet_batch(size: int, batched: Sequence[bool], a: Tensor, x: Tensor) -> Any:
    wide = [
        t if has else t.expand((size, *tuple(t.shape)))
        for t, has in zip((a, x), batched, strict=True)
    ]
    return drawn_dirichlet(*wide)


@custom(
    shape=lambda a, x: x,
    vjp=_drawn_dirichlet_vjp,
    jvp=_drawn_dirichlet_jvp,
    batch=_drawn_dirichlet_batch,
    saves=("a", "x"),
    reads={"a": ("a", "x"), "x": ()},
    widen=False,
    samples=(
        Sample(array(2, 3, low=0.3, high=4.0, fixed=True), array(2, 3, low=0.2, high=0.4)),
        Sample(array(3, low=5.0, high=9.0, fixed=True), array(3, low=0.2, high=0.4)),
    ),
    namespaces=(),
    methods=(),
    out=False,
)
def drawn_dirichlet(xp: Any, a: Any, x: Any) -> Any:
    """A Dirichlet draw, whose derivative by the concentrations is that of quantiles of its parts.

    Args:
        a: (..., K), the concentrations it was drawn by.
        input: (..., K), what was drawn.

    Returns:
        Tensor: (..., K), what was drawn.
    """
    return x.copy()


# --- drawing -----------------------------------------------------------------------------------


def _log_gammas(a: Any, generator: Generator | None) -> Any:
    """Return the logarithms of standard gamma draws of concentrations (n,), float64."""
    raised = np.where(a < 1, a + 1, a)  # a draw of a is one of a + 1 times u ** (1 / a)
    third = raised - 1 / 3
    scale = 1 / np.sqrt(9 * third)
    out = np.full(a.shape, np.nan)
    left = np.flatnonzero(a > 0)
    while left.size:
        z = draws.normal(generator, left.size, np.dtype(np.float64))
        u = draws.between(generator, left.size)
        root = 1 + scale[left] * z
        cube = root**3
        d = third[left]
        taken = (root > 0) & (np.log(u) < 0.5 * z * z + d * (1 - cube + 3 * np.log(root)))
        out[left[taken]] = np.log(d[taken] * cube[taken])
        left = left[~taken]
    small = np.flatnonzero((a > 0) & (a < 1))
    if small.size:
        out[small] += np.log(draws.between(generator, small.size)) / a[small]
    return np.where(a == 0, -np.inf, out)


def _numbers(name: str, input: Tensor, finish: Callable[[Any], Any], generator: Any) -> Tensor:
    """Return what ``finish`` makes of the logarithms of gamma draws of input's shape."""
    if not input.dtype.is_floating_point or input.dtype.is_float8:
        raise DTypeError(f"{name}: input must be floating, got {input.dtype}")
    if isinstance(input._data, Boxed) or here.batches:
        return drawn_by(name, (input,), lambda a: _numbers(name, a, finish, generator))
    data = plain_data(input)
    if data is None:
        return wrap(Aval(tuple(input.shape), input._data.dtype))
    before = silence()
    try:
        a = np.asarray(data).astype(np.float64)
        out = finish(_log_gammas(a.reshape(-1), generator).reshape(a.shape))
        # what rounds to 0 stays a number whose logarithm is finite
        out = np.where(a > 0, np.maximum(out, finfo(input.dtype).tiny), out)
        return wrap(placed(out.astype(data.dtype), device_of(input)))
    finally:
        restore(before)


def _normalised(logs: Any) -> Any:
    shares = np.exp(logs - logs.max(-1, keepdims=True))
    return shares / shares.sum(-1, keepdims=True)


_NOT_FLOATING = (ErrorSample(array(2, kind="int"), error=DTypeError, match="must be floating"),)


@composite(
    samples=(
        Sample(array(2, 3, low=0.3, high=4.0, fixed=True)),
        Sample(array(low=20.0, high=40.0, fixed=True)),
    ),
    errors=_NOT_FLOATING,
    namespaces=(),
    methods=(),
    random=True,
)
def standard_gamma(input: Tensor, generator: Generator | None = None) -> Tensor:
    r"""Gamma numbers of rate 1, differentiable by the concentration.

    .. math:: p(x) = \frac{x^{a - 1} e^{-x}}{\Gamma(a)}

    Args:
        input: (...), floating, the concentrations; a draw is NaN where one is negative.
        generator: where to draw from; the default generator if None.

    Returns:
        Tensor: (...), of input's dtype.

    Raises:
        DTypeError: input is not floating.
        GradError: of a second derivative.
    """
    drawn = _numbers("standard_gamma", input, np.exp, generator)
    out: Tensor = drawn_gamma(input, drawn)
    return out


@composite(
    samples=(
        Sample(array(2, 3, low=0.3, high=4.0, fixed=True)),
        Sample(array(3, low=5.0, high=9.0, fixed=True)),
    ),
    errors=(
        *_NOT_FLOATING,
        ErrorSample(array(low=1.0), error=ShapeError, match="at least one dim"),
    ),
    namespaces=(),
    methods=(),
    random=True,
)
def standard_dirichlet(input: Tensor, generator: Generator | None = None) -> Tensor:
    """Dirichlet numbers, vectors that add up to 1, differentiable by the concentrations.

    Args:
        input: (..., K), floating, the concentrations.
        generator: where to draw from; the default generator if None.

    Returns:
        Tensor: (..., K), of input's dtype.

    Raises:
        DTypeError: input is not floating.
        ShapeError: input has no dim.
        GradError: of a second derivative.
    """
    if input.ndim < 1:
        raise ShapeError("standard_dirichlet: input must have at least one dim, got shape ()")
    drawn = _numbers("standard_dirichlet", input, _normalised, generator)
    out: Tensor = drawn_dirichlet(input, drawn)
    return out
