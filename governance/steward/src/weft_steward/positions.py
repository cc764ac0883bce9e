"""Where a key stands in a TOML text: tomllib reads values and forgets the lines.

This is a locator and no parser: it runs only on text that tomllib has accepted, and follows just
as much of the syntax as tells keys from the insides of strings and brackets.
"""

from __future__ import annotations

import re

Path = tuple[str | int, ...]

_KEY = re.compile(r"""\s*((?:[A-Za-z0-9_-]+|"[^"\n]*"|'[^'\n]*')(?:\s*\.\s*[A-Za-z0-9_-]+)*)\s*=""")
_HEADER = re.compile(r"\s*(\[\[?)\s*([^\[\]]+?)\s*\]\]?")
# One token of a value: a string of any of the four kinds, a comment, a bracket, or anything else.
_TOKEN = re.compile(
    r'"""(?:\\.|(?!""").)*"""|\'\'\'.*?\'\'\'|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\'|#[^\n]*|[\[\]{},\n]|[^\s]',
    re.DOTALL,
)


def key_lines(text: str) -> dict[Path, int]:
    """Return the line, counted from 1, of every table, key and array element in the text."""
    lines: dict[Path, int] = {(): 1}
    table: Path = ()
    counts: dict[Path, int] = {}
    position = 0
    while position < len(text):
        if header := _HEADER.match(text, position):
            table = _split(header[2])
            if header[1] == "[[":
                counts[table] = counts.get(table, -1) + 1
                lines.setdefault(table, _line_at(text, header.start(1)))
                table = (*table, counts[table])
            lines[table] = _line_at(text, header.start(1))
            position = _end_of_line(text, header.end())
        elif key := _KEY.match(text, position):
            path = (*table, *_split(key[1]))
            lines[path] = _line_at(text, key.start(1))
            position = _value(text, key.end(), path, lines)
        else:  # a blank line or a comment
            position = _end_of_line(text, position)
    return lines


def line_of(path: Path, lines: dict[Path, int]) -> int:
    """Return the line of the longest beginning of the path that stands in the text."""
    for length in range(len(path), -1, -1):
        if path[:length] in lines:
            return lines[path[:length]]
    return 0


def _value(text: str, start: int, path: Path, lines: dict[Path, int]) -> int:
    """Walk over one value, note its array's elements, and return where the next line begins."""
    depth = 0
    index = 0
    expects_element = False
    for token in _TOKEN.finditer(text, start):
        word = token[0]
        if depth == 0 and word == "\n":
            return token.end()
        if word == "\n" or word.startswith("#"):
            continue
        if depth == 1 and expects_element and word not in "],":
            lines[(*path, index)] = _line_at(text, token.start())
            expects_element = False
        if word in "[{":
            depth += 1
            expects_element = word == "[" and depth == 1
        elif word in "]}":
            depth -= 1
        elif word == "," and depth == 1:
            index += 1
            expects_element = True
    return len(text)


def _split(dotted: str) -> Path:
    return tuple(part.strip().strip("\"'") for part in dotted.split("."))


def _line_at(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1


def _end_of_line(text: str, position: int) -> int:
    end = text.find("\n", position)
    return len(text) if end < 0 else end + 1
