"""What is tried again, after which time, and when to give up."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter

from weft_hub.errors import UnreachableError

FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 20.0
LONGEST_ASKED_S = 120.0
"""A server may ask for a pause up to this; for a longer one it is given up."""
PROGRESS_BYTES = 1 << 20
"""So many new bytes show that a transfer gets on, and start the count of failures anew."""


class Retry(Exception):
    """An attempt failed in a way that the next one may not.

    Args:
        why: what happened, as a part of a sentence.
        after_s: how long the server asked to wait, in seconds, or None.
    """

    def __init__(self, why: str, *, after_s: float | None = None) -> None:
        self.why = why
        self.after_s = after_s
        super().__init__(why)


class Patience:
    """Counts the failures of one transfer and says how long to wait after each. Thread-safe.

    Each connection has a count of its own: a server that restarts breaks all of them off together,
    which is one failure of each. What any of them brings starts every count anew.

    Args:
        what: what is fetched, for the message.
        retries: how many failures in a row are borne.
    """

    def __init__(self, what: str, retries: int) -> None:
        self._what = what
        self._retries = retries
        self._lock = threading.Lock()
        self._failures: Counter[object] = Counter()
        self._gained = 0

    def got(self, count: int) -> None:
        """Note `count` new bytes."""
        with self._lock:
            self._gained += count
            if self._gained >= PROGRESS_BYTES:
                self._failures.clear()
                self._gained = 0

    def wait_s(self, retry: Retry, who: object = None) -> float:
        """Return how long to wait before the next attempt: doubled each time, with jitter.

        Args:
            retry: what happened.
            who: whose attempt it was, where several connections share a transfer.

        Raises:
            UnreachableError: that was one failure too many, or the server asks for too long a
                pause.
        """
        with self._lock:
            self._failures[who] += 1
            failures = self._failures[who]
            self._gained = 0
        if retry.after_s is not None and retry.after_s > LONGEST_ASKED_S:
            raise UnreachableError(
                f"{self._what}: {retry.why} and asks to wait {retry.after_s:.0f} s; the hub waits "
                f"up to {LONGEST_ASKED_S:.0f} s: try again then"
            )
        if failures > self._retries:
            raise UnreachableError(
                f"{self._what}: given up after {failures} "
                f"{'attempt' if failures == 1 else 'attempts'}: {retry.why}; check the network and "
                "the proxy settings, or try again later"
            )
        wait = min(FIRST_WAIT_S * 2.0 ** (failures - 1), LONGEST_WAIT_S)
        # Half of it at random, so that clients that a server cut off together do not come back
        # together.
        wait *= random.uniform(0.5, 1.0)
        return max(wait, retry.after_s or 0.0)


def asked_wait_s(header: str | None, *, now_s: float | None = None) -> float | None:
    """Return the seconds that a Retry-After header asks for, or None when it says nothing usable.

    Args:
        header: a number of seconds, or a date.
        now_s: the time, in seconds since the epoch; by default the system's.
    """
    if header is None:
        return None
    text = header.strip()
    if text.isascii() and text.isdigit():
        return float(min(int(text[:12]), 10**9))
    from email.utils import parsedate_to_datetime  # loads the socket module

    try:
        then = parsedate_to_datetime(text)
        return max(0.0, then.timestamp() - (time.time() if now_s is None else now_s))
    except (ValueError, OverflowError, TypeError, IndexError, OSError):
        return None
