"""Which blobs the repositories without an entry are made of, by the listings that are kept of them.

repositories/<owner>/<name>/<commit>.json    the files of one commit with their digests
repositories/<owner>/<name>/refs/<revision>  the commit that a branch or tag was last seen at
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_MOST_BYTES = 64 << 20


@dataclass(frozen=True)
class Listed:
    """One commit of a repository: its listing, what it is called, and each file's digest."""

    path: Path
    name: str
    files: dict[str, str]


def listings(root: Path) -> Iterator[Listed]:
    """Yield what the cache in `root` knows of each commit, by name; what cannot be read is not."""
    for path in sorted((root / "repositories").glob("*/*/*.json")):
        try:
            if path.stat().st_size > _MOST_BYTES:
                continue
            files = {
                str(one["path"]): str(one["sha256"])
                for one in json.loads(path.read_bytes())["files"]
                if one["sha256"] is not None
            }
        except (OSError, ValueError, TypeError, KeyError, RecursionError):
            continue
        yield Listed(path, f"hf:{path.parent.parent.name}/{path.parent.name}@{path.stem}", files)


def forget_listing(path: Path) -> None:
    """Remove a listing, with the names of branches that led to it, and folders that are empty then.

    Raises:
        OSError: it cannot be removed.
    """
    folder = path.parent
    for ref in (folder / "refs").glob("*"):
        with contextlib.suppress(ValueError):
            if ref.read_text("ascii").strip() == path.stem:
                ref.unlink()
    path.unlink(missing_ok=True)
    for empty in (folder / "refs", folder, folder.parent):
        with contextlib.suppress(OSError):
            empty.rmdir()
