"""Where in the user's code a call comes from: weft's own frames are left out."""

from __future__ import annotations

import linecache
import sys
from types import FrameType


class Site:
    """A line of somebody's code.

    Attributes:
        filename: the file, as the code object names it.
        line: the line's number, from 1.
        function: the function that the line is in.
    """

    __slots__ = ("filename", "function", "line")

    def __init__(self, filename: str, line: int, function: str) -> None:
        self.filename, self.line, self.function = filename, line, function

    @property
    def text(self) -> str:
        """The line's source; empty where it cannot be read."""
        return linecache.getline(self.filename, self.line).strip()

    def __str__(self) -> str:
        text = self.text
        where = f"{self.filename}:{self.line}, in {self.function}"
        return f"{where}: {text}" if text else where

    def __repr__(self) -> str:
        return f"<{self}>"


def site_of(frame: FrameType) -> Site:
    """Return the line that a frame is at."""
    return Site(frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name)


def is_ours(frame: FrameType) -> bool:
    """Whether a frame runs weft's own code."""
    name = frame.f_globals.get("__name__", "")
    if name == "weft" or str(name).startswith("weft."):
        return True
    return frame.f_code.co_filename.startswith("<weft public")


def user_frame(frame: FrameType | None = None) -> FrameType | None:
    """Return the innermost frame of the user's code, from ``frame`` or from the caller up."""
    at = sys._getframe(1) if frame is None else frame
    while at is not None and is_ours(at):
        at = at.f_back  # type: ignore[assignment]  # None ends the loop
    return at


def user_site(frame: FrameType | None = None) -> Site | None:
    """Return the user's line that a call comes from; None where no user's code is running."""
    found = user_frame(sys._getframe(1) if frame is None else frame)
    return None if found is None else site_of(found)
