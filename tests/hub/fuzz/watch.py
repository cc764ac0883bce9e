"""Watches one case: its time, its memory, what it warns of, what it opens, starts and runs.

Time is that of the processor, so that a busy or a stopped machine makes no hang of a case.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import resource
import signal
import sys
import sysconfig
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

CASE_S = 5.0
"""A case that takes longer hangs."""
STUCK_S = 30
"""After so long Python does not even answer a signal: the process is ended, with its stack."""
CASE_BYTES = 256 << 20
"""A case that takes the process's memory higher by more is a bomb that went off."""
SPACE_BYTES = 1 << 30
"""How far a worker's address space may grow, in all its cases."""

_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_HARM = (
    "subprocess.", "socket.", "os.system", "os.exec", "os.fork", "os.posix_spawn", "os.spawn",
    "os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.link", "os.symlink", "os.truncate",
    "os.chmod", "os.chown", "os.putenv", "shutil.", "tempfile.", "pickle.", "marshal.loads",
    "ctypes.dlopen", "urllib.", "http.", "ftplib.", "pty.", "webbrowser.", "sys.settrace",
)  # fmt: skip
_CODE = tuple(
    str(Path(place).resolve())
    for place in (
        *(sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")),
        Path(__file__).parents[3],  # the repository, where the readers may lie too
    )
)


_WORDS = frozenset(b"False and or ( )b'")


class Hang(BaseException):
    """A case took longer than `CASE_S`; no `except Exception` of a reader holds it up."""


class Watch:
    """What came of the case that is running; one for each process."""

    def __init__(self) -> None:
        self._on = False
        self._broken: list[str] = []
        sys.addaudithook(self._hear)  # it cannot be removed: outside a case it is idle

    @classmethod
    @contextlib.contextmanager
    def of_this_process(cls) -> Iterator[Watch]:
        """Give a watch to the block, in which the signal of the timer is its own."""
        made = cls()
        before = signal.signal(signal.SIGPROF, made._hang)
        try:
            yield made
        finally:
            signal.signal(signal.SIGPROF, before)

    @contextlib.contextmanager
    def case(self) -> Iterator[list[str]]:
        """Watch the block, and fill the list that is given with what was not as it must be."""
        self._broken = []
        before = peak_bytes()
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            signal.setitimer(signal.ITIMER_PROF, CASE_S)
            self._on = True
            try:
                yield self._broken
            except Hang:
                self._broken.append(f"took over {CASE_S} s of the processor's time")
            finally:
                self._on = False
                signal.setitimer(signal.ITIMER_PROF, 0)
        grown = peak_bytes() - before
        if grown > CASE_BYTES:
            self._broken.append(f"took {grown >> 20} MiB of memory")
        self._broken += [f"warned: {one.category.__name__}: {one.message}" for one in warned]

    def _hang(self, *_: object) -> None:
        if self._on:
            raise Hang

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self._on:
            return
        wrong = None
        if event == "open":
            path, _, flags = arguments
            if isinstance(flags, int) and flags & _WRITES:
                wrong = f"opened {path!r} for writing"
        elif event in ("exec", "compile"):
            # A module that is imported late, by us or by the standard library, is no harm.
            name = arguments[0].co_filename if event == "exec" else arguments[1]
            name = os.fsdecode(name) if isinstance(name, bytes) else name
            if event == "compile" and name == "" and _is_of_licences(arguments[0]):
                return
            if isinstance(name, str) and not name.startswith((*_CODE, "<frozen", "<__array")):
                wrong = f"{event} of {name!r}"
        elif event.startswith(_HARM):
            if event == "marshal.loads" or (event == "ctypes.dlopen" and arguments[0] is None):
                return  # the bytes of a module that is imported; what runs is heard as exec
            wrong = f"{event} with {arguments!r}"[:300]
        if wrong is not None:
            self._broken.append(wrong)


def _is_of_licences(source: object) -> bool:
    """Whether this is how the packaging library parses an SPDX expression; it is not run."""
    return isinstance(source, str | bytes) and not set(bytes(str(source), "utf-8")) - _WORDS


def bound_this_process() -> None:
    """Bound how far the address space may grow, and end the process when Python is stuck."""
    with open("/proc/self/statm", "rb") as file:
        now = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + SPACE_BYTES, now + SPACE_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    faulthandler.enable()


def expect_an_answer() -> None:
    """Start anew to count the seconds after which this process is ended as stuck."""
    faulthandler.dump_traceback_later(STUCK_S, exit=True)


def peak_bytes() -> int:
    """Return the most memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
