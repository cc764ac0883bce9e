"""Forbid things for the time of a block: sockets, new processes, the powers of root."""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from collections.abc import Iterator

_banned: dict[str, list[str]] = {}
_SOCKETS = ("socket.__new__", "socket.connect", "socket.getaddrinfo", "socket.bind")
_PROCESSES = ("subprocess.Popen", "os.system", "os.exec", "os.fork", "os.posix_spawn", "pty.spawn")


def _hook(event: str, arguments: tuple[object, ...]) -> None:
    seen = _banned.get(event)
    if seen is not None:
        seen.append(event)
        raise AssertionError(f"{event} is banned here, but was raised with {arguments!r}")


sys.addaudithook(_hook)  # an audit hook cannot be removed: this one is idle outside a ban


@contextlib.contextmanager
def no_sockets_and_no_processes() -> Iterator[list[str]]:
    """Forbid every socket and every new process; also yields what was tried."""
    tried: list[str] = []
    _banned.update(dict.fromkeys(_SOCKETS + _PROCESSES, tried))
    try:
        yield tried
    finally:
        _banned.clear()
    assert tried == []


@contextlib.contextmanager
def no_powers_over_files() -> Iterator[None]:
    """Let the permissions of files bind this thread, also when it is root's (Linux)."""
    if os.name != "posix" or os.geteuid() != 0:
        yield
        return
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # version 3, this thread
    before, after = (ctypes.c_uint32 * 6)(), (ctypes.c_uint32 * 6)()
    assert libc.capget(header, before) == 0, os.strerror(ctypes.get_errno())
    ctypes.memmove(after, before, ctypes.sizeof(before))
    after[0] &= ~0b1110  # the effective DAC_OVERRIDE, DAC_READ_SEARCH and FOWNER
    assert libc.capset(header, after) == 0, os.strerror(ctypes.get_errno())
    try:
        yield
    finally:
        assert libc.capset(header, before) == 0, os.strerror(ctypes.get_errno())
