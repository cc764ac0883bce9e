"""The functions that graphs may call: each has the arguments of its line, and none is impure."""

from __future__ import annotations

import inspect
import json

import pytest

import weft
from weft._core import catalogue
from weft.graph._allowed import FUNCTIONS
from weft.graph._kinds import KINDS, read_setting, write_setting


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_line_says_what_the_function_takes(name: str) -> None:
    function = FUNCTIONS[name]
    taken = inspect.signature(function.call).parameters
    if not function.variadic:
        assert [one for one, _ in function.operands if one not in taken] == []
    assert [one for one in function.settings if one not in taken] == []
    for setting, one in function.settings.items():
        default = taken[setting].default
        has_default = default is not inspect.Parameter.empty and repr(default) != "<unset>"
        assert has_default or one.required, f"{setting} has no default, so a node must state it"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_none_draws_at_random_or_writes(name: str) -> None:
    call = FUNCTIONS[name].call  # which loads the module that enters it
    public = [entry for entry in catalogue.public.values() if entry.function is call]
    assert not any(entry.random for entry in public)
    assert name not in catalogue.in_place
    assert {"out", "generator", "inplace"}.isdisjoint(FUNCTIONS[name].settings)


def test_the_list_is_shown_to_people() -> None:
    lines = weft.graph.functions()
    assert lines["topk"] == ("topk(input; k: int, dim?: int, largest?: bool, sorted?: bool) -> 2")
    assert "eval" not in lines and "load" not in lines


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("int", 3),
        ("ints", (1, -2)),
        ("ints", 5),
        ("float", 0.1),
        ("float", float("inf")),
        ("float", float("-inf")),
        ("floats", (0.5, 2.0)),
        ("bool", True),
        ("text", "linear"),
        ("texts", ("tanh", "relu")),
        ("dtype", weft.bfloat16),
    ],
)
def test_settings_come_back(kind: str, value: object) -> None:
    assert read_setting(kind, json.loads(json.dumps(write_setting(value)))) == value


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("value", [None, {}, [[]], [None], "\0", [True], 1e400])
def test_a_setting_of_no_kind_is_refused(kind: str, value: object) -> None:
    if kind == "text" and value == "\0":
        return  # a text; the function says that it does not know it
    with pytest.raises(ValueError, match="must be"):
        read_setting(kind, value)
