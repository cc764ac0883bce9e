"""MixtureSameFamily: one of several distributions of a family, chosen at random."""

from __future__ import annotations

from typing import Any

import weft
from weft import Tensor
from weft.distributions import constraints
from weft.distributions.categorical import Categorical
from weft.distributions.constraints import MixtureSameFamilyConstraint
from weft.distributions.distribution import Distribution

__all__ = ["MixtureSameFamily"]


class MixtureSameFamily(Distribution):
    r"""Mixture of distributions of one family.

    .. math:: p(x) = \sum_k w_k \, p_k(x)

    Args:
        mixture_distribution: a categorical distribution over the K components.
        component_distribution: the components, of batch shape (..., K).
        validate_args: whether values are checked.

    Raises:
        TypeError: the first is not categorical, or the second no distribution.
        ValueError: the batch shapes do not fit, or the components are not K.

    Example:
        >>> D = weft.distributions
        >>> components = D.Normal(weft.tensor([-2.0, 2.0]), 1.0)
        >>> D.MixtureSameFamily(D.Categorical(weft.ones(2)), components).variance
        tensor(5.)
    """

    arg_constraints: dict[str, constraints.Constraint] = {}
    has_rsample = False

    def __init__(
        self,
        mixture_distribution: Categorical,
        component_distribution: Distribution,
        validate_args: bool | None = None,
    ) -> None:
        if not isinstance(mixture_distribution, Categorical):
            raise TypeError(
                f"MixtureSameFamily: mixture_distribution must be a Categorical, got "
                f"{mixture_distribution!r:.80}"
            )
        if not isinstance(component_distribution, Distribution):
            raise TypeError(
                f"MixtureSameFamily: component_distribution must be a Distribution, got "
                f"{component_distribution!r:.80}"
            )
        self._mixture_distribution = mixture_distribution
        self._component_distribution = component_distribution
        batch = tuple(component_distribution.batch_shape)
        own = tuple(mixture_distribution.batch_shape)
        count = mixture_distribution._num_events
        if not batch or batch[-1] != count or (own and own != batch[:-1]):
            raise ValueError(
                f"MixtureSameFamily: the components' batch_shape must be the mixture's and one dim "
                f"of its {count} categories, {(*own, count)}, got {batch}"
            )
        self._num_component = count
        self._event_ndims = len(component_distribution.event_shape)
        event = component_distribution.event_shape
        super().__init__(batch[:-1], event, validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        new = self._get_checked_instance(MixtureSameFamily, _instance)
        wide = (*tuple(batch_shape), self._num_component)
        new._component_distribution = self._component_distribution.expand(wide)
        new._mixture_distribution = self._mixture_distribution.expand(batch_shape)
        new._num_component = self._num_component
        new._event_ndims = self._event_ndims
        return self._finished(new, batch_shape, self.event_shape)

    @constraints.dependent_property
    def support(self) -> Any:
        """What every component can draw."""
        return MixtureSameFamilyConstraint(self._component_distribution.support)

    @property
    def mixture_distribution(self) -> Categorical:
        """The distribution of the component's number."""
        return self._mixture_distribution

    @property
    def component_distribution(self) -> Distribution:
        """The components, along the last dim of the batch."""
        return self._component_distribution

    def _weights(self) -> Tensor:
        """Return the probabilities of the components, with dims for the event's."""
        probs = self._mixture_distribution.probs
        return probs.reshape((*tuple(probs.shape), *(1,) * self._event_ndims))

    def _pad(self, value: Tensor) -> Tensor:
        """Return values with a dim for the components, before the event's."""
        return value.unsqueeze(-1 - self._event_ndims)

    @property
    def mean(self) -> Tensor:
        dim = -1 - self._event_ndims
        return (self._weights() * self._component_distribution.mean).sum(dim)

    @property
    def variance(self) -> Tensor:
        """The variance: the components' mean variance and the variance of their means."""
        dim = -1 - self._event_ndims
        weights, parts = self._weights(), self._component_distribution
        within = (weights * parts.variance).sum(dim)
        between = (weights * (parts.mean - self._pad(self.mean)).square()).sum(dim)
        return within + between

    def cdf(self, value: Tensor) -> Tensor:
        parts = self._component_distribution.cdf(self._pad(value))
        return (parts * self._mixture_distribution.probs).sum(-1)

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        parts = self._component_distribution.log_prob(self._pad(value))
        weights = weft.log_softmax(self._mixture_distribution.logits, -1)
        return weft.logsumexp(parts + weights, -1)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        with weft.no_grad():
            number = self._mixture_distribution.expand(self._batch_shape).sample(sample_shape)
            drawn = self._component_distribution.sample(sample_shape)
            event = tuple(self._event_shape)
            place = number.reshape((*tuple(number.shape), 1, *(1,) * len(event)))
            place = place.expand((*tuple(number.shape), 1, *event))
            dim = -1 - self._event_ndims
            return drawn.gather(dim, place).squeeze(dim)

    def __repr__(self) -> str:
        mixture, parts = self._mixture_distribution, self._component_distribution
        return f"{type(self).__name__}(\n  {mixture},\n  {parts})"
