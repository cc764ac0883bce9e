"""The F distribution."""

from __future__ import annotations

import math
from typing import Any

import weft
from weft import Tensor
from weft.distributions import constraints
from weft.distributions.distribution import Distribution
from weft.distributions.gamma import Gamma
from weft.distributions.utils import broadcast_all

__all__ = ["FisherSnedecor"]


class FisherSnedecor(Distribution):
    r"""F distribution: of the ratio of two chi-squared numbers, each over its degrees of freedom.

    Args:
        df1: the numerator's degrees of freedom, (...) or a number, above 0.
        df2: the denominator's, above 0.
        validate_args: whether parameters and values are checked.

    Example:
        >>> weft.distributions.FisherSnedecor(2.0, 4.0).mean
        tensor(2.)
    """

    arg_constraints = {"df1": constraints.positive, "df2": constraints.positive}
    support = constraints.positive
    has_rsample = True

    def __init__(self, df1: Any, df2: Any, validate_args: bool | None = None) -> None:
        self.df1, self.df2 = broadcast_all(df1, df2)
        # of mean 1 each
        self._gamma1 = Gamma(self.df1 * 0.5, self.df1 * 0.5, validate_args=False)
        self._gamma2 = Gamma(self.df2 * 0.5, self.df2 * 0.5, validate_args=False)
        super().__init__(self.df1.shape, validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        new = self._get_checked_instance(FisherSnedecor, _instance)
        new.df1 = self.df1.expand(tuple(batch_shape))
        new.df2 = self.df2.expand(tuple(batch_shape))
        new._gamma1 = self._gamma1.expand(batch_shape)
        new._gamma2 = self._gamma2.expand(batch_shape)
        return self._finished(new, batch_shape, ())

    @property
    def mean(self) -> Tensor:
        """The mean; NaN where df2 is at most 2."""
        n = weft.where(self.df2 > 2, self.df2, math.nan)
        return n / (n - 2)

    @property
    def mode(self) -> Tensor:
        """The likeliest value; NaN where df1 is at most 2."""
        m = weft.where(self.df1 > 2, self.df1, math.nan)
        return (m - 2) / m * self.df2 / (self.df2 + 2)

    @property
    def variance(self) -> Tensor:
        """The variance; NaN where df2 is at most 4."""
        m, n = self.df1, weft.where(self.df2 > 4, self.df2, math.nan)
        return 2 * n.square() * (m + n - 2) / (m * (n - 2).square() * (n - 4))

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        above = self._gamma1.rsample(sample_shape)
        below = self._gamma2.rsample(sample_shape)
        tiny = weft.finfo(below.dtype).tiny
        return (above / below.clamp(min=tiny)).clamp(min=tiny)

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        m, n = self.df1 * 0.5, self.df2 * 0.5
        ratio = self.df1 / self.df2
        size = weft.lgamma(m + n) - weft.lgamma(m) - weft.lgamma(n)
        shape = m * weft.log(ratio) + (m - 1) * weft.log(value)
        return size + shape - (m + n) * weft.log1p(ratio * value)
