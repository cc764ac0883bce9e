"""Write plain values as TOML; tomllib only reads."""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Mapping
from typing import Any

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def toml_value(value: Any) -> str:
    """Return `value` as TOML: a string, a number, a truth value, a list or a mapping.

    Raises:
        TypeError: it is something else, or a number that is not finite.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)):
        return repr(value)
    if isinstance(value, str):
        return '"' + "".join(_character(one) for one in value) + '"'
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(toml_value, value)) + "]"
    if isinstance(value, Mapping):
        pairs = (f"{_key(key)} = {toml_value(item)}" for key, item in value.items())
        return "{" + ", ".join(pairs) + "}"
    raise TypeError(f"a text, number, truth value, list or table is required, not {value!r}")


def parse_pair(text: str) -> tuple[str, Any]:
    """Return the key and the value of `KEY=VALUE`; a value that is no TOML is a text.

    Raises:
        ValueError: it is not of that form.
    """
    key, equals, written = text.partition("=")
    key = key.strip()
    if not equals or not _BARE.fullmatch(key):
        raise ValueError(f"must be KEY=VALUE, such as num_classes=2, but is {text!r}")
    if "\n" in written:
        raise ValueError(f"must be one line, but is {text!r}")
    try:
        return key, tomllib.loads(f"k = {written}")["k"]
    except tomllib.TOMLDecodeError:
        return key, written.strip()


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else toml_value(key)


def _character(one: str) -> str:
    if one in _ESCAPES:
        return _ESCAPES[one]
    # Control characters have no other spelling, and half of a surrogate pair has none at all.
    if ord(one) < 0x20 or ord(one) == 0x7F:
        return f"\\u{ord(one):04x}"
    if 0xD800 <= ord(one) <= 0xDFFF:
        return "\ufffd"
    return one
