"""JSON as signatures need it: bounded, no key twice, no numbers that are none.

Two readers that disagree on which of two equal keys counts could be shown different things by one
signature, so a document with a key twice is refused and never repaired.
"""

from __future__ import annotations

import json
from typing import Any, NoReturn

from weft_hub.signing.errors import MalformedSignatureError, UnsupportedSignatureError


def parse(data: bytes, what: str, *, most_bytes: int, most_containers: int) -> Any:
    """Return what the JSON document `data` says.

    Args:
        data: the document, UTF-8.
        what: what it is, for messages.
        most_bytes: its largest size.
        most_containers: how many objects and arrays it may have at most; they are what makes a
            parsed document many times larger than its text.

    Raises:
        MalformedSignatureError: it is too large, not JSON, or has a key twice in one object.
    """
    if len(data) > most_bytes:
        raise MalformedSignatureError(
            f"{what} must have at most {most_bytes} bytes, but has {len(data)}"
        )
    containers = data.count(b"{") + data.count(b"[")
    if containers > most_containers:
        raise MalformedSignatureError(
            f"{what} must have at most {most_containers} objects and arrays, but has {containers}"
        )

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(items)
        if len(made) != len(items):
            keys = [key for key, _ in items]
            twice = next(key for key in keys if keys.count(key) > 1)
            raise MalformedSignatureError(f"{what} has the key {shown(twice)} twice in one object")
        return made

    def constant(name: str) -> NoReturn:
        raise MalformedSignatureError(f"{what} has {name}, which is no JSON number")

    try:
        return json.loads(
            data.decode("utf-8", "strict"), object_pairs_hook=pairs, parse_constant=constant
        )
    except MalformedSignatureError:
        raise
    except (ValueError, RecursionError) as error:
        why = "nested too deeply" if isinstance(error, RecursionError) else error
        raise MalformedSignatureError(f"{what} is not JSON: {why}") from error


def item(data: Any, key: str, kind: type, what: str) -> Any:
    """Return `data[key]`, which must be there and be a `kind`.

    Raises:
        MalformedSignatureError: `data` is no object, or has no such value.
    """
    if not isinstance(data, dict):
        raise MalformedSignatureError(f"{what} must be an object, but is {shown(data)}")
    if key not in data:
        raise MalformedSignatureError(f"{what} must have the key {key!r}, but has none")
    value = data[key]
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise MalformedSignatureError(
            f"{what}: {key!r} must be {_KINDS[kind]}, but is {shown(value)}"
        )
    return value


def require(got: str, wanted: str, what: str) -> None:
    """Check that a type is the one that is understood here.

    Raises:
        UnsupportedSignatureError: it is another.
    """
    if got != wanted:
        raise UnsupportedSignatureError(f"{what} must be {wanted}, but is {shown(got)}")


def shown(value: Any) -> str:
    """Return `value` on one short line, in a form that a terminal cannot obey."""
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


_KINDS: dict[type, str] = {
    dict: "an object",
    list: "an array",
    str: "a string",
    bool: "true or false",
    int: "a whole number",
}
