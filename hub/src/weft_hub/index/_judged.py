"""Entries that this user's hub has judged before, so that a long one need not be judged again.

Reading and judging an entry of thousands of files takes longer than anything else that a load from
the cache does. What was accepted is kept in the folder where verified files are noted, which only
the user can write, under a digest of everything that the judgement came from: both texts, whatever
else is asked about, and the very code that judges. Whatever is strange about what was kept, and
whatever would give another card, is not used: the entry is judged.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import stat
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

from weft_hub._files.identity import only_we_write
from weft_hub._files.whole_file import write_whole
from weft_hub.card import Card, File
from weft_hub.index._shelves import Texts

LEAST_CHARACTERS = 20_000
"""A shorter entry is judged in a few milliseconds."""
_MOST_KEPT = 32
_MOST_BYTES = 8 << 20
_recent: dict[tuple[str, Path | None], Card] = {}  # in this process


class Judged:
    """What was judged, kept in the folder `root`; None to keep nothing."""

    def __init__(self, root: Path | None) -> None:
        self._root = root if os.name == "posix" else None  # only there a mode says who may write

    def card(self, texts: Texts, name: str, judge: Callable[[Texts, str], Card]) -> Card:
        """Return the entry of these texts, which `judge` gives where nothing is kept.

        Raises:
            RegistryError: `judge` raises it.
        """
        code = _code() if len(texts.toml) >= LEAST_CHARACTERS else None
        if self._root is None or code is None or texts.problems:
            return judge(texts, name)
        key = _key(code, texts, name)
        card = _recent.get((key, texts.folder)) or self._kept(key, texts)
        if card is None:
            card = judge(texts, name)
            with contextlib.suppress(OSError, TypeError, ValueError):  # then it is judged each time
                self._keep(key, texts, card)
        while len(_recent) >= _MOST_KEPT:
            _recent.pop(next(iter(_recent)), None)
        _recent[key, texts.folder] = card
        return card

    def _kept(self, key: str, texts: Texts) -> Card | None:
        path = f"{self._root}/{key}.json"
        try:
            handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            with os.fdopen(handle, "rb") as stream:
                status = os.fstat(handle)
                if not stat.S_ISREG(status.st_mode) or status.st_size > _MOST_BYTES:
                    return None
                if not only_we_write(status):
                    return None
                data = stream.read()
            return _restored(data, texts)
        except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return None

    def _keep(self, key: str, texts: Texts, card: Card) -> None:
        data = {**card.as_data(), "text": "", "files": []}
        columns = list(zip(*card.files, strict=True))  # read twice as fast as one row for each file
        written = json.dumps({"card": data, "files": columns}).encode("ascii")
        written = hashlib.sha256(written).hexdigest().encode("ascii") + b"\n" + written
        if _restored(written, texts) != card or len(written) > _MOST_BYTES:
            return  # it has what JSON does not: it is judged each time
        assert self._root is not None
        self._root.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not only_we_write(self._root.stat()):
            return
        others = sorted(self._root.glob("*.json"), key=lambda path: path.stat().st_mtime_ns)
        for old in others[: max(len(others) - _MOST_KEPT + 1, 0)]:
            old.unlink(missing_ok=True)
        write_whole(self._root / f"{key}.json", written)


def _restored(data: bytes, texts: Texts) -> Card:
    digest, _, written = data.partition(b"\n")
    if hashlib.sha256(written).hexdigest().encode("ascii") != digest:
        raise ValueError("it is damaged")
    kept = json.loads(written)
    *columns, sources = kept["files"]
    files = map(File._make, zip(*columns, map(tuple, sources), strict=True))
    card = Card.from_data(kept["card"], text=texts.card, folder=texts.folder or Path(os.devnull))
    return dataclasses.replace(card, files=tuple(files))


def _key(code: str, texts: Texts, name: str) -> str:
    digest = hashlib.sha256()
    for part in (code, name, texts.base or "", texts.toml, texts.card):
        raw = part.encode("utf-8", "surrogatepass")
        digest.update(b"%d\n" % len(raw))
        digest.update(raw)
    return digest.hexdigest()


@cache
def _code() -> str | None:
    """Return what changes when the code that judges does: as Python sees that it must compile anew.

    None where the code is not in files.
    """
    import packaging  # judges licences

    here = os.path.dirname(__file__)
    package = os.path.dirname(here)
    said = []
    try:
        for folder in (here, f"{package}/_texts", f"{package}/sources", package):
            with os.scandir(folder) as files:
                for file in files:
                    if file.name.endswith((".py", ".json")):
                        status = file.stat()
                        said.append((file.path, status.st_mtime_ns, status.st_size))
    except OSError:
        return None
    return f"{sys.version} {packaging.__version__} {sorted(said)}"
