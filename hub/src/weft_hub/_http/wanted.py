"""A small file that is asked for together with others."""

from __future__ import annotations

from typing import Any, NamedTuple


class Wanted(NamedTuple):
    """A small file: what the caller calls it, where it is, and how many bytes it has.

    Attributes:
        key: what the caller calls it.
        url: the address.
        size: the bytes.
        hops: how many redirects led to this address.
        led_away: whether one of them led to another origin; then no token goes along any more.
    """

    key: Any
    url: str
    size: int
    hops: int = 0
    led_away: bool = False
