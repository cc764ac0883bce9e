"""What distributions of an absolute value share."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import weft
from weft import Tensor
from weft.distributions import constraints
from weft.distributions._transforms_by_element import AbsTransform
from weft.distributions.transformed_distribution import TransformedDistribution


class Half(TransformedDistribution):
    """Base of those of the absolute value of numbers that lie symmetrically around 0."""

    arg_constraints = {"scale": constraints.positive}
    support = constraints.nonnegative
    has_rsample = True
    base_dist: Any
    #: The distribution of those numbers, by location and scale.
    _whole: ClassVar[Any]

    def __init__(self, scale: Any, validate_args: bool | None = None) -> None:
        base = self._whole(0.0, scale, validate_args=False)
        super().__init__(base, AbsTransform(), validate_args=validate_args)
        self._check_properties()

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        return super().expand(batch_shape, self._get_checked_instance(Half, _instance))

    @property
    def scale(self) -> Tensor:
        """The scale of the numbers whose absolute value it is."""
        scale: Tensor = self.base_dist.scale
        return scale

    @property
    def mode(self) -> Tensor:
        return weft.zeros_like(self.scale)

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        one = self.base_dist.log_prob(value) + math.log(2)
        return weft.where(value >= 0, one, -math.inf)

    def entropy(self) -> Tensor:
        entropy: Tensor = self.base_dist.entropy()
        return entropy - math.log(2)
