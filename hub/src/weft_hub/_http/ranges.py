"""What a server's answer says about a range of a file, held against what was asked."""

from __future__ import annotations

import re
from collections.abc import Mapping

from weft_hub._files.spans import Span
from weft_hub._http.answer import Answer
from weft_hub.errors import SizeMismatchError

_RANGE = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18}|\*)")
_NO_RANGE = re.compile(r"bytes \*/([0-9]{1,18})")


class StartOver(Exception):
    """What has arrived does not go with what comes: the whole file is to be asked for anew."""


def end_of_range(answer: Answer, asked: Span | None, size: int, what: str) -> int:
    """Return where the range of an answer with 206 ends, which begins where it was asked to.

    Args:
        answer: an answer with 206 or 416.
        asked: the range that was asked for; None if the whole file was.
        size: the bytes of the whole file.
        what: the file, for the message.

    Raises:
        SizeMismatchError: the server states another size of the file.
        StartOver: it is another range, or none.
    """
    stated = answer.headers.get("Content-Range", "").strip()
    if answer.status == 416:
        none = _NO_RANGE.fullmatch(stated)
        if none and int(none[1]) != size:
            raise SizeMismatchError(what, expected=size, got=int(none[1]))
        raise StartOver("the server refuses a range of the file")
    match = _RANGE.fullmatch(stated)
    if match and match[3] != "*" and int(match[3]) != size:
        raise SizeMismatchError(what, expected=size, got=int(match[3]))
    first, stop = (int(match[1]), int(match[2]) + 1) if match else (-1, -1)
    if asked is None:
        raise StartOver(f"the server answers {stated[:80]!r} when asked for the whole file")
    if first != asked[0] or not first < stop <= asked[1]:
        raise StartOver(
            f"the server answers bytes {asked[0]} to {asked[1] - 1} with {stated[:80]!r}"
        )
    if answer.length is not None and answer.length != stop - first:
        raise StartOver(f"the server sends {answer.length} bytes for {stated!r}")
    return stop


def validator_in(headers: Mapping[str, str]) -> str | None:
    """Return what If-Range may hold: a strong ETag, or else the date of the last change."""
    tag = headers.get("ETag", "").strip()
    if re.fullmatch(r'"[!#-~]{1,200}"', tag):
        return tag
    date = headers.get("Last-Modified", "").strip()
    return date if re.fullmatch(r"[A-Za-z0-9,: +-]{8,40}", date) else None
