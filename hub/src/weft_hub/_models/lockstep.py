"""All weft packages have one version: say so in one sentence when the installed ones differ."""

from __future__ import annotations

from importlib import metadata

from weft_hub.errors import VersionMismatchError

OURS = ("weft-hub", "weft", "weft-vision", "weft-audio")


def check_versions(*packages: str) -> None:
    """Compare the installed versions of `packages`; ones that are not installed do not count.

    A package run from its source folder has no installed version and does not count either.

    Raises:
        VersionMismatchError: two of them differ.
    """
    found = {}
    for package in packages:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    if len(set(found.values())) > 1:
        installed = ", ".join(f"{package} {version}" for package, version in found.items())
        wanted = next(iter(found.values()))
        install = " ".join(f"{package}=={wanted}" for package in found)
        raise VersionMismatchError(
            "all weft packages must have the same version, but "
            f"{installed} are installed; run `python -m pip install {install}`"
        )


def check_model_package(package: str) -> None:
    """Check the package that builds a model, if it is one of ours; others have their own versions.

    Raises:
        VersionMismatchError: it has another version than weft-hub.
    """
    plain = package.lower().replace("_", "-").replace(".", "-")
    if plain in OURS:
        check_versions("weft-hub", plain)
