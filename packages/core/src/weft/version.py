"""The version of this distribution, read from its metadata: pyproject.toml is the one place."""

from __future__ import annotations

import functools


@functools.cache
def installed() -> str:
    """Return the installed version; ``"unknown"`` when run from a source tree without metadata.

    Looked up when asked: reading metadata takes longer than importing the rest of weft's core.
    """
    from importlib.metadata import PackageNotFoundError, version  # as long to import as all weft

    try:
        return version("weft")
    except PackageNotFoundError:
        return "unknown"
