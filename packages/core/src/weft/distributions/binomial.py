"""The binomial distribution."""

from __future__ import annotations

from typing import Any

import weft
from weft import Tensor
from weft.distributions import constraints
from weft.distributions._logits import Logits
from weft.distributions.distribution import Distribution
from weft.nn.functional import softplus

__all__ = ["Binomial"]


class Binomial(Logits, Distribution):
    r"""Binomial distribution: how many of n trials succeed.

    .. math:: P(k) = \binom{n}{k} p^k (1 - p)^{n - k}, \quad 0 \le k \le n

    Args:
        total_count: the number of trials, a whole number, (...) or a number.
        probs: the probability of success, (...), in [0, 1].
        logits: in its place the log odds.
        validate_args: whether parameters and values are checked.

    Raises:
        ValueError: not exactly one of probs and logits is given.

    Example:
        >>> d = weft.distributions.Binomial(4, weft.tensor([0.25, 0.5]))
        >>> d.mean, d.variance
        (tensor([1., 2.]), tensor([0.7500, 1.0000]))
    """

    arg_constraints = {
        "total_count": constraints.nonnegative_integer,
        "probs": constraints.unit_interval,
        "logits": constraints.real,
    }
    has_enumerate_support = True
    _expanded = ("total_count", "probs", "logits")

    def __init__(
        self,
        total_count: Any = 1,
        probs: Any = None,
        logits: Any = None,
        validate_args: bool | None = None,
    ) -> None:
        (count,) = self._keep(probs, logits, total_count)
        self.total_count = count.to(self._param.dtype)
        super().__init__(self._param.shape, validate_args=validate_args)

    @constraints.dependent_property(is_discrete=True, event_dim=0)
    def support(self) -> Any:
        """The whole numbers up to total_count."""
        return constraints.integer_interval(0, self.total_count)

    @property
    def mean(self) -> Tensor:
        return self.total_count * self.probs

    @property
    def mode(self) -> Tensor:
        largest = ((self.total_count + 1) * self.probs).floor()
        return weft.minimum(largest, self.total_count)

    @property
    def variance(self) -> Tensor:
        return self.total_count * self.probs * (1 - self.probs)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        shape = tuple(self._extended_shape(sample_shape))
        with weft.no_grad():
            return weft.binomial(self.total_count.expand(shape), self.probs.expand(shape))

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        n = self.total_count
        ways = weft.lgamma(n + 1) - weft.lgamma(value + 1) - weft.lgamma(n - value + 1)
        # log p = logits - softplus(logits), log(1 - p) = -softplus(logits)
        return ways + value * self.logits - n * softplus(self.logits)

    def entropy(self) -> Tensor:
        """Return the entropy, by the sum over all values.

        Raises:
            NotImplementedError: total_count differs within the batch.
        """
        log_prob = self.log_prob(self.enumerate_support(False))
        return -(weft.exp(log_prob) * log_prob).sum(0)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """Return 0 to total_count along a new first dim.

        Raises:
            NotImplementedError: total_count differs within the batch, so that there is no one end.
        """
        most = int(self.total_count.max().item())
        least = int(self.total_count.min().item())
        if least != most:
            raise NotImplementedError(
                f"Binomial: values can be listed where total_count is the same for the whole "
                f"batch, but it goes from {least} to {most}"
            )
        values = weft.arange(most + 1, dtype=self._param.dtype, device=self._param.device)
        values = values.reshape((-1, *(1,) * len(self._batch_shape)))
        return values.expand((-1, *tuple(self._batch_shape))) if expand else values
