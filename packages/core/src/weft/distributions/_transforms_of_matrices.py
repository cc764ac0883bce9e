"""Transforms to triangular and positive-definite matrices."""

from __future__ import annotations

import math
from typing import Any

import weft
from weft import Size, Tensor
from weft.distributions import constraints
from weft.distributions._transforms_by_element import _Plain
from weft.distributions.utils import tril_matrix_to_vec, vec_to_tril_matrix
from weft.nn.functional import softplus


class LowerCholeskyTransform(_Plain):
    """From square matrices to lower triangular ones whose diagonal is positive.

    The diagonal is the exponential of the argument's; what is above it is dropped.
    """

    domain = constraints.independent(constraints.real, 2)
    codomain = constraints.lower_cholesky

    def _call(self, x: Tensor) -> Tensor:
        return x.tril(-1) + x.diagonal(dim1=-2, dim2=-1).exp().diag_embed()

    def _inverse(self, y: Tensor) -> Tensor:
        return y.tril(-1) + y.diagonal(dim1=-2, dim2=-1).log().diag_embed()


class PositiveDefiniteTransform(_Plain):
    """From square matrices to positive-definite ones: products of a lower triangle with itself."""

    domain = constraints.independent(constraints.real, 2)
    codomain = constraints.positive_definite

    def _call(self, x: Tensor) -> Tensor:
        factor = LowerCholeskyTransform()(x)
        return factor @ factor.mT

    def _inverse(self, y: Tensor) -> Tensor:
        return LowerCholeskyTransform().inv(weft.linalg.cholesky(y))


class CorrCholeskyTransform(_Plain):
    r"""From D (D - 1) / 2 unbounded numbers to the Cholesky factor of a D × D correlation matrix.

    The numbers become signed parts :math:`r = \tanh(x)` of a lower triangle, row by row; each row
    is a vector of length 1, of whose square every part takes the share :math:`r^2` of what those
    before it leave, and the diagonal the rest.

    Source: Lewandowski, Kurowicka and Joe, "Generating random correlation matrices based on vines
    and extended onion method" (2009), in the parametrisation of the Stan manual.
    """

    domain = constraints.real_vector
    codomain = constraints.corr_cholesky
    bijective = True

    def _call(self, x: Tensor) -> Tensor:
        eps = weft.finfo(x.dtype).eps
        r = vec_to_tril_matrix(weft.tanh(x).clamp(min=-1 + eps, max=1 - eps), diag=-1)
        # the root of what is left of a row's length before each part
        left = (1 - r * r).sqrt().cumprod(-1)
        before = weft.cat([weft.ones_like(left[..., :1]), left[..., :-1]], -1)
        size = r.shape[-1]
        return (r + weft.eye(size, dtype=r.dtype, device=r.device)) * before

    def _inverse(self, y: Tensor) -> Tensor:
        left = 1 - (y * y).cumsum(-1)
        before = weft.cat([weft.ones_like(left[..., :1]), left[..., :-1]], -1)
        lower, room = tril_matrix_to_vec(y, diag=-1), tril_matrix_to_vec(before, diag=-1)
        return weft.atanh(lower / room.sqrt())

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        # y = before * tanh(x): the diagonal of a triangular Jacobian
        left = 1 - (y * y).cumsum(-1)
        before = weft.cat([weft.ones_like(left[..., :1]), left[..., :-1]], -1)
        room = tril_matrix_to_vec(before, diag=-1).log().sum(-1) / 2
        slope = 2 * (math.log(2) - x - softplus(-2 * x)).sum(-1)
        return room + slope

    def forward_shape(self, shape: Any) -> Any:
        """Return the shape with the last dim as a square.

        Raises:
            ShapeError: no lower triangle has so many numbers.
        """
        count = shape[-1] if len(shape) else 0
        size = round((0.25 + 2 * count) ** 0.5 + 0.5)
        if len(shape) < 1 or size * (size - 1) // 2 != count:
            raise weft.ShapeError(
                f"CorrCholeskyTransform: the last dim must be D * (D - 1) / 2 for a whole D, got "
                f"shape {tuple(shape)}"
            )
        return Size((*tuple(shape)[:-1], size, size))

    def inverse_shape(self, shape: Any) -> Any:
        """Return the shape with the square as one dim.

        Raises:
            ShapeError: the last two dims are no square.
        """
        if len(shape) < 2 or shape[-2] != shape[-1]:
            raise weft.ShapeError(
                f"CorrCholeskyTransform: expected a square matrix, got shape {tuple(shape)}"
            )
        size = shape[-1]
        return Size((*tuple(shape)[:-2], size * (size - 1) // 2))
