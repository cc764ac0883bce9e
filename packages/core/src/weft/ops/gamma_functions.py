"""The gamma function's logarithm, its derivatives, its incomplete integrals, and zeta."""

from __future__ import annotations

import math
from typing import Any, NoReturn

from weft._core import catalogue, dtypes
from weft._core.errors import DTypeError, GradError
from weft._core.samples import ErrorSample, Sample, array, uniform
from weft._core.tensor import Tensor
from weft.ops.exponential import exp, log
from weft.ops.families.composite import composite
from weft.ops.families.elementwise import elementwise

_ALONG_AN_ORDER = (
    "{name}: no closed formula is known for the derivative by {argument}; detach that argument, "
    "or pass it as a number"
)


def _no_formula(name: str, argument: str) -> Any:
    """Return a partial that says which argument a gradient cannot be taken by."""

    def partial(out: Any, x: Any, y: Any) -> NoReturn:
        raise GradError(_ALONG_AN_ORDER.format(name=name, argument=argument))

    return partial


@elementwise(
    partials=[lambda out, x: digamma(x)],
    saves=("x",),
    dtype="float",
    real=True,
    aliases=("special.gammaln",),
    samples=uniform(0.3, 4),
)
def lgamma(xp: Any, x: Any) -> Any:
    r"""Logarithm of the absolute value of the gamma function.

    .. math:: \ln |\Gamma(x)|, \quad \Gamma(x) = \int_0^\infty t^{x - 1} e^{-t} \, dt

    Args:
        input: (...), real; integers become the default floating dtype.

    Returns:
        Tensor: (...); inf at 0, at the negative integers and at both infinities.
    """
    return xp.where(xp.isinf(x), xp.abs(x), xp.gammaln(x))


@elementwise(
    partials=[lambda out, x: polygamma_of(x, 1)],
    saves=("x",),
    dtype="float",
    real=True,
    aliases=("special.digamma", "special.psi"),
    samples=uniform(0.3, 4),
    methods=("digamma",),
)
def digamma(xp: Any, x: Any) -> Any:
    r"""Derivative of the gamma function's logarithm, psi.

    .. math:: \psi(x) = \frac{\Gamma'(x)}{\Gamma(x)}

    Args:
        input: (...), real; integers become the default floating dtype.

    Returns:
        Tensor: (...); -inf at 0 (inf at -0), NaN at the negative integers.
    """
    return xp.digamma(x)


def _order(input: Any, n: Any) -> dict[str, Any]:
    if not isinstance(n, int):
        raise TypeError(f"polygamma: the order n must be an int, got {type(n).__name__} {n!r}")
    if n < 0:
        raise ValueError(f"polygamma: the order n must be at least 0, got {n}")
    return {"n": n}


@elementwise(
    partials=[lambda out, x, *, n: polygamma_of(x, n + 1)],
    saves=("x",),
    dtype="float",
    real=True,
    canonical=_order,
    namespaces=(),
    methods=("polygamma",),
    samples=(
        Sample(array(2, 3, low=0.5, high=3.0), 0),
        Sample(array(3, low=0.5, high=3.0), 1),
        Sample(array(3, low=-0.8, high=-0.2), 2),
        Sample(array(low=0.5, high=3.0), n=3),
    ),
)
def polygamma_of(xp: Any, x: Any, *, n: int) -> Any:
    """Derivative of order n of digamma; the method ``polygamma``.

    Args:
        input: (...), real; integers become the default floating dtype.
        n: the order, at least 0.

    Returns:
        Tensor: (...).
    """
    if n == 0:
        return xp.digamma(x)
    wide = x.astype(xp.float64)
    tail = xp.where(wide == -xp.inf, xp.nan, xp.zeta(float(n + 1), wide))  # poles without end
    sign = 1.0 if n % 2 else -1.0
    if n <= 170:  # 171! is beyond float64
        return (sign * math.factorial(n) * tail).astype(x.dtype)
    size = xp.exp(math.lgamma(n + 1) + xp.log(xp.abs(tail)))
    return (sign * xp.sign(tail) * size).astype(x.dtype)


@composite(
    samples=(
        Sample(0, array(2, 3, low=0.5, high=3.0)),
        Sample(1, array(3, low=0.5, high=3.0)),
        Sample(2, array(3, low=-0.8, high=-0.2)),
        Sample(4, array(low=0.5, high=3.0)),
    ),
    errors=(
        ErrorSample(-1, array(2), error=ValueError, match="at least 0, got -1"),
        ErrorSample(1.5, array(2), error=TypeError, match="an int"),
    ),
    methods=(),
    aliases=("special.polygamma",),
    out=True,
)
def polygamma(n: int, input: Tensor) -> Tensor:
    r"""Derivative of order n of digamma.

    .. math:: \psi^{(n)}(x) = (-1)^{n + 1} n! \sum_{k = 0}^\infty \frac{1}{(x + k)^{n + 1}},
        \quad n \ge 1

    Args:
        n: the order, at least 0; of order 0 it is digamma itself.
        input: (...), real; integers become the default floating dtype.

    Returns:
        Tensor: (...); at 0 and the negative integers inf for odd orders, NaN or infinite for even
        ones.

    Raises:
        ValueError: n is negative.
        TypeError: n is no int.
    """
    out: Tensor = polygamma_of(input, n)
    return out


