"""Forward mode: a value and its tangent travel together through every op."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

from weft._core.boxed import Boxed, check_live, new_level
from weft._core.dispatch import apply
from weft._core.errors import DTypeError, GradError, ShapeError
from weft._core.inplace import write
from weft._core.node import Version
from weft._core.op import NotDifferentiable
from weft._core.tensor import Tensor, wrap
from weft._core.tree import flatten, leaves_like, outline
from weft.ops.casting import detach
from weft.ops.filled_like import zeros_like
from weft.ops.overlays import overlay


class Dual(Boxed):
    """A value and its tangent; None is the zero tangent."""

    __slots__ = ("inner", "tangent")

    transform = "jvp"
    label = "dual"

    def __init__(self, level: int, inner: Tensor, tangent: Tensor | None) -> None:
        self.level, self.inner, self.tangent = level, inner, tangent

    def mapped(self, function: Callable[[Any], Any]) -> Dual:
        """Return the function of the value and of the tangent."""
        tangent = None if self.tangent is None else function(self.tangent)
        return type(self)(self.level, function(self.inner), tangent)

    def detached(self) -> Dual:
        """Return the value alone, its tangent zero."""
        return type(self)(self.level, detach(self.inner), None)

    def read(self, asked: str) -> Any:
        """Return the array under the value, which forward mode does not change."""
        check_live(self, asked)
        data = self.inner._data
        return data.read(asked) if isinstance(data, Boxed) else data

    def spread(self, plain: Tensor) -> Tensor:
        """Return a tensor that was made inside: it has no tangent."""
        data = self.inner._data
        out: Tensor = data.spread(plain) if isinstance(data, Boxed) else plain
        return out

    @classmethod
    def process(cls, level: int, op: Any, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """Run the op on the values, and its jvp rule on the tangents."""
        primals = tuple(part_of(a, level, "inner") for a in args)
        tangents = tuple(part_of(a, level, "tangent") for a in args)
        out = apply(op, primals, params)
        if isinstance(op.jvp, NotDifferentiable) or all(t is None for t in tangents):
            slopes: Any = None if op.outputs == 1 else (None,) * len(out)
        else:
            slopes = op.jvp(tangents, out, *primals, **params)
        if op.outputs == 1:
            return cls(level, out, slopes)
        return tuple(cls(level, o, s) for o, s in zip(out, slopes, strict=True))

    @classmethod
    def store(cls, level: int, target: Any, value: Any, others: list[Any], writer: str) -> None:
        """Write the value into the memory, and give all that share it new tangents."""
        family = [target, *others]
        slope = part_of(value, level, "tangent")
        primals = _primals(family, level)
        if slope is not None or any(part_of(x, level, "tangent") is not None for x in family):
            # each gets a tangent of its own: theirs may be shared where the memory is not
            slope = zeros_like(part_of(value, level, "inner")) if slope is None else slope
            tangents = [
                overlay(x, target, _tangent_or_zeros(x, level, primal), slope)
                for x, primal in zip(family, primals, strict=True)
            ]
            for x, primal, tangent in zip(family, primals, tangents, strict=True):
                x._data = cls(level, primal, tangent)
        write(primals[0], part_of(value, level, "inner"), writer)


def _primals(family: list[Tensor], level: int) -> list[Tensor]:
    """Return the values of tensors that share memory, as tensors that share it too."""
    version = Version()
    primals = []
    for x in family:
        primal = part_of(x, level, "inner")
        if primal is x:  # it was constant so far
            primal = wrap(x._data)
            primal._node, primal._version = x._node, version
            version.base = version.base or weakref.ref(primal)
        primals.append(primal)
    return primals


def _tangent_or_zeros(x: Tensor, level: int, primal: Tensor) -> Tensor:
    tangent: Tensor | None = part_of(x, level, "tangent")
    return zeros_like(primal) if tangent is None else tangent


def part_of(value: Any, level: int, which: str) -> Any:
    """Return the value or the tangent of an argument, which is constant at other levels."""
    if isinstance(value, Tensor) and isinstance(value._data, Dual) and value._data.level == level:
        return getattr(value._data, which)
    return value if which == "inner" else None


def jvp(
    func: Callable[..., Any],
    primals: tuple[Any, ...],
    tangents: tuple[Any, ...],
    *,
    strict: bool = False,
    has_aux: bool = False,
) -> Any:
    """Return a function's value and its derivative along a direction.

    Args:
        func: a function of tensors or nests of them, returning a tensor or a nest of them.
        primals: its arguments, a tuple.
        tangents: the direction: nested like primals, for each tensor one of its shape.
        strict: whether to raise where a result does not depend on the arguments; its derivative is
            zero otherwise.
        has_aux: whether ``func`` returns a pair, of which only the first is differentiated.

    Returns:
        tuple: the value, and the derivative, of the same structure; with ``has_aux`` the rest of
        what ``func`` returned comes third.

    Raises:
        GradError: primals and tangents are not nested alike, or a result is no tensor.
        ShapeError: a tangent's shape differs from its argument's.
        TypeError: primals is no tuple.

    Example:
        >>> x = weft.tensor(0.5)
        >>> value, slope = weft.func.jvp(weft.sin, (x,), (weft.tensor(1.0),))
        >>> bool(weft.isclose(slope, weft.cos(x)))
        True
    """
    points, directions, rebuild = paired("jvp", primals, tangents)
    with new_level("jvp") as level:
        duals = [wrap(Dual(level, p, t)) for p, t in zip(points, directions, strict=True)]
        value, aux = split_aux("jvp", func(*rebuild(duals)), has_aux)
        leaves, rejoin = flatten(value)
        check_results("jvp", leaves)
        if strict and any(part_of(leaf, level, "tangent") is None for leaf in leaves):
            raise GradError(
                "jvp: a result does not depend on the arguments, which strict=True forbids"
            )
        values = [part_of(leaf, level, "inner") for leaf in leaves]
        slopes = [_slope(leaf, level) for leaf in leaves]
        rest, rejoin_aux = flatten(aux)
        rest = [part_of(leaf, level, "inner") for leaf in rest]
    results = (rejoin(values), rejoin(slopes))
    return (*results, rejoin_aux(rest)) if has_aux else results


def paired(name: str, primals: Any, tangents: Any) -> tuple[list[Any], list[Any], Any]:
    """Return the leaves of primals, those of tangents, and what nests leaves like primals."""
    for what, given in (("primals", primals), ("tangents", tangents)):
        if not isinstance(given, (tuple, list)):
            raise TypeError(f"{name}: {what} must be a tuple, got {type(given).__name__}")
    points, rebuild = flatten(tuple(primals))
    if not points:
        raise GradError(f"{name}: expected at least one tensor to differentiate by")
    directions = leaves_like(tuple(primals), tuple(tangents))
    if directions is None:
        raise GradError(
            f"{name}: tangents must be nested like primals, {outline(tuple(primals))}, got "
            f"{outline(tuple(tangents))}: {len(primals)} primals need as many tangents, got "
            f"{len(tangents)}"
        )
    for i, (p, t) in enumerate(zip(points, directions, strict=True)):
        check_tangent(name, i, p, t)
    return points, directions, rebuild


def check_tangent(name: str, position: int, primal: Any, tangent: Any) -> None:
    """Raise unless a primal and its tangent are tensors of one shape with floating numbers."""
    for what, given in (("primal", primal), ("tangent", tangent)):
        if not isinstance(given, Tensor):
            raise GradError(
                f"{name}: {what} {position} must be a weft.Tensor, got {type(given).__name__} "
                f"{given!r:.60}"
            )
        if given.dtype.category < 2:
            raise DTypeError(
                f"{name}: {what} {position} must be floating or complex, got {given.dtype}"
            )
    if tuple(primal.shape) != tuple(tangent.shape):
        raise ShapeError(
            f"{name}: tangent {position} must have the shape of its primal, "
            f"{tuple(primal.shape)}, got {tuple(tangent.shape)}"
        )


def split_aux(name: str, result: Any, has_aux: bool) -> tuple[Any, Any]:
    """Return what a transformed function computed, and what else it returned."""
    if not has_aux:
        return result, None
    if not (isinstance(result, tuple) and len(result) == 2):
        raise GradError(
            f"{name}: with has_aux=True the function must return (result, aux), got "
            f"{type(result).__name__}"
        )
    return result


def check_results(name: str, leaves: list[Any]) -> None:
    """Raise unless a transformed function returned tensors, at least one, and nothing else."""
    if not leaves:
        raise GradError(f"{name}: the function must return at least one tensor")
    for leaf in leaves:
        if not isinstance(leaf, Tensor):
            raise GradError(
                f"{name}: the function must return tensors only, got {type(leaf).__name__} "
                f"{leaf!r:.60}; has_aux=True lets it return something else beside"
            )


def _slope(leaf: Any, level: int) -> Any:
    slope = part_of(leaf, level, "tangent")
    return zeros_like(part_of(leaf, level, "inner")) if slope is None else slope
