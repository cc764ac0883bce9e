"""Sizes and ages as people write them: `20GB`, `1.5 GiB`, `30d`."""

from __future__ import annotations

import math
import re

_SIZES: dict[str, int] = {
    "": 1,
    "B": 1,
    **{f"{letter}B": int(1000**power) for power, letter in enumerate("KMGT", 1)},
    **{f"{letter}IB": int(1024**power) for power, letter in enumerate("KMGT", 1)},
}
_AGES_S = {"s": 1, "min": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_NUMBER = re.compile(r"\s*([0-9]{1,15}(?:\.[0-9]{1,15})?)\s*([A-Za-z]*)\s*", re.ASCII)


def parse_size(text: str) -> int:
    """Return a number of bytes: `20GB` is 20 × 1000³, `20GiB` 20 × 1024³, `512` 512.

    Raises:
        ValueError: with what was required and what came.
    """
    number, unit = _split(text, "a size such as 500MB, 20GB or 1.5GiB")
    if unit.upper() not in _SIZES:
        raise ValueError(f"must be a size such as 500MB, 20GB or 1.5GiB, but is {text!r}")
    return math.floor(number * _SIZES[unit.upper()])


def parse_age(text: str) -> float:
    """Return a number of seconds: `90s`, `10min`, `12h`, `30d` or `2w`.

    Raises:
        ValueError: with what was required and what came.
    """
    number, unit = _split(text, "an age such as 12h, 30d or 2w")
    if unit.lower() not in _AGES_S:
        raise ValueError(f"must be an age such as 12h, 30d or 2w, but is {text!r}")
    return number * _AGES_S[unit.lower()]


def show_size(count: int) -> str:
    """Return a number of bytes as a person reads it, such as `13.6 MiB`."""
    size = float(count)
    for unit in ("B", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} GiB"


def show_files(count: int) -> str:
    """Return a number of files in words, such as `1 file`."""
    return f"{count} file" if count == 1 else f"{count} files"


def _split(text: str, wanted: str) -> tuple[float, str]:
    match = _NUMBER.fullmatch(text)
    if match is None:
        raise ValueError(f"must be {wanted}, but is {text!r}")
    return float(match[1]), match[2]
