"""Damage to JSON that keeps it JSON, or nearly so: other values, keys twice, nesting, numbers."""

from __future__ import annotations

import copy
import json
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

TEXTS = (
    "", "x", ".", "..", "../x", "/etc/passwd", "C:\\x", "a\x00b", "a\nb", "\x1b[31m", "\u202e",
    "\ud800", "\udfff\ud800", "\U0001f600", "é", "NaN", "-1", "0" * 64, "A" * 300, "a" * 5000,
    "__metadata__", "__class__", "F32", "BOOL", "F4", "I64", "cuda:0", "meta", "cpu:99",
)  # fmt: skip
PLAIN: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2, 7, 255, 2**31, 2**32, 2**53 + 1, 2**62, 2**63 - 1, 2**63,
    2**64 - 1, 2**64, 10**25, 0.0, -0.0, 0.5, 1e308, [], {}, [[]], [0], [None], {"": ""},
    [0, 0], [1] * 64, [1] * 65, [0, 2**62], [2**31, 2**31, 2], [3, 3, 3, 3],
)  # fmt: skip


@dataclass(frozen=True)
class Written:
    """Text that stands in the document as it is."""

    text: str


def odd(draw: random.Random) -> Any:
    """Return a value that hardly any place expects."""
    kind = draw.randrange(10)
    if kind < 4:
        return copy.deepcopy(draw.choice(PLAIN))
    if kind < 7:
        return draw.choice(TEXTS)
    if kind == 7:
        return Written(draw.choice(_LITERALS))
    if kind == 8:
        return Written(nested(draw))
    return Written(_long(draw))


def nested(draw: random.Random) -> str:
    """Return arrays or objects inside one another, some as deep as Python's own bound."""
    deep = draw.choice((3, 60, 99, 101, 150, 300, draw.randrange(850, 1010), 2_000))
    start, end = draw.choice((("[", "]"), ('{"a":', "}"), ('{"dict":{"a":', "}}"), ("[[],", "]")))
    return start * deep + draw.choice(("0", "[]", '""', "")) + end * (deep - draw.choice((0, 0, 1)))


def _long(draw: random.Random) -> str:
    count = draw.choice((100, 100, 100, 1_000, 1_000, 10_000))
    return draw.choice(
        (
            "[" + "0," * count + "0]",
            "[" + "[]," * count + "[]]",
            "{" + ",".join(f'"{k}":{k}' for k in range(count)) + "}",
            '"' + "\\u0041" * count + '"',
            '"' + "\\ud83d" * count + '"',
            "9" * count,
            "-" + "1" * count + "." + "1" * count,
            "1e" + "9" * min(count, 300),
        )
    )


_LITERALS = (
    "NaN", "Infinity", "-Infinity", "-0", "1e5", "1E400", "-1e999", "1.0", "16.0", "01", "+1",
    "0x10", "1_0", "9" * 19, "9" * 21, "9" * 4299, "9" * 5000, "true ", "nul", "'x'", "\"\\x\"",
    '"\\ud800"', '"\\u0000"', '"\t"', "{}{}", "/**/0", ",", "]", "}", "",
)  # fmt: skip


def places(data: Any, where: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every value below `data`."""
    items = data.items() if isinstance(data, dict) else enumerate(data)
    for key, value in items:
        yield (*where, key)
        if isinstance(value, dict | list):
            yield from places(value, (*where, key))


def mutate(data: Any, draw: random.Random) -> None:
    """Replace, remove, repeat, move or add values somewhere in `data`, which is JSON's."""
    for _ in range(draw.choice((1, 1, 1, 2, 5))):
        found = list(places(data))
        if not found:
            return
        where = draw.choice(found)
        parent = data
        for key in where[:-1]:
            parent = parent[key]
        key = where[-1]
        how = draw.randrange(9)
        if how == 0:
            del parent[key]
        elif how == 1 and isinstance(parent, list):
            times = draw.choice((1, 1, 2, 100))
            for _ in range(times):
                parent.insert(draw.randrange(len(parent) + 1), copy.deepcopy(parent[key]))
        elif how == 2 and isinstance(parent, dict):
            parent[draw.choice((*TEXTS, *map(str, where)))] = odd(draw)
        elif how == 3 and isinstance(parent, dict):
            parent[draw.choice(TEXTS)] = parent.pop(key)  # a key by another name
        elif how == 4 and isinstance(parent[key], dict) and parent[key]:
            parent[key] = _twice(parent[key], draw)
        elif how == 5 and type(parent[key]) is int:
            parent[key] += draw.choice((-8, -1, 1, 4, 8, 2**32, -parent[key], parent[key]))
        elif how == 6:
            other = data
            for step in draw.choice(found):
                if not isinstance(other, dict | list):
                    break
                other = other[step] if step in other or isinstance(other, list) else other
            parent[key] = copy.deepcopy(other)  # what stands elsewhere
        else:
            parent[key] = odd(draw)


def _twice(table: dict[str, Any], draw: random.Random) -> Written:
    key = draw.choice(list(table))
    pairs = [f"{json.dumps(name)}:{dump(value)}" for name, value in table.items()]
    pairs.insert(
        draw.randrange(len(pairs) + 1),
        f"{json.dumps(key)}:{dump(table[key] if draw.random() < 0.5 else odd(draw))}",
    )
    return Written("{" + ",".join(pairs) + "}")


def dump(data: Any) -> str:
    """Return `data` as JSON, with what is `Written` as it stands."""
    found: list[str] = []

    def keep(value: Any) -> str:
        assert isinstance(value, Written), value
        found.append(value.text)
        return f"@{len(found) - 1}@"

    text = json.dumps(data, separators=(",", ":"), default=keep)
    if found:
        text = re.sub(r'"@(\d+)@"', lambda match: found[int(match[1])], text)
    return text


def encoded(text: str) -> bytes:
    """Return text as UTF-8, half surrogate pairs as three bytes that no reader should take."""
    return text.encode("utf-8", "surrogatepass")
