"""TOML in which one array of tables is long and plain, read fast.

`tomllib` is written in Python and needs 50 µs for each line. An entry of thousands of files has
that many tables one after the other, each of plain lines. They are read by one expression and the
rest of the document by `tomllib`. Whatever is not as plain is left to `tomllib` as a whole, so that
there is one judge of what is TOML and what is not.
"""

from __future__ import annotations

import re
import tomllib
from typing import Any

_LEAST_TABLES = 20
_TEXT = r'"[^"\\\x00-\x08\x0a-\x1f\x7f]*"'
_NUMBER = r"(?:0|[1-9][0-9]{0,17})"
_LINE = rf"[a-z0-9_]+ = (?:{_TEXT}|{_NUMBER}|\[{_TEXT}(?:, {_TEXT})*\])\n"
_PAIR = re.compile(rf"([a-z0-9_]+) = (?:({_TEXT})|({_NUMBER})|\[({_TEXT}(?:, {_TEXT})*)\])\n")
_WORD = re.compile(_TEXT)


def loads(text: str, name: str) -> dict[str, Any]:
    """Return what `tomllib.loads` does, faster where `[[name]]` is long and plain.

    Raises:
        ValueError, RecursionError: as `tomllib.loads`.
    """
    found = _split(text, name)
    if found is None:
        return tomllib.loads(text)
    head, tables, tail = found
    try:
        before, after = tomllib.loads(head), tomllib.loads(tail)
    except (ValueError, RecursionError):
        return tomllib.loads(text)  # it says in which line
    if name in before or name in after or before.keys() & after.keys():
        return tomllib.loads(text)
    return {**before, name: tables, **after}


def _split(text: str, name: str) -> tuple[str, list[dict[str, Any]], str] | None:
    """Return what stands before the tables, the tables, and what stands behind; None if not so.

    Three documents in one: what stands behind begins with a header, so that nothing of it depends
    on what stands before.
    """
    header = f"[[{name}]]\n"
    start = text.find(f"\n{header}") + 1
    if start <= 0 or text.count(header) < _LEAST_TABLES or "\r" in text:
        return None
    # A line of some other value can look like a header only inside of one of these.
    if '"""' in text or "'''" in text:
        return None
    plain = re.compile(rf"(?:\[\[{name}\]\]\n(?:{_LINE})+\n*)+").match(text, start)
    if plain is None:
        return None
    stop = plain.end()
    if stop < len(text) and text[stop] != "[":
        return None
    tables = []
    for part in text[start:stop].split(header)[1:]:
        pairs = _PAIR.findall(part)
        table = {
            key: word[1:-1] if word else int(number) if number else _words(words)
            for key, word, number, words in pairs
        }
        if len(table) != len(pairs):
            return None
        tables.append(table)
    return text[:start], tables, text[stop:]


def _words(words: str) -> list[str]:
    return [word[1:-1] for word in _WORD.findall(words)]
