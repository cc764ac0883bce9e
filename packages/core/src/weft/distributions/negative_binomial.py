"""The negative binomial distribution."""

from __future__ import annotations

from typing import Any

import weft
from weft import Tensor
from weft.distributions import constraints
from weft.distributions._logits import Logits
from weft.distributions.distribution import Distribution
from weft.distributions.gamma import Gamma
from weft.distributions.utils import lazy_property
from weft.nn.functional import logsigmoid

__all__ = ["NegativeBinomial"]


class NegativeBinomial(Logits, Distribution):
    r"""Negative binomial distribution: how many successes come before so many failures.

    .. math:: P(k) = \frac{\Gamma(k + r)}{k! \, \Gamma(r)} p^k (1 - p)^r, \quad k = 0, 1, \ldots

    Args:
        total_count: the number of failures r, (...) or a number, at least 0; need not be whole.
        probs: the probability of success, (...), in [0, 1).
        logits: in its place the log odds.
        validate_args: whether parameters and values are checked.

    Raises:
        ValueError: not exactly one of probs and logits is given.

    Example:
        >>> weft.distributions.NegativeBinomial(3, weft.tensor(0.5)).mean
        tensor(3.)
    """

    arg_constraints = {
        "total_count": constraints.greater_than_eq(0),
        "probs": constraints.half_open_interval(0.0, 1.0),
        "logits": constraints.real,
    }
    support = constraints.nonnegative_integer
    _expanded = ("total_count", "probs", "logits")

    def __init__(
        self,
        total_count: Any,
        probs: Any = None,
        logits: Any = None,
        validate_args: bool | None = None,
    ) -> None:
        (count,) = self._keep(probs, logits, total_count)
        self.total_count = count.to(self._param.dtype)
        super().__init__(self._param.shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.total_count * weft.exp(self.logits)

    @property
    def mode(self) -> Tensor:
        return ((self.total_count - 1) * weft.exp(self.logits)).floor().clamp(min=0)

    @property
    def variance(self) -> Tensor:
        return self.mean / weft.sigmoid(-self.logits)

    @lazy_property
    def _gamma(self) -> Gamma:
        return Gamma(self.total_count, weft.exp(-self.logits), validate_args=False)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        """Draw, without gradient: Poisson numbers, whose rates are gamma numbers."""
        with weft.no_grad():
            return weft.poisson(self._gamma.sample(sample_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        r = self.total_count
        shape = r * logsigmoid(-self.logits) + value * logsigmoid(self.logits)
        size = weft.lgamma(r + value) - weft.lgamma(1 + value) - weft.lgamma(r)
        # no failure to wait for: 0 comes for certain
        return shape + weft.where(r + value == 0, 0.0, size)
