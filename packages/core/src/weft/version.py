"""The version of this distribution, read from its metadata: pyproject.toml is the one place."""

from __future__ import annotations

from typing import Any


def __getattr__(name: str) -> Any:
    """Look ``__version__`` up when asked: reading metadata costs more than importing weft's core."""
    if name != "__version__":
        raise AttributeError(f"module 'weft.version' has no attribute {name!r}")
    from importlib.metadata import version

    return version("weft")
