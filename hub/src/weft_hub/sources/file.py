"""`file:` sources: a path on this machine or on a mounted disk.

Two spellings: `file:weights.safetensors` is relative to the folder of the index entry and may not
leave it; `file:///data/weights.safetensors` is absolute.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from weft_hub.errors import SourceError
from weft_hub.progress import Step
from weft_hub.sources.base import Fetch, Readable

_PART = r"[A-Za-z0-9_-][A-Za-z0-9._-]*"
_PLAIN = re.compile(rf"file:{_PART}(?:/{_PART})*")  # as nearly all are, of which there may be many


class FileSource:
    """Opens a regular file; opens no socket, so it works offline."""

    scheme = "file"
    needs_network = False

    def check(self, uri: str) -> str | None:
        """Return what is wrong with the spelling of `uri`, or None."""
        if _PLAIN.fullmatch(uri):
            return None
        parts = urlsplit(uri)
        path = unquote(parts.path)
        if parts.netloc not in ("", "localhost"):
            return f"{uri!r} names the host {parts.netloc!r}; a file: source is on this machine"
        if parts.query or parts.fragment or not path or "\0" in path:
            return f"{uri!r} is not file:RELATIVE/PATH or file:///ABSOLUTE/PATH"
        pure = PurePosixPath(path)
        if not pure.is_absolute() and (".." in pure.parts or "\\" in path):
            return f"{uri!r} leaves the folder of its entry; write the absolute path as file:///..."
        return None

    @contextmanager
    def open(self, uri: str, fetch: Fetch) -> Iterator[Readable]:
        """Open the file that `uri` names."""
        wrong = self.check(uri)
        if wrong:
            raise SourceError(wrong)
        path = self._path(uri, fetch.folder)
        try:
            # Opening a named pipe would block for ever, so look before opening.
            if not stat.S_ISREG(path.stat().st_mode):
                raise SourceError(f"{uri}: {path} is not a regular file")
            stream = path.open("rb")
        except OSError as error:
            raise SourceError(f"{uri}: cannot read {path}: {error.strerror or error}") from error
        with stream:
            fetch.progress(Step("download", fetch.file.name, 0, fetch.file.size, uri))
            yield stream

    def _path(self, uri: str, folder: Path) -> Path:
        path = unquote(urlsplit(uri).path)
        if path.startswith("/"):
            from urllib.request import url2pathname  # slow to import, and only needed here

            return Path(url2pathname(urlsplit(uri).path))
        return folder / path
