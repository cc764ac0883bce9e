"""Registries of transforms by constraint: `biject_to` and `transform_to`.

`transform_to(constraint)` maps unbounded numbers to a constraint's set, for optimisation;
`biject_to(constraint)` does so one to one, with a Jacobian, for densities.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from weft import Tensor
from weft.distributions import constraints, transforms
from weft.distributions.transforms import Transform

__all__ = ["ConstraintRegistry", "biject_to", "transform_to"]


class ConstraintRegistry:
    """Finds, for a constraint, the transform whose results satisfy it.

    Example:
        >>> D = weft.distributions
        >>> scale = D.transform_to(D.constraints.positive)(weft.tensor(0.0))
        >>> scale
        tensor(1.)
    """

    def __init__(self) -> None:
        self._registry: dict[type, Callable[[Any], Transform]] = {}
        super().__init__()

    def register(self, constraint: Any, factory: Any = None) -> Any:
        """Enter a factory for a class of constraints; also a decorator.

        Args:
            constraint: a subclass of Constraint, or an instance of one.
            factory: takes a constraint and returns a transform; without it a decorator is returned.

        Raises:
            TypeError: constraint is neither.
        """
        if factory is None:
            return lambda factory: self.register(constraint, factory)
        cls = type(constraint) if isinstance(constraint, constraints.Constraint) else constraint
        if not isinstance(cls, type) or not issubclass(cls, constraints.Constraint):
            raise TypeError(
                f"register: expected a subclass or an instance of Constraint, got {constraint!r}"
            )
        self._registry[cls] = factory
        return factory

    def __call__(self, constraint: constraints.Constraint) -> Transform:
        """Return a transform from unbounded numbers to a constraint's set.

        Raises:
            NotImplementedError: none is registered for its class.
        """
        factory = self._registry.get(type(constraint))
        if factory is None:
            raise NotImplementedError(
                f"no transform is registered for the constraint {type(constraint).__name__}; enter "
                f"one with register"
            )
        return factory(constraint)


biject_to = ConstraintRegistry()
transform_to = ConstraintRegistry()


def _both(*classes: Any) -> Callable[[Any], Any]:
    """Enter a factory in both registries, for several constraints."""

    def enter(factory: Any) -> Any:
        for cls in classes:
            biject_to.register(cls, factory)
            transform_to.register(cls, factory)
        return factory

    return enter


@_both(constraints.real)
def _real(constraint: Any) -> Transform:
    return transforms.identity_transform


@biject_to.register(constraints.independent)
def _biject_independent(constraint: Any) -> Transform:
    base = biject_to(constraint.base_constraint)
    return transforms.IndependentTransform(base, constraint.reinterpreted_batch_ndims)


@transform_to.register(constraints.independent)
def _transform_independent(constraint: Any) -> Transform:
    base = transform_to(constraint.base_constraint)
    return transforms.IndependentTransform(base, constraint.reinterpreted_batch_ndims)


@_both(constraints.positive, constraints.nonnegative)
def _from_a_bound_up(constraint: Any) -> Transform:
    up = transforms.ExpTransform()
    if not isinstance(constraint.lower_bound, Tensor) and constraint.lower_bound == 0:
        return up
    return transforms.ComposeTransform([up, transforms.AffineTransform(constraint.lower_bound, 1)])


@_both(constraints.less_than)
def _from_a_bound_down(constraint: Any) -> Transform:
    return transforms.ComposeTransform(
        [transforms.ExpTransform(), transforms.AffineTransform(constraint.upper_bound, -1)]
    )


@_both(constraints.interval, constraints.half_open_interval)
def _between(constraint: Any) -> Transform:
    low, high = constraint.lower_bound, constraint.upper_bound
    if not isinstance(low, Tensor) and not isinstance(high, Tensor) and (low, high) == (0, 1):
        return transforms.SigmoidTransform()
    return transforms.ComposeTransform(
        [transforms.SigmoidTransform(), transforms.AffineTransform(low, high - low)]
    )


@biject_to.register(constraints.simplex)
def _biject_simplex(constraint: Any) -> Transform:
    return transforms.StickBreakingTransform()


@transform_to.register(constraints.simplex)
def _transform_simplex(constraint: Any) -> Transform:
    return transforms.SoftmaxTransform()


@transform_to.register(constraints.lower_cholesky)
def _lower_cholesky(constraint: Any) -> Transform:
    return transforms.LowerCholeskyTransform()


@transform_to.register(constraints.positive_definite)
@transform_to.register(constraints.positive_semidefinite)
def _positive_definite(constraint: Any) -> Transform:
    return transforms.PositiveDefiniteTransform()


@_both(constraints.corr_cholesky)
def _corr_cholesky(constraint: Any) -> Transform:
    return transforms.CorrCholeskyTransform()


def _parts(registry: ConstraintRegistry) -> None:
    """Enter what joins constraints, by the transforms of its parts."""

    @registry.register(constraints.cat)
    def _cat(constraint: Any) -> Transform:
        parts = [registry(one) for one in constraint.cseq]
        return transforms.CatTransform(parts, constraint.dim, constraint.lengths)

    @registry.register(constraints.stack)
    def _stack(constraint: Any) -> Transform:
        parts = [registry(one) for one in constraint.cseq]
        return transforms.StackTransform(parts, constraint.dim)


_parts(biject_to)
_parts(transform_to)
