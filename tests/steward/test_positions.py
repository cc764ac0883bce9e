"""The locator of keys agrees with tomllib about what is a key, and knows each one's line."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft_steward.positions import key_lines, line_of

TEXT = '''# a comment = "no key"
name = "a # no comment"   # a comment
"quoted key" = 1
both = { left = 1, right = [2, 3] }
long = """
inside = "no key"
[no.table]
"""
raw = \'\'\'
[[nor.this]]\'\'\'
list = [
  "one", # first = comment
  [2, 3],

  { four = 4 },
]

[a.b]
c = 1
d.e = 2

[[rows]]
x = 1

[[rows]]
x = [
  1,
  2]
[rows.inner]
y = "]"
'''


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("name",), 2),
        (("quoted key",), 3),
        (("both",), 4),
        (("long",), 5),
        (("raw",), 9),
        (("list",), 11),
        (("list", 0), 12),
        (("list", 1), 13),
        (("list", 2), 15),
        (("a", "b"), 18),
        (("a", "b", "c"), 19),
        (("a", "b", "d", "e"), 20),
        (("rows", 0), 22),
        (("rows", 0, "x"), 23),
        (("rows", 1), 25),
        (("rows", 1, "x"), 26),
        (("rows", 1, "x", 1), 28),
        (("rows", "inner", "y"), 30),
    ],
)
def test_a_key_is_found_on_its_line(path: tuple[str | int, ...], line: int) -> None:
    assert key_lines(TEXT)[path] == line


def test_what_only_looks_like_a_key_is_none() -> None:
    tomllib.loads(TEXT)
    words = {part for path in key_lines(TEXT) for part in path}
    assert not words & {"inside", "no", "table", "nor", "this", "a comment", "first"}


def test_an_unknown_path_falls_back_to_what_is_around_it() -> None:
    lines = key_lines(TEXT)
    assert line_of(("rows", 1, "missing"), lines) == 25
    assert line_of(("nothing",), lines) == 1


keys = st.from_regex(r"[A-Za-z0-9_-]{1,6}", fullmatch=True)
strings = st.text(st.sampled_from("ab =[]{}#,\\'\"\t"), max_size=8)


def written(value: Any) -> str:
    if isinstance(value, str):
        plain = value.replace("\\", "\\\\").replace('"', '\\"').replace("\t", "\\t")
        return f'"{plain}"'
    if isinstance(value, list):
        return "[" + ", ".join(map(written, value)) + "]"
    return str(value)


@given(
    st.dictionaries(
        keys,
        st.dictionaries(keys, strings | st.integers() | st.lists(strings, max_size=4), max_size=4),
        max_size=4,
    )
)
def test_every_key_that_tomllib_reads_is_found_on_the_line_where_it_was_written(
    data: dict[str, dict[str, Any]],
) -> None:
    rows, expected = [], {}
    for table, values in data.items():
        rows.append(f"[{table}]")
        expected[(table,)] = len(rows)
        for key, value in values.items():
            rows.append(f"{key} = {written(value)}")
            expected[(table, key)] = len(rows)
            if isinstance(value, list):
                expected |= {(table, key, index): len(rows) for index in range(len(value))}
    text = "\n".join(rows)
    assert tomllib.loads(text) == data
    assert {path: line for path, line in key_lines(text).items() if path} == expected
