"""The preconditions and ranges of a request, as RFC 9110 (sections 13 and 14) has them.

Entity tags here are digests, so they are strong, and nothing has a date: a condition on a date is
one that this server cannot judge, which the standard lets it treat as absent (`If-Modified-Since`)
or as failed (`If-Range`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

_RANGE = re.compile(r"bytes=[ \t]*(\d{0,18})-(\d{0,18})[ \t]*", re.IGNORECASE | re.ASCII)
_TAG = re.compile(r'(W/)?"([\x21\x23-\x7e]*)"')


@dataclass(frozen=True)
class Answer:
    """What to answer: the status, and which bytes from `start` up to before `stop`."""

    status: int
    start: int = 0
    stop: int = 0


def judge(method: str, headers: Mapping[str, str], *, tag: str, size: int) -> Answer:
    """Return how a request for something with the entity tag `tag` and `size` is to be answered.

    Args:
        method: GET or HEAD; a range only means something for GET.
        headers: the request's headers, which take names in lower case.
        tag: the strong entity tag without its quotes.
        size: how many bytes there are.

    Returns:
        Status 200 (all bytes), 206 (some), 304 (the client has it), 412 (it has another) or 416
        (it asks for bytes that are not there).
    """
    if_match = headers.get("if-match")
    if if_match is not None and not _names(if_match, tag, weakly=False):
        return Answer(412)
    if_none_match = headers.get("if-none-match")
    if if_none_match is not None and _names(if_none_match, tag, weakly=True):
        return Answer(304)
    asked = headers.get("range")
    if_range = headers.get("if-range")
    if method != "GET" or asked is None or if_range not in (None, f'"{tag}"'):
        return Answer(200, 0, size)
    return _range(asked, size)


def _range(asked: str, size: int) -> Answer:
    """Return the answer to a header `Range`.

    Several ranges at once are answered by everything, as the standard allows: no client of model
    files asks for them, and an answer in parts is how servers were made to work for nothing. So is
    a header that is not understood, or in another unit.
    """
    match = _RANGE.fullmatch(asked.strip())
    if match is None or match.groups() == ("", ""):
        return Answer(200, 0, size)
    first, last = match.groups()
    if not first:  # the last so many bytes
        count = min(int(last), size)
        return Answer(206, size - count, size) if count else Answer(416)
    start = int(first)
    if last and int(last) < start:  # no range at all, so it does not count
        return Answer(200, 0, size)
    if start >= size:
        return Answer(416)
    return Answer(206, start, min(int(last) + 1, size) if last else size)


def _names(condition: str, tag: str, *, weakly: bool) -> bool:
    """Whether a list of entity tags names `tag`; `*` names whatever there is."""
    if condition.strip() == "*":
        return True
    return any(value == tag and (weakly or not weak) for weak, value in _TAG.findall(condition))
