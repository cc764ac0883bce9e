"""The typed errors of weft.io, and how text out of an untrusted file is shown in them."""

from __future__ import annotations

import difflib
import reprlib
from collections.abc import Iterable
from typing import TypeAlias

__all__ = [
    "FormatError",
    "MissingTensorError",
    "Part",
    "UnsafeCheckpointError",
    "WeightsError",
    "Where",
    "shown",
]

#: A place in a file. Its text, by `str` or in an f-string, says where; places that are many make
#: theirs only when a message needs it.
Where: TypeAlias = object


class WeightsError(ValueError):
    """A file of weights could not be read or written; the base of every error of weft.io."""


class FormatError(WeightsError):
    """A file breaks its format's rules, is cut short, or is of another format or version."""


class UnsafeCheckpointError(WeightsError):
    """A file asks for something that could harm the reader: code, a path outside, a bomb.

    Nothing of it was executed, extracted or written when this is raised.
    """


class MissingTensorError(WeightsError, KeyError):
    """A file holds no tensor of the name that was asked for."""

    def __str__(self) -> str:
        """Return the sentence itself; KeyError would show its repr."""
        return str(self.args[0])

    @classmethod
    def of(cls, name: object, names: Iterable[str], origin: str) -> MissingTensorError:
        """Make the error for `name`, with the nearest of the file's own `names`."""
        known = list(names)
        near = difflib.get_close_matches(name, known, n=1) if isinstance(name, str) else []
        if near:
            hint = f"the nearest name is {shown(near[0])}"
        else:
            hint = "keys() lists them all"
        return cls(f"{origin}: no tensor named {shown(name)} among {len(known)}; {hint}")


class Part:
    """A named part of a place: `Part(place, "tensor", "w")` reads as `place: tensor 'w'`."""

    __slots__ = ("_kind", "_name", "_place")

    def __init__(self, place: Where, kind: str, name: str) -> None:
        self._place = place
        self._kind = kind
        self._name = name

    def __str__(self) -> str:
        return f"{self._place}: {self._kind} {shown(self._name)}"


def shown(value: object, limit: int = 100) -> str:
    """Return repr(value) fit for a message: printable, one line, at most `limit` characters.

    Names come out of untrusted files; a raw one could carry terminal escapes or a megabyte.
    """
    if isinstance(value, str | bytes):
        text = ascii(value[:limit])  # cut first: ascii would escape the whole of it
    else:
        text = _BRIEF.repr(value).encode("ascii", "backslashreplace").decode()
    return text if len(text) <= limit else f"{text[: limit - 3]}..."


_BRIEF = reprlib.Repr()  # stops at a depth and a length: a file's own nesting must not
_BRIEF.maxlevel = 3
_BRIEF.maxlist = _BRIEF.maxtuple = _BRIEF.maxdict = 8
_BRIEF.maxlong = 60
