"""Transforms made of others: over more dims, of another shape, of parts; and those by a cdf."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import weft
from weft import Size, Tensor
from weft.distributions import constraints
from weft.distributions._transform import Transform
from weft.distributions.distribution import Distribution
from weft.distributions.utils import sum_rightmost


class IndependentTransform(Transform):
    """Another transform, with dims of its batch taken as dims of its events.

    Args:
        base_transform: the transform of the parts.
        reinterpreted_batch_ndims: how many dims on the right are taken.
        cache_size: 1 keeps the last argument and result.
    """

    def __init__(
        self, base_transform: Transform, reinterpreted_batch_ndims: int, cache_size: int = 0
    ) -> None:
        super().__init__(cache_size=cache_size)
        self.base_transform = base_transform.with_cache(cache_size)
        self.reinterpreted_batch_ndims = reinterpreted_batch_ndims

    def with_cache(self, cache_size: int = 1) -> Transform:
        if self._cache_size == cache_size:
            return self
        return IndependentTransform(
            self.base_transform, self.reinterpreted_batch_ndims, cache_size=cache_size
        )

    @constraints.dependent_property(is_discrete=False)
    def domain(self) -> Any:
        """The base's, for events of more dims."""
        return constraints.independent(self.base_transform.domain, self.reinterpreted_batch_ndims)

    @constraints.dependent_property(is_discrete=False)
    def codomain(self) -> Any:
        """The base's, for events of more dims."""
        return constraints.independent(self.base_transform.codomain, self.reinterpreted_batch_ndims)

    @property
    def bijective(self) -> bool:
        """Whether the base is."""
        return bool(self.base_transform.bijective)

    @property
    def sign(self) -> Any:
        return self.base_transform.sign

    def _call(self, x: Tensor) -> Tensor:
        self._check_dims(x, self.domain.event_dim)
        return self.base_transform(x)

    def _inverse(self, y: Tensor) -> Tensor:
        self._check_dims(y, self.codomain.event_dim)
        return self.base_transform.inv(y)

    def _check_dims(self, x: Tensor, least: int) -> None:
        if x.ndim < least:
            raise weft.ShapeError(
                f"IndependentTransform: expected at least {least} dims, got shape {tuple(x.shape)}"
            )

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        own = self.base_transform.log_abs_det_jacobian(x, y)
        return sum_rightmost(own, self.reinterpreted_batch_ndims)

    def __repr__(self) -> str:
        inside = f"{self.base_transform!r}, {self.reinterpreted_batch_ndims}"
        return f"{type(self).__name__}({inside})"

    def forward_shape(self, shape: Any) -> Any:
        return self.base_transform.forward_shape(shape)

    def inverse_shape(self, shape: Any) -> Any:
        return self.base_transform.inverse_shape(shape)


class ReshapeTransform(Transform):
    """Another shape for the dims on the right; of volume 1.

    Args:
        in_shape: the shape of an argument's event.
        out_shape: the shape of a result's, with as many elements.
        cache_size: 1 keeps the last argument and result.

    Raises:
        ShapeError: the shapes have different numbers of elements.
    """

    bijective = True

    def __init__(self, in_shape: Any, out_shape: Any, cache_size: int = 0) -> None:
        self.in_shape = Size(in_shape)
        self.out_shape = Size(out_shape)
        if self.in_shape.numel() != self.out_shape.numel():
            raise weft.ShapeError(
                f"ReshapeTransform: in_shape {tuple(self.in_shape)} and out_shape "
                f"{tuple(self.out_shape)} must have as many elements"
            )
        super().__init__(cache_size=cache_size)

    @constraints.dependent_property(is_discrete=False)
    def domain(self) -> Any:
        """Real tensors of the argument's dims."""
        return constraints.independent(constraints.real, len(self.in_shape))

    @constraints.dependent_property(is_discrete=False)
    def codomain(self) -> Any:
        """Real tensors of the result's dims."""
        return constraints.independent(constraints.real, len(self.out_shape))

    def with_cache(self, cache_size: int = 1) -> Transform:
        if self._cache_size == cache_size:
            return self
        return ReshapeTransform(self.in_shape, self.out_shape, cache_size=cache_size)

    def _call(self, x: Tensor) -> Tensor:
        return x.reshape(tuple(self.forward_shape(x.shape)))

    def _inverse(self, y: Tensor) -> Tensor:
        return y.reshape(tuple(self.inverse_shape(y.shape)))

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return x.new_zeros(tuple(x.shape)[: x.ndim - len(self.in_shape)])

    def forward_shape(self, shape: Any) -> Any:
        return self._exchanged(shape, self.in_shape, self.out_shape)

    def inverse_shape(self, shape: Any) -> Any:
        return self._exchanged(shape, self.out_shape, self.in_shape)

    def _exchanged(self, shape: Any, old: Size, new: Size) -> Size:
        shape, kept = tuple(shape), len(shape) - len(old)
        if kept < 0 or shape[kept:] != tuple(old):
            raise weft.ShapeError(
                f"ReshapeTransform: expected a shape that ends in {tuple(old)}, got {shape}"
            )
        return Size((*shape[:kept], *tuple(new)))


