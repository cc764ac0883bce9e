"""The relaxed categorical (concrete, Gumbel-softmax) distribution, and that of its logarithm."""

from __future__ import annotations

import math
from typing import Any

import weft
from weft import Tensor
from weft.distributions import constraints
from weft.distributions._categories import OfCategories
from weft.distributions._relaxed import Relaxed
from weft.distributions._transforms_by_element import ExpTransform
from weft.distributions.categorical import Categorical
from weft.distributions.distribution import Distribution
from weft.distributions.utils import clamp_probs

__all__ = ["ExpRelaxedCategorical", "RelaxedOneHotCategorical"]


class ExpRelaxedCategorical(OfCategories, Distribution):
    r"""Distribution of the logarithm of a relaxed one-hot vector.

    .. math:: x = \operatorname{logsoftmax}\left(\frac{\ell + g}{\tau}\right)

    with log probabilities :math:`\ell`, temperature :math:`\tau` and g Gumbel numbers.

    Args:
        temperature: above 0, () or broadcasting.
        probs: (..., K), at least 0; divided by their sum.
        logits: (..., K) in their place, log probabilities up to a constant.
        validate_args: whether parameters and values are checked.

    Raises:
        ValueError: not exactly one of probs and logits is given, or it has no dim.

    Source: Maddison, Mnih and Teh, "The concrete distribution" (2017), appendix C.
    """

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}
    support = constraints.real_vector  # all of them have exponentials that add up to 1
    has_rsample = True

    def __init__(
        self,
        temperature: Any,
        probs: Tensor | None = None,
        logits: Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
        self._categorical = Categorical(probs, logits, validate_args=False)
        self.temperature = temperature
        whole = tuple(self._categorical.param_shape)
        super().__init__(whole[:-1], whole[-1:], validate_args=validate_args)
        self._check_properties(only=self._categorical.__dict__)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        new = self._get_checked_instance(ExpRelaxedCategorical, _instance)
        new.temperature = self.temperature
        new._categorical = self._categorical.expand(batch_shape)
        return self._finished(new, batch_shape, self.event_shape)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        shape = tuple(self._extended_shape(sample_shape))
        like = self.logits
        u = clamp_probs(weft.rand(shape, dtype=like.dtype, device=like.device))
        scores = (like - weft.log(-weft.log(u))) / self.temperature
        return weft.log_softmax(scores, -1)

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        count = int(self._event_shape[0])
        temperature = weft.as_tensor(self.temperature, dtype=value.dtype, device=value.device)
        scale = math.lgamma(count) + (count - 1) * weft.log(temperature)
        return weft.log_softmax(self.logits - value * temperature, -1).sum(-1) + scale


class RelaxedOneHotCategorical(Relaxed):
    """Relaxed one-hot categorical distribution: probabilities, near one-hot at low temperature.

    Its draws are differentiable, unlike a categorical distribution's.

    Args:
        temperature: above 0, () or broadcasting.
        probs: (..., K), at least 0; divided by their sum.
        logits: (..., K) in their place, log probabilities up to a constant.
        validate_args: whether parameters and values are checked.

    Raises:
        ValueError: not exactly one of probs and logits is given, or it has no dim.

    Source: Maddison, Mnih and Teh, "The concrete distribution" (2017); Jang, Gu and Poole,
    "Categorical reparametrization with Gumbel-softmax" (2017).

    Example:
        >>> d = weft.distributions.RelaxedOneHotCategorical(weft.tensor(0.5), weft.ones(3))
        >>> round(d.rsample().sum().item(), 4)
        1.0
    """

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}
    support = constraints.simplex

    def __init__(
        self,
        temperature: Any,
        probs: Tensor | None = None,
        logits: Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
        base = ExpRelaxedCategorical(temperature, probs, logits, validate_args=False)
        super().__init__(base, ExpTransform(), validate_args=validate_args)
        self._check_properties(only=base._categorical.__dict__)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        cls = RelaxedOneHotCategorical
        return super().expand(batch_shape, self._get_checked_instance(cls, _instance))
