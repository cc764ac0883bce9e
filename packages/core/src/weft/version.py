"""The versions of weft's distributions, read from the metadata that pyproject.toml makes."""

from __future__ import annotations

import functools

_UNKNOWN = "0+source"


@functools.cache
def installed(distribution: str = "weft") -> str:
    """Return the installed version of a distribution; ``"0+source"`` for a plain source tree.

    Looked up when asked: reading metadata takes longer than importing the rest of weft's core.
    """
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(distribution)
    except PackageNotFoundError:
        return _UNKNOWN


def lockstep(distribution: str) -> str:
    """Return the version of a distribution of weft's, all of which move together.

    Args:
        distribution: the one that asks, such as ``"weft-vision"``.

    Raises:
        ImportError: its version and weft's are known and differ.
    """
    own, core = installed(distribution), installed()
    if own != core and _UNKNOWN not in (own, core):
        raise ImportError(
            f"{distribution} {own} is installed beside weft {core}, and weft packages work only "
            f"at one version; run: pip install 'weft=={own}'"
        )
    return own
