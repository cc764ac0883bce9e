"""Transforms from vectors to probabilities."""

from __future__ import annotations

from typing import Any

import weft
from weft import Size, Tensor
from weft.distributions import constraints
from weft.distributions._transforms_by_element import _Plain
from weft.nn.functional import logsigmoid


class SoftmaxTransform(_Plain):
    """Softmax over the last dim; its inverse is the logarithm.

    It is no bijection, since a constant added to the argument changes nothing: it serves
    optimisation, and not densities.
    """

    domain = constraints.real_vector
    codomain = constraints.simplex

    def _call(self, x: Tensor) -> Tensor:
        return weft.softmax(x, -1)

    def _inverse(self, y: Tensor) -> Tensor:
        return weft.log(y)

    def forward_shape(self, shape: Any) -> Any:
        """Return the shape; a vector has at least one dim."""
        return _vector(self, shape)

    inverse_shape = forward_shape


class StickBreakingTransform(_Plain):
    r"""From K - 1 unbounded numbers to K probabilities, by breaking off a part of what is left.

    Part k of the rest is :math:`\sigma(x_k - \log(K - k))`, so that 0 goes to equal parts.
    """

    domain = constraints.real_vector
    codomain = constraints.simplex
    bijective = True

    def _call(self, x: Tensor) -> Tensor:
        cut, rest = self._parts(x)
        ones = x.new_ones((*tuple(x.shape)[:-1], 1))
        return weft.cat([cut, ones], -1) * weft.cat([ones, rest], -1)

    def _inverse(self, y: Tensor) -> Tensor:
        # what is left after each part, summed from the end so that nothing cancels
        rest = y.flip(-1).cumsum(-1).flip(-1)[..., 1:]
        tiny = weft.finfo(y.dtype).tiny
        head = y[..., :-1]
        return weft.log(head.clamp(min=tiny)) - weft.log(rest.clamp(min=tiny)) + self._shift(head)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        # y[k] = rest[k] * sigmoid(z[k]), and dy[k]/dx[k] = y[k] * sigmoid(-z[k]): a triangle
        z = x - self._shift(x)
        return (logsigmoid(-z) + weft.log(y[..., :-1])).sum(-1)

    def _parts(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the part that each number breaks off and what is left then, both (..., K - 1)."""
        z = x - self._shift(x)
        tiny = weft.finfo(x.dtype).tiny
        cut = weft.sigmoid(z).clamp(min=tiny, max=1 - weft.finfo(x.dtype).eps)
        return cut, (1 - cut).cumprod(-1)

    @staticmethod
    def _shift(x: Tensor) -> Tensor:
        """Return the logarithms of K - 1, K - 2, ..., 1."""
        count = x.shape[-1]
        return weft.arange(count, 0, -1, dtype=x.dtype, device=x.device).log()

    def forward_shape(self, shape: Any) -> Any:
        """Return the shape with one number more in the last dim."""
        shape = _vector(self, shape)
        return Size((*tuple(shape)[:-1], shape[-1] + 1))

    def inverse_shape(self, shape: Any) -> Any:
        """Return the shape with one number less in the last dim."""
        shape = _vector(self, shape)
        return Size((*tuple(shape)[:-1], shape[-1] - 1))


def _vector(transform: Any, shape: Any) -> Any:
    if len(shape) < 1:
        raise weft.ShapeError(
            f"{type(transform).__name__}: expected at least one dim, got shape ()"
        )
    return shape
