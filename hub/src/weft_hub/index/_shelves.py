"""Shelves: the places that an index is read from, each giving the texts of entries by name."""

from __future__ import annotations

import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from weft_hub.errors import RegistryError

if TYPE_CHECKING:
    from weft_hub.index.document import Document


MOST_TEXT = 1_000_000
"""Of the text of an entry, in characters; the schema of an index in one document says so too."""


@dataclass(frozen=True)
class Texts:
    """The two texts of an entry as they are, not yet judged.

    Attributes:
        toml: the text of `model.toml`.
        card: the text of `card.md`.
        place: what messages call the folder of the entry.
        folder: where relative `file:` sources start; None where there is no such folder.
        base: the address of the folder of an index at an address, without a last slash: there
            relative `file:` sources are at `base/NAMESPACE/NAME/`.
        problems: why a text could not be read, each `file:line: text`.
    """

    toml: str
    card: str
    place: str
    folder: Path | None
    problems: tuple[str, ...] = ()
    base: str | None = None


class Shelf(Protocol):
    """One index: the names of its entries and their texts."""

    def names(self) -> Mapping[str, str]:
        """Return where each entry is, by name.

        Raises:
            HubError: the shelf cannot be read.
        """

    def texts(self, name: str) -> Texts | None:
        """Return the texts of the entry called `name`, a plain name; None if there is none."""


@dataclass(frozen=True)
class FolderShelf:
    """An index in a folder: `NAMESPACE/NAME/model.toml` and `card.md`."""

    folder: Path

    def names(self) -> Mapping[str, str]:
        """Return the folder of each entry by name."""
        if not self.folder.is_dir():
            raise RegistryError([f"{self.folder}: an index must be a folder, but there is none"])
        return {
            path.parent.relative_to(self.folder).as_posix(): str(path.parent)
            for path in self.folder.glob("*/*/model.toml")
        }

    def texts(self, name: str) -> Texts | None:
        """Return the texts of one entry."""
        folder = self.folder / name
        return read_texts(folder) if (folder / "model.toml").is_file() else None


@dataclass(frozen=True)
class DocumentShelf:
    """An index in one document at the address `url`; `document` gives it when it is needed."""

    url: str
    document: Callable[[], Document]

    def names(self) -> Mapping[str, str]:
        """Return what messages call each entry by name."""
        return {name: self._at(name) for name in self.document().entries}

    def texts(self, name: str) -> Texts | None:
        """Return the texts of one entry."""
        found = self.document().entries.get(name)
        if found is None:
            return None
        base = self.url.rpartition("/")[0]
        return Texts(found.toml, found.card, self._at(name), folder=None, base=base)

    def _at(self, name: str) -> str:
        return f"{self.url}#{name}"


def read_texts(folder: Path) -> Texts:
    """Read the two files of an entry; one that cannot be read is among the problems."""
    problems: list[str] = []
    texts = []
    for path in (folder / "model.toml", folder / "card.md"):
        try:
            texts.append(_text_of(path))
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else error
            problems.append(f"{path}:1: cannot be read: {why}")
            texts.append("")
    return Texts(texts[0], texts[1], str(folder), folder, tuple(problems))


def _text_of(path: Path) -> str:
    """Return the text of a regular file of bounded size: a pipe would never end.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no such file, or not UTF-8.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise ValueError("it is not a regular file")
    with path.open(encoding="utf-8") as stream:
        text = stream.read(MOST_TEXT + 1)
    if len(text) > MOST_TEXT:
        raise ValueError(f"it has more than {MOST_TEXT} characters")
    return text
