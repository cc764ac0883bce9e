"""The Wishart distribution."""

from __future__ import annotations

import math
from typing import Any

import weft
from weft import Tensor
from weft.distributions import constraints
from weft.distributions._checking import check_constraint
from weft.distributions._covariance import ByFactor, factor_of, given_matrix, log_diagonal
from weft.distributions.chi2 import Chi2
from weft.distributions.exp_family import ExponentialFamily
from weft.distributions.utils import standard_normal

__all__ = ["Wishart"]


class Wishart(ByFactor, ExponentialFamily):
    r"""Wishart distribution: of the sum of outer products of so many normal vectors.

    .. math:: p(X) = \frac{\det(X)^{(\nu - D - 1) / 2} e^{-\operatorname{tr}(\Sigma^{-1} X) / 2}}
        {2^{\nu D / 2} \det(\Sigma)^{\nu / 2} \Gamma_D(\nu / 2)}

    Exactly one of the three matrices is given.

    Args:
        df: the degrees of freedom ν, (...) or a number, above D - 1.
        covariance_matrix: Σ, (..., D, D), positive-definite.
        precision_matrix: (..., D, D) in its place, its inverse.
        scale_tril: (..., D, D) in its place, its lower Cholesky factor, of positive diagonal.
        validate_args: whether parameters and values are checked.

    Raises:
        ValueError: not exactly one matrix is given, it is none, or df is not above D - 1.

    Source: Bartlett, "On the theory of statistical regression" (1933), for draws.

    Example:
        >>> weft.distributions.Wishart(weft.tensor(4.0), weft.eye(2)).mean
        tensor([[4., 0.],
                [0., 4.]])
    """

    support = constraints.positive_definite
    has_rsample = True
    _mean_carrier_measure = 0

    def __init__(
        self,
        df: Any,
        covariance_matrix: Tensor | None = None,
        precision_matrix: Tensor | None = None,
        scale_tril: Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
        who = type(self).__name__
        name, matrix = given_matrix(who, covariance_matrix, precision_matrix, scale_tril)
        event = tuple(matrix.shape)[-2:]
        df = weft.as_tensor(df, dtype=matrix.dtype, device=matrix.device)
        batch = weft.broadcast_shapes(tuple(matrix.shape)[:-2], tuple(df.shape))
        self.df = df.expand(batch)
        # below D - 1 there is no density at all, so this is checked even where nothing else is
        check_constraint(who, "df", df, constraints.greater_than(event[-1] - 1))
        setattr(self, name, matrix.expand((*batch, *event)))
        checked = self._validate_args if validate_args is None else validate_args
        constraint = _MATRICES[name] if checked else None
        self._unbroadcasted_scale_tril = factor_of(who, name, matrix, constraint)
        super().__init__(batch, event, validate_args=validate_args)
        self._chi2 = self._squares()

    @property
    def arg_constraints(self) -> dict[str, Any]:
        """What the parameters must satisfy: df by the size of the matrices."""
        least = int(self._event_shape[-1]) - 1
        return {**_MATRICES, "df": constraints.greater_than(least)}

    def _squares(self) -> Chi2:
        """Return the distribution of the squares on the diagonal of a draw's factor, (..., D)."""
        size = int(self._event_shape[-1])
        taken = weft.arange(size, dtype=self.df.dtype, device=self.df.device)
        return Chi2(self.df.unsqueeze(-1) - taken, validate_args=False)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        new = self._get_checked_instance(Wishart, _instance)
        event = tuple(self.event_shape)
        new._unbroadcasted_scale_tril = self._unbroadcasted_scale_tril
        new.df = self.df.expand(tuple(batch_shape))
        for name in _MATRICES:
            if name in self.__dict__:
                setattr(new, name, self.__dict__[name].expand((*tuple(batch_shape), *event)))
        self._finished(new, batch_shape, event)
        new._chi2 = new._squares()
        return new

    def _df_for_matrices(self) -> Tensor:
        return self.df.reshape((*tuple(self._batch_shape), 1, 1))

    @property
    def mean(self) -> Tensor:
        return self._df_for_matrices() * self.covariance_matrix

    @property
    def mode(self) -> Tensor:
        """The likeliest matrix; NaN where df is at most D + 1."""
        factor = self._df_for_matrices() - int(self._event_shape[-1]) - 1
        return weft.where(factor > 0, factor, math.nan) * self.covariance_matrix

    @property
    def variance(self) -> Tensor:
        cov = self.covariance_matrix
        diagonal = cov.diagonal(dim1=-2, dim2=-1)
        outer = diagonal.unsqueeze(-1) * diagonal.unsqueeze(-2)
        return self._df_for_matrices() * (cov.square() + outer)

    def rsample(self, sample_shape: Any = (), max_try_correction: int | None = None) -> Tensor:
        """Draw so that gradients flow to the parameters, by Bartlett's decomposition.

        Args:
            sample_shape: how many, as a shape.
            max_try_correction: taken for PyTorch's callers: a factor's diagonal is never 0 here,
                so that no draw is singular but by rounding.

        Returns:
            Tensor: `sample_shape + batch_shape + (D, D)`.
        """
        shape = self._extended_shape(sample_shape)
        diagonal = self._chi2.rsample(sample_shape).sqrt()
        below = standard_normal(shape, self.df.dtype, self.df.device).tril(-1)
        factor = self._unbroadcasted_scale_tril @ (below + diagonal.diag_embed())
        return factor @ factor.mT

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        size = int(self._event_shape[-1])
        factor = weft.linalg.cholesky(value)
        solved = weft.linalg.solve_triangular(self._unbroadcasted_scale_tril, factor, upper=False)
        shape = (self.df - size - 1) * log_diagonal(factor)
        return shape - 0.5 * solved.square().sum((-2, -1)) - self._log_size()

    def _log_size(self) -> Tensor:
        """Return the logarithm of what the density is divided by."""
        size = int(self._event_shape[-1])
        half = log_diagonal(self._unbroadcasted_scale_tril)
        return self.df * (0.5 * size * math.log(2) + half) + weft.mvlgamma(self.df / 2, size)

    def _mean_log_determinant(self) -> Tensor:
        """Return the mean logarithm of a draw's determinant."""
        size = int(self._event_shape[-1])
        taken = weft.arange(size, dtype=self.df.dtype, device=self.df.device)
        own = weft.digamma((self.df.unsqueeze(-1) - taken) / 2).sum(-1)
        return own + size * math.log(2) + 2 * log_diagonal(self._unbroadcasted_scale_tril)

    def entropy(self) -> Tensor:
        size = int(self._event_shape[-1])
        determinant = 0.5 * (self.df - size - 1) * self._mean_log_determinant()
        return self._log_size() - determinant + 0.5 * self.df * size

    @property
    def _natural_params(self) -> tuple[Tensor, Tensor]:
        return 0.5 * self.df, -0.5 * self.precision_matrix

    def _log_normalizer(self, *natural_params: Any) -> Tensor:
        x, y = natural_params
        size = int(self._event_shape[-1])
        return -x * weft.linalg.slogdet(-y)[1] + weft.mvlgamma(x, size)


_MATRICES = {
    "covariance_matrix": constraints.positive_definite,
    "precision_matrix": constraints.positive_definite,
    "scale_tril": constraints.lower_cholesky,
}
