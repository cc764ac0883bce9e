"""The categorical distribution."""

from __future__ import annotations

from typing import Any

import weft
from weft import Size, Tensor
from weft.distributions import constraints
from weft.distributions._checking import only_one_given
from weft.distributions._logits import Logits
from weft.distributions.distribution import Distribution

__all__ = ["Categorical"]


class Categorical(Logits, Distribution):
    r"""Categorical distribution: the number of a category, 0 to K - 1.

    .. math:: P(k) = p_k

    Args:
        probs: (..., K), at least 0; divided by their sum.
        logits: (..., K) in their place, log probabilities up to a constant.
        validate_args: whether parameters and values are checked.

    Raises:
        ValueError: not exactly one of probs and logits is given, or it has no dim.

    Example:
        >>> d = weft.distributions.Categorical(weft.tensor([1.0, 3.0]))
        >>> d.probs, d.log_prob(weft.tensor(1)).exp()
        (tensor([0.2500, 0.7500]), tensor(0.7500))
    """

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}
    has_enumerate_support = True
    _is_binary = False

    def __init__(
        self,
        probs: Tensor | None = None,
        logits: Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
        name = only_one_given(type(self).__name__, probs=probs, logits=logits)
        given: Any = probs if name == "probs" else logits
        if given.ndim < 1:
            raise ValueError(
                f"{type(self).__name__}: {name} must have at least one dim, of the categories, got "
                f"shape ()"
            )
        if name == "probs":
            self.probs = given / given.sum(-1, keepdim=True)
        else:
            self.logits = given - given.logsumexp(-1, keepdim=True)
        self._num_events = given.shape[-1]
        super().__init__(tuple(given.shape)[:-1], validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        new = self._get_checked_instance(Categorical, _instance)
        for name in ("probs", "logits"):
            if name in self.__dict__:
                wide = (*tuple(batch_shape), self._num_events)
                setattr(new, name, self.__dict__[name].expand(wide))
        new._num_events = self._num_events
        return self._finished(new, batch_shape, ())

    @constraints.dependent_property(is_discrete=True, event_dim=0)
    def support(self) -> Any:
        """The numbers of the categories."""
        return constraints.integer_interval(0, self._num_events - 1)

    @property
    def mean(self) -> Tensor:
        """NaN: categories have no mean."""
        return weft.full_like(self._param[..., 0], weft.nan)

    @property
    def mode(self) -> Tensor:
        return self.probs.argmax(-1)

    @property
    def variance(self) -> Tensor:
        """NaN: categories have no variance."""
        return weft.full_like(self._param[..., 0], weft.nan)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        sample_shape = Size(sample_shape)
        count = sample_shape.numel()
        with weft.no_grad():
            rows = self.probs.reshape((-1, self._num_events))
            if count == 0 or rows.shape[0] == 0:
                return rows.new_zeros(tuple(self._extended_shape(sample_shape)), dtype=weft.int64)
            drawn = weft.multinomial(rows, count, True)
            return drawn.mT.reshape(tuple(self._extended_shape(sample_shape)))

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        index = value.to(weft.int64).unsqueeze(-1)
        shape = weft.broadcast_shapes(tuple(index.shape)[:-1], tuple(self._batch_shape))
        logits = self.logits.expand((*shape, self._num_events))
        return logits.gather(-1, index.expand((*shape, 1))).squeeze(-1)

    def entropy(self) -> Tensor:
        # a category that never comes adds 0, and not 0 times -inf
        logits = self.logits.clamp(min=weft.finfo(self.logits.dtype).min)
        return -(logits * self.probs).sum(-1)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        values = weft.arange(self._num_events, dtype=weft.int64, device=self._param.device)
        values = values.reshape((-1, *(1,) * len(self._batch_shape)))
        return values.expand((-1, *tuple(self._batch_shape))) if expand else values
