"""Lengths of dims that remember where they come from: ints for the module, expressions for us.

A module that is traced reads `x.shape` as usual. What it gets are ints that compute as ints do, and
each of which knows from which dim of which value it was read, or from which lengths it was made.
What Python turns into a plain number (`int(n)`, `n / 2`) forgets that; the comparison of two runs
finds such numbers (:mod:`weft.graph._trace.comparing`).
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

__all__ = ["Apply", "Expression", "Length", "Read", "has_length", "plain"]


class Read(NamedTuple):
    """The length of a dim of a value, by the value's number."""

    value: int
    dim: int


class Apply(NamedTuple):
    """A function of the allow-list, applied to two lengths or numbers."""

    function: str
    left: Expression
    right: Expression


Expression: TypeAlias = "Read | Apply | int"


class Length(int):
    """The length of a dim: an int with the expression that it is."""

    expression: Expression

    @classmethod
    def of(cls, value: int, expression: Expression) -> Length:
        """Return a length."""
        made = cls(value)
        made.expression = expression
        return made

    def __reduce__(self) -> tuple[type[int], tuple[int]]:
        return int, (int(self),)


def _expression(value: int) -> Expression:
    return value.expression if isinstance(value, Length) else int(value)


def _arithmetic(name: str, function: str, reflected: bool) -> Callable[[Length, Any], Any]:
    compute = getattr(operator, name)

    def method(self: Length, other: Any) -> Any:
        if not isinstance(other, int) or isinstance(other, bool):
            return NotImplemented
        left, right = (other, self) if reflected else (self, other)
        value = compute(int(left), int(right))
        return Length.of(value, Apply(function, _expression(left), _expression(right)))

    return method


for _name, _function in (
    ("add", "add"),
    ("sub", "sub"),
    ("mul", "mul"),
    ("floordiv", "floor_divide"),
    ("mod", "remainder"),
):
    setattr(Length, f"__{_name}__", _arithmetic(_name, _function, reflected=False))
    setattr(Length, f"__r{_name}__", _arithmetic(_name, _function, reflected=True))


def _compared(name: str) -> Callable[[Length, Any], Any]:
    compare = getattr(int, f"__{name}__")

    def method(self: Length, other: Any) -> Any:
        from weft.graph._trace.recording import here  # which needs lengths itself

        if here.recorder is not None and isinstance(other, int):
            here.recorder.decided(_expression(self), _expression(other))
        return compare(self, other)

    return method


for _name in ("lt", "le", "gt", "ge"):
    setattr(Length, f"__{_name}__", _compared(_name))


def _negated(self: Length) -> Length:
    return Length.of(-int(self), Apply("mul", self.expression, -1))


def _same(self: Length) -> Length:
    return self


setattr(Length, "__neg__", _negated)  # noqa: B010 - mypy takes no other way
setattr(Length, "__pos__", _same)  # noqa: B010 - mypy takes no other way


def has_length(value: Any) -> bool:
    """Whether a length is among the items of nested tuples, lists and slices."""
    if isinstance(value, tuple | list):
        return any(map(has_length, value))
    if isinstance(value, slice):
        return any(map(has_length, (value.start, value.stop, value.step)))
    return isinstance(value, Length)


def plain(value: Any) -> Any:
    """Return nested tuples and lists with plain ints for lengths."""
    if type(value) in (tuple, list):
        return type(value)(map(plain, value))
    if isinstance(value, tuple):  # a `Size`
        return tuple(map(plain, value))
    return int(value) if isinstance(value, Length) else value
