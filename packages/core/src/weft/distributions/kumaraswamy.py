"""The Kumaraswamy distribution."""

from __future__ import annotations

from typing import Any

import weft
from weft import Tensor
from weft.distributions import constraints
from weft.distributions._transforms_by_element import AffineTransform, PowerTransform
from weft.distributions.transformed_distribution import Chained
from weft.distributions.uniform import Uniform
from weft.distributions.utils import broadcast_all, euler_constant

__all__ = ["Kumaraswamy"]


class Kumaraswamy(Chained):
    r"""Kumaraswamy distribution: like the beta distribution, with a cdf that inverts.

    .. math:: p(x) = a b x^{a - 1} (1 - x^a)^{b - 1}, \quad 0 < x < 1

    Args:
        concentration1: a, (...) or a number, above 0.
        concentration0: b, above 0.
        validate_args: whether parameters and values are checked.

    Source: Kumaraswamy, "A generalized probability density function for double-bounded random
    processes" (1980).

    Example:
        >>> weft.distributions.Kumaraswamy(1.0, 2.0).mean
        tensor(0.3333)
    """

    arg_constraints = {
        "concentration1": constraints.positive,
        "concentration0": constraints.positive,
    }
    support = constraints.unit_interval
    has_rsample = True
    _expanded = ("concentration1", "concentration0")

    def __init__(
        self, concentration1: Any, concentration0: Any, validate_args: bool | None = None
    ) -> None:
        self.concentration1, self.concentration0 = broadcast_all(concentration1, concentration0)
        base = Uniform(
            weft.zeros_like(self.concentration0),
            weft.ones_like(self.concentration0),
            validate_args=False,
        )
        super().__init__(base, self._chain(), validate_args=validate_args)

    def _chain(self) -> list[Any]:
        """Return x = (1 - u ** (1 / b)) ** (1 / a) as transforms."""
        return [
            PowerTransform(exponent=self.concentration0.reciprocal()),
            AffineTransform(1.0, -1.0),
            PowerTransform(exponent=self.concentration1.reciprocal()),
        ]

    def _moment(self, order: int) -> Tensor:
        """Return the moment of an order: b times the beta function of 1 + order / a and b."""
        b, at = self.concentration0, 1 + order / self.concentration1
        return weft.exp(weft.log(b) + weft.lgamma(at) + weft.lgamma(b) - weft.lgamma(at + b))

    @property
    def mean(self) -> Tensor:
        return self._moment(1)

    @property
    def mode(self) -> Tensor:
        """The likeliest value; NaN where a parameter is below 1, or both are 1."""
        a, b = self.concentration1, self.concentration0
        inside = (a >= 1) & (b >= 1) & ((a > 1) | (b > 1))
        base = (a - 1).clamp(min=0) / (a * b - 1).clamp(min=weft.finfo(a.dtype).tiny)
        return weft.where(inside, base.pow(a.reciprocal()), weft.nan)

    @property
    def variance(self) -> Tensor:
        return self._moment(2) - self._moment(1).square()

    def entropy(self) -> Tensor:
        a, b = self.concentration1, self.concentration0
        return (
            (1 - b.reciprocal())
            + (1 - a.reciprocal()) * (weft.digamma(b + 1) + euler_constant)
            - weft.log(a)
            - weft.log(b)
        )
