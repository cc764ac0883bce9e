"""TransformedDistribution: draws of another distribution, sent through transforms."""

from __future__ import annotations

from typing import Any

import weft
from weft import Tensor
from weft.distributions import constraints
from weft.distributions._transform import ComposeTransform, Transform
from weft.distributions.distribution import Distribution
from weft.distributions.independent import Independent
from weft.distributions.utils import sum_rightmost, whole_shape

__all__ = ["TransformedDistribution"]


class TransformedDistribution(Distribution):
    r"""Distribution of what transforms make of another distribution's draws.

    .. math:: \log p(y) = \log p_0(x) - \log \left|\frac{dy}{dx}\right|, \quad y = f(x)

    Args:
        base_distribution: where the draws come from.
        transforms: a transform, or a list of them, the first to be applied first.
        validate_args: whether values are checked.

    Raises:
        TypeError: what stands for a transform is none.
        ShapeError: the base has fewer dims than the first transform needs.

    Example:
        >>> D = weft.distributions
        >>> log_normal = D.TransformedDistribution(D.Normal(0.0, 1.0), [D.ExpTransform()])
        >>> log_normal.log_prob(weft.tensor(1.0))
        tensor(-0.9189)
    """

    arg_constraints: dict[str, constraints.Constraint] = {}

    def __init__(
        self,
        base_distribution: Distribution,
        transforms: Transform | list[Transform],
        validate_args: bool | None = None,
    ) -> None:
        self.transforms = [transforms] if isinstance(transforms, Transform) else list(transforms)
        for one in self.transforms:
            if not isinstance(one, Transform):
                raise TypeError(
                    f"{type(self).__name__}: transforms must be a Transform or a list of them, got "
                    f"{type(one).__name__} {one!r:.60}"
                )
        whole = ComposeTransform(self.transforms)
        base_shape = whole_shape(base_distribution.batch_shape, base_distribution.event_shape)
        base_dims = len(base_distribution.event_shape)
        taken = whole.domain.event_dim
        if len(base_shape) < taken:
            raise weft.ShapeError(
                f"{type(self).__name__}: the transforms need at least {taken} dims, but the draws "
                f"of {base_distribution} have shape {tuple(base_shape)}"
            )
        shape = whole.forward_shape(base_shape)
        needed = whole.inverse_shape(shape)  # parameters of transforms may broadcast
        if tuple(needed) != tuple(base_shape):
            batch = tuple(needed)[: len(needed) - base_dims]
            base_distribution = base_distribution.expand(batch)
        if taken > base_dims:
            base_distribution = Independent(base_distribution, taken - base_dims)
        self.base_dist = base_distribution
        event_dims = whole.codomain.event_dim + max(base_dims - taken, 0)
        cut = len(shape) - event_dims
        super().__init__(tuple(shape)[:cut], tuple(shape)[cut:], validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        new = self._get_checked_instance(TransformedDistribution, _instance)
        new.transforms = self.transforms
        shape: Any = whole_shape(batch_shape, self.event_shape)
        for transform in reversed(self.transforms):
            shape = transform.inverse_shape(shape)
        kept = len(shape) - len(self.base_dist.event_shape)
        new.base_dist = self.base_dist.expand(tuple(shape)[:kept])
        return self._finished(new, batch_shape, self.event_shape)

    @property
    def has_rsample(self) -> bool:
        """Whether the base's draws are differentiable."""
        return bool(self.base_dist.has_rsample)

    @constraints.dependent_property(is_discrete=False)
    def support(self) -> Any:
        """What the last transform returns."""
        if not self.transforms:
            return self.base_dist.support
        support = self.transforms[-1].codomain
        more = len(self.event_shape) - support.event_dim
        return constraints.independent(support, more) if more > 0 else support

    def sample(self, sample_shape: Any = ()) -> Tensor:
        with weft.no_grad():
            return self._forward(self.base_dist.sample(sample_shape))

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return self._forward(self.base_dist.rsample(sample_shape))

    def _forward(self, x: Tensor) -> Tensor:
        for transform in self.transforms:
            x = transform(x)
        return x

    def _backward(self, y: Tensor) -> Tensor:
        for transform in reversed(self.transforms):
            y = transform.inv(y)
        return y

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        dims = len(self.event_shape)
        total: Any = 0
        y = value
        for transform in reversed(self.transforms):
            x = transform.inv(y)
            dims += transform.domain.event_dim - transform.codomain.event_dim
            size = transform.log_abs_det_jacobian(x, y)
            total = total - sum_rightmost(size, dims - transform.domain.event_dim)
            y = x
        base = self.base_dist.log_prob(y)
        return total + sum_rightmost(base, dims - len(self.base_dist.event_shape))

    def cdf(self, value: Tensor) -> Tensor:
        """Return the probability of drawing at most each value: the base's, or its complement.

        Raises:
            NotImplementedError: a transform neither increases nor decreases.
        """
        if self._validate_args:
            self._validate_sample(value)
        return self._turned(self.base_dist.cdf(self._backward(value)))

    def icdf(self, value: Tensor) -> Tensor:
        """Return the quantiles, by the base's.

        Raises:
            NotImplementedError: a transform neither increases nor decreases.
        """
        return self._forward(self.base_dist.icdf(self._turned(value)))

    def _turned(self, probability: Tensor) -> Tensor:
        """Return the complement where the transforms together decrease."""
        sign: Any = 1
        for transform in self.transforms:
            sign = sign * transform.sign
        if isinstance(sign, int):
            return probability if sign == 1 else 1 - probability
        return weft.where(sign > 0, probability, 1 - probability)


class Chained(TransformedDistribution):
    """Base of those with parameters of their own, of which the transforms are made."""

    def _chain(self) -> list[Any]:
        """Return the transforms, by the parameters."""
        raise NotImplementedError(f"{type(self).__name__} has no _chain")

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        owner = next(cls for cls in type(self).__mro__ if "_expanded" in vars(cls))
        new = self._get_checked_instance(owner, _instance)
        for name in self._expanded:
            setattr(new, name, getattr(self, name).expand(tuple(batch_shape)))
        new.base_dist = self.base_dist.expand(batch_shape)
        new.transforms = new._chain()
        return self._finished(new, batch_shape, ())
