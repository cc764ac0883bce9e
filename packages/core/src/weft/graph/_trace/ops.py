"""Ops that no function of the list made: the node that stands for one, by the name of the op."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from weft._core import catalogue, dtypes
from weft._core.op import Op
from weft._core.public import PUBLIC_NAMES, kernel_signature
from weft.graph._allowed import FUNCTIONS

if TYPE_CHECKING:
    from weft.graph._trace.recording import Recorder

__all__ = ["translated"]

_Rule = Callable[["Recorder", tuple[Any, ...], dict[str, Any]], Any]


def translated(recorder: Recorder, op: Op, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
    """Return what an op gives, having emitted nodes for it; None where there are none.

    Args:
        recorder: what is told.
        op: the op.
        args: its arguments, some of them values of the run.
        params: its settings, canonical.
    """
    if op.name in _RULES:
        return _RULES[op.name](recorder, args, params)
    name = _named(op)
    if name is None:
        return None
    function = FUNCTIONS[name]
    arrays, variadic, _ = kernel_signature(op.kernel)
    own = [PUBLIC_NAMES.get(one, one) for one in ((variadic,) if variadic else arrays)]
    if own != [one for one, _ in function.operands] or params.keys() - function.settings.keys():
        return None
    if not recorder.fits(name, args, params):
        return None
    return recorder.emit(name, *((args,) if variadic else args), **params)


def _named(op: Op) -> str | None:
    """Return the function of the list that is an op's own, under whatever name it is entered."""
    for entry in catalogue.public.values():
        if entry.op is op and entry.name in FUNCTIONS and entry.name not in _OTHERS:
            return entry.name
    return None


#: Names that are a graph's own, of other meaning than the op that is called so.
_OTHERS = frozenset({"range", "resize", "shape", "slice", "convolve", "power", "unfold", "reduce"})


def _rename(name: str, **settings: str) -> _Rule:
    def rule(recorder: Recorder, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        given = {to: params[key] for key, to in settings.items()}
        return recorder.emit(name, *args, **given) if recorder.fits(name, args, given) else None

    return rule


def _convert(recorder: Recorder, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
    return recorder.emit("convert", args[0], dtype=dtypes.of(dtypes.canonical(params["dtype"])))


def _same(recorder: Recorder, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
    return args[0]


def _sum_of_squares(recorder: Recorder, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
    return recorder.emit("sum", recorder.emit("square", args[0]), **params)


def _flat_root(recorder: Recorder, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
    """A root whose slope at 0 counts as 0, as that of what is chosen instead."""
    zero = recorder.emit("eq", args[0], 0.0)
    root = recorder.emit("sqrt", recorder.emit("where", zero, 1.0, args[0]))
    return recorder.emit("where", zero, 0.0, root)


_RULES: dict[str, _Rule] = {
    "flat_root": _flat_root,
    "sum_of_squares": _sum_of_squares,
    "copied": _same,
    "alias": _same,
    "convert": _convert,
    "reshaped_view": _rename("reshape", shape="shape"),
    "plus": _rename("add"),
    "minus": _rename("sub"),
    "true_divide": _rename("div"),
    "transposed": _rename("permute", dims="dims"),
    "linear_map": _rename("linear"),
    "affine": _rename("linear"),
}
