"""Transform, its inverse, and several in a row."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import Any

import weft
from weft import Tensor
from weft.distributions import constraints
from weft.distributions.utils import sum_rightmost


class Transform:
    """Base of maps between tensors whose Jacobian's determinant is known.

    A subclass defines `domain`, `codomain`, `_call`, and, if it is bijective, `_inverse` and
    `log_abs_det_jacobian`. Transforms may depend on parameters with gradients.

    Args:
        cache_size: 1 keeps the last argument and result, so that the inverse of a result just
            computed is exactly the argument; 0 keeps nothing.

    Raises:
        ValueError: cache_size is neither 0 nor 1.

    Attributes:
        domain: the constraint on arguments.
        codomain: the constraint that results satisfy.
        bijective: whether there is an inverse.
        sign: 1 or -1, or a tensor of them: whether an increasing bijection or a decreasing one.

    Source: the class has the names and meanings of PyTorch's `torch.distributions.transforms`.
    """

    bijective: Any = False
    domain: Any = None
    codomain: Any = None

    def __init__(self, cache_size: int = 0) -> None:
        if cache_size not in (0, 1):
            raise ValueError(f"{type(self).__name__}: cache_size must be 0 or 1, got {cache_size}")
        self._cache_size = cache_size
        self._inv: weakref.ReferenceType[Transform] | None = None
        self._cached_x_y: tuple[Any, Any] = (None, None)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_inv": None}  # a weak reference cannot be pickled

    @property
    def event_dim(self) -> int:
        """How many dims on the right of an argument are transformed together.

        Raises:
            ValueError: the result's are not as many.
        """
        if self.domain.event_dim != self.codomain.event_dim:
            raise ValueError(
                f"{type(self).__name__}: event_dim of the domain, {self.domain.event_dim}, and of "
                f"the codomain, {self.codomain.event_dim}, differ; ask these"
            )
        return int(self.domain.event_dim)

    @property
    def inv(self) -> Transform:
        """The inverse: `t.inv.inv is t`."""
        known = None if self._inv is None else self._inv()
        if known is None:
            known = _InverseTransform(self)
            self._inv = weakref.ref(known)
        return known

    @property
    def sign(self) -> Any:
        """1 where the map increases, -1 where it decreases.

        Raises:
            NotImplementedError: it is no bijection of numbers.
        """
        raise NotImplementedError(f"{type(self).__name__} neither increases nor decreases")

    def with_cache(self, cache_size: int = 1) -> Transform:
        """Return the same transform with a cache of this size.

        Raises:
            NotImplementedError: a subclass with arguments of its own does not define this.
        """
        if self._cache_size == cache_size:
            return self
        if type(self).__init__ is Transform.__init__:
            return type(self)(cache_size=cache_size)
        raise NotImplementedError(f"{type(self).__name__} has no with_cache")

    def __eq__(self, other: object) -> bool:
        return self is other

    __hash__ = object.__hash__

    def __call__(self, x: Tensor) -> Tensor:
        """Return the result for an argument."""
        if self._cache_size == 0:
            return self._call(x)
        x_old, y_old = self._cached_x_y
        if x is x_old:
            return y_old
        y = self._call(x)
        self._cached_x_y = x, y
        return y

    def _inv_call(self, y: Tensor) -> Tensor:
        """Return the argument of a result: the cached one, if it is that result."""
        if self._cache_size == 0:
            return self._inverse(y)
        x_old, y_old = self._cached_x_y
        if y is y_old:
            return x_old
        x = self._inverse(y)
        self._cached_x_y = x, y
        return x

    def _call(self, x: Tensor) -> Tensor:
        raise NotImplementedError(f"{type(self).__name__} has no _call")

    def _inverse(self, y: Tensor) -> Tensor:
        raise NotImplementedError(f"{type(self).__name__} has no inverse")

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """Return log |dy/dx| of an argument and its result, one number for each event."""
        raise NotImplementedError(f"{type(self).__name__} has no log_abs_det_jacobian")

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    def forward_shape(self, shape: Any) -> Any:
        """Return the shape of the result for an argument's."""
        return shape

    def inverse_shape(self, shape: Any) -> Any:
        """Return the shape of the argument for a result's."""
        return shape


