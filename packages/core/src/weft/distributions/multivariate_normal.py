"""The multivariate normal distribution."""

from __future__ import annotations

import math
from typing import Any

import weft
from weft import Tensor
from weft.distributions import constraints
from weft.distributions._covariance import (
    ByFactor,
    factor_of,
    given_matrix,
    log_diagonal,
    mahalanobis,
)
from weft.distributions._location import AtLocation
from weft.distributions.utils import standard_normal

__all__ = ["MultivariateNormal"]


class MultivariateNormal(ByFactor, AtLocation):
    r"""Multivariate normal distribution.

    .. math:: p(x) = \frac{1}{\sqrt{(2 \pi)^D \det \Sigma}}
        \exp\left(-\frac{1}{2} (x - \mu)^T \Sigma^{-1} (x - \mu)\right)

    Exactly one of the three matrices is given; by `scale_tril`, nothing needs to be factorised.

    Args:
        loc: (..., D), the mean.
        covariance_matrix: (..., D, D), positive-definite.
        precision_matrix: (..., D, D) in its place, its inverse.
        scale_tril: (..., D, D) in its place, its lower Cholesky factor, of positive diagonal.
        validate_args: whether parameters and values are checked.

    Raises:
        ValueError: not exactly one matrix is given, it is none, or loc has no dim.

    Example:
        >>> d = weft.distributions.MultivariateNormal(weft.zeros(2), weft.eye(2))
        >>> d.log_prob(weft.zeros(2))
        tensor(-1.8379)
    """

    arg_constraints = {
        "loc": constraints.real_vector,
        "covariance_matrix": constraints.positive_definite,
        "precision_matrix": constraints.positive_definite,
        "scale_tril": constraints.lower_cholesky,
    }
    support = constraints.real_vector
    has_rsample = True

    def __init__(
        self,
        loc: Tensor,
        covariance_matrix: Tensor | None = None,
        precision_matrix: Tensor | None = None,
        scale_tril: Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
        who = type(self).__name__
        if loc.ndim < 1:
            raise ValueError(f"{who}: loc must have at least one dim, (..., D), got shape ()")
        name, matrix = given_matrix(who, covariance_matrix, precision_matrix, scale_tril)
        batch = weft.broadcast_shapes(tuple(matrix.shape)[:-2], tuple(loc.shape)[:-1])
        self.loc = loc.expand((*batch, loc.shape[-1]))
        setattr(self, name, matrix.expand((*batch, *tuple(matrix.shape)[-2:])))
        checked = self._validate_args if validate_args is None else validate_args
        constraint = self.arg_constraints[name] if checked else None
        self._unbroadcasted_scale_tril = factor_of(who, name, matrix, constraint)
        super().__init__(batch, tuple(self.loc.shape)[-1:], validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        new = self._get_checked_instance(MultivariateNormal, _instance)
        event = tuple(self.event_shape)
        new.loc = self.loc.expand((*tuple(batch_shape), *event))
        new._unbroadcasted_scale_tril = self._unbroadcasted_scale_tril
        for name in ("covariance_matrix", "scale_tril", "precision_matrix"):
            if name in self.__dict__:
                wide = self.__dict__[name].expand((*tuple(batch_shape), *event, *event))
                setattr(new, name, wide)
        return self._finished(new, batch_shape, event)

    @property
    def variance(self) -> Tensor:
        wide = (*tuple(self._batch_shape), *tuple(self._event_shape))
        return self._unbroadcasted_scale_tril.square().sum(-1).expand(wide)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        noise = standard_normal(shape, self.loc.dtype, self.loc.device).unsqueeze(-1)
        return self.loc + (self._unbroadcasted_scale_tril @ noise).squeeze(-1)

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        factor = self._unbroadcasted_scale_tril
        size = 0.5 * int(self._event_shape[0]) * math.log(2 * math.pi) + log_diagonal(factor)
        return -0.5 * mahalanobis(factor, value - self.loc) - size

    def entropy(self) -> Tensor:
        size = 0.5 * int(self._event_shape[0]) * (1 + math.log(2 * math.pi))
        half = log_diagonal(self._unbroadcasted_scale_tril)
        return (half + size).expand(tuple(self._batch_shape))
