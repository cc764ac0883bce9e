"""The multinomial distribution."""

from __future__ import annotations

from typing import Any

import weft
from weft import Tensor
from weft.distributions import constraints
from weft.distributions._categories import OfCategories
from weft.distributions.binomial import Binomial
from weft.distributions.categorical import Categorical
from weft.distributions.distribution import Distribution

__all__ = ["Multinomial"]


class Multinomial(OfCategories, Distribution):
    r"""Multinomial distribution: how often each category comes in n draws.

    .. math:: P(x) = \frac{n!}{x_1! \cdots x_K!} \prod_k p_k^{x_k}, \quad \sum_k x_k = n

    Args:
        total_count: n, one int for the whole batch.
        probs: (..., K), at least 0; divided by their sum.
        logits: (..., K) in their place, log probabilities up to a constant.
        validate_args: whether parameters and values are checked.

    Raises:
        NotImplementedError: total_count is no int.
        ValueError: not exactly one of probs and logits is given, or it has no dim.

    Example:
        >>> d = weft.distributions.Multinomial(4, weft.tensor([0.25, 0.75]))
        >>> d.mean
        tensor([1., 3.])
    """

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}
    total_count: int

    def __init__(
        self,
        total_count: int = 1,
        probs: Tensor | None = None,
        logits: Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
        if not isinstance(total_count, int):
            raise NotImplementedError(
                f"Multinomial: total_count must be one int for the whole batch, got "
                f"{type(total_count).__name__} {total_count!r:.60}"
            )
        self.total_count = total_count
        self._categorical = Categorical(probs, logits, validate_args=validate_args)
        whole = tuple(self._categorical.param_shape)
        super().__init__(whole[:-1], whole[-1:], validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        new = self._get_checked_instance(Multinomial, _instance)
        new.total_count = self.total_count
        new._categorical = self._categorical.expand(batch_shape)
        return self._finished(new, batch_shape, self.event_shape)

    @constraints.dependent_property(is_discrete=True, event_dim=1)
    def support(self) -> Any:
        """Vectors of counts that add up to at most total_count."""
        return constraints.multinomial(self.total_count)

    @property
    def mean(self) -> Tensor:
        return self.probs * self.total_count

    @property
    def variance(self) -> Tensor:
        return self.total_count * self.probs * (1 - self.probs)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        """Draw, without gradient: each count is binomial, given those before it."""
        shape = tuple(self._extended_shape(sample_shape))
        with weft.no_grad():
            probs = self.probs.expand(shape)
            left = probs.new_full(shape[:-1], float(self.total_count))
            # what remains of the probability, summed from the end so that nothing cancels
            rest = probs.flip(-1).cumsum(-1).flip(-1)
            counts = []
            for k in range(shape[-1] - 1):
                share = (probs[..., k] / rest[..., k]).nan_to_num(0.0).clamp(min=0.0, max=1.0)
                drawn = weft.binomial(left, share)
                counts.append(drawn)
                left = left - drawn
            return weft.stack([*counts, left], -1)

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        # what never comes and did not come adds 0, and not 0 times -inf
        told = weft.where((value == 0) & (self.logits == -weft.inf), 0.0, self.logits)
        ways = weft.lgamma(value.sum(-1) + 1) - weft.lgamma(value + 1).sum(-1)
        return ways + (told * value).sum(-1)

    def entropy(self) -> Tensor:
        n = self.total_count
        counts = Binomial(n, self.probs, validate_args=False)
        values = counts.enumerate_support(False)[1:]
        spread = (weft.exp(counts.log_prob(values)) * weft.lgamma(values + 1)).sum((0, -1))
        one = self._categorical.entropy()
        return n * one - weft.lgamma(weft.tensor(n + 1.0, dtype=one.dtype)).to(one.device) + spread
