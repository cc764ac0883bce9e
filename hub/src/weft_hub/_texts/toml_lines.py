"""Find the line of each key of a TOML document.

`tomllib` gives values without their places. This scanner gives places without values: it is only
run on a document that `tomllib` has accepted, so it need not judge anything.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping

_STRINGS = (
    r'"""(?:[^\\]|\\.)*?"{3,5}',
    r"'''.*?'{3,5}",
    r'"(?:[^"\\\n]|\\.)*"',
    r"'[^'\n]*'",
)
_TOKEN = re.compile(
    "|".join(
        (*_STRINGS, r"#[^\n]*", r"\[\[|\]\]|[\[\]{}=,.\n]", r"[^\s\[\]{}=,.#\"']+", r"[ \t\r]+")
    ),
    re.DOTALL,
)


def line_of(text: str, where: tuple[str | int, ...]) -> int:
    """Return the line, from 1, of the item at the path `where`, or of the nearest table above it.

    A position inside an array value has the line of the element; a key that the document does not
    have, the line of the table that lacks it.
    """
    return nearest_line(places_of(text), where)


def nearest_line(places: Mapping[tuple[str | int, ...], int], where: tuple[str | int, ...]) -> int:
    """Return what `line_of` does, from what `places_of` found."""
    while where and where not in places:
        where = where[:-1]
    return places.get(where, 1)


def places_of(text: str) -> dict[tuple[str | int, ...], int]:
    """Return the line of every key, table and array element by its path."""
    return _Scan(text).run()


class _Scan:
    def __init__(self, text: str) -> None:
        self._tokens = list(_tokens(text))
        self._at = 0
        self._places: dict[tuple[str | int, ...], int] = {}
        self._counts: dict[tuple[str | int, ...], int] = {}

    def run(self) -> dict[tuple[str | int, ...], int]:
        table: tuple[str | int, ...] = ()
        while self._at < len(self._tokens):
            token, line = self._tokens[self._at]
            if token == "\n":
                self._at += 1
            elif token in ("[", "[["):
                self._at += 1
                table = self._header(self._key(), many=token == "[[")
                for depth in range(1, len(table) + 1):  # also the array, and tables left implicit
                    self._places.setdefault(table[:depth], line)
                self._at += 1  # the closing bracket
            else:
                self._pair(table)
        return self._places

    def _header(self, key: list[str], *, many: bool) -> tuple[str | int, ...]:
        path: tuple[str | int, ...] = ()
        for part in key[:-1]:
            path = (*path, part)
            if path in self._counts:  # a table inside the newest element of an array of tables
                path = (*path, self._counts[path])
        path = (*path, key[-1])
        if many:
            self._counts[path] = self._counts.get(path, -1) + 1
            path = (*path, self._counts[path])
        return path

    def _key(self) -> list[str]:
        parts = []
        while True:
            token, _ = self._tokens[self._at]
            parts.append(_plain(token))
            self._at += 1
            if self._at >= len(self._tokens) or self._tokens[self._at][0] != ".":
                return parts
            self._at += 1

    def _pair(self, table: tuple[str | int, ...]) -> None:
        line = self._tokens[self._at][1]
        path = table
        for part in self._key():
            path = (*path, part)
            self._places.setdefault(path, line)
        self._at += 1  # the equals sign
        self._value(path)

    def _value(self, path: tuple[str | int, ...]) -> None:
        token = self._tokens[self._at][0]
        if token in ("[", "[["):
            self._array(path, nested=token == "[[")
        elif token == "{":
            self._at += 1
            self._skip_lines()
            while self._tokens[self._at][0] != "}":
                self._pair(path)
                self._skip_lines(",")
            self._at += 1
        else:
            # A bare value may be cut in several tokens (1.5, 2026-01-01 10:00:00).
            while self._at < len(self._tokens) and self._tokens[self._at][0] not in _AFTER_VALUE:
                self._at += 1

    def _array(self, path: tuple[str | int, ...], *, nested: bool) -> None:
        # `[[` inside a value is an array that starts with an array: its second half stays.
        if nested:
            self._tokens[self._at] = ("[", self._tokens[self._at][1])
        else:
            self._at += 1
        index = 0
        self._skip_lines(",")
        while True:
            token, line = self._tokens[self._at]
            if token == "]]":
                self._tokens[self._at] = ("]", line)  # the other half ends the array around it
                return
            if token == "]":
                self._at += 1
                return
            self._places[(*path, index)] = line
            self._value((*path, index))
            index += 1
            self._skip_lines(",")

    def _skip_lines(self, also: str = "\n") -> None:
        while self._tokens[self._at][0] in ("\n", also):
            self._at += 1


_AFTER_VALUE = ("\n", ",", "]", "]]", "}")


def _tokens(text: str) -> Iterator[tuple[str, int]]:
    line = 1
    for match in _TOKEN.finditer(text):
        token = match[0]
        if (token == "\n" or not token.isspace()) and not token.startswith("#"):
            yield token, line
        line += token.count("\n")


def _plain(token: str) -> str:
    if token[:1] in "\"'":
        value: str = next(iter(tomllib.loads(f"k = {token}").values()))
        return value
    return token
