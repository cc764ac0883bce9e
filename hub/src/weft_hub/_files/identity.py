"""What the system says of a file: while it stays the same, nobody has written to the file."""

from __future__ import annotations

import os
import stat
from typing import TypeAlias

Identity: TypeAlias = tuple[int, ...]


def identity_of(status: os.stat_result) -> Identity:
    """Return inode, size, and the times at which the content and anything else last changed.

    The last of them is set by the system alone: a program that gives a file its old time of change
    back gives it a new one of those.
    """
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def changed_ns(identity: Identity) -> tuple[int, ...]:
    """Return the times in it, in nanoseconds since 1970."""
    return identity[2:]


def only_we_write(status: os.stat_result) -> bool:
    """Whether only this user and the administrator may write to a file or folder."""
    others = stat.S_IMODE(status.st_mode) & 0o022
    return status.st_uid in (os.geteuid(), 0) and not others