class _Parts(Transform):
    """Base of transforms that apply one of several to each part of a tensor along a dim."""

    transforms: list[Transform]

    def __init__(self, tseq: Sequence[Transform], dim: int, cache_size: int) -> None:
        bad = [t for t in tseq if not isinstance(t, Transform)]
        if bad:
            raise TypeError(f"{type(self).__name__}: expected transforms, got {bad[0]!r:.60}")
        if cache_size:
            tseq = [t.with_cache(cache_size) for t in tseq]
        super().__init__(cache_size=cache_size)
        self.transforms = list(tseq)
        self.dim = dim

    @property
    def bijective(self) -> bool:
        """Whether all are."""
        return all(t.bijective for t in self.transforms)

    def _slices(self, x: Tensor) -> list[Tensor]:
        raise NotImplementedError

    def _joined(self, parts: list[Tensor]) -> Tensor:
        raise NotImplementedError

    def _each(self, apply: Callable[[Transform, Tensor], Tensor], x: Tensor) -> Tensor:
        parts = zip(self.transforms, self._slices(x), strict=True)
        return self._joined([apply(t, part) for t, part in parts])

    def _call(self, x: Tensor) -> Tensor:
        return self._each(lambda t, part: t(part), x)

    def _inverse(self, y: Tensor) -> Tensor:
        return self._each(lambda t, part: t.inv(part), y)


class CatTransform(_Parts):
    """Transforms of slices along a dim, one after the other.

    Args:
        tseq: the transforms.
        dim: the dim.
        lengths: how long each slice is; 1 each if None.
        cache_size: 1 keeps the last argument and result of each.

    Raises:
        ValueError: there are not as many lengths as transforms.

    Example:
        >>> t = weft.distributions.transforms
        >>> both = t.CatTransform([t.ExpTransform(), t.identity_transform], dim=0, lengths=[1, 2])
        >>> both(weft.tensor([0.0, 2.0, 3.0]))
        tensor([1., 2., 3.])
    """

    def __init__(
        self,
        tseq: Sequence[Transform],
        dim: int = 0,
        lengths: Sequence[int] | None = None,
        cache_size: int = 0,
    ) -> None:
        super().__init__(tseq, dim, cache_size)
        self.lengths = [1] * len(self.transforms) if lengths is None else list(lengths)
        if len(self.lengths) != len(self.transforms):
            raise ValueError(
                f"CatTransform: expected a length for each of {len(self.transforms)} transforms, "
                f"got {len(self.lengths)}"
            )

    @property
    def event_dim(self) -> int:
        """The largest of the parts'."""
        return max(t.event_dim for t in self.transforms)

    @property
    def length(self) -> int:
        """How long the dim is."""
        return sum(self.lengths)

    def with_cache(self, cache_size: int = 1) -> Transform:
        if self._cache_size == cache_size:
            return self
        return CatTransform(self.transforms, self.dim, self.lengths, cache_size)

    def _slices(self, x: Tensor) -> list[Tensor]:
        if not -x.ndim <= self.dim < x.ndim or x.shape[self.dim] != self.length:
            raise weft.ShapeError(
                f"CatTransform: dim {self.dim} must have length {self.length}, got shape "
                f"{tuple(x.shape)}"
            )
        return list(x.split(self.lengths, self.dim))

    def _joined(self, parts: list[Tensor]) -> Tensor:
        return weft.cat(parts, self.dim)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        parts = zip(self.transforms, self._slices(x), self._slices(y), strict=True)
        own = [
            sum_rightmost(t.log_abs_det_jacobian(a, b), self.event_dim - t.event_dim)
            for t, a, b in parts
        ]
        dim = self.dim - x.ndim if self.dim >= 0 else self.dim
        dim += self.event_dim
        # where the dim is an event's, its parts add up
        return weft.cat(own, dim) if dim < 0 else sum(own[1:], own[0])

    @constraints.dependent_property
    def domain(self) -> Any:
        """The domains of the slices."""
        return constraints.cat([t.domain for t in self.transforms], self.dim, self.lengths)

    @constraints.dependent_property
    def codomain(self) -> Any:
        """The codomains of the slices."""
        return constraints.cat([t.codomain for t in self.transforms], self.dim, self.lengths)


