"""The categorical distribution over one-hot vectors."""

from __future__ import annotations

from typing import Any

import weft
from weft import Tensor
from weft.distributions import constraints
from weft.distributions._categories import OfCategories
from weft.distributions.categorical import Categorical
from weft.distributions.distribution import Distribution

__all__ = ["OneHotCategorical", "OneHotCategoricalStraightThrough"]


class OneHotCategorical(OfCategories, Distribution):
    r"""Categorical distribution whose draws are vectors with a 1 in the category's place.

    Args:
        probs: (..., K), at least 0; divided by their sum.
        logits: (..., K) in their place, log probabilities up to a constant.
        validate_args: whether parameters and values are checked.

    Raises:
        ValueError: not exactly one of probs and logits is given, or it has no dim.

    Example:
        >>> d = weft.distributions.OneHotCategorical(weft.tensor([0.25, 0.75]))
        >>> d.mode
        tensor([0., 1.])
    """

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}
    support = constraints.one_hot
    has_enumerate_support = True

    def __init__(
        self,
        probs: Tensor | None = None,
        logits: Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
        # the parameters are checked as its own: an error names the class that was asked for
        self._categorical = Categorical(probs, logits, validate_args=False)
        whole = self._categorical._param.shape
        super().__init__(tuple(whole)[:-1], tuple(whole)[-1:], validate_args=validate_args)
        self._check_properties(only=self._categorical.__dict__)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        new = self._get_checked_instance(OneHotCategorical, _instance)
        new._categorical = self._categorical.expand(batch_shape)
        return self._finished(new, batch_shape, self.event_shape)

    @property
    def mean(self) -> Tensor:
        return self.probs

    @property
    def mode(self) -> Tensor:
        return self._one_hot(self.probs.argmax(-1))

    @property
    def variance(self) -> Tensor:
        return self.probs * (1 - self.probs)

    def _one_hot(self, number: Tensor) -> Tensor:
        count = int(self._event_shape[0])
        return weft.nn.functional.one_hot(number, count).to(self._param.dtype)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        return self._one_hot(self._categorical.sample(sample_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        return self._categorical.log_prob(value.argmax(-1))

    def entropy(self) -> Tensor:
        return self._categorical.entropy()

    def enumerate_support(self, expand: bool = True) -> Tensor:
        count = int(self._event_shape[0])
        batch = tuple(self._batch_shape)
        values = weft.eye(count, dtype=self._param.dtype, device=self._param.device)
        values = values.reshape((count, *(1,) * len(batch), count))
        return values.expand((count, *batch, count)) if expand else values


class OneHotCategoricalStraightThrough(OneHotCategorical):
    """One-hot categorical distribution whose draws pass their gradient on to the probabilities.

    Source: Bengio, Léonard and Courville, "Estimating or propagating gradients through stochastic
    neurons for conditional computation" (2013). The gradient is biased.

    Example:
        >>> p = weft.tensor([0.25, 0.75], requires_grad=True)
        >>> draw = weft.distributions.OneHotCategoricalStraightThrough(p).rsample()
        >>> draw.requires_grad, draw.sum().item()
        (True, 1.0)
    """

    has_rsample = True

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        drawn = self.sample(sample_shape)
        return drawn + (self.probs - self.probs.detach())
