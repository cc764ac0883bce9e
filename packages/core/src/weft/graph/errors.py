"""The error of weft.graph."""

from __future__ import annotations

from weft.io import FormatError

__all__ = ["GraphError"]


class GraphError(FormatError):
    """A graph breaks a rule of its format: the message says which, where and with what value."""
