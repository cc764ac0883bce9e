"""How draws of gamma and Dirichlet distributions move with their parameters.

A draw x of a distribution with cdf F(x; a) moves with the parameter as the quantile does that it
is: ``dx/da = -(dF/da) / p``, with the density p. That is the integral of ``d ln p / da`` over one
tail, weighed by p relative to the density at x, and is computed so: no difference of near numbers,
and one formula from tiny parameters to huge ones.

Sources: Figurnov, Mohamed and Mnih, "Implicit reparameterization gradients" (2018), equation 6;
Takahasi and Mori, "Double exponential formulas for numerical integration" (1974).
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NoReturn

from weft._backend import ndarray, np
from weft._backend.cpu.launching import Launcher
from weft._core.errors import GradError
from weft._core.samples import Sample, array
from weft.ops.exponential import log
from weft.ops.families.elementwise import elementwise
from weft.ops.gamma_functions import digamma

_FIRST, _LAST, _STEP = -3.5, 5.0, 1 / 12
_AT_ONCE = 1024  # elements whose nodes are worked on together: they stay in the cache
_WORTH_A_KERNEL = 16  # elements
_KERNELS = Launcher("tails")


def _nodes(xp: Any) -> tuple[Any, Any]:
    """Return places and weights (nodes, 1) of the integral from 0 to infinity."""
    u = xp.arange(_FIRST, _LAST, _STEP).reshape(-1, 1)
    shrunk = xp.exp(-u)
    places = xp.exp(u - shrunk)
    return places, _STEP * places * (1 + shrunk)


@functools.cache
def _flat_nodes() -> tuple[Any, Any]:
    """Return them as the kernels take them, (nodes,)."""
    places, weights = _nodes(np)
    return places.reshape(-1), weights.reshape(-1)


def _computed(xp: Any, compute: Callable[..., Any], *arrays: Any) -> Any:
    """Return ``compute`` of flat float64 arrays, rounded as the first array is."""
    wide = xp.broadcast_arrays(*arrays)
    flat = [a.astype(xp.float64).reshape(-1) for a in wide]
    return compute(xp, *flat).reshape(wide[0].shape).astype(arrays[0].dtype)


def _integral(xp: Any, name: str, integrand: Callable[..., Any], reach: Any, *rest: Any) -> Any:
    """Return the sum of ``integrand(xp, v, *rest)`` over the places v, (n,), by their weights."""
    if type(reach) is ndarray and reach.size >= _WORTH_A_KERNEL and _KERNELS:
        fast = getattr(_KERNELS, name)(*_flat_nodes(), reach, *rest)
        if fast is not None:
            return fast
    places, weights = _nodes(xp)
    out = xp.empty(reach.shape, xp.float64)
    for start in range(0, reach.size, _AT_ONCE):
        piece = slice(start, start + _AT_ONCE)
        parts = integrand(xp, places * reach[piece], *(a[piece] for a in rest))
        out[piece] = (weights * parts).sum(0)
    return out


def _gamma_integrand(xp: Any, v: Any, start: Any, sign: Any, a: Any, x: Any) -> Any:
    return xp.exp(sign * a * v - x * xp.expm1(sign * v)) * (start + v)


def _gamma_slope(xp: Any, a: Any, x: Any) -> Any:
    """Integrate over t = x exp(∓v), the tail on the side of x that holds less."""
    above = x > a
    sign = xp.where(above, 1.0, -1.0)
    # how far the weight reaches: a few widths near the mean, the slower end of it elsewhere
    near = 1 / (xp.abs(a - x) + xp.sqrt(x))
    reach = xp.where(above, xp.minimum(near, 1 + xp.log1p(1 / x)), xp.maximum(1 / a, near))
    start = sign * (xp.log(x) - xp.digamma(a))
    slope = x * reach * _integral(xp, "gamma", _gamma_integrand, reach, start, sign, a, x)
    return xp.where(x > 0, slope, xp.where(x == 0, 0.0, xp.nan))


def _dirichlet_integrand(
    xp: Any, v: Any, start: Any, lower: Any, side: Any, rate: Any, total: Any
) -> Any:
    shrunk = xp.log1p(side * xp.expm1(-v))
    moved = start + xp.where(lower > 0, v + shrunk, -shrunk)
    return xp.exp(-rate * v - total * shrunk) * moved


def _dirichlet_slope(xp: Any, x: Any, a: Any, total: Any) -> Any:
    """Integrate over log odds, the tail on the side of x that holds less."""
    above = x * total > a
    rate = xp.where(above, total - a, a)  # with which the weight falls at the tail's end
    side = xp.where(above, 1 - x, x)
    width = xp.sqrt(total * side * (1 - side))
    reach = xp.maximum(1 / rate, 1 / (rate - total * side + width))
    sign, lower = xp.where(above, 1.0, -1.0), xp.where(above, 0.0, 1.0)
    start = sign * (xp.log(x) - xp.digamma(a) + xp.digamma(total))
    rest = (start, lower, side, rate, total)
    slope = x * reach * _integral(xp, "dirichlet", _dirichlet_integrand, reach, *rest)
    return xp.where(x > 0, slope, xp.where(x == 0, 0.0, xp.nan))


def _no_second(name: str, argument: str) -> Any:
    def partial(*_: Any) -> NoReturn:
        raise GradError(
            f"{name}: the slope of a draw has no derivative by {argument}; a draw can be "
            f"differentiated once by its parameter"
        )

    return partial


@elementwise(
    partials=[
        _no_second("gamma_slope", "the concentration"),
        # the slope s solves  s' + s ((a - 1) / x - 1) = digamma(a) - ln x
        lambda out, a, x: digamma(a) - log(x) - out * ((a - 1) / x - 1),
    ],
    saves=("out", "a", "x"),
    dtype="float",
    real=True,
    numbers=False,
    widen=False,
    namespaces=(),
    methods=(),
    samples=(
        Sample(array(2, 3, low=0.3, high=4.0, fixed=True), array(2, 3, low=0.3, high=4.0)),
        Sample(array(2, 1, low=20.0, high=40.0, fixed=True), array(3, low=20.0, high=40.0)),
        Sample(array(low=0.5, high=4.0, fixed=True), array(low=0.3, high=4.0)),
    ),
)
def gamma_slope(xp: Any, a: Any, x: Any) -> Any:
    """How a gamma draw moves with the concentration.

    Args:
        a: (...), the concentration, above 0.
        input: (...), the draw, at least 0; broadcasts with it.

    Returns:
        Tensor: (...), the derivative of the quantile that the draw is.
    """
    return _computed(xp, _gamma_slope, a, x)


@elementwise(
    partials=[
        # the same, over 1 - x
        lambda out, x, a, total: (
            (digamma(a) - digamma(total) - log(x)) / (1 - x)
            + out * ((total - a) / (1 - x) - (a - 1) / x)
        ),
        _no_second("dirichlet_slope", "the concentration"),
        _no_second("dirichlet_slope", "the sum of concentrations"),
    ],
    saves=("out", "x", "a", "total"),
    dtype="float",
    real=True,
    numbers=False,
    widen=False,
    namespaces=(),
    methods=(),
    samples=(
        Sample(
            array(2, 3, low=0.1, high=0.9),
            array(2, 3, low=0.3, high=4.0, fixed=True),
            array(2, 1, low=5.0, high=9.0, fixed=True),
        ),
    ),
)
def dirichlet_slope(xp: Any, x: Any, a: Any, total: Any) -> Any:
    """How one of a Dirichlet draw's parts moves with its concentration, over 1 minus the part.

    Args:
        input: (...), the part, in [0, 1].
        a: (...), its concentration, above 0.
        total: (...), the sum of all concentrations.

    Returns:
        Tensor: (...).
    """
    return _computed(xp, _dirichlet_slope, x, a, total)
