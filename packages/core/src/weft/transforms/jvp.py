"""Forward mode: a value and its tangent travel together through every op."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

from weft._core.boxed import Boxed, new_level
from weft._core.dispatch import apply
from weft._core.errors import GradError, ShapeError
from weft._core.inplace import write
from weft._core.node import Version
from weft._core.op import NotDifferentiable
from weft._core.tensor import Tensor, wrap
from weft._core.tree import flatten
from weft.ops.casting import detach
from weft.ops.filled_like import zeros_like
from weft.ops.overlays import overlay


class Dual(Boxed):
    """A value and its tangent; None is the zero tangent."""

    __slots__ = ("inner", "tangent")

    def __init__(self, level: int, inner: Tensor, tangent: Tensor | None) -> None:
        self.level, self.inner, self.tangent = level, inner, tangent

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.inner._data.shape)

    @property
    def dtype(self) -> Any:
        return self.inner._data.dtype

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return int(self.inner.numel())

    def mapped(self, function: Callable[[Any], Any]) -> Dual:
        """Return the function of the value and of the tangent."""
        tangent = None if self.tangent is None else function(self.tangent)
        return Dual(self.level, function(self.inner), tangent)

    def detached(self) -> Dual:
        """Return the value alone, its tangent zero."""
        return Dual(self.level, detach(self.inner), None)

    @staticmethod
    def process(level: int, op: Any, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """Run the op on the values, and its jvp rule on the tangents."""
        primals = tuple(_part(a, level, "inner") for a in args)
        tangents = tuple(_part(a, level, "tangent") for a in args)
        out = apply(op, primals, params)
        if isinstance(op.jvp, NotDifferentiable) or all(t is None for t in tangents):
            slopes: Any = None if op.outputs == 1 else (None,) * len(out)
        else:
            slopes = op.jvp(tangents, out, *primals, **params)
        if op.outputs == 1:
            return Dual(level, out, slopes)
        return tuple(Dual(level, o, s) for o, s in zip(out, slopes, strict=True))

    @staticmethod
    def store(level: int, target: Any, value: Any, others: list[Any], writer: str) -> None:
        """Write the value into the memory, and give all that share it new tangents."""
        family = [target, *others]
        slope = _part(value, level, "tangent")
        primals = _primals(family, level)
        if slope is not None or any(_part(x, level, "tangent") is not None for x in family):
            # each gets a tangent of its own: theirs may be shared where the memory is not
            slope = zeros_like(_part(value, level, "inner")) if slope is None else slope
            tangents = [
                overlay(x, target, _tangent_or_zeros(x, level, primal), slope)
                for x, primal in zip(family, primals, strict=True)
            ]
            for x, primal, tangent in zip(family, primals, tangents, strict=True):
                x._data = Dual(level, primal, tangent)
        write(primals[0], _part(value, level, "inner"), writer)


def _primals(family: list[Tensor], level: int) -> list[Tensor]:
    """Return the values of tensors that share memory, as tensors that share it too."""
    version = Version()
    primals = []
    for x in family:
        primal = _part(x, level, "inner")
        if primal is x:  # it was constant so far
            primal = wrap(x._data)
            primal._node, primal._version = x._node, version
            version.base = version.base or weakref.ref(primal)
        primals.append(primal)
    return primals


def _tangent_or_zeros(x: Tensor, level: int, primal: Tensor) -> Tensor:
    tangent: Tensor | None = _part(x, level, "tangent")
    return zeros_like(primal) if tangent is None else tangent


def _part(value: Any, level: int, which: str) -> Any:
    """Return the value or the tangent of an argument, which is constant at other levels."""
    if isinstance(value, Tensor) and isinstance(value._data, Dual) and value._data.level == level:
        return getattr(value._data, which)
    return value if which == "inner" else None


def jvp(
    func: Callable[..., Any], primals: tuple[Any, ...], tangents: tuple[Any, ...]
) -> tuple[Any, Any]:
    """Return a function's value and its derivative along a direction.

    Args:
        func: a function of tensors, returning a tensor or a nest of them.
        primals: its arguments.
        tangents: the direction: for each argument a tensor of its shape and dtype.

    Returns:
        tuple: the value, and the derivative, of the same structure.

    Raises:
        GradError: primals and tangents are not as many.
        ShapeError: a tangent's shape differs from its argument's.

    Example:
        >>> x = weft.tensor(0.5)
        >>> value, slope = weft.func.jvp(weft.sin, (x,), (weft.tensor(1.0),))
        >>> bool(weft.isclose(slope, weft.cos(x)))
        True
    """
    if len(primals) != len(tangents):
        raise GradError(f"jvp: {len(primals)} primals need as many tangents, got {len(tangents)}")
    for i, (p, t) in enumerate(zip(primals, tangents, strict=True)):
        if tuple(p.shape) != tuple(t.shape):
            raise ShapeError(
                f"jvp: tangent {i} must have the shape of its primal, {tuple(p.shape)}, got "
                f"{tuple(t.shape)}"
            )
    with new_level() as level:
        duals = [wrap(Dual(level, p, t)) for p, t in zip(primals, tangents, strict=True)]
        leaves, rebuild = flatten(func(*duals))
        values = [_part(leaf, level, "inner") for leaf in leaves]
        slopes = [_slope(leaf, level) for leaf in leaves]
    return rebuild(values), rebuild(slopes)


def _slope(leaf: Any, level: int) -> Any:
    slope = _part(leaf, level, "tangent")
    if slope is not None or not isinstance(leaf, Tensor):
        return slope
    from weft.ops.creation import zeros_like

    return zeros_like(_part(leaf, level, "inner"))
