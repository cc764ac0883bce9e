"""Transforms of each number by itself."""

from __future__ import annotations

import math
from typing import Any

import weft
from weft import Tensor
from weft.distributions import constraints
from weft.distributions._transform import Transform
from weft.distributions.utils import broadcast_all, sum_rightmost
from weft.nn.functional import logsigmoid, softplus


class _Plain(Transform):
    """Base of transforms without parameters: all of one class are the same."""

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self)

    __hash__ = object.__hash__


class _Increasing(_Plain):
    """Base of increasing bijections of numbers."""

    bijective = True
    sign = +1


class ExpTransform(_Increasing):
    """The exponential, `y = exp(x)`."""

    domain = constraints.real
    codomain = constraints.positive

    def _call(self, x: Tensor) -> Tensor:
        return weft.exp(x)

    def _inverse(self, y: Tensor) -> Tensor:
        return weft.log(y)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return x


class SigmoidTransform(_Increasing):
    """The logistic function, `y = 1 / (1 + exp(-x))`; results stay inside (0, 1)."""

    domain = constraints.real
    codomain = constraints.unit_interval

    def _call(self, x: Tensor) -> Tensor:
        info = weft.finfo(x.dtype)
        return weft.sigmoid(x).clamp(min=info.tiny, max=1 - info.eps)

    def _inverse(self, y: Tensor) -> Tensor:
        info = weft.finfo(y.dtype)
        inside = y.clamp(min=info.tiny, max=1 - info.eps)
        return weft.log(inside) - weft.log1p(-inside)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return logsigmoid(x) + logsigmoid(-x)


class SoftplusTransform(_Increasing):
    """Softplus, `y = log(1 + exp(x))`; above 20 it is x itself."""

    domain = constraints.real
    codomain = constraints.positive

    def _call(self, x: Tensor) -> Tensor:
        return softplus(x)

    def _inverse(self, y: Tensor) -> Tensor:
        return y + weft.log(-weft.expm1(-y))

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return logsigmoid(x)


class TanhTransform(_Increasing):
    """The hyperbolic tangent, `y = tanh(x)`.

    Near 1 and -1 the inverse loses digits: a cache of size 1 avoids it.
    """

    domain = constraints.real
    codomain = constraints.interval(-1.0, 1.0)

    def _call(self, x: Tensor) -> Tensor:
        return weft.tanh(x)

    def _inverse(self, y: Tensor) -> Tensor:
        return weft.atanh(y)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        # log(1 - tanh(x)**2) = -2 log(cosh(x)), without overflow
        return 2 * (math.log(2) - x - softplus(-2 * x))


class AbsTransform(_Plain):
    """The absolute value, `y = |x|`; its inverse is the positive one."""

    domain = constraints.real
    codomain = constraints.positive

    def _call(self, x: Tensor) -> Tensor:
        return x.abs()

    def _inverse(self, y: Tensor) -> Tensor:
        return y


class PowerTransform(Transform):
    """A power of positive numbers, `y = x ** exponent`.

    Args:
        exponent: (...) or a number, not 0; broadcasts with the argument.
        cache_size: 1 keeps the last argument and result.
    """

    domain = constraints.positive
    codomain = constraints.positive
    bijective = True

    def __init__(self, exponent: Any, cache_size: int = 0) -> None:
        super().__init__(cache_size=cache_size)
        (self.exponent,) = broadcast_all(exponent)

    def with_cache(self, cache_size: int = 1) -> Transform:
        if self._cache_size == cache_size:
            return self
        return PowerTransform(self.exponent, cache_size=cache_size)

    @property
    def sign(self) -> Any:
        return self.exponent.sign()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PowerTransform) and bool((self.exponent == other.exponent).all())

    __hash__ = object.__hash__

    def _call(self, x: Tensor) -> Tensor:
        return x.pow(self.exponent)

    def _inverse(self, y: Tensor) -> Tensor:
        return y.pow(1 / self.exponent)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return (self.exponent * y / x).abs().log()

    def forward_shape(self, shape: Any) -> Any:
        return _broadcast(shape, self.exponent)

    inverse_shape = forward_shape


class AffineTransform(Transform):
    """A shift and a stretch, `y = loc + scale * x`.

    Args:
        loc: (...) or a number, added last.
        scale: (...) or a number, not 0.
        event_dim: how many dims on the right are taken as one event.
        cache_size: 1 keeps the last argument and result.
    """

    bijective = True

    def __init__(self, loc: Any, scale: Any, event_dim: int = 0, cache_size: int = 0) -> None:
        super().__init__(cache_size=cache_size)
        self.loc = loc
        self.scale = scale
        self._event_dim = event_dim

    @property
    def event_dim(self) -> int:
        return self._event_dim

    @constraints.dependent_property(is_discrete=False)
    def domain(self) -> Any:
        """Real numbers, or events of them."""
        return (
            constraints.independent(constraints.real, self.event_dim)
            if self.event_dim
            else (constraints.real)
        )

    codomain = domain

    def with_cache(self, cache_size: int = 1) -> Transform:
        if self._cache_size == cache_size:
            return self
        return AffineTransform(self.loc, self.scale, self.event_dim, cache_size=cache_size)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AffineTransform) and all(
            bool((a == b).all() if isinstance(a, Tensor) or isinstance(b, Tensor) else a == b)
            for a, b in ((self.loc, other.loc), (self.scale, other.scale))
        )

    __hash__ = object.__hash__

    @property
    def sign(self) -> Any:
        if isinstance(self.scale, Tensor):
            return self.scale.sign()
        return (self.scale > 0) - (self.scale < 0)

    def _call(self, x: Tensor) -> Tensor:
        return self.loc + self.scale * x

    def _inverse(self, y: Tensor) -> Tensor:
        return (y - self.loc) / self.scale

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        if isinstance(self.scale, Tensor):
            size = weft.log(self.scale.abs()).expand(_broadcast(tuple(x.shape), self.scale))
        else:
            size = weft.full_like(x, math.log(abs(self.scale)))
        return sum_rightmost(size, self.event_dim)

    def forward_shape(self, shape: Any) -> Any:
        return _broadcast(shape, self.loc, self.scale)

    inverse_shape = forward_shape


def _broadcast(shape: Any, *parameters: Any) -> Any:
    """Return a shape broadcast with those of parameters, some of which may be numbers."""
    return weft.broadcast_shapes(
        tuple(shape), *(tuple(p.shape) for p in parameters if isinstance(p, Tensor))
    )
