"""The fast readers of entries say what the slow ones do, or leave it to them."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weft_hub._texts import toml_tables
from weft_hub._texts.bounds import MOST_DEEP, _is_within
from weft_hub._texts.fits import fitting
from weft_hub.index import schema


def table(n: int) -> str:
    return (
        f'[[files]]\nname = "{n}.bin"\nsize = {n}\nsources = ["file:{n}", "https://x/{n}#a"]\n'
        f'sha256 = "{n:064}"\n'
    )


HEAD = 'schema = 1\nname = "a/b"\n[build]\nkind = "factory"\n'
TABLES = "".join(map(table, range(30)))


@pytest.fixture
def only_fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nothing be read as a whole that has the long array."""
    slow = tomllib.loads

    def loads(text: str) -> dict[str, Any]:
        assert "[[files]]" not in text, "it was read as a whole"
        return slow(text)

    monkeypatch.setattr(tomllib, "loads", loads)


@pytest.mark.parametrize("tail", ["", "\n", "[signature]\nfile = 1\n", "[[metrics]]\nname = 1\n"])
def test_a_long_plain_array_is_read_fast(only_fast: None, tail: str) -> None:
    read = toml_tables.loads(HEAD + TABLES + tail, "files")
    assert len(read["files"]) == 30
    assert read["files"][7] == {
        "name": "7.bin",
        "size": 7,
        "sources": ["file:7", "https://x/7#a"],
        "sha256": f"{7:064}",
    }


PIECES = (
    TABLES, table(1), table(2), HEAD, "\n", "# a comment\n", "[[files]]\n", '[files]\nx = 1\n',
    "files = []\n", '[signature]\nfile = "x"\n', "[build.settings]\na = 1\n", "[[metrics]]\n",
    'x = """\n', '"""\n', "y = '''\n", "'''\n", "z = [\n", "]\n", "[[1]]\n", 'name = "twice"\n',
    "size = 01\n", "size = -1\n", "size = 1.5\n", 'w = "\\u0041"\n', 'v = "a" # b\n', "a.b = 1\n",
    'u = ["a",]\n', 'u2 = []\n', 't = "tab\there"\n', 's = "\x01"\n', "r = 12345678901234567890\n",
    "\r\n", 'q = "no end\n', "[[files.inner]]\np = 1\n", '["files"]\n', "  indented = 1\n",
)  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), max_size=6), st.integers(0, 6))
@settings(max_examples=1500, derandomize=True, deadline=None)
def test_any_document_is_read_as_tomllib_reads_it(pieces: list[str], at: int) -> None:
    pieces.insert(min(at, len(pieces)), TABLES)
    text = "".join(pieces)
    try:
        right: object = tomllib.loads(text)
    except ValueError as error:
        right = str(error)
    try:
        read: object = toml_tables.loads(text, "files")
    except ValueError as error:
        read = str(error)
    assert read == right
    assert repr(read) == repr(right)  # in the same order, and 1 is not 1.0


DATA = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-3, 3), st.floats(), st.text(max_size=2)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
    ),
    max_leaves=6,
)
RULES = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(
            ["object", "array", "string", "integer", "number", "boolean", ["string", "array"]]
        ),
        "const": st.sampled_from([1, "a", True, 1.0]),
        "enum": st.just(["a", "b"]),
        "pattern": st.just("^a*$"),
        "minLength": st.integers(0, 2),
        "maxLength": st.integers(0, 2),
        "minimum": st.integers(-1, 1),
        "minItems": st.integers(0, 2),
        "uniqueItems": st.booleans(),
        "required": st.just(["a"]),
        "additionalProperties": st.booleans(),
        "items": st.sampled_from([{"type": "integer"}, {"$ref": "#/$defs/inner"}]),
        "properties": st.just({"a": {"type": "integer"}, "b": {"$ref": "#/$defs/inner"}}),
    },
)


@given(RULES, DATA)
@settings(max_examples=1500, derandomize=True, deadline=None)
def test_what_fits_has_no_problem(rule: dict[str, Any], data: Any) -> None:
    from weft_hub._texts.validate import _check

    inner = {"type": ["string", "array"], "items": {"$ref": "#/$defs/inner"}, "minLength": 1}
    rule = {**rule, "$defs": {"inner": inner}}
    wrong = list(_check(data, rule, (), rule, {}))
    if fitting(rule, {})(data):
        assert wrong == []
    elif not wrong:  # it may only doubt what is there twice, and what is no text
        assert rule.get("uniqueItems")


def test_a_rule_that_is_not_known_fits_nothing() -> None:
    assert not fitting({"oneOf": []}, {})({})
    assert not fitting({**schema(), "not": {}}, {})({})


@pytest.mark.parametrize("depth", [MOST_DEEP - 1, MOST_DEEP, MOST_DEEP + 1, MOST_DEEP + 5])
@pytest.mark.parametrize("number", [0, 2**63 - 1, -(2**63), 2**63, -(2**63) - 1])
def test_what_is_within_bounds_is_seen_at_once(depth: int, number: int) -> None:
    from weft_hub._texts.bounds import beyond

    data: Any = number
    for level in range(depth):
        data = [data] if level % 2 else {"k": data}
    right = depth <= MOST_DEEP + 1 and -(2**63) <= number < 2**63
    assert _is_within(data) == right
    assert (beyond(data) == []) == right
