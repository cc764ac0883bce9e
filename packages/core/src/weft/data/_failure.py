"""What went wrong in a worker, as the loader's process raises it."""

from __future__ import annotations

import pickle
import signal
import traceback
from typing import Any

#: What those who kill by this signal usually want to say.
_HINTS = {
    "SIGKILL": "the system kills so when memory runs out",
    "SIGBUS": "so dies who touches shared memory or a mapped file that is not there",
    "SIGSEGV": "a library that the data set uses has crashed",
}


class Failure:
    """An exception raised in a worker, as it travels.

    Args:
        error: the exception.
        where: which worker, and what it was doing, in one clause.
    """

    def __init__(self, error: BaseException, where: str) -> None:
        self.where = where
        self.kind = type(error).__name__
        self.message = str(error)
        self.text = "".join(traceback.format_exception(error)).rstrip()
        try:
            self.pickled = pickle.dumps(error)
            # StopIteration would end the loop over the loader without a word
            if type(pickle.loads(self.pickled)) is not type(error) or self.kind == "StopIteration":
                self.pickled = b""
        except Exception:  # exceptions may hold anything, and their classes be made anywhere
            self.pickled = b""

    def error(self) -> BaseException:
        """Return the exception, with a note of where it was raised and the traceback there."""
        error: Any = None
        if self.pickled:
            try:
                error = pickle.loads(self.pickled)
            except Exception:  # its class is not to be had in this process
                error = None
        if error is None:
            error = RuntimeError(f"{self.kind}: {self.message}")
        error.add_note(f"It was raised {self.where}:\n{self.text}")
        return error


def death(
    number: int, pid: int | None, code: int | None, what: str, started_by: str = ""
) -> RuntimeError:
    """Return the error for a worker that ended by itself.

    Args:
        number: the worker's.
        pid: its process.
        code: its exit code; the negative number of a signal.
        what: what it had to do, in one clause.
        started_by: multiprocessing's start method, if the worker never answered.
    """
    who = f"DataLoader: worker {number} (pid {pid})"
    if code is not None and code < 0:
        try:
            name = signal.Signals(-code).name
        except ValueError:
            name = f"signal {-code}"
        hint = f"; {_HINTS[name]}" if name in _HINTS else ""
        return RuntimeError(f"{who} was killed by {name} {what}{hint}")
    if started_by in {"spawn", "forkserver"}:
        return RuntimeError(
            f"{who} ended with exit code {code} before its first batch, and standard error has "
            f"what it wrote; {started_by!r} imports the main program anew, so what "
            f'runs a loader belongs under `if __name__ == "__main__":` there'
        )
    return RuntimeError(
        f"{who} ended with exit code {code} {what}; something there called sys.exit or os._exit, "
        f"or its start failed (see what it wrote to standard error)"
    )


def shown(indices: Any) -> str:
    """Return indices for a message, not too many of them."""
    text = repr(indices)
    return text if len(text) <= 60 else f"{text[:50]}...{text[-1]}"
