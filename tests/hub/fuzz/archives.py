"""One member of a wheel and of a tarball, as `pip:` and `npm:` sources take it."""

from __future__ import annotations

import gzip
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.hub.fuzz.damage import damaged
from tests.hub.fuzz.reader import ACCEPTED, refused
from tests.hub.fuzz.tars import tar
from tests.hub.fuzz.zips import Member, fields_damaged, members_damaged, packed
from weft_hub import HubError
from weft_hub._files import tarball, wheel

MEMBER = "archive/data.pkl"
CONTENT = bytes(range(256)) * 3
_PLAIN = {"package/package.json": b"{}", MEMBER: CONTENT, "package/after": b"x" * 700}


class Archives:
    """`open_member` of both."""

    name = "archive"

    def __init__(self, folder: Path) -> None:
        self._path = folder / "input"

    def make(self, draw: random.Random) -> bytes:
        """Return a damaged wheel or tarball, which its first bytes tell apart."""
        how = draw.random()
        if how < 0.5:
            return self._wheel(draw)
        archive = tar(_PLAIN, draw if how < 0.8 else None)
        if 0.75 < how < 0.9:
            archive = damaged(archive, draw)
        if draw.random() < 0.02:
            archive += bytes(draw.choice((1 << 20, 3 << 20)))
        made = gzip.compress(archive, compresslevel=1, mtime=0)
        return damaged(made, draw, (made[:10],), (made,)) if how > 0.88 else made

    def _wheel(self, draw: random.Random) -> bytes:
        members = [
            Member(name.encode(), content, deflated=draw.random() < 0.6)
            for name, content in _PLAIN.items()
        ]
        how = draw.random()
        if how < 0.4:
            members_damaged(members, draw)
        archive = packed(members, draw, align=1)
        if 0.35 < how < 0.75:
            return fields_damaged(archive, draw)
        return damaged(archive, draw, (b"PK\1\2", b"PK\3\4", b"PK\5\6")) if how > 0.7 else archive

    def ready(self, content: bytes, draw: random.Random) -> Callable[[], str]:
        """Return what opens the member and reads it to its end."""
        self._path.write_bytes(content)
        if content[:1] == b"P" or (content[:1] != b"\x1f" and draw.random() < 0.5):
            return lambda: self._read(
                wheel.open_member(self._path, MEMBER, size=len(CONTENT)), draw
            )
        opened = tarball.open_member(self._path, MEMBER, size=len(CONTENT), what="npm:x")
        return lambda: self._read(opened, draw)

    def _read(self, opened: Any, draw: random.Random) -> str:
        step = draw.choice((1, 100, 1 << 16, -1))
        got = 0
        try:
            with opened as stream:
                # The cache stops at the size of the index; a stream need not end before.
                while got <= len(CONTENT) and (part := stream.read(step)):
                    got += len(part)
        except HubError as error:
            return refused(error)
        assert got <= max(2 * len(CONTENT), step), f"{got} bytes came"
        return ACCEPTED
