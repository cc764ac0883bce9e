"""The geometric distribution."""

from __future__ import annotations

from typing import Any

import weft
from weft import Tensor
from weft.distributions import constraints
from weft.distributions._checking import check_constraint
from weft.distributions._logits import Logits
from weft.distributions.distribution import Distribution
from weft.distributions.utils import uniform_inside
from weft.nn.functional import binary_cross_entropy_with_logits

__all__ = ["Geometric"]


class Geometric(Logits, Distribution):
    r"""Geometric distribution: how many failures come before the first success.

    .. math:: P(k) = (1 - p)^k p, \quad k = 0, 1, \ldots

    Args:
        probs: the probability of success, (...) or a number, above 0, at most 1.
        logits: in its place the log odds.
        validate_args: whether parameters and values are checked.

    Raises:
        ValueError: not exactly one of probs and logits is given.

    Example:
        >>> weft.distributions.Geometric(probs=0.25).mean
        tensor(3.)
    """

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.nonnegative_integer
    _expanded = ("probs", "logits")

    def __init__(
        self, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        self._keep(probs, logits)
        super().__init__(self._param.shape, validate_args=validate_args)
        if self._validate_args and probs is not None:  # 0 is in the interval, but never ends
            check_constraint(type(self).__name__, "probs", self.probs, constraints.positive)

    @property
    def mean(self) -> Tensor:
        return 1 / self.probs - 1

    @property
    def mode(self) -> Tensor:
        return weft.zeros_like(self.probs)

    @property
    def variance(self) -> Tensor:
        return (1 / self.probs - 1) / self.probs

    def sample(self, sample_shape: Any = ()) -> Tensor:
        with weft.no_grad():
            u = uniform_inside(self._extended_shape(sample_shape), self.probs)
            return weft.floor(weft.log(u) / weft.log1p(-self.probs))

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        # no failure is no failure also where the probability of one is 0
        return weft.special.xlog1py(value, -self.probs) + weft.log(self.probs)

    def entropy(self) -> Tensor:
        cross = binary_cross_entropy_with_logits(self.logits, self.probs, reduction="none")
        return cross / self.probs
