"""Paths by the names of files, each made when it is asked for: an entry may have thousands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path


class PathsByName(Mapping[str, Path]):
    """A read-only mapping from names of files to their paths.

    Args:
        folder: where all of them are.
        files: what each is called there, by its name.
    """

    __slots__ = ("_files", "_folder")

    def __init__(self, folder: Path, files: Mapping[str, str]) -> None:
        self._folder = folder
        self._files = files

    def __getitem__(self, name: str) -> Path:
        """Return the path of the file called `name`."""
        return self._folder / self._files[name]

    def __iter__(self) -> Iterator[str]:
        """Return the names in order."""
        return iter(self._files)

    def __len__(self) -> int:
        """Return how many files there are."""
        return len(self._files)

    def __repr__(self) -> str:
        """Return what a dict of the same paths shows."""
        return repr(dict(self))
