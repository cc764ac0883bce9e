"""Suggest the nearest name for one that was misspelt."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_MOST = 200
"""No name is longer; comparing takes time that grows with the length."""


def nearest(name: str, known: Iterable[str], *, count: int = 3) -> tuple[str, ...]:
    """Return up to `count` of the `known` names that look like `name`, the likest first.

    The part after the last slash is compared too, so that `mobilnet` finds
    `vision/mobilenet-v2`; case and the characters `-`, `_` and `.` make no difference.
    """
    if len(name) > _MOST:
        return ()
    wanted = _plain(name)
    scores: dict[str, float] = {}
    for candidate in known:
        if len(candidate) > _MOST:
            continue
        whole = _plain(candidate)
        forms = (whole, whole.rpartition("/")[2])
        score = max(_likeness(wanted, form) for form in forms)
        if wanted.rpartition("/")[2] == forms[1]:
            score = 1.0
        if score >= 0.6:
            scores[candidate] = score
    return tuple(sorted(scores, key=lambda n: (-scores[n], n))[:count])


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return `did you mean 'a' or 'b'?`, or an empty string when nothing is near."""
    found = nearest(name, known)
    return f"did you mean {' or '.join(map(repr, found))}?" if found else ""


def _plain(name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-")


def _likeness(a: str, b: str) -> float:
    if len(a) >= 4 and b.startswith(a):
        return 0.95
    return difflib.SequenceMatcher(None, a, b).ratio()
