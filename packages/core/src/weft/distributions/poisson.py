"""The Poisson distribution."""

from __future__ import annotations

from typing import Any

import weft
from weft import Tensor
from weft.distributions import constraints
from weft.distributions.exp_family import ExponentialFamily
from weft.distributions.utils import broadcast_all

__all__ = ["Poisson"]


class Poisson(ExponentialFamily):
    r"""Poisson distribution: how often in a time comes what comes at a constant rate.

    .. math:: P(k) = \frac{\lambda^k e^{-\lambda}}{k!}, \quad k = 0, 1, \ldots

    Args:
        rate: the mean, (...) or a number, at least 0.
        validate_args: whether parameters and values are checked.

    Example:
        >>> weft.distributions.Poisson(2.0).log_prob(weft.tensor(0.0))
        tensor(-2.)
    """

    arg_constraints = {"rate": constraints.nonnegative}
    support = constraints.nonnegative_integer
    _expanded = ("rate",)

    def __init__(self, rate: Any, validate_args: bool | None = None) -> None:
        (self.rate,) = broadcast_all(rate)
        super().__init__(self.rate.shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.rate

    @property
    def mode(self) -> Tensor:
        return self.rate.floor()

    @property
    def variance(self) -> Tensor:
        return self.rate

    def sample(self, sample_shape: Any = ()) -> Tensor:
        shape = tuple(self._extended_shape(sample_shape))
        with weft.no_grad():
            return weft.poisson(self.rate.expand(shape))

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        return weft.xlogy(value, self.rate) - self.rate - weft.lgamma(value + 1)

    @property
    def _natural_params(self) -> tuple[Tensor]:
        return (weft.log(self.rate),)

    def _log_normalizer(self, *natural_params: Any) -> Tensor:
        (x,) = natural_params
        return weft.exp(x)
