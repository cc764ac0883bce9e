"""The version of this installation, and the check that it stands beside the same weft."""

from __future__ import annotations

from importlib import metadata

DISTRIBUTION = "weft-vision"


def installed_version(distribution: str) -> str | None:
    """The version of an installed distribution, None for a plain source tree."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def require_lockstep(own: str | None, core: str | None) -> None:
    """Refuse to import beside another version of weft: all weft packages move together.

    Raises:
        ImportError: both versions are known and differ.
    """
    if own is not None and core is not None and own != core:
        raise ImportError(
            f"{DISTRIBUTION} {own} is installed beside weft {core}, and weft packages work only "
            f"at one version; run: pip install 'weft=={own}'"
        )


require_lockstep(installed_version(DISTRIBUTION), installed_version("weft"))
__version__ = installed_version(DISTRIBUTION) or "0+source"
