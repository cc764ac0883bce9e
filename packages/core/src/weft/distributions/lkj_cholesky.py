"""The LKJ distribution, of correlation matrices by their Cholesky factors."""

from __future__ import annotations

import math
from typing import Any

import weft
from weft import Tensor
from weft.distributions import constraints
from weft.distributions.beta import Beta
from weft.distributions.distribution import Distribution
from weft.distributions.utils import broadcast_all

__all__ = ["LKJCholesky"]


class LKJCholesky(Distribution):
    r"""LKJ distribution of Cholesky factors L of correlation matrices :math:`M = L L^T`.

    .. math:: p(M) \propto \det(M)^{\eta - 1}

    It is uniform over correlation matrices at η = 1, and favours weak correlations above.

    Args:
        dim: the number D of variables, at least 2.
        concentration: η, (...) or a number, above 0.
        validate_args: whether parameters and values are checked.

    Raises:
        ValueError: dim is below 2.

    Source: Lewandowski, Kurowicka and Joe, "Generating random correlation matrices based on vines
    and extended onion method" (2009): section 3.2 for draws, which are made row by row.

    Example:
        >>> d = weft.distributions.LKJCholesky(3, 2.0)
        >>> tuple(d.sample().shape), d.log_prob(weft.eye(3)).shape
        ((3, 3), weft.Size([]))
    """

    arg_constraints = {"concentration": constraints.positive}
    support = constraints.corr_cholesky

    def __init__(
        self, dim: int, concentration: Any = 1.0, validate_args: bool | None = None
    ) -> None:
        if not isinstance(dim, int) or dim < 2:
            raise ValueError(f"LKJCholesky: dim must be an int of at least 2, got {dim!r}")
        self.dim = dim
        (self.concentration,) = broadcast_all(concentration)
        batch = self.concentration.shape
        super().__init__(batch, (dim, dim), validate_args=validate_args)
        self._beta = self._lengths()

    def _lengths(self) -> Beta:
        """Return the distribution of how much of each row's length lies before its diagonal."""
        like = self.concentration
        row = weft.arange(1, self.dim, dtype=like.dtype, device=like.device)
        left = like.unsqueeze(-1) + 0.5 * (self.dim - 1 - row)
        return Beta((0.5 * row).expand(tuple(left.shape)), left, validate_args=False)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        new = self._get_checked_instance(LKJCholesky, _instance)
        new.dim = self.dim
        new.concentration = self.concentration.expand(tuple(batch_shape))
        self._finished(new, batch_shape, self.event_shape)
        new._beta = new._lengths()
        return new

    def sample(self, sample_shape: Any = ()) -> Tensor:
        """Draw, without gradient: the part of a row before the diagonal points anywhere."""
        shape = self._extended_shape(sample_shape)
        like = self.concentration
        with weft.no_grad():
            taken = self._beta.sample(sample_shape).unsqueeze(-1)  # (..., D - 1, 1)
            normal = weft.randn(tuple(shape), dtype=like.dtype, device=like.device)
            way = normal.tril(-1)[..., 1:, :]
            rows = taken.sqrt() * way / way.square().sum(-1, keepdim=True).sqrt()
            rows = weft.cat([weft.zeros_like(rows[..., :1, :]), rows], -2)
            tiny = weft.finfo(like.dtype).tiny
            left = (1 - rows.square().sum(-1)).clamp(min=tiny).sqrt()
            return rows + left.diag_embed()

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        like = self.concentration
        inner = value.diagonal(dim1=-2, dim2=-1)[..., 1:]
        # det(M) to the power of η - 1, and the Jacobian from M to its factor
        row = weft.arange(1, self.dim, dtype=like.dtype, device=like.device)
        order = 2 * (like.unsqueeze(-1) - 1) + self.dim - 1 - row
        shape = (order * weft.log(inner)).sum(-1)
        return shape - self._log_size(row)

    def _log_size(self, row: Tensor) -> Tensor:
        """Return the logarithm of the integral: a product of one for each row's direction."""
        below = 0.5 * (self.dim - 1)
        top = self.concentration + below
        parts = weft.lgamma(top.unsqueeze(-1) - 0.5 * row) - weft.lgamma(top.unsqueeze(-1))
        return (0.5 * row * math.log(math.pi) + parts).sum(-1)
