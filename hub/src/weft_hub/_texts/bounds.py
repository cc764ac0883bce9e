"""Bounds on data that others wrote: how deep it is, how large its numbers, how long its message.

A reader of TOML or JSON gives data far deeper than Python walks, and numbers that Python refuses to
print. Both are looked for first, so that no rule that is checked later need think of them.
"""

from __future__ import annotations

from typing import Any

from weft_hub._texts.validate import Problem, Where

MOST_DEEP = 50
MOST_PROBLEMS = 100
"""So many are told; whoever has more has the wrong file."""
_MOST_TOLD = 800


def beyond(data: Any) -> list[Problem]:
    """Return the first place of `data` that is nested too deep, or a number beyond 64 bits."""
    if _is_within(data):
        return []
    pending: list[tuple[Where, Any]] = [((), data)]
    while pending:
        where, value = pending.pop()
        if isinstance(value, int) and not -(2**63) <= value < 2**63:
            text = f"must be a number of 64 bits, but has {value.bit_length()}"
            return [Problem(where, text)]
        items = value.items() if isinstance(value, dict) else ()
        if isinstance(value, list):
            items = enumerate(value)  # type: ignore[assignment]  # pairs either way
        for key, item in items:
            if isinstance(item, dict | list) and len(where) >= MOST_DEEP:
                return [Problem(where[:1], f"is nested more than {MOST_DEEP} deep")]
            if isinstance(item, dict | list | int):
                pending.append(((*where, key), item))
    return []


def _is_within(data: Any) -> bool:
    """Whether nothing of `data` is beyond, without saying where: fast, since it may be long."""
    level: list[Any] = [[data]]
    for _ in range(MOST_DEEP + 2):
        inner = []
        for one in level:
            for value in one.values() if type(one) is dict else one:
                kind = type(value)
                if kind is dict or kind is list:
                    inner.append(value)
                elif kind is int and not -(2**63) <= value < 2**63:
                    return False
        if not inner:
            return True
        level = inner
    return False


def told(problems: list[str]) -> list[str]:
    """Return what is told of problems: the first, each cut to a length that can be read."""
    made = [one if len(one) <= _MOST_TOLD else one[: _MOST_TOLD - 1] + "…" for one in problems]
    if len(made) <= MOST_PROBLEMS:
        return made
    place = made[MOST_PROBLEMS].partition(": ")[0]
    return [*made[:MOST_PROBLEMS], f"{place}: and more, which are not listed"]
