"""Signal processing: window functions."""

from weft.signal import windows

__all__ = ["windows"]
