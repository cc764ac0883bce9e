"""The head of a plain answer over HTTP/1.1, read strictly and fast.

It is for answers that leave no doubt: a status line, fields of one line each, and a length. What
needs more (a body in chunks or packed, folded fields, two lengths, other line ends) is refused, and
who asked gets the file by requests, which knows all of it. Python's own reader makes an e-mail
message of each head, which costs more than all the rest of a small file.
"""

from __future__ import annotations

import re
from typing import NamedTuple

HEAD_BYTES = 16 << 10
"""No longer head is read."""

_STATUS = re.compile(rb"HTTP/1\.([01]) ([2-5][0-9][0-9])(?: [\t -~\x80-\xff]*)?")
_FIELDS = re.compile(rb"(?:\r\n[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t -~\x80-\xff]*)*")
_KNOWN = re.compile(
    rb"\n(content-length|transfer-encoding|content-encoding|connection|location):([^\r]*)",
    re.IGNORECASE,
)
_LENGTH = re.compile(rb"[0-9]{1,18}")


class Head(NamedTuple):
    """What an answer says of itself.

    Attributes:
        status: the status.
        length: the bytes of its body; None where it does not say, or sends it in chunks.
        location: where a redirect leads; None where it does not say.
        ends: whether the connection is closed after it.
    """

    status: int
    length: int | None
    location: str | None
    ends: bool


def read_head(head: bytes) -> Head | None:
    """Return what a head says, or None when it is not plain.

    Args:
        head: the bytes up to the empty line, without the two line ends there.
    """
    first = _STATUS.match(head)
    if first is None or _FIELDS.fullmatch(head, first.end()) is None:
        return None
    fields = _KNOWN.findall(head)
    known = {name.lower(): value.strip(b" \t") for name, value in fields}
    if len(known) != len(fields):
        return None
    if known.get(b"content-encoding", b"identity").lower() not in (b"", b"identity"):
        return None
    stated = known.get(b"content-length")
    if b"transfer-encoding" in known:
        stated = None
    if stated is not None and _LENGTH.fullmatch(stated) is None:
        return None
    location = known.get(b"location")
    connection = known.get(b"connection", b"").lower()
    return Head(
        status=int(first[2]),
        length=None if stated is None else int(stated),
        location=None if location is None else location.decode("latin-1"),
        ends=stated is None or first[1] == b"0" or connection not in (b"", b"keep-alive"),
    )
