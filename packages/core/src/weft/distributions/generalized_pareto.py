"""The generalized Pareto distribution."""

from __future__ import annotations

import math
from typing import Any

import weft
from weft import Tensor
from weft.distributions import constraints
from weft.distributions.distribution import Distribution
from weft.distributions.utils import broadcast_all

__all__ = ["GeneralizedPareto"]


class GeneralizedPareto(Distribution):
    r"""Generalized Pareto distribution: of what is above a high threshold.

    .. math:: p(x) = \frac{1}{\sigma} (1 + \xi z)^{-1 - 1 / \xi},
        \quad z = \frac{x - \mu}{\sigma} \ge 0

    Where the concentration ξ is 0 it is exponential; where it is negative, the largest value is
    μ - σ / ξ.

    Args:
        loc: the least value μ, (...) or a number.
        scale: σ, above 0.
        concentration: ξ.
        validate_args: whether parameters and values are checked.

    Example:
        >>> weft.distributions.GeneralizedPareto(0.0, 1.0, 0.5).mean
        tensor(2.)
    """

    arg_constraints = {
        "loc": constraints.real,
        "scale": constraints.positive,
        "concentration": constraints.real,
    }
    has_rsample = True
    _expanded = ("loc", "scale", "concentration")

    def __init__(
        self, loc: Any, scale: Any, concentration: Any, validate_args: bool | None = None
    ) -> None:
        self.loc, self.scale, self.concentration = broadcast_all(loc, scale, concentration)
        super().__init__(self.loc.shape, validate_args=validate_args)

    @constraints.dependent_property(is_discrete=False, event_dim=0)
    def support(self) -> Any:
        """Numbers from loc on, up to an end where concentration is negative."""
        negative = self.concentration < 0
        safe = weft.where(negative, self.concentration, -1.0)
        end = weft.where(negative, self.loc - self.scale / safe, math.inf)
        return constraints.interval(self.loc, end)

    def _z(self, value: Tensor) -> Tensor:
        return (value - self.loc) / self.scale

    def _by_concentration(self, size: Tensor, series: Any, general: Any) -> Tensor:
        """Return `general(c)`, and where c * size is tiny `series(c)`, which c = 0 is part of."""
        c = self.concentration
        near = (c * size).abs() < 1e-5
        return weft.where(near, series(c), general(weft.where(near, 1.0, c)))

    def _shrunk(self, z: Tensor) -> Tensor:
        """Return log(1 + c z) / c: minus the logarithm of the probability of more."""
        return self._by_concentration(
            z,
            lambda c: z * (1 - c * z / 2 + (c * z).square() / 3),
            lambda c: weft.log1p(c * z) / c,
        )

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        shape = tuple(self._extended_shape(sample_shape))
        return self.icdf(weft.rand(shape, dtype=self.loc.dtype, device=self.loc.device))

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        z = self._z(value)
        beyond = weft.log1p(self.concentration * z)
        return -self._shrunk(z) - beyond - weft.log(self.scale)

    def log_survival_function(self, value: Tensor) -> Tensor:
        """Return the logarithm of the probability of drawing more than each value."""
        if self._validate_args:
            self._validate_sample(value)
        return -self._shrunk(self._z(value))

    def log_cdf(self, value: Tensor) -> Tensor:
        """Return the logarithm of the cdf."""
        return weft.log1p(-weft.exp(self.log_survival_function(value)))

    def cdf(self, value: Tensor) -> Tensor:
        return -weft.expm1(self.log_survival_function(value))

    def icdf(self, value: Tensor) -> Tensor:
        left = weft.log1p(-value)  # the logarithm of what lies above
        z = self._by_concentration(
            left,
            lambda c: -left * (1 - c * left / 2 + (c * left).square() / 6),
            lambda c: weft.expm1(-c * left) / c,
        )
        return self.loc + self.scale * z

    @property
    def mean(self) -> Tensor:
        """The mean; infinite where concentration is at least 1."""
        c = self.concentration
        mean = self.loc + self.scale / (1 - c)
        return weft.where(c < 1, mean, math.inf)

    @property
    def variance(self) -> Tensor:
        """The variance; infinite where concentration is at least 1/2."""
        c = self.concentration
        variance = self.scale.square() / ((1 - c).square() * (1 - 2 * c))
        return weft.where(c < 0.5, variance, math.inf)

    @property
    def mode(self) -> Tensor:
        return self.loc

    def entropy(self) -> Tensor:
        return weft.log(self.scale) + self.concentration + 1
