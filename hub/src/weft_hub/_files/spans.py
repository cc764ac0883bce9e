"""Which bytes of a file are there: disjoint half-open ranges, sorted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

Span = tuple[int, int]


class Spans:
    """A set of whole numbers kept as ranges `(start, stop)`, in which neighbours are joined."""

    def __init__(self, spans: Iterable[Span] = ()) -> None:
        self._spans: list[Span] = []
        for start, stop in spans:
            self.add(start, stop)

    def __iter__(self) -> Iterator[Span]:
        return iter(tuple(self._spans))

    def add(self, start: int, stop: int) -> None:
        """Enter the numbers from `start` up to and without `stop`."""
        if start >= stop:
            return
        kept: list[Span] = []
        for span in self._spans:
            if span[1] < start or stop < span[0]:
                kept.append(span)
            else:
                start, stop = min(start, span[0]), max(stop, span[1])
        kept.append((start, stop))
        self._spans = sorted(kept)

    def clear(self) -> None:
        """Forget everything."""
        self._spans = []

    @property
    def total(self) -> int:
        """Return how many numbers are there."""
        return sum(stop - start for start, stop in self._spans)

    @property
    def prefix(self) -> int:
        """Return up to where everything from 0 is there."""
        spans = self._spans  # another thread may exchange the list meanwhile
        return spans[0][1] if spans and spans[0][0] == 0 else 0

    def missing(self, size: int) -> list[Span]:
        """Return the ranges below `size` that are not there."""
        gaps: list[Span] = []
        at = 0
        for start, stop in self._spans:
            if at < start:
                gaps.append((at, start))
            at = stop
        if at < size:
            gaps.append((at, size))
        return gaps
