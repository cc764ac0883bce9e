"""The logistic-normal distribution."""

from __future__ import annotations

from typing import Any

from weft import Tensor
from weft.distributions import constraints
from weft.distributions._transforms_of_vectors import StickBreakingTransform
from weft.distributions.normal import Normal
from weft.distributions.transformed_distribution import TransformedDistribution

__all__ = ["LogisticNormal"]


class LogisticNormal(TransformedDistribution):
    r"""Logistic-normal distribution: probabilities made of normal numbers by stick breaking.

    Args:
        loc: (..., K - 1), the means.
        scale: (..., K - 1), the standard deviations, above 0.
        validate_args: whether parameters and values are checked.

    Example:
        >>> d = weft.distributions.LogisticNormal(weft.zeros(2), weft.ones(2))
        >>> tuple(d.event_shape), round(d.sample().sum().item(), 4)
        ((3,), 1.0)
    """

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.simplex
    has_rsample = True

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        base = Normal(loc, scale, validate_args=False)
        if not base.batch_shape:
            base = base.expand((1,))
        super().__init__(base, StickBreakingTransform(), validate_args=validate_args)
        self._check_properties()

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        return super().expand(batch_shape, self._get_checked_instance(LogisticNormal, _instance))

    @property
    def _normal(self) -> Normal:
        parts: Any = self.base_dist  # an Independent, since the transform is of vectors
        return parts.base_dist

    @property
    def loc(self) -> Tensor:
        """The means of the normal numbers."""
        return self._normal.loc

    @property
    def scale(self) -> Tensor:
        """The standard deviations of the normal numbers."""
        return self._normal.scale
