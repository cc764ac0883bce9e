"""The files of an entry under their own names: links in a folder of its snapshot.

Links of a new snapshot are made while the files still come, so that thousands of them cost no time
of their own: in a folder under `tmp/`, which gets its name in one step when all is there.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from weft_hub._files.digest import sha256_of
from weft_hub._files.whole_file import write_whole
from weft_hub.card import Card, File
from weft_hub.errors import CacheError

if TYPE_CHECKING:
    from weft_hub.cache._store import Cache


_STALE_S = 24 * 3600


class Links:
    """The snapshot of `card` in `cache`, as it is made."""

    def __init__(self, cache: Cache, card: Card) -> None:
        names = "\n".join(sorted(f"{file.sha256} {file.name}" for file in card.files))
        self._key = hashlib.sha256(names.encode()).hexdigest()
        self._label = f"{card.version}-{self._key[:12]}"
        self._cache, self._card = cache, card
        self._parts = ("snapshots", *card.name.split("/"), self._label)
        self.folder = cache.root.joinpath(*self._parts)
        self._target = os.path.relpath(cache.blobs, self.folder)
        self._ahead: Path | None = None
        self._made: set[str] = set()

    def add(self, file: File) -> None:
        """Link a file ahead of the others; what cannot be done now is left to `finish`."""
        with contextlib.suppress(OSError, CacheError):
            if self._ahead is None:
                if self.folder.exists():
                    return
                self._ahead = self._new_folder()
            os.symlink(f"{self._target}/{file.sha256}", f"{self._ahead}/{file.name}")
            self._made.add(file.name)

    def _new_folder(self) -> Path:
        """Make a folder for links, and remove what killed processes left of the same ones."""
        parent, begin = self._cache.folder("tmp"), f"links-{self._key[:16]}-"
        for name in os.listdir(parent):
            left = parent / name
            if name.startswith(begin) and time.time() - left.stat().st_mtime > _STALE_S:
                shutil.rmtree(left, ignore_errors=True)
        made = parent / f"{begin}{secrets.token_hex(8)}"
        made.mkdir()
        return made

    def finish(self) -> Path:
        """Have all files in the folder, whose blobs are all there, and let the ref name it.

        Raises:
            CacheError: the cache cannot be written.
        """
        cache, (space, name) = self._cache, self._card.name.split("/")
        if self._ahead is not None:
            for file in self._card.files:
                if file.name not in self._made:
                    self.add(file)
            cache.folder("snapshots", space, name)
            try:
                os.rename(self._ahead, self.folder)
            except OSError:  # another process was faster
                self._made.clear()
        folder = cache.folder(*self._parts)
        try:
            self._link_all()
            ref = cache.folder("refs", space) / name
            if not ref.is_file() or ref.read_text("utf-8").strip() != self._label:
                write_whole(ref, f"{self._label}\n".encode())
        except OSError as error:
            raise cache.unusable("write", error) from error
        return folder

    def end(self) -> None:
        """Remove what `add` made and `finish` did not name."""
        if self._ahead is not None:
            shutil.rmtree(self._ahead, ignore_errors=True)

    def _link_all(self) -> None:
        """Link what is not linked yet; whoever changes a link changes the folder."""
        verified, seen = self._cache.verified, None
        if verified is not None:
            if verified.holds(self.folder, self._key):
                return
            seen = verified.look(self.folder)
        links = [self._link(file) for file in self._card.files if file.name not in self._made]
        if verified is not None and seen is not None and all(links):
            verified.note(self.folder, self._key, seen)

    def _link(self, file: File) -> bool:
        """Have the bytes of `file` in the folder: by a relative link, a second name, or a copy.

        Returns:
            Whether it is a link.
        """
        name, target = f"{self.folder}/{file.name}", f"{self._target}/{file.sha256}"
        with contextlib.suppress(OSError):  # something else is there, or there are no links
            try:
                os.symlink(target, name)
                return True
            except FileExistsError:
                if os.readlink(name) == target:
                    return True
        path, blob = self.folder / file.name, self._cache.blob(file.sha256)
        if _holds(path, blob, file.sha256):
            return False
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        try:
            temporary.symlink_to(target)
        except OSError:  # a disk or a user without links
            try:
                os.link(blob, temporary)
            except OSError:
                shutil.copyfile(blob, temporary)
        os.replace(temporary, path)
        return False


@contextlib.contextmanager
def linking(cache: Cache, card: Card) -> Iterator[Links]:
    """Give the snapshot of `card` to be made; what an error leaves of it is removed."""
    links = Links(cache, card)
    try:
        yield links
    finally:
        links.end()


def _holds(path: Path, blob: Path, sha256: str) -> bool:
    """Whether `path`, which is no right link, is another name of `blob` or a copy of it."""
    try:
        return not os.path.islink(path) and (path.samefile(blob) or sha256_of(path) == sha256)
    except OSError:
        return False
