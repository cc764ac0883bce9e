"""Student's t distribution."""

from __future__ import annotations

import math
from typing import Any

import weft
from weft import Tensor
from weft.distributions import constraints
from weft.distributions.chi2 import Chi2
from weft.distributions.distribution import Distribution
from weft.distributions.utils import broadcast_all, standard_normal

__all__ = ["StudentT"]


class StudentT(Distribution):
    r"""Student's t distribution: normal, with a variance that is itself uncertain.

    .. math:: p(x) = \frac{\Gamma(\frac{\nu + 1}{2})}{\Gamma(\frac{\nu}{2}) \sqrt{\pi \nu} \sigma}
        \left(1 + \frac{(x - \mu)^2}{\nu \sigma^2}\right)^{-\frac{\nu + 1}{2}}

    Args:
        df: the degrees of freedom, (...) or a number, above 0.
        loc: the median.
        scale: the width, above 0.
        validate_args: whether parameters and values are checked.

    Example:
        >>> weft.distributions.StudentT(4.0).variance
        tensor(2.)
    """

    arg_constraints = {
        "df": constraints.positive,
        "loc": constraints.real,
        "scale": constraints.positive,
    }
    support = constraints.real
    has_rsample = True

    def __init__(
        self, df: Any, loc: Any = 0.0, scale: Any = 1.0, validate_args: bool | None = None
    ) -> None:
        self.df, self.loc, self.scale = broadcast_all(df, loc, scale)
        self._chi2 = Chi2(self.df, validate_args=False)
        super().__init__(self.df.shape, validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        new = self._get_checked_instance(StudentT, _instance)
        for name in ("df", "loc", "scale"):
            setattr(new, name, getattr(self, name).expand(tuple(batch_shape)))
        new._chi2 = self._chi2.expand(batch_shape)
        return self._finished(new, batch_shape, ())

    @property
    def mean(self) -> Tensor:
        """The mean; NaN where df is at most 1."""
        return weft.where(self.df > 1, self.loc, math.nan)

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        """The variance; infinite where df is at most 2, NaN where it is at most 1."""
        enough = self.df > 2
        safe = weft.where(enough, self.df, 3.0)
        beyond = weft.where(self.df > 1, math.inf, weft.full_like(self.df, math.nan))
        return weft.where(enough, self.scale.square() * safe / (safe - 2), beyond)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        normal = standard_normal(shape, self.df.dtype, self.df.device)
        spread = weft.rsqrt(self._chi2.rsample(sample_shape) / self.df)
        return self.loc + self.scale * normal * spread

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        z = (value - self.loc) / self.scale
        return -0.5 * (self.df + 1) * weft.log1p(z * z / self.df) - self._log_size()

    def _log_size(self) -> Tensor:
        """Return the logarithm of one over the density's height."""
        half = 0.5 * self.df
        return (
            weft.log(self.scale)
            + 0.5 * weft.log(math.pi * self.df)
            + weft.lgamma(half)
            - weft.lgamma(half + 0.5)
        )

    def entropy(self) -> Tensor:
        half = 0.5 * self.df
        slope = weft.digamma(half + 0.5) - weft.digamma(half)
        return self._log_size() + (half + 0.5) * slope
