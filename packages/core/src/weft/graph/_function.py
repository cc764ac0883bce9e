"""What a node may call: a function's operands and settings, read from one line each.

`"conv2d(input, weight, bias?; stride?: ints, groups?: int)"` says: tensors before the semicolon,
settings after it. `bias?` may be absent, `other~` may be a number in place of a tensor, `tensors*`
stands for any number of them. `stride?: ints` may be left out. `-> 2` counts the results where
they are not one, `-> *` leaves their number open.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from typing import Any, TypeVar

from weft.graph._kinds import KINDS

__all__ = ["Function", "Setting", "own", "public"]

_LINE = re.compile(r"(?P<name>\w+)\((?P<operands>[^;)]*)(?:;(?P<settings>[^)]*))?\)(?P<rest>.*)")
_Call = TypeVar("_Call", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting: its kind, a key of `_kinds.KINDS`, and whether a node must state it."""

    kind: str
    required: bool


@dataclass(frozen=True)
class Function:
    """A function that nodes name.

    Attributes:
        name: what nodes call it by.
        operands: its tensors by name, with their marks: `?` may be absent, `~` tensor or number.
        variadic: whether it takes any number of tensors, as one list.
        settings: its settings by name.
        outputs: how many tensors it returns; None where that depends on them.
        place: module and attribute of what is called.
        line: how it was written.
    """

    name: str
    operands: tuple[tuple[str, str], ...]
    variadic: bool
    settings: Mapping[str, Setting]
    outputs: int | None
    place: tuple[str, str]
    line: str

    @cached_property
    def call(self) -> Callable[..., Any]:
        """The function itself; its module is loaded when a graph first needs it."""
        module, attribute = self.place
        found: Callable[..., Any] = getattr(import_module(module), attribute)
        return found

    @property
    def fewest(self) -> int:
        """How many operands a node must state at least."""
        return 0 if self.variadic else sum(mark != "?" for _, mark in self.operands)


def _parsed(line: str, module: str, attribute: str = "") -> Function:
    match = _LINE.fullmatch(line)
    assert match, f"no signature: {line}"
    named = [one.strip() for one in match["operands"].split(",") if one.strip()]
    variadic = any(one.endswith("*") for one in named)
    assert not variadic or len(named) == 1, line
    operands = tuple((one.rstrip("?~*"), one[-1] if one[-1] in "?~*" else "") for one in named)
    settings = {}
    for part in filter(None, map(str.strip, (match["settings"] or "").split(","))):
        name, kind = (text.strip() for text in part.split(":"))
        assert kind in KINDS, line
        settings[name.rstrip("?")] = Setting(kind, required=not name.endswith("?"))
    rest = match["rest"].replace("->", "").strip()
    outputs = None if rest == "*" else int(rest or 1)
    place = (module, attribute or match["name"])
    return Function(match["name"], operands, variadic, settings, outputs, place, line)


def public(module: str, lines: str) -> dict[str, Function]:
    """Return functions of a public module, which are called as users call them."""
    found = [_parsed(line.strip(), module) for line in lines.splitlines() if line.strip()]
    return {function.name: function for function in found}


#: The functions that only graphs have, by the module that `own` was used in.
_OWN: dict[str, dict[str, Function]] = {}


def own(line: str) -> Callable[[_Call], _Call]:
    """Enter a function that only graphs have, under the name in its line."""

    def enter(call: _Call) -> _Call:
        function = _parsed(line, call.__module__, call.__name__)
        table = _OWN.setdefault(call.__module__, {})
        assert function.name not in table, function.name
        table[function.name] = function
        return call

    return enter


def owned(module: str) -> dict[str, Function]:
    """Return what `own` entered in a module."""
    return dict(_OWN.get(module, {}))
