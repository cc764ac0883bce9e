"""A problem: what is wrong, where, and which rule says so."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing wrong with the data.

    Args:
        path: the file, relative to the repository, with forward slashes.
        line: the line in it, counted from 1; 0 where the whole file (or its absence) is meant.
        rule: the identifier of the rule that is broken.
        message: what was required, what is there and what to do.
    """

    path: str
    line: int
    rule: str
    message: str

    def __str__(self) -> str:
        where = f"{self.path}:{self.line}" if self.line else self.path
        return f"{where}: {self.rule}: {self.message}"


def nearest(word: str, known: Iterable[str]) -> str:
    """Return `; did you mean 'X'?` for the known word nearest to this one, or an empty string."""
    found = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"; did you mean {found[0]!r}?" if found else ""
