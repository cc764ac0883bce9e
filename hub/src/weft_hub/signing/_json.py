"""JSON as signatures need it: bounded, read strictly, each value of the kind that is due."""

from __future__ import annotations

from typing import Any

from weft_hub._texts import strict_json
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
    try:
        return strict_json.read(data)
    except strict_json.KeyTwiceError as error:
        twice = shown(error.key)
        raise MalformedSignatureError(f"{what} has the key {twice} twice in one object") from error
    except strict_json.NoNumberError as error:
        raise MalformedSignatureError(
            f"{what} has {error.literal}, which is no JSON number"
        ) from error
    except ValueError as error:
        raise MalformedSignatureError(f"{what} is not JSON: {error}") from error


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
