"""The Pareto distribution."""

from __future__ import annotations

import math
from typing import Any

import weft
from weft import Tensor
from weft.distributions import constraints
from weft.distributions._transforms_by_element import AffineTransform, ExpTransform
from weft.distributions.exponential import Exponential
from weft.distributions.transformed_distribution import Chained
from weft.distributions.utils import broadcast_all

__all__ = ["Pareto"]


class Pareto(Chained):
    r"""Pareto distribution, of type 1: a power law above a least value.

    .. math:: p(x) = \frac{\alpha m^\alpha}{x^{\alpha + 1}}, \quad x \ge m

    Args:
        scale: the least value m, (...) or a number, above 0.
        alpha: the exponent, above 0.
        validate_args: whether parameters and values are checked.

    Example:
        >>> weft.distributions.Pareto(1.0, 3.0).mean
        tensor(1.5000)
    """

    arg_constraints = {"alpha": constraints.positive, "scale": constraints.positive}
    _expanded = ("scale", "alpha")

    def __init__(self, scale: Any, alpha: Any, validate_args: bool | None = None) -> None:
        self.scale, self.alpha = broadcast_all(scale, alpha)
        base = Exponential(self.alpha, validate_args=False)
        super().__init__(base, self._chain(), validate_args=validate_args)

    def _chain(self) -> list[Any]:
        return [ExpTransform(), AffineTransform(0, self.scale)]

    @constraints.dependent_property(is_discrete=False, event_dim=0)
    def support(self) -> Any:
        """Numbers from scale on."""
        return constraints.greater_than_eq(self.scale)

    @property
    def mean(self) -> Tensor:
        """The mean: infinite where alpha is at most 1."""
        a = self.alpha.clamp(min=1)
        return a * self.scale / (a - 1)

    @property
    def mode(self) -> Tensor:
        return self.scale

    @property
    def variance(self) -> Tensor:
        """The variance: infinite where alpha is at most 2."""
        a = self.alpha.clamp(min=2)
        return self.scale.square() * a / ((a - 1).square() * (a - 2))

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        a, m = self.alpha, self.scale
        one = weft.log(a) + a * weft.log(m) - (a + 1) * weft.log(value)
        return weft.where(value >= m, one, -math.inf)

    def entropy(self) -> Tensor:
        return weft.log(self.scale / self.alpha) + (1 + self.alpha.reciprocal())