class _InverseTransform(Transform):
    """The inverse of a transform, which it keeps alive; made by its property `inv`."""

    def __init__(self, transform: Transform) -> None:
        super().__init__(cache_size=transform._cache_size)
        self._of = transform

    @constraints.dependent_property(is_discrete=False)
    def domain(self) -> Any:
        return self._of.codomain

    @constraints.dependent_property(is_discrete=False)
    def codomain(self) -> Any:
        return self._of.domain

    @property
    def bijective(self) -> bool:
        return bool(self._of.bijective)

    @property
    def sign(self) -> Any:
        return self._of.sign

    @property
    def inv(self) -> Transform:
        return self._of

    def with_cache(self, cache_size: int = 1) -> Transform:
        return self._of.with_cache(cache_size).inv

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _InverseTransform) and self._of == other._of

    __hash__ = object.__hash__

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._of!r})"

    def __call__(self, x: Tensor) -> Tensor:
        return self._of._inv_call(x)

    def _inv_call(self, y: Tensor) -> Tensor:
        return self._of(y)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return -self._of.log_abs_det_jacobian(y, x)

    def forward_shape(self, shape: Any) -> Any:
        return self._of.inverse_shape(shape)

    def inverse_shape(self, shape: Any) -> Any:
        return self._of.forward_shape(shape)


class ComposeTransform(Transform):
    """Several transforms, one after the other.

    Args:
        parts: the transforms, the first to be applied first; none is the identity.
        cache_size: 1 keeps the last argument and result of each part.

    Example:
        >>> t = weft.distributions.transforms
        >>> both = t.ComposeTransform([t.ExpTransform(), t.AffineTransform(1.0, 2.0)])
        >>> both(weft.tensor(0.0)), both.inv(weft.tensor(3.0))
        (tensor(3.), tensor(0.))
    """

    def __init__(self, parts: Sequence[Transform], cache_size: int = 0) -> None:
        if cache_size:
            parts = [part.with_cache(cache_size) for part in parts]
        super().__init__(cache_size=cache_size)
        self.parts = list(parts)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ComposeTransform) and self.parts == other.parts

    __hash__ = object.__hash__

    @constraints.dependent_property(is_discrete=False)
    def domain(self) -> Any:
        """What the first part takes, with as many dims as the whole needs."""
        if not self.parts:
            return constraints.real
        # from the last part back: how many dims an event of it has before each part
        needed = self.parts[-1].codomain.event_dim
        for part in reversed(self.parts):
            needed = max(
                needed + part.domain.event_dim - part.codomain.event_dim, part.domain.event_dim
            )
        return _with_dims(self.parts[0].domain, needed)

    @constraints.dependent_property(is_discrete=False)
    def codomain(self) -> Any:
        """What the last part returns, with as many dims as the whole gives."""
        if not self.parts:
            return constraints.real
        given = self.parts[0].domain.event_dim
        for part in self.parts:
            given = max(
                given + part.codomain.event_dim - part.domain.event_dim, part.codomain.event_dim
            )
        return _with_dims(self.parts[-1].codomain, given)

    @property
    def bijective(self) -> bool:
        """Whether all parts are."""
        return all(part.bijective for part in self.parts)

    @property
    def sign(self) -> Any:
        """The product of the parts' signs."""
        sign: Any = 1
        for part in self.parts:
            sign = sign * part.sign
        return sign

    @property
    def inv(self) -> Transform:
        """The inverses of the parts, the last first."""
        known = None if self._inv is None else self._inv()
        if known is None:
            known = ComposeTransform([part.inv for part in reversed(self.parts)])
            self._inv = weakref.ref(known)
            known._inv = weakref.ref(self)
        return known

    def with_cache(self, cache_size: int = 1) -> Transform:
        """Return the same parts with caches of this size."""
        if self._cache_size == cache_size:
            return self
        return ComposeTransform(self.parts, cache_size=cache_size)

    def __call__(self, x: Tensor) -> Tensor:
        """Return the last part's result."""
        for part in self.parts:
            x = part(x)
        return x

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the sum of the parts', each over the dims of the whole's events."""
        if not self.parts:
            return weft.zeros_like(x)
        ends = [x]
        for part in self.parts[:-1]:
            ends.append(part(ends[-1]))
        ends.append(y)
        total: Any = 0
        dims = self.domain.event_dim
        for part, start, end in zip(self.parts, ends[:-1], ends[1:], strict=True):
            own = part.log_abs_det_jacobian(start, end)
            total = total + sum_rightmost(own, dims - part.domain.event_dim)
            dims += part.codomain.event_dim - part.domain.event_dim
        return total

    def forward_shape(self, shape: Any) -> Any:
        """Return the shape of the result for an argument's."""
        for part in self.parts:
            shape = part.forward_shape(shape)
        return shape

    def inverse_shape(self, shape: Any) -> Any:
        """Return the shape of the argument for a result's."""
        for part in reversed(self.parts):
            shape = part.inverse_shape(shape)
        return shape

    def __repr__(self) -> str:
        inside = ",\n    ".join(repr(part) for part in self.parts)
        return f"{type(self).__name__}(\n    {inside}\n)"


def _with_dims(constraint: Any, event_dim: int) -> Any:
    """Return a constraint for events of at least its own number of dims."""
    more = event_dim - constraint.event_dim
    return constraints.independent(constraint, more) if more > 0 else constraint


identity_transform = ComposeTransform([])
