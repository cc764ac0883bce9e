"""Writing a file so that its name never stands for half of it, whatever ends the writing."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import shutil
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from ._flowing import FlowingFile

if sys.platform != "win32":
    import fcntl

__all__ = ["clear_leftovers", "flush_folder", "written_atomically"]

# What a system or file system answers that has no files without a name.
_NO_NAMELESS = (errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL, errno.ENOSYS, errno.EPERM)


@contextlib.contextmanager
def written_atomically(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Open a file that takes the name `path` only once all of it is on the disk.

    What is written is flushed to the disk and then put in the place of an older file in one step:
    whoever reads meanwhile, or has it mapped, sees the old one whole. If the body raises, or the
    disk is full, `path` is as it was and nothing is left beside it. If the process is killed, the
    system itself drops the unfinished file, which has no name until it is whole; where files
    without a name are not to be had, the next write of `path` removes what was left. A link at
    `path` is followed, as `open` does.

    Raises:
        OSError: with `path` in it: the disk is full, the folder is absent or may not be written
            to, or `path` is there and no regular file (whose place a file must not take).
    """
    target = Path(os.path.realpath(path))
    _require_replaceable(target)
    clear_leftovers(target)
    try:
        descriptor, name = _open_unfinished(target)
    except OSError as error:
        raise _with_path(error, target) from error
    try:
        with FlowingFile(descriptor) as file:
            yield file
            file.flush()
            os.fsync(descriptor)
            if name is None:
                name = _named(descriptor, target)
            if sys.platform != "win32":
                os.replace(name, target)  # while the lock is held
        if sys.platform == "win32":
            os.replace(name, target)  # an open file cannot be renamed there
    except BaseException as error:
        if name is not None:
            with contextlib.suppress(OSError):
                os.unlink(name)
        if isinstance(error, OSError) and error.filename is None and error.errno is not None:
            raise _with_path(error, target) from error
        raise
    flush_folder(target.parent)


def clear_leftovers(target: Path) -> None:
    """Remove unfinished files that writers of `target` left when they were killed.

    A writer that still runs holds a lock on its file, and keeps it.
    """
    leftover = re.compile(re.escape(f".{target.name[:100]}.") + r"[0-9a-f]{16}\.partial")
    with contextlib.suppress(OSError), os.scandir(target.parent) as entries:
        for entry in entries:
            if leftover.fullmatch(entry.name):
                with contextlib.suppress(OSError):
                    _remove_unless_locked(entry.path)


def flush_folder(folder: Path) -> None:
    """Make a rename itself outlive a power cut, where the system lets a folder be opened."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return  # Windows: folders cannot be opened, and renames are journalled
    try:
        with contextlib.suppress(OSError):  # some network file systems refuse to flush a folder
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _require_replaceable(target: Path) -> None:
    """Refuse to put a file in the place of a folder, a device or a pipe."""
    try:
        mode = os.stat(target).st_mode
    except OSError:
        return  # absent; whatever else is wrong with it, opening it says
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, "a file was to be written, but a folder", str(target))
    if not stat.S_ISREG(mode):
        raise OSError(
            errno.EINVAL,
            "a file would take the place of a device or pipe; open it and pass the file object",
            str(target),
        )


def _open_unfinished(target: Path) -> tuple[int, Path | None]:
    """Open a file in the target's folder, without a name where that can be had."""
    if hasattr(os, "O_TMPFILE"):
        try:
            # 0o666: as `open` has it, less the umask; tempfile's would be the owner's alone.
            descriptor = os.open(target.parent, os.O_RDWR | os.O_TMPFILE, 0o666)
        except OSError as error:
            if error.errno not in _NO_NAMELESS:
                raise
        else:
            if os.path.exists(f"/proc/self/fd/{descriptor}"):  # the way to name it later
                return descriptor, None
            os.close(descriptor)
    return _open_named(target)


def _open_named(target: Path) -> tuple[int, Path]:
    """Open a file under an unfinished name, and lock it for as long as it is written."""
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    while True:
        name = _unfinished_name(target)
        descriptor = os.open(name, flags, 0o666)
        if sys.platform == "win32" or _locked(descriptor, name):
            return descriptor, name
        os.close(descriptor)  # another writer took it for a leftover in the moment before the lock


def _unfinished_name(target: Path) -> Path:
    return target.with_name(f".{target.name[:100]}.{secrets.token_hex(8)}.partial")


def _named(descriptor: int, target: Path) -> Path:
    """Give a file without a name an unfinished one, so that it can be renamed."""
    name = _unfinished_name(target)
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        # With a folder's descriptor Python calls linkat, which follows the link of /proc.
        os.link(f"/proc/self/fd/{descriptor}", name, src_dir_fd=folder, follow_symlinks=True)
    except OSError:
        other, name = _open_named(target)  # a system that forbids it: the bytes are copied
        with open(descriptor, "rb", closefd=False) as source, open(other, "wb") as copy:
            source.seek(0)
            shutil.copyfileobj(source, copy, 1 << 20)
            copy.flush()
            os.fsync(other)
    finally:
        os.close(folder)
    return name


def _with_path(error: OSError, target: Path) -> OSError:
    """Return the system's error with the file's name, which an error of writing lacks."""
    said = error.strerror or str(error)
    return OSError(error.errno, f"{said} (what stood here before is as it was)", str(target))


if sys.platform == "win32":

    def _remove_unless_locked(path: str) -> None:
        os.unlink(path)  # refused by the system while a writer has it open

else:

    def _locked(descriptor: int, name: Path) -> bool:
        """Lock a new file; say whether it still has its name."""
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:
            return True  # a file system without locks
        try:
            return os.path.samestat(os.fstat(descriptor), os.stat(name))
        except FileNotFoundError:
            return False

    def _remove_unless_locked(path: str) -> None:
        descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)  # raises while one writes
            os.unlink(path)
        finally:
            os.close(descriptor)
