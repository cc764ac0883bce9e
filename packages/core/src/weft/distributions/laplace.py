"""The Laplace distribution."""

from __future__ import annotations

from typing import Any

import weft
from weft import Tensor
from weft.distributions._location import LocationScale

__all__ = ["Laplace"]


class Laplace(LocationScale):
    r"""Laplace distribution.

    .. math:: p(x) = \frac{1}{2 b} \exp\left(-\frac{|x - \mu|}{b}\right)

    Args:
        loc: the mean, (...) or a number.
        scale: the mean distance from it, above 0.
        validate_args: whether parameters and values are checked.

    Example:
        >>> weft.distributions.Laplace(0.0, 1.0).icdf(weft.tensor([0.25, 0.5]))
        tensor([-0.6931,  0.0000])
    """

    @property
    def variance(self) -> Tensor:
        return 2 * self.scale * self.scale

    @property
    def stddev(self) -> Tensor:
        return 2**0.5 * self.scale

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        u = weft.rand(tuple(shape), dtype=self.loc.dtype, device=self.loc.device) * 2 - 1
        # in [-1, 1), of which -1 alone would give an infinite draw
        u = u.clamp(min=weft.finfo(self.loc.dtype).eps - 1)
        return self.loc - self.scale * u.sign() * weft.log1p(-u.abs())

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        return -weft.log(2 * self.scale) - (value - self.loc).abs() / self.scale

    def cdf(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        away = (value - self.loc) / self.scale
        tail = 0.5 * weft.exp(-away.abs())
        return weft.where(away < 0, tail, 1 - tail)

    def icdf(self, value: Tensor) -> Tensor:
        centred = value - 0.5
        return self.loc - self.scale * centred.sign() * weft.log1p(-2 * centred.abs())

    def entropy(self) -> Tensor:
        return 1 + weft.log(2 * self.scale)
