"""The files of a folder as they are signed: every one, in one order, links refused."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from weft_hub.signing._json import shown
from weft_hub.signing._statement import MOST_FILES, check_name
from weft_hub.signing.errors import SignedFilesError

IGNORED = (".git", ".gitattributes", ".github", ".gitignore")
"""What OpenSSF Model Signing leaves out at the top of a folder: it is about the copy."""

_MOST_DEPTH = 64


@dataclass(frozen=True)
class Tree:
    """What was found: `files` by their names from the folder, and which `ignored` paths exist."""

    files: dict[str, Path]
    ignored: tuple[str, ...]


def walk(root: Path, ignored: Collection[str]) -> Tree:
    """Find the files below `root`, or the file `root` itself, without following a link.

    Args:
        root: a folder or a file.
        ignored: paths from `root` that are left out, with everything below them.

    Raises:
        SignedFilesError: something below is a link, no regular file, or cannot be read, or there is
            too much of it.
        SignedNamesError: a file has a name that cannot be signed.
    """
    if not root.exists():
        raise SignedFilesError(f"there is no folder or file {root}")
    if not root.is_dir():
        return Tree({check_name(root.name, str(root)): root}, ())
    files: dict[str, Path] = {}
    left_out = []
    waiting = [("", root, 0)]
    while waiting:
        above, folder, depth = waiting.pop()
        try:
            entries = list(os.scandir(folder))
        except OSError as error:
            raise SignedFilesError(f"cannot read {folder}: {error.strerror or error}") from error
        for entry in entries:
            name = f"{above}{entry.name}"
            if name in ignored:
                left_out.append(name)
                continue
            check_name(name, str(root))
            if entry.is_symlink() or getattr(entry, "is_junction", bool)():
                raise SignedFilesError(
                    f"{root}: {shown(name)} is a link; what it leads to can change without the "
                    "signature noticing, so put the file itself there or ignore the link by name"
                )
            if entry.is_dir(follow_symlinks=False):
                if depth == _MOST_DEPTH:
                    raise SignedFilesError(f"{root}: {shown(name)} is over {depth} folders deep")
                waiting.append((f"{name}/", folder / entry.name, depth + 1))
            elif entry.is_file(follow_symlinks=False):
                files[name] = folder / entry.name
            else:
                raise SignedFilesError(f"{root}: {shown(name)} is neither a file nor a folder")
        if len(files) > MOST_FILES:
            raise SignedFilesError(f"{root} has more than {MOST_FILES} files")
    return Tree(dict(sorted(files.items())), tuple(sorted(left_out)))


def digest_of(path: Path, algorithm: str) -> str:
    """Return the digest of a regular file in hexadecimal digits.

    Raises:
        SignedFilesError: it cannot be read, or became a link or no regular file.
    """
    flags = os.O_RDONLY
    for name in ("O_BINARY", "O_CLOEXEC", "O_NOFOLLOW", "O_NONBLOCK"):  # as far as there are such
        flags |= getattr(os, name, 0)
    try:
        with os.fdopen(os.open(path, flags), "rb") as stream:
            if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
                raise SignedFilesError(f"{path} is not a regular file")
            return hashlib.file_digest(stream, algorithm).hexdigest()
    except OSError as error:
        raise SignedFilesError(f"cannot read {path}: {error.strerror or error}") from error
