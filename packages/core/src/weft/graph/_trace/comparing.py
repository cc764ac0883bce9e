"""Two runs of one module, at two sizes: whether they say the same, and what varies between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import weft
from weft.graph._trace.lengths import Apply, Expression, Length, Read
from weft.graph._trace.recording import Call, Value
from weft.graph._trace.running import Run
from weft.graph.errors import GraphError

__all__ = ["check_decisions", "check_same", "evaluated", "varies"]


def varies(first: Any, second: Any) -> bool:
    """Whether a setting or an operand of one call differs between two runs."""
    if isinstance(first, tuple | list) and isinstance(second, tuple | list):
        return len(first) != len(second) or any(map(varies, first, second))
    return bool(first != second) and not (first != first and second != second)  # NaN is NaN


def check_same(first: Run, second: Run, sizes: tuple[Mapping[str, int], Mapping[str, int]]) -> None:
    """Check that two runs are of one graph.

    Args:
        first: the run of the example.
        second: the run at other sizes.
        sizes: those of both.

    Raises:
        GraphError: they make other calls, or a number follows the sizes that no length leads to.
    """
    how = f"(at {_listed(sizes[0])}, and at {_listed(sizes[1])})"
    ours, theirs = first.recorder.calls, second.recorder.calls
    for one, other in zip(ours, theirs, strict=False):
        _check_call(one, other, how)
        _check_results(one, first, second, how)
    if len(ours) != len(theirs):
        longer = max(ours, theirs, key=len)
        call = longer[min(len(ours), len(theirs))]
        raise GraphError(
            f"weft.graph.trace: the module calls {len(ours)} functions at one size and "
            f"{len(theirs)} at another {how}, {call.function} for one (in {call.where}); a graph "
            "is the same for all sizes, so Python must not decide or count by one that varies"
        )
    _check_constants(first, second, how)


def _listed(sizes: Mapping[str, int]) -> str:
    return ", ".join(f"{name}={size}" for name, size in sizes.items())


def _check_call(one: Call, other: Call, how: str) -> None:
    if (one.function, one.results) != (other.function, other.results) or len(one.operands) != len(
        other.operands
    ):
        raise GraphError(
            f"weft.graph.trace: the module calls {one.function} at one size (in {one.where}) and "
            f"{other.function} at another (in {other.where}) {how}; a graph is the same for all "
            "sizes, so Python must not decide by one that varies"
        )
    if one.settings.keys() != other.settings.keys():
        raise GraphError(
            f"weft.graph.trace: {one.function} has other settings at another size {how} (in "
            f"{one.where})"
        )
    for a, b in zip(one.operands, other.operands, strict=True):
        if isinstance(a, Value) != isinstance(b, Value) or (isinstance(a, Value) and a != b):
            raise GraphError(
                f"weft.graph.trace: {one.function} takes other values at another size {how} (in "
                f"{one.where}); a graph is the same for all sizes"
            )
        _check_number(one, "an operand", a, b, how)
    for name, a in one.settings.items():
        _check_number(one, name, a, other.settings[name], how)


def _check_results(call: Call, first: Run, second: Run, how: str) -> None:
    for number in call.results:
        a, b = first.recorder.tensors[number], second.recorder.tensors[number]
        if a.ndim != b.ndim or a.dtype != b.dtype:
            raise GraphError(
                f"weft.graph.trace: {call.function} gives {a.dtype} of {a.ndim} dims at one size "
                f"and {b.dtype} of {b.ndim} at another {how} (in {call.where})"
            )


def _check_number(call: Call, name: str, a: Any, b: Any, how: str) -> None:
    if not varies(a, b):
        return
    parts = list(zip(a, b, strict=True)) if _alike(a, b) else [(a, b)]
    for mine, theirs in parts:
        if varies(mine, theirs) and not (isinstance(mine, Length) and isinstance(theirs, Length)):
            raise GraphError(
                f"weft.graph.trace: {name} of {call.function} is {_shown(mine)} at one size and "
                f"{_shown(theirs)} at another {how}, but Python made it a plain number on the way "
                f"(in {call.where}); compute it from x.shape by + - * // % alone, without int(), "
                "len(), / or math"
            )
        lengths = isinstance(mine, Length) and isinstance(theirs, Length)
        if lengths and mine.expression != theirs.expression:
            raise GraphError(
                f"weft.graph.trace: {name} of {call.function} is computed in another way at "
                f"another size {how} (in {call.where}); Python must not decide by a size that "
                "varies (min and max do)"
            )


def _alike(a: Any, b: Any) -> bool:
    lists = isinstance(a, tuple | list) and isinstance(b, tuple | list)
    return lists and len(a) == len(b)


def _shown(value: Any) -> str:
    return str(int(value)) if isinstance(value, int) else str(value)[:60]


def _check_constants(first: Run, second: Run, how: str) -> None:
    mine, theirs = first.recorder.constants, second.recorder.constants
    for number, constant in mine.items():
        other = theirs.get(number)
        a, b = constant.tensor, None if other is None else other.tensor
        same = b is not None and a.shape == b.shape and a.dtype == b.dtype
        if same and b is not None and weft.equal(weft.nan_to_num(a), weft.nan_to_num(b)):
            continue
        where = _reader(first.recorder.calls, number)
        raise GraphError(
            f"weft.graph.trace: a tensor of shape {tuple(a.shape)} that {where} reads is another "
            f"at another size {how}; make it by weft.arange, zeros, ones or full of x.shape, or "
            "from the inputs"
        )


def _reader(calls: Sequence[Call], number: int) -> str:
    for call in calls:
        if Value(number) in call.operands:
            return f"{call.function} (in {call.where})"
    return "nothing"


def check_decisions(first: Run, others: Sequence[Run]) -> None:
    """Check that the module compares no lengths that vary, unless the ends of them were tried.

    Args:
        first: the run of the example.
        others: the run at larger sizes, and after it those at the bounds that are promised.

    Raises:
        GraphError: it does: at some size it may decide otherwise than it did.
    """
    for left, right, where in first.recorder.decisions:
        apart = [evaluated(left, run) - evaluated(right, run) for run in (first, *others)]
        if len(set(apart)) > 1 and len(set((apart[0], *apart[2:]))) == 1:
            raise GraphError(
                f"weft.graph.trace: the module compares sizes of which one varies (in {where}), "
                "and a graph has only what follows as in the example; if that is so for all sizes "
                "that will come, promise which by weft.graph.Dim(name, min=, max=): both ends are "
                "tried"
            )


_COMPUTED = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "floor_divide": lambda a, b: a // b,
    "remainder": lambda a, b: a % b,
}


def evaluated(expression: Expression, run: Run) -> int:
    """Return the length that an expression is in a run."""
    if isinstance(expression, Read):
        return int(run.recorder.tensors[expression.value]._data.shape[expression.dim])
    if isinstance(expression, Apply):
        compute = _COMPUTED[expression.function]
        return compute(evaluated(expression.left, run), evaluated(expression.right, run))
    return expression
