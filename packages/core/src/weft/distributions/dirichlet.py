"""The Dirichlet distribution."""

from __future__ import annotations

from typing import Any

import weft
from weft import Tensor
from weft.distributions import constraints
from weft.distributions.exp_family import ExponentialFamily
from weft.nn.functional import one_hot
from weft.ops.gamma_draws import standard_dirichlet

__all__ = ["Dirichlet"]


class Dirichlet(ExponentialFamily):
    r"""Dirichlet distribution: of probabilities, vectors that add up to 1.

    .. math:: p(x) = \frac{\Gamma(\sum_k \alpha_k)}{\prod_k \Gamma(\alpha_k)}
        \prod_k x_k^{\alpha_k - 1}

    Its draws are differentiable, by implicit differentiation of the parts' cdfs.

    Args:
        concentration: (..., K), above 0.
        validate_args: whether parameters and values are checked.

    Raises:
        ValueError: concentration has no dim.

    Example:
        >>> weft.distributions.Dirichlet(weft.tensor([1.0, 3.0])).mean
        tensor([0.2500, 0.7500])
    """

    arg_constraints = {"concentration": constraints.independent(constraints.positive, 1)}
    support = constraints.simplex
    has_rsample = True

    def __init__(self, concentration: Tensor, validate_args: bool | None = None) -> None:
        if concentration.ndim < 1:
            raise ValueError(
                "Dirichlet: concentration must have at least one dim, of the parts, got shape ()"
            )
        self.concentration = concentration
        whole = tuple(concentration.shape)
        super().__init__(whole[:-1], whole[-1:], validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        new = self._get_checked_instance(Dirichlet, _instance)
        wide = (*tuple(batch_shape), *tuple(self.event_shape))
        new.concentration = self.concentration.expand(wide)
        return self._finished(new, batch_shape, self.event_shape)

    @property
    def mean(self) -> Tensor:
        return self.concentration / self.concentration.sum(-1, keepdim=True)

    @property
    def mode(self) -> Tensor:
        """The likeliest vector; a corner, where all concentrations are below 1."""
        above = (self.concentration - 1).clamp(min=0)
        inside = above / above.sum(-1, keepdim=True)
        corner = one_hot(self.concentration.argmax(-1), self.concentration.shape[-1])
        outside = (self.concentration < 1).all(-1, keepdim=True)
        return weft.where(outside, corner.to(inside.dtype), inside)

    @property
    def variance(self) -> Tensor:
        total = self.concentration.sum(-1, keepdim=True)
        mean = self.concentration / total
        return mean * (1 - mean) / (total + 1)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        shape = tuple(self._extended_shape(sample_shape))
        return standard_dirichlet(self.concentration.expand(shape))

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        a = self.concentration
        return weft.xlogy(a - 1, value).sum(-1) + weft.lgamma(a.sum(-1)) - weft.lgamma(a).sum(-1)

    def entropy(self) -> Tensor:
        a, k = self.concentration, self.concentration.shape[-1]
        total = a.sum(-1)
        return (
            weft.lgamma(a).sum(-1)
            - weft.lgamma(total)
            - (k - total) * weft.digamma(total)
            - ((a - 1) * weft.digamma(a)).sum(-1)
        )

    @property
    def _natural_params(self) -> tuple[Tensor]:
        return (self.concentration,)

    def _log_normalizer(self, *natural_params: Any) -> Tensor:
        (x,) = natural_params
        return weft.lgamma(x).sum(-1) - weft.lgamma(x.sum(-1))