@composite(
    samples=(
        Sample(array(2, 3, low=2.0, high=5.0), 3),
        Sample(array(low=1.0, high=5.0), 1),
        Sample(array(0, 2), p=2),
    ),
    errors=(ErrorSample(array(2), 0, error=ValueError, match="at least 1, got 0"),),
    aliases=("special.multigammaln",),
    inplace=True,
    out=True,
)
def mvlgamma(input: Tensor, p: int) -> Tensor:
    r"""Logarithm of the multivariate gamma function of dimension p.

    .. math:: \ln \Gamma_p(x) = \frac{p (p - 1)}{4} \ln \pi
        + \sum_{j = 1}^p \ln \Gamma\left(x + \frac{1 - j}{2}\right)

    Args:
        input: (...), real, above (p - 1) / 2 for the formula to hold; integers become the default
            floating dtype.
        p: the dimension, at least 1.

    Returns:
        Tensor: (...).

    Raises:
        ValueError: p is below 1.
        DTypeError: input is boolean.
    """
    if p < 1:
        raise ValueError(f"mvlgamma: the dimension p must be at least 1, got {p}")
    if input.dtype is dtypes.bool_:
        raise DTypeError("mvlgamma: expected numbers, got a boolean tensor")
    total = lgamma(input)
    for j in range(1, p):
        total = total + lgamma(input - 0.5 * j)
    return total + 0.25 * p * (p - 1) * math.log(math.pi)


def _density(x: Any, y: Any) -> Any:
    """The integrand of the incomplete gamma functions, over gamma(x)."""
    return exp((x - 1) * log(y) - y - lgamma(x))


_INCOMPLETE = (
    Sample(array(2, 3, low=0.5, high=4.0, fixed=True), array(2, 3, low=0.3, high=4.0)),
    Sample(array(2, 1, low=0.5, high=4.0, fixed=True), array(3, low=0.3, high=4.0)),
    Sample(array(low=0.5, high=4.0, fixed=True), array(low=0.3, high=4.0)),
)


@elementwise(
    partials=[_no_formula("igamma", "input"), lambda out, x, y: _density(x, y)],
    saves=("x", "y"),
    dtype="float",
    real=True,
    numbers=False,
    aliases=("special.gammainc",),
    samples=_INCOMPLETE,
)
def igamma(xp: Any, x: Any, y: Any) -> Any:
    r"""Lower incomplete gamma function, over the whole one.

    .. math:: P(a, x) = \frac{1}{\Gamma(a)} \int_0^x t^{a - 1} e^{-t} \, dt

    Args:
        input: (...), a, at least 0; integers become the default floating dtype. It has no
            gradient.
        other: (...), x, at least 0, broadcasting with it.

    Returns:
        Tensor: (...), in [0, 1]; 1 where a is 0, NaN where both are 0 and where one is negative.

    Raises:
        GradError: in the backward pass, if input requires grad.
    """
    return xp.gammainc(x, y)


@elementwise(
    partials=[_no_formula("igammac", "input"), lambda out, x, y: -_density(x, y)],
    saves=("x", "y"),
    dtype="float",
    real=True,
    numbers=False,
    aliases=("special.gammaincc",),
    samples=_INCOMPLETE,
)
def igammac(xp: Any, x: Any, y: Any) -> Any:
    r"""Upper incomplete gamma function, over the whole one: 1 - ``igamma``, accurate near 0.

    .. math:: Q(a, x) = \frac{1}{\Gamma(a)} \int_x^\infty t^{a - 1} e^{-t} \, dt

    Args:
        input: (...), a, at least 0; integers become the default floating dtype. It has no
            gradient.
        other: (...), x, at least 0, broadcasting with it.

    Returns:
        Tensor: (...), in [0, 1]; 0 where a is 0, NaN where both are 0 and where one is negative.

    Raises:
        GradError: in the backward pass, if input requires grad.
    """
    return xp.gammaincc(x, y)


@elementwise(
    partials=[_no_formula("zeta", "input"), lambda out, x, y: -x * zeta(x + 1, y)],
    saves=("x", "y"),
    dtype="float",
    real=True,
    namespaces=catalogue.SPECIAL,
    samples=(
        Sample(
            array(2, 3, low=1.5, high=5.0, fixed=True),
            array(2, 3, low=0.5, high=4.0),
        ),
        Sample(2.5, array(3, low=0.5, high=4.0)),
        Sample(array(low=1.5, high=5.0, fixed=True), array(low=0.5, high=4.0)),
    ),
)
def zeta(xp: Any, x: Any, y: Any) -> Any:
    r"""Hurwitz zeta function.

    .. math:: \zeta(x, q) = \sum_{k = 0}^\infty \frac{1}{(k + q)^x}

    Args:
        input: (...), x; a number or a tensor. It has no gradient.
        other: (...), q, broadcasting with it; a number or a tensor, not both numbers.

    Returns:
        Tensor: (...); inf where x is 1 or q is 0 or a negative integer, NaN where x is below 1, or
        where q is negative and x no whole number.

    Raises:
        GradError: in the backward pass, if input requires grad.
    """
    return xp.zeta(x, y)
