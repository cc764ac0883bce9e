"""A part in memory: of a file so small that nothing of it is worth keeping for the next try."""

from __future__ import annotations

from weft_hub.cache._part import Part

AT_ONCE_BYTES = 1 << 16
"""Files of up to this come in one piece, through memory."""


class SmallPart(Part):
    """A part of up to `AT_ONCE_BYTES` in memory; see `Part`."""

    def __init__(self, *, size: int, sha256: str) -> None:
        self._begin(size, sha256)
        self.content = bytearray(size)

    def write(self, start: int, data: memoryview) -> None:
        """Put `data` at `start`."""
        assert 0 <= start <= start + len(data) <= self.size
        self.content[start : start + len(data)] = data
        with self._lock:
            self.spans.add(start, start + len(data))

    def save(self) -> None:
        """Keep nothing: there is no next try that could use it."""

    def flush_on(self) -> None:
        """Have nothing on the disk."""

    def close(self) -> None:
        """Have nothing to close."""

    def discard(self) -> None:
        """Have nothing to remove."""

    def _read(self, count: int, start: int) -> memoryview:
        return memoryview(self.content)[start : start + count]
