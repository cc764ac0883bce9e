"""The error function, its inverse and complements, and the normal distribution made of them."""

from __future__ import annotations

import math
from typing import Any

from weft._core import catalogue
from weft._core.samples import uniform
from weft.ops.exponential import exp
from weft.ops.families.elementwise import elementwise

_ROOT_PI = math.sqrt(math.pi)
_ROOT_TAU = math.sqrt(2 * math.pi)


@elementwise(
    partials=[lambda out, x: exp(-(x * x)) * (2 / _ROOT_PI)],
    saves=("x",),
    dtype="float",
    real=True,
    aliases=("special.erf",),
    samples=uniform(-3, 3),
)
def erf(xp: Any, x: Any) -> Any:
    r"""Error function.

    .. math:: \operatorname{erf}(x) = \frac{2}{\sqrt{\pi}} \int_0^x e^{-t^2} \, dt

    Args:
        input: (...), real; integers become the default floating dtype.

    Returns:
        Tensor: (...), in [-1, 1].
    """
    return xp.erf(x)


@elementwise(
    partials=[lambda out, x: exp(-(x * x)) * (-2 / _ROOT_PI)],
    saves=("x",),
    dtype="float",
    real=True,
    aliases=("special.erfc",),
    samples=uniform(-3, 3),
)
def erfc(xp: Any, x: Any) -> Any:
    r"""Complement of the error function, accurate where that nears 1.

    .. math:: \operatorname{erfc}(x) = 1 - \operatorname{erf}(x)

    Args:
        input: (...), real; integers become the default floating dtype.

    Returns:
        Tensor: (...), in [0, 2].
    """
    return xp.erfc(x)


@elementwise(
    partials=[lambda out, x: exp(erfinv(x) ** 2) * (_ROOT_PI / 2)],
    saves=("x",),
    dtype="float",
    real=True,
    aliases=("special.erfinv",),
    samples=uniform(-0.8, 0.8),
)
def erfinv(xp: Any, x: Any) -> Any:
    """Inverse of the error function.

    Args:
        input: (...), in [-1, 1]; integers become the default floating dtype.

    Returns:
        Tensor: (...); infinite at the ends, NaN beyond.
    """
    return xp.erfinv(x)


@elementwise(
    partials=[lambda out, x: 2 * x * out - 2 / _ROOT_PI],
    saves=("x", "out"),
    dtype="float",
    real=True,
    namespaces=catalogue.SPECIAL,
    samples=uniform(-2, 3),
)
def erfcx(xp: Any, x: Any) -> Any:
    r"""Complement of the error function without the factor that makes it vanish.

    .. math:: \operatorname{erfcx}(x) = e^{x^2} \operatorname{erfc}(x)

    Args:
        input: (...), real; integers become the default floating dtype.

    Returns:
        Tensor: (...), above 0: about 1 / (x sqrt(pi)) for large x, where erfc(x) is 0 in floating
        point, and inf for x below -27 (-10 in float32).
    """
    return xp.erfcx(x)


@elementwise(
    partials=[lambda out, x: exp(-0.5 * x * x) / _ROOT_TAU],
    saves=("x",),
    dtype="float",
    real=True,
    namespaces=catalogue.SPECIAL,
    samples=uniform(-3, 3),
)
def ndtr(xp: Any, x: Any) -> Any:
    r"""Distribution function of the standard normal distribution.

    .. math:: \Phi(x) = \frac{1}{\sqrt{2 \pi}} \int_{-\infty}^x e^{-t^2 / 2} \, dt

    Args:
        input: (...), real; integers become the default floating dtype.

    Returns:
        Tensor: (...), in [0, 1].
    """
    return xp.ndtr(x)


@elementwise(
    partials=[lambda out, x: exp(0.5 * out * out) * _ROOT_TAU],
    saves=("out",),
    dtype="float",
    real=True,
    namespaces=catalogue.SPECIAL,
    samples=uniform(0.1, 0.9),
)
def ndtri(xp: Any, x: Any) -> Any:
    """Quantile of the standard normal distribution: the inverse of ``ndtr``.

    Args:
        input: (...), in [0, 1]; integers become the default floating dtype.

    Returns:
        Tensor: (...); infinite at the ends, NaN beyond.
    """
    return xp.ndtri(x)


@elementwise(
    partials=[lambda out, x: math.sqrt(2 / math.pi) / erfcx(x * -math.sqrt(0.5))],
    saves=("x",),
    dtype="float",
    real=True,
    namespaces=catalogue.SPECIAL,
    samples=uniform(-4, 3),
)
def log_ndtr(xp: Any, x: Any) -> Any:
    """Logarithm of the standard normal distribution function, accurate in both tails.

    Args:
        input: (...), real; integers become the default floating dtype.

    Returns:
        Tensor: (...), at most 0: about -x^2 / 2 for very negative x, where ndtr(x) is 0 in floating
        point.
    """
    return xp.log_ndtr(x)
