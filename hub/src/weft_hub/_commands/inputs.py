"""What `weft-hub run` is pointed at: files, folders, and standard input as a file.

Only regular files reach a task. A named pipe without a writer would block for ever and a device may
never end, so both are refused before they are opened; a stream comes through standard input, which
is read up to a limit.
"""

from __future__ import annotations

import contextlib
import os
import stat
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from weft_hub._texts.quantities import show_size
from weft_hub.errors import HubError

STANDARD_INPUT = "-"
MAX_STANDARD_INPUT = 1 << 30
_CHUNK = 1 << 20
_KINDS = (
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISSOCK, "a socket"),
)


class InputError(HubError, ValueError):
    """A path that `weft-hub run` was given cannot be an input."""


@dataclass(frozen=True)
class Input:
    """One input: `name` as the user knows it, `path` of a regular file, or why there is none."""

    name: str
    path: Path
    wrong: str | None = None


def require_inputs(paths: Sequence[str], endings: Sequence[str], task: str) -> None:
    """Refuse what cannot be an input, before anything is downloaded; reads nothing.

    Raises:
        InputError: there is nothing at a path, it is no file and no folder, or a folder is given
            for a task whose files nobody can tell by their names.
    """
    if paths.count(STANDARD_INPUT) > 1:
        raise InputError("`-`, standard input, can be given only once")
    for text in paths:
        if text == STANDARD_INPUT:
            if sys.stdin is None:
                raise InputError("standard input is closed")
            continue
        path = Path(text)
        try:
            mode = path.stat().st_mode
        except FileNotFoundError as error:
            raise InputError(f"there is no file {text}") from error
        except (OSError, ValueError) as error:  # the latter: a null character
            why = getattr(error, "strerror", None) or error
            raise InputError(f"{text}: {why}") from error
        if stat.S_ISDIR(mode):
            if not endings:
                raise InputError(
                    f"{text} is a folder; a file is required: the task {task} does not say by "
                    "which endings its files are known"
                )
        elif not stat.S_ISREG(mode):
            kind = next((kind for test, kind in _KINDS if test(mode)), "no file")
            raise InputError(
                f"{text} is {kind}; a regular file or a folder is required (a stream can be given "
                "as standard input, `-`)"
            )


@contextlib.contextmanager
def inputs_of(paths: Sequence[str], endings: Sequence[str]) -> Iterator[Iterator[Input]]:
    """Yield the inputs one by one: folders recursively and in the order of their names."""
    with contextlib.ExitStack() as stack:

        def each() -> Iterator[Input]:
            for text in paths:
                if text == STANDARD_INPUT:
                    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
                    yield _standard_input(folder / "standard-input")
                elif Path(text).is_dir():
                    yield from _files_below(Path(text), endings)
                else:
                    yield Input(text, Path(text))

        yield each()


def _files_below(folder: Path, endings: Sequence[str]) -> Iterator[Input]:
    refused: list[OSError] = []
    found = False
    for parent, folders, names in os.walk(folder, onerror=refused.append):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if name.startswith(".") or not name.lower().endswith(tuple(endings)):
                continue
            path = Path(parent, name)
            found = True
            if path.is_file():
                yield Input(str(path), path)
            else:
                yield Input(str(path), path, f"{path} is no regular file")
        while refused:
            error = refused.pop()
            where = str(error.filename)
            yield Input(where, Path(where), f"{where}: {error.strerror}")
            found = True
    if not found:
        known = ", ".join(endings)
        yield Input(str(folder), folder, f"{folder} holds no file that ends in {known}")


def _standard_input(path: Path) -> Input:
    """Write standard input to the file `path`: every task takes a file."""
    name = "standard input"
    stream = sys.stdin.buffer
    done = 0
    with path.open("xb") as out:
        while chunk := stream.read(min(_CHUNK, MAX_STANDARD_INPUT - done + 1)):
            done += len(chunk)
            if done > MAX_STANDARD_INPUT:
                limit = show_size(MAX_STANDARD_INPUT)
                return Input(name, path, f"{name} has more than {limit}; a file has no such limit")
            out.write(chunk)
    if not done:
        return Input(name, path, f"{name} is empty")
    return Input(name, path)
