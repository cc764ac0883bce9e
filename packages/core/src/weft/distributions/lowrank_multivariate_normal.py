"""The multivariate normal distribution whose covariance is a diagonal and a few columns."""

from __future__ import annotations

import math
from typing import Any

import weft
from weft import Tensor
from weft.distributions import constraints
from weft.distributions._covariance import log_diagonal, mahalanobis
from weft.distributions._location import AtLocation
from weft.distributions.utils import lazy_property, standard_normal

__all__ = ["LowRankMultivariateNormal"]


class LowRankMultivariateNormal(AtLocation):
    r"""Multivariate normal distribution of covariance :math:`\Sigma = W W^T + \mathrm{diag}(d)`.

    By the identities of Woodbury and Sylvester, everything is computed with matrices of the number
    of columns of W alone, :math:`C = I + W^T \mathrm{diag}(d)^{-1} W`.

    Args:
        loc: (..., D), the mean.
        cov_factor: W, (..., D, M), where M is much smaller than D.
        cov_diag: d, (..., D), above 0.
        validate_args: whether parameters and values are checked.

    Raises:
        ValueError: the shapes do not fit.

    Example:
        >>> w, d = weft.tensor([[1.0], [2.0]]), weft.tensor([1.0, 1.0])
        >>> weft.distributions.LowRankMultivariateNormal(weft.zeros(2), w, d).covariance_matrix
        tensor([[2., 2.],
                [2., 5.]])
    """

    arg_constraints = {
        "loc": constraints.real_vector,
        "cov_factor": constraints.independent(constraints.real, 2),
        "cov_diag": constraints.independent(constraints.positive, 1),
    }
    support = constraints.real_vector
    has_rsample = True

    def __init__(
        self,
        loc: Tensor,
        cov_factor: Tensor,
        cov_diag: Tensor,
        validate_args: bool | None = None,
    ) -> None:
        shapes = {"loc": loc, "cov_factor": cov_factor, "cov_diag": cov_diag}
        told = ", ".join(f"{name}.shape == {tuple(t.shape)}" for name, t in shapes.items())
        who = type(self).__name__
        if loc.ndim < 1 or cov_diag.ndim < 1 or cov_factor.ndim < 2:
            raise ValueError(
                f"{who}: expected loc (..., D), cov_factor (..., D, M) and cov_diag (..., D), got "
                f"{told}"
            )
        size = loc.shape[-1]
        if cov_factor.shape[-2] != size or cov_diag.shape[-1] != size:
            raise ValueError(f"{who}: D must be the same in all parameters, got {told}")
        batch = weft.broadcast_shapes(
            tuple(loc.shape)[:-1], tuple(cov_factor.shape)[:-2], tuple(cov_diag.shape)[:-1]
        )
        self.loc = loc.expand((*batch, size))
        self.cov_factor = cov_factor.expand((*batch, *tuple(cov_factor.shape)[-2:]))
        self.cov_diag = cov_diag.expand((*batch, size))
        self._unbroadcasted_cov_factor = cov_factor
        self._unbroadcasted_cov_diag = cov_diag
        scaled = cov_factor.mT / cov_diag.unsqueeze(-2)
        eye = weft.eye(cov_factor.shape[-1], dtype=loc.dtype, device=loc.device)
        self._capacitance_tril = weft.linalg.cholesky(scaled @ cov_factor + eye)
        super().__init__(batch, (size,), validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        new = self._get_checked_instance(LowRankMultivariateNormal, _instance)
        event = tuple(self.event_shape)
        new.loc = self.loc.expand((*tuple(batch_shape), *event))
        new.cov_diag = self.cov_diag.expand((*tuple(batch_shape), *event))
        columns = tuple(self.cov_factor.shape)[-2:]
        new.cov_factor = self.cov_factor.expand((*tuple(batch_shape), *columns))
        for name in ("_unbroadcasted_cov_factor", "_unbroadcasted_cov_diag", "_capacitance_tril"):
            setattr(new, name, getattr(self, name))
        return self._finished(new, batch_shape, event)

    def _wide(self, matrix: Tensor) -> Tensor:
        event = tuple(self._event_shape)
        return matrix.expand((*tuple(self._batch_shape), *event, *event))

    @lazy_property
    def variance(self) -> Tensor:
        """The diagonal of the covariance, (..., D)."""
        own = self._unbroadcasted_cov_factor.square().sum(-1) + self._unbroadcasted_cov_diag
        return own.expand((*tuple(self._batch_shape), *tuple(self._event_shape)))

    @lazy_property
    def scale_tril(self) -> Tensor:
        """The lower Cholesky factor of the covariance, (..., D, D)."""
        # of the covariance that the diagonal's roots are taken out of, which is well conditioned
        root = self._unbroadcasted_cov_diag.sqrt().unsqueeze(-1)
        scaled = self._unbroadcasted_cov_factor / root
        eye = weft.eye(int(self._event_shape[0]), dtype=scaled.dtype, device=scaled.device)
        return self._wide(root * weft.linalg.cholesky(scaled @ scaled.mT + eye))

    @lazy_property
    def covariance_matrix(self) -> Tensor:
        """The covariance, (..., D, D)."""
        factor = self._unbroadcasted_cov_factor
        return self._wide(factor @ factor.mT + self._unbroadcasted_cov_diag.diag_embed())

    @lazy_property
    def precision_matrix(self) -> Tensor:
        """The inverse of the covariance, (..., D, D)."""
        diag = self._unbroadcasted_cov_diag
        scaled = self._unbroadcasted_cov_factor.mT / diag.unsqueeze(-2)
        part = weft.linalg.solve_triangular(self._capacitance_tril, scaled, upper=False)
        return self._wide(diag.reciprocal().diag_embed() - part.mT @ part)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        columns = (*tuple(shape)[:-1], self.cov_factor.shape[-1])
        like = self.loc
        wide = standard_normal(columns, like.dtype, like.device).unsqueeze(-1)
        own = standard_normal(shape, like.dtype, like.device)
        moved = (self._unbroadcasted_cov_factor @ wide).squeeze(-1)
        return like + moved + self._unbroadcasted_cov_diag.sqrt() * own

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        away = value - self.loc
        size = int(self._event_shape[0]) * math.log(2 * math.pi) + self._log_determinant()
        return -0.5 * (size + self._mahalanobis(away))

    def _log_determinant(self) -> Tensor:
        own = self._unbroadcasted_cov_diag.log().sum(-1)
        return 2 * log_diagonal(self._capacitance_tril) + own

    def _mahalanobis(self, away: Tensor) -> Tensor:
        scaled = away / self._unbroadcasted_cov_diag
        inside = (self._unbroadcasted_cov_factor.mT @ scaled.unsqueeze(-1)).squeeze(-1)
        return (away * scaled).sum(-1) - mahalanobis(self._capacitance_tril, inside)

    def entropy(self) -> Tensor:
        size = int(self._event_shape[0]) * (1 + math.log(2 * math.pi))
        return (0.5 * (size + self._log_determinant())).expand(tuple(self._batch_shape))
