"""The op record: everything weft knows about one op, in one frozen object."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from typing import Any

Rule = Callable[..., Any]


class Absent:
    """Says why a rule is missing. Nothing is silently absent: a rule or one of these."""

    __slots__ = ("reason",)

    def __init__(self, reason: str) -> None:
        self.reason = reason

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.reason!r})"


class NotDifferentiable(Absent):
    """The op has no derivative: its results need no gradient."""


class NotBatchable(Absent):
    """The op cannot be mapped over a batch axis: it raises under ``vmap``."""


not_differentiable = NotDifferentiable
not_batchable = NotBatchable


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Op:
    """One op.

    Attributes:
        name: the public name.
        family: which family derived it.
        kernel: ``kernel(xp, *arrays, **params)``, over an array namespace.
        shape: ``shape(*avals, **params)``, the result's aval, or a tuple of them; raises the
            error a user should read when the arguments do not fit.
        vjp: ``vjp(needs, g, out, *args, **params)``, one cotangent for each argument, or None
            where ``needs`` is false or the gradient is zero.
        jvp: ``jvp(tangents, out, *args, **params)``, the result's tangent.
        batch: ``batch(size, batched, *args, **params)``, the result with its batch axis first,
            of arguments whose batch axis is first where ``batched`` says so.
        saves: which arguments ``vjp`` reads beyond shape and dtype, by position; -1 is the output,
            or all of several; -2 - i is output i alone.
        reads: for each argument which of ``saves`` its cotangent reads, so that nothing is kept for
            a cotangent that nobody wants; None: each reads them all. Of ops with one result.
        outputs: how many results it has; 0 where that depends on the arguments.
        is_view: whether results share memory with the first argument.
        takes_scalars: whether a Python number may stand where a tensor may.
        widen: whether half precision is computed in float32, on every backend.
        kernels: the kernel to run for each array type; backends add theirs.
        records: whether the tape records it; false if it is not differentiable.
    """

    name: str
    family: str
    kernel: Rule
    shape: Rule
    vjp: Rule | NotDifferentiable
    jvp: Rule | NotDifferentiable
    batch: Rule | NotBatchable
    saves: tuple[int, ...] | range = ()
    reads: tuple[tuple[int, ...], ...] | None = None
    outputs: int = 1
    is_view: bool = False
    takes_scalars: bool = False
    widen: bool = False
    kernels: dict[type, Rule] = dataclasses.field(default_factory=dict)
    records: bool = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "records", not isinstance(self.vjp, NotDifferentiable))

    @property
    def called(self) -> str:
        """The name that users know it by, for messages: an internal op may have another."""
        return str(getattr(self.kernel, "called", self.name))

    def keeps(self, output: int) -> bool:
        """Whether the tape keeps one of several results, by position."""
        return -1 in self.saves or -2 - output in self.saves

    def __repr__(self) -> str:
        return f"<op {self.name} ({self.family})>"


def places(names: Iterable[str], arrays: Sequence[str]) -> tuple[int, ...]:
    """Return the positions of arguments given by name, as ``saves`` has them.

    ``"out"`` is the output, or all of several, ``"out0"`` the first of several.
    """
    return tuple(
        arrays.index(name)
        if name in arrays
        else -1
        if name == "out"
        else -2 - int(name.removeprefix("out"))
        for name in names
    )
