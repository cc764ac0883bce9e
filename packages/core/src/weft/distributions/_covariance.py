"""Covariances by their Cholesky factors, for distributions of vectors and of matrices."""

from __future__ import annotations

from typing import Any

import weft
from weft import Tensor
from weft.distributions._checking import check_constraint, only_one_given
from weft.distributions.constraints import Constraint
from weft.distributions.utils import lazy_property


class ByFactor:
    """Part of a distribution that keeps the lower Cholesky factor of a covariance.

    The matrix that it was given stands in the instance already; the others are computed when asked
    for.
    """

    _unbroadcasted_scale_tril: Tensor
    _batch_shape: Any

    def _wide(self, matrix: Tensor) -> Tensor:
        return matrix.expand((*tuple(self._batch_shape), *tuple(matrix.shape)[-2:]))

    @lazy_property
    def scale_tril(self) -> Tensor:
        """The lower Cholesky factor of the covariance matrix, (..., D, D)."""
        return self._wide(self._unbroadcasted_scale_tril)

    @lazy_property
    def covariance_matrix(self) -> Tensor:
        """The covariance matrix, (..., D, D)."""
        factor = self._unbroadcasted_scale_tril
        return self._wide(factor @ factor.mT)

    @lazy_property
    def precision_matrix(self) -> Tensor:
        """The inverse of the covariance matrix, (..., D, D)."""
        return self._wide(weft.cholesky_inverse(self._unbroadcasted_scale_tril))


def given_matrix(
    who: str,
    covariance_matrix: Tensor | None,
    precision_matrix: Tensor | None,
    scale_tril: Tensor | None,
) -> tuple[str, Tensor]:
    """Return the name and the value of the one that is given.

    Raises:
        ValueError: none is given, or several, or it is no matrix.
    """
    matrices: dict[str, Any] = {
        "covariance_matrix": covariance_matrix,
        "precision_matrix": precision_matrix,
        "scale_tril": scale_tril,
    }
    name = only_one_given(who, **matrices)
    matrix = matrices[name]
    if matrix.ndim < 2:
        raise ValueError(
            f"{who}: {name} must have at least two dims, (..., D, D), got shape "
            f"{tuple(matrix.shape)}"
        )
    return name, matrix


def factor_of(who: str, name: str, matrix: Tensor, constraint: Constraint | None) -> Tensor:
    """Return the lower Cholesky factor of the covariance that a matrix gives.

    Args:
        name: what the matrix is: `covariance_matrix`, `precision_matrix` or `scale_tril`.
        constraint: what it is checked by first; None does not check.

    Raises:
        ValueError: the matrix does not satisfy the constraint.
    """
    if constraint is not None:
        check_constraint(who, name, matrix, constraint)
    if name == "covariance_matrix":
        return weft.linalg.cholesky(matrix)
    return matrix if name == "scale_tril" else factor_of_inverse(matrix)


def factor_of_inverse(precision: Tensor) -> Tensor:
    """Return the lower Cholesky factor of a matrix's inverse, without inverting the matrix.

    Turned end for end, the factor of a matrix is an upper triangle whose product with its transpose
    is the matrix: the transpose of the inverse factor.
    """
    turned = weft.linalg.cholesky(precision.flip((-2, -1))).flip((-2, -1)).mT
    eye = weft.eye(precision.shape[-1], dtype=precision.dtype, device=precision.device)
    return weft.linalg.solve_triangular(turned, eye, upper=False)


def log_diagonal(factor: Tensor) -> Tensor:
    """Return the sum of the diagonal's logarithms: half the logarithm of the determinant."""
    return factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)


def mahalanobis(factor: Tensor, away: Tensor) -> Tensor:
    """Return the squared lengths of vectors, measured by a covariance.

    Args:
        factor: (*batch, D, D), the covariance's lower Cholesky factor.
        away: (..., D), broadcasting with the batch.

    Returns:
        Tensor: the common shape, without D.
    """
    batch = tuple(factor.shape)[:-2]
    lead = away.ndim - 1 - len(batch)
    if lead <= 0 or tuple(away.shape)[lead:-1] != batch:
        solved = weft.linalg.solve_triangular(factor, away.unsqueeze(-1), upper=False)
        return solved.squeeze(-1).square().sum(-1)
    # the draws of one batch are columns of one system: its factor is not repeated
    samples = tuple(away.shape)[:lead]
    columns = away.reshape((-1, *batch, away.shape[-1])).movedim(0, -1)
    solved = weft.linalg.solve_triangular(factor, columns, upper=False)
    return solved.square().sum(-2).movedim(-1, 0).reshape((*samples, *batch))
