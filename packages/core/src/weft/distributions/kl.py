"""Kullback–Leibler divergences: the registry, and what is found in it."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from weft import Tensor
from weft.distributions.distribution import Distribution

__all__ = ["kl_divergence", "register_kl"]

_REGISTRY: dict[tuple[type, type], Callable[..., Tensor]] = {}
_FOUND: dict[tuple[type, type], Callable[..., Tensor] | None] = {}  # of earlier searches


def register_kl(type_p: type, type_q: type) -> Callable[[Any], Any]:
    """Enter a formula for the divergence of a pair of classes, as a decorator.

    A pair of subclasses takes the formula of the nearest pair of bases; where one formula is nearer
    in the first class and another in the second, the first's is taken, with a warning.

    Args:
        type_p: the class of the first distribution.
        type_q: the class of the second.

    Raises:
        TypeError: one is no subclass of Distribution.

    Example:
        >>> D = weft.distributions
        >>> class Shifted(D.Normal):
        ...     pass
        >>> @D.register_kl(Shifted, Shifted)
        ... def _same(p, q):
        ...     return ((p.loc - q.loc) / q.scale) ** 2 / 2
        >>> D.kl_divergence(Shifted(0.0, 1.0), Shifted(2.0, 1.0))
        tensor(2.)
    """
    for cls in (type_p, type_q):
        if not isinstance(cls, type) or not issubclass(cls, Distribution):
            raise TypeError(f"register_kl: expected subclasses of Distribution, got {cls!r}")

    def enter(formula: Any) -> Any:
        _REGISTRY[type_p, type_q] = formula
        _FOUND.clear()
        return formula

    return enter


def _search(type_p: type, type_q: type) -> Callable[..., Tensor] | None:
    """Return the formula of the nearest pair of bases; None if there is none."""
    places = [
        (type_p.__mro__.index(p), type_q.__mro__.index(q), formula)
        for (p, q), formula in _REGISTRY.items()
        if issubclass(type_p, p) and issubclass(type_q, q)
    ]
    if not places:
        return None
    by_first = min(places, key=lambda place: (place[0], place[1]))
    by_second = min(places, key=lambda place: (place[1], place[0]))
    if by_first[2] is not by_second[2]:
        warnings.warn(
            f"kl_divergence: two formulas are as near to ({type_p.__name__}, {type_q.__name__}), "
            f"{by_first[2].__name__} and {by_second[2].__name__}; the first is taken; enter one "
            f"for the pair with register_kl",
            RuntimeWarning,
            stacklevel=3,
        )
    return by_first[2]


def kl_divergence(p: Distribution, q: Distribution) -> Tensor:
    r"""Return the Kullback–Leibler divergence of one distribution from another.

    .. math:: KL(p \| q) = \int p(x) \log \frac{p(x)}{q(x)} \, dx

    Args:
        p: the distribution that is averaged over.
        q: the other; the batch shapes broadcast.

    Returns:
        Tensor: of the batch's shape; inf where q has no density at some draws of p.

    Raises:
        NotImplementedError: no formula is entered for their classes or their bases.

    Example:
        >>> D = weft.distributions
        >>> D.kl_divergence(D.Normal(0.0, 1.0), D.Normal(1.0, 1.0))
        tensor(0.5000)
    """
    pair = type(p), type(q)
    if pair not in _FOUND:
        _FOUND[pair] = _search(*pair)
    formula = _FOUND[pair]
    if formula is None:
        raise NotImplementedError(
            f"kl_divergence: no formula is entered for {pair[0].__name__} and {pair[1].__name__}; "
            f"enter one with register_kl, or average p.log_prob(x) - q.log_prob(x) over draws of p"
        )
    return formula(p, q)
