"""Independent: dims of a batch taken as dims of one draw."""

from __future__ import annotations

from typing import Any

from weft import Tensor
from weft.distributions import constraints
from weft.distributions.distribution import Distribution
from weft.distributions.utils import sum_rightmost

__all__ = ["Independent"]


class Independent(Distribution):
    """Takes the last dims of another distribution's batch as dims of its events.

    The log probabilities of an event's parts are added.

    Args:
        base_distribution: the distribution of the parts.
        reinterpreted_batch_ndims: how many dims.
        validate_args: whether values are checked.

    Raises:
        ValueError: the batch has fewer dims.

    Example:
        >>> parts = weft.distributions.Normal(weft.zeros(3), weft.ones(3))
        >>> d = weft.distributions.Independent(parts, 1)
        >>> tuple(d.batch_shape), tuple(d.event_shape), tuple(d.log_prob(weft.zeros(3)).shape)
        ((), (3,), ())
    """

    arg_constraints: dict[str, constraints.Constraint] = {}

    def __init__(
        self,
        base_distribution: Distribution,
        reinterpreted_batch_ndims: int,
        validate_args: bool | None = None,
    ) -> None:
        batch = base_distribution.batch_shape
        if reinterpreted_batch_ndims > len(batch):
            raise ValueError(
                f"Independent: reinterpreted_batch_ndims must be at most the number of batch dims, "
                f"got {reinterpreted_batch_ndims} with base_distribution.batch_shape == "
                f"{tuple(batch)}"
            )
        kept = len(batch) - reinterpreted_batch_ndims
        whole = (*tuple(batch), *tuple(base_distribution.event_shape))
        self.base_dist = base_distribution
        self.reinterpreted_batch_ndims = reinterpreted_batch_ndims
        super().__init__(whole[:kept], whole[kept:], validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        new = self._get_checked_instance(Independent, _instance)
        moved = tuple(self.event_shape)[: self.reinterpreted_batch_ndims]
        new.base_dist = self.base_dist.expand((*tuple(batch_shape), *moved))
        new.reinterpreted_batch_ndims = self.reinterpreted_batch_ndims
        return self._finished(new, batch_shape, self.event_shape)

    @property
    def has_rsample(self) -> bool:
        """Whether the parts' draws are differentiable."""
        return bool(self.base_dist.has_rsample)

    @property
    def has_enumerate_support(self) -> bool:
        """Whether values can be listed: only if no dim was taken."""
        return self.reinterpreted_batch_ndims == 0 and bool(self.base_dist.has_enumerate_support)

    @constraints.dependent_property
    def support(self) -> Any:
        """The support of the parts, together."""
        one = self.base_dist.support
        many = self.reinterpreted_batch_ndims
        return constraints.independent(one, many) if many else one

    @property
    def mean(self) -> Tensor:
        return self.base_dist.mean

    @property
    def mode(self) -> Tensor:
        return self.base_dist.mode

    @property
    def variance(self) -> Tensor:
        return self.base_dist.variance

    def sample(self, sample_shape: Any = ()) -> Tensor:
        return self.base_dist.sample(sample_shape)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return self.base_dist.rsample(sample_shape)

    def log_prob(self, value: Tensor) -> Tensor:
        return sum_rightmost(self.base_dist.log_prob(value), self.reinterpreted_batch_ndims)

    def entropy(self) -> Tensor:
        return sum_rightmost(self.base_dist.entropy(), self.reinterpreted_batch_ndims)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """Return all values along a new first dim.

        Raises:
            NotImplementedError: dims were taken, of which all combinations would be values.
        """
        if self.reinterpreted_batch_ndims:
            raise NotImplementedError(
                f"Independent: values are not listed where batch dims are taken as an event's; "
                f"list those of base_dist (reinterpreted_batch_ndims == "
                f"{self.reinterpreted_batch_ndims})"
            )
        return self.base_dist.enumerate_support(expand=expand)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.base_dist}, {self.reinterpreted_batch_ndims})"
