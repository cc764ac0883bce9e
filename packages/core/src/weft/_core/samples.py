"""How an op says on which arguments to test it: descriptions of arrays, drawn by the tests."""

from __future__ import annotations

import dataclasses
from typing import Any


@dataclasses.dataclass(frozen=True, slots=True)
class Draw:
    """An array to be drawn: its shape, its kind of elements and their range.

    Attributes:
        shape: the array's shape.
        low: the least value.
        high: the largest value; not reached by integers.
        kind: ``"float"`` (the dtype under test), ``"complex"`` (complex of its precision, both
            parts in the range), ``"int"`` (int64), ``"int32"`` or ``"bool"``.
        distinct: whether all elements must differ clearly (for max, sort and their kin).
        step: strides to test: ``"contiguous"``, ``"transposed"`` or ``"reversed"``.
        form: what its matrices are: ``""`` for any, ``"spread"`` for such as are far from singular
            and have real eigenvalues and singular values that differ clearly, ``"positive"`` for
            Hermitian ones besides, which derivatives are taken along directions of too.
        fixed: whether it stays as drawn (an index, a target), never differentiated.
    """

    shape: tuple[int, ...]
    low: float = -1.0
    high: float = 1.0
    kind: str = "float"
    distinct: bool = False
    step: str = "contiguous"
    fixed: bool = False
    form: str = ""


class Sample:
    """One argument list: ``Draw`` for arrays, anything else as it is."""

    __slots__ = ("args", "kwargs")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.args = args
        self.kwargs = kwargs

    def __repr__(self) -> str:
        settings = [f"{name}={value!r}" for name, value in self.kwargs.items()]
        return f"({', '.join([*map(repr, self.args), *settings])})"


class ErrorSample(Sample):
    """An argument list that must raise ``error`` with ``match`` (a regular expression) in it."""

    __slots__ = ("error", "match")

    def __init__(self, *args: Any, error: type[Exception], match: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.error = error
        self.match = match


def array(*shape: int, low: float = -1.0, high: float = 1.0, **more: Any) -> Draw:
    """Describe an array of the dtype under test, uniform in [low, high]."""
    return Draw(shape, low, high, **more)


def integers(*shape: int, low: int = 0, high: int = 10) -> Draw:
    """Describe an int64 array, uniform in [low, high)."""
    return Draw(shape, low, high, kind="int", fixed=True)


def booleans(*shape: int) -> Draw:
    """Describe a boolean array, true half the time."""
    return Draw(shape, 0, 2, kind="bool", fixed=True)


#: Shapes on which every elementwise op is tested, by its number of array arguments: plain, 0-d,
#: empty, broadcast, transposed and reversed memory.
ELEMENTWISE_SHAPES: dict[int, tuple[tuple[tuple[int, ...], ...], ...]] = {
    1: (((2, 3),), ((),), ((0, 2),)),
    2: (((2, 3), (2, 3)), ((2, 1), (3,)), ((), (2,)), ((0, 2), (2,))),
    3: (((2, 3), (2, 3), (2, 3)), ((2, 1), (3,), ()),),
}  # fmt: skip


@dataclasses.dataclass(frozen=True, slots=True)
class Domain:
    """Where an elementwise op's arguments are drawn: one (low, high) for each, or one for all."""

    ranges: tuple[tuple[float, float], ...]
    kind: str = "float"

    def samples(self, arity: int) -> tuple[Sample, ...]:
        """Return samples over :data:`ELEMENTWISE_SHAPES` within these ranges."""
        ranges = self.ranges if len(self.ranges) == arity else self.ranges * arity
        plain = [
            Sample(
                *(
                    Draw(shape, low, high, kind=self.kind)
                    for shape, (low, high) in zip(shapes, ranges, strict=True)
                )
            )
            for shapes in ELEMENTWISE_SHAPES[arity]
        ]
        strided = [
            Sample(*(Draw((3, 2), low, high, self.kind, step=step) for low, high in ranges))
            for step in ("transposed", "reversed")
        ]
        return (*plain, *strided)


def uniform(low: float, high: float) -> Domain:
    """Draw every argument in [low, high]."""
    return Domain(((low, high),))


def uniforms(*ranges: tuple[float, float]) -> Domain:
    """Draw each argument in a range of its own."""
    return Domain(ranges)
