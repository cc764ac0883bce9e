"""The Bernoulli distribution."""

from __future__ import annotations

from typing import Any

import weft
from weft import Tensor
from weft.distributions import constraints
from weft.distributions._logits import Logits
from weft.distributions.exp_family import ExponentialFamily
from weft.distributions.utils import broadcast_all
from weft.nn.functional import binary_cross_entropy_with_logits

__all__ = ["Bernoulli"]


class Bernoulli(Logits, ExponentialFamily):
    r"""Bernoulli distribution: 1 with a probability, else 0.

    .. math:: P(x) = p^x (1 - p)^{1 - x}, \quad x \in \{0, 1\}

    Args:
        probs: the probability of 1, (...) or a number, in [0, 1].
        logits: in its place the log odds, log(p / (1 - p)).
        validate_args: whether parameters and values are checked.

    Raises:
        ValueError: not exactly one of probs and logits is given.

    Example:
        >>> weft.distributions.Bernoulli(probs=0.25).log_prob(weft.tensor(1.0)).exp()
        tensor(0.2500)
    """

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.boolean
    has_enumerate_support = True
    _mean_carrier_measure = 0
    _expanded = ("probs", "logits")

    def __init__(
        self, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        self._keep(probs, logits)
        super().__init__(self._param.shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.probs

    @property
    def mode(self) -> Tensor:
        """The likelier value; NaN where both are as likely."""
        likely = (self.probs > 0.5).to(self.probs.dtype)
        return weft.where(self.probs == 0.5, weft.nan, likely)

    @property
    def variance(self) -> Tensor:
        return self.probs * (1 - self.probs)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        shape = tuple(self._extended_shape(sample_shape))
        with weft.no_grad():
            return weft.bernoulli(self.probs.expand(shape))

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        logits, value = broadcast_all(self.logits, value)
        return -binary_cross_entropy_with_logits(logits, value, reduction="none")

    def entropy(self) -> Tensor:
        return binary_cross_entropy_with_logits(self.logits, self.probs, reduction="none")

    def enumerate_support(self, expand: bool = True) -> Tensor:
        values = weft.arange(2, dtype=self._param.dtype, device=self._param.device)
        values = values.reshape((2, *(1,) * len(self._batch_shape)))
        return values.expand((2, *tuple(self._batch_shape))) if expand else values

    @property
    def _natural_params(self) -> tuple[Tensor]:
        return (weft.logit(self.probs),)

    def _log_normalizer(self, *natural_params: Any) -> Tensor:
        (x,) = natural_params
        return weft.nn.functional.softplus(x)
