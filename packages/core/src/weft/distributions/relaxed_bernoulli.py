"""The relaxed Bernoulli (binary concrete) distribution, and that of its logits."""

from __future__ import annotations

from typing import Any

import weft
from weft import Tensor
from weft.distributions import constraints
from weft.distributions._logits import Logits
from weft.distributions._relaxed import Relaxed
from weft.distributions._transforms_by_element import SigmoidTransform
from weft.distributions.distribution import Distribution
from weft.distributions.utils import clamp_probs
from weft.nn.functional import softplus

__all__ = ["LogitRelaxedBernoulli", "RelaxedBernoulli"]


class LogitRelaxedBernoulli(Logits, Distribution):
    r"""Distribution of the log odds of a relaxed Bernoulli number.

    .. math:: x = \frac{\ell + \ln u - \ln(1 - u)}{\tau}

    with log odds :math:`\ell`, temperature :math:`\tau` and u uniform.

    Args:
        temperature: above 0, () or broadcasting.
        probs: the probability of 1, (...) or a number, in [0, 1].
        logits: in its place the log odds.
        validate_args: whether parameters and values are checked.

    Raises:
        ValueError: not exactly one of probs and logits is given.

    Source: Maddison, Mnih and Teh, "The concrete distribution" (2017), appendix B.
    """

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.real
    has_rsample = True

    def __init__(
        self,
        temperature: Any,
        probs: Any = None,
        logits: Any = None,
        validate_args: bool | None = None,
    ) -> None:
        self.temperature = temperature
        self._keep(probs, logits)
        super().__init__(self._param.shape, validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        new = self._get_checked_instance(LogitRelaxedBernoulli, _instance)
        new.temperature = self.temperature
        for name in ("probs", "logits"):
            if name in self.__dict__:
                setattr(new, name, self.__dict__[name].expand(tuple(batch_shape)))
        return self._finished(new, batch_shape, ())

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        shape = tuple(self._extended_shape(sample_shape))
        like = self._param
        u = clamp_probs(weft.rand(shape, dtype=like.dtype, device=like.device))
        return (self.logits + weft.log(u) - weft.log1p(-u)) / self.temperature

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        temperature = weft.as_tensor(self.temperature, dtype=value.dtype, device=value.device)
        away = self.logits - value * temperature
        return weft.log(temperature) + away - 2 * softplus(away)


class RelaxedBernoulli(Relaxed):
    """Relaxed Bernoulli distribution: numbers in (0, 1), near its ends where temperature is low.

    Its draws are differentiable, unlike a Bernoulli distribution's.

    Args:
        temperature: above 0, () or broadcasting.
        probs: the probability of 1, (...) or a number, in [0, 1].
        logits: in its place the log odds.
        validate_args: whether parameters and values are checked.

    Raises:
        ValueError: not exactly one of probs and logits is given.

    Source: Maddison, Mnih and Teh, "The concrete distribution" (2017); Jang, Gu and Poole,
    "Categorical reparametrization with Gumbel-softmax" (2017).

    Example:
        >>> d = weft.distributions.RelaxedBernoulli(weft.tensor(0.5), probs=weft.tensor([0.2, 0.9]))
        >>> tuple(d.rsample((3,)).shape)
        (3, 2)
    """

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.unit_interval

    def __init__(
        self,
        temperature: Any,
        probs: Any = None,
        logits: Any = None,
        validate_args: bool | None = None,
    ) -> None:
        base = LogitRelaxedBernoulli(temperature, probs, logits, validate_args=False)
        super().__init__(base, SigmoidTransform(), validate_args=validate_args)
        self._check_properties(only=base.__dict__)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        return super().expand(batch_shape, self._get_checked_instance(RelaxedBernoulli, _instance))
