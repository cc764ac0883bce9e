"""How fast a download goes, and so how many connections it is worth.

Where one connection already brings more than a server far away ever gives, it is processors that
are the bound: further connections take their time from hashing, and have the bytes arrive out of
order, so that hashing waits for them and the whole file waits for hashing.
"""

from __future__ import annotations

FAST_BYTES_PER_S = 400_000_000
ENOUGH_IF_FAST = 2
"""One brings bytes while the other asks for the next piece."""
_FIRST_LOOK_S, _LOOK_EVERY_S = 0.1, 1.0


class Pace:
    """Judges one download by the bytes that are there, looked at now and then.

    Args:
        most: the connections of one that is not fast.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._enough = min(ENOUGH_IF_FAST, most)
        self._worth = self._enough
        self._since: tuple[float, int] | None = None
        self._wait_s = _FIRST_LOOK_S

    def connections(self, there: int, now_s: float) -> int:
        """Return how many connections the download is worth.

        Args:
            there: the bytes that are there.
            now_s: the time, by a clock that only goes forward.
        """
        if self._since is None:
            self._since = now_s, there
        began_s, before = self._since
        took_s = now_s - began_s
        if took_s >= self._wait_s:
            fast = there - before >= FAST_BYTES_PER_S * took_s
            self._worth = self._enough if fast else self._most
            self._since, self._wait_s = (now_s, there), _LOOK_EVERY_S
        return self._worth