class StackTransform(_Parts):
    """Transforms of the entries of a dim, one each.

    Args:
        tseq: the transforms.
        dim: the dim, as long as there are transforms.
        cache_size: 1 keeps the last argument and result of each.

    Example:
        >>> t = weft.distributions.transforms
        >>> t.StackTransform([t.ExpTransform(), t.identity_transform])(weft.zeros(2))
        tensor([1., 0.])
    """

    def __init__(self, tseq: Sequence[Transform], dim: int = 0, cache_size: int = 0) -> None:
        super().__init__(tseq, dim, cache_size)

    def with_cache(self, cache_size: int = 1) -> Transform:
        if self._cache_size == cache_size:
            return self
        return StackTransform(self.transforms, self.dim, cache_size)

    def _slices(self, x: Tensor) -> list[Tensor]:
        count = len(self.transforms)
        if not -x.ndim <= self.dim < x.ndim or x.shape[self.dim] != count:
            raise weft.ShapeError(
                f"StackTransform: dim {self.dim} must have length {count}, one for each transform, "
                f"got shape {tuple(x.shape)}"
            )
        return list(x.unbind(self.dim))

    def _joined(self, parts: list[Tensor]) -> Tensor:
        return weft.stack(parts, self.dim)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        parts = zip(self.transforms, self._slices(x), self._slices(y), strict=True)
        return self._joined([t.log_abs_det_jacobian(a, b) for t, a, b in parts])

    @constraints.dependent_property
    def domain(self) -> Any:
        """The domains of the entries."""
        return constraints.stack([t.domain for t in self.transforms], self.dim)

    @constraints.dependent_property
    def codomain(self) -> Any:
        """The codomains of the entries."""
        return constraints.stack([t.codomain for t in self.transforms], self.dim)


class CumulativeDistributionTransform(Transform):
    """From a distribution's draws to uniform ones, by its cdf.

    Args:
        distribution: of numbers, with `cdf` and, for the inverse, `icdf`.
        cache_size: 1 keeps the last argument and result.

    Example:
        >>> D = weft.distributions
        >>> t = D.transforms.CumulativeDistributionTransform(D.Normal(0.0, 1.0))
        >>> t(weft.tensor(0.0))
        tensor(0.5000)
    """

    bijective = True
    codomain = constraints.unit_interval
    sign = +1

    def __init__(self, distribution: Distribution, cache_size: int = 0) -> None:
        super().__init__(cache_size=cache_size)
        self.distribution = distribution

    @property
    def domain(self) -> Any:
        """The distribution's support."""
        return self.distribution.support

    def _call(self, x: Tensor) -> Tensor:
        return self.distribution.cdf(x)

    def _inverse(self, y: Tensor) -> Tensor:
        return self.distribution.icdf(y)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return self.distribution.log_prob(x)

    def with_cache(self, cache_size: int = 1) -> Transform:
        if self._cache_size == cache_size:
            return self
        return CumulativeDistributionTransform(self.distribution, cache_size=cache_size)
