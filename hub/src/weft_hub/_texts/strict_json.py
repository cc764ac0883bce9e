"""JSON read strictly: UTF-8, no key twice in one object, no number that is none.

Two readers that disagree on which of two equal keys counts could be shown different things by one
document, so one with a key twice is refused and never repaired.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import Any, NoReturn


class KeyTwiceError(ValueError):
    """An object has one key twice."""

    def __init__(self, key: str) -> None:
        self.key = key
        super().__init__(f"the key {key[:100]!r} is there twice in one table")


class NoNumberError(ValueError):
    """A literal such as NaN stands where JSON has numbers."""

    def __init__(self, literal: str) -> None:
        self.literal = literal
        super().__init__(f"{literal} is no number of JSON")


def read(data: bytes) -> Any:
    """Return what the JSON document `data` says.

    Raises:
        KeyTwiceError, NoNumberError: it has what Python's parser alone would take.
        ValueError: it is not UTF-8, not JSON (then a JSONDecodeError with its line), or nested too
            deeply.
    """
    try:
        return json.loads(data.decode("utf-8"), object_pairs_hook=_object, parse_constant=_constant)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        [(twice, _)] = Counter(key for key, _ in pairs).most_common(1)
        raise KeyTwiceError(twice)
    return made


def _constant(literal: str) -> NoReturn:
    raise NoNumberError(literal)
