"""What a mirror may serve: made of the index once; requests only look names up in it.

No part of a request ever becomes a path of the disk. A name that is not a key of these tables does
not exist, whatever it is spelled like.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from weft_hub.card import Card, File
from weft_hub.errors import RegistryError
from weft_hub.hub import Hub
from weft_hub.index import document as index_document
from weft_hub.index._shelves import DocumentShelf, Texts

CARD_NAME = "README.md"  # where clients of Hugging Face look for a model card
ENTRY_NAME = "model.toml"
INDEX_NAME = "index.json"
_ENTRY_FILES = ("model.toml", "card.md")


@dataclass(frozen=True)
class Item:
    """One thing that can be asked for.

    Attributes:
        path: its name in its repository.
        size: its size in bytes.
        sha256: its SHA-256, which is its entity tag too.
        body: its bytes, or None when they are a blob of the cache.
        blob: the entry and the file of that blob, or None.
    """

    path: str
    size: int
    sha256: str
    body: bytes | None = None
    blob: tuple[Card, File] | None = None

    @classmethod
    def of_text(cls, path: str, body: bytes) -> Item:
        """Return the item of a small text that is held in memory."""
        return cls(path, len(body), hashlib.sha256(body).hexdigest(), body=body)

    @classmethod
    def of_file(cls, card: Card, file: File) -> Item:
        """Return the item of a file that the index names."""
        return cls(file.name, file.size, file.sha256, blob=(card, file))


@dataclass(frozen=True)
class Repository:
    """One model as a repository with one revision.

    Attributes:
        card: its entry.
        commit: 40 hexadecimal digits that change whenever anything of the entry does. Clients take
            them for a commit of git; they are a digest of the entry.
        items: what it holds, by path.
    """

    card: Card
    commit: str
    items: Mapping[str, Item]

    def has_revision(self, revision: str) -> bool:
        """Whether `revision` names the one state that there is."""
        version = self.card.version
        return revision in ("main", self.commit, version, f"v{version}")


@dataclass(frozen=True)
class Contents:
    """Everything that a mirror may serve.

    Attributes:
        repositories: each model by its name.
        blobs: each file of each entry by its SHA-256.
        index: the whole index as one document.
        statement: the signature over that document, if there is one.
    """

    repositories: Mapping[str, Repository]
    blobs: Mapping[str, Item]
    index: Item
    statement: Item | None

    @classmethod
    def of(
        cls, hub: Hub, document: bytes | None = None, statement: bytes | None = None
    ) -> Contents:
        """Read the whole index of `hub`.

        Args:
            hub: its index.
            document: the index as a document that was written, and perhaps signed, before; None
                to write one now.
            statement: the signature over that document.

        Raises:
            RegistryError: entries are not valid, with all of their problems; or the document is
                none, or is of other entries.
        """
        cards = {card.name: card for card in hub.index.cards()}
        texts = {name: hub.index.texts(name) for name in cards}
        if document is None:
            document = index_document.write(hub.index, serial=_serial(hub, texts.values()))
        else:
            _compare(index_document.read(document, INDEX_NAME), texts)
        repositories = {name: _repository(card, texts[name]) for name, card in cards.items()}
        blobs: dict[str, Item] = {}
        for card in cards.values():
            for file in card.files:
                blobs.setdefault(file.sha256, Item.of_file(card, file))
        return cls(
            repositories=MappingProxyType(repositories),
            blobs=MappingProxyType(blobs),
            index=Item.of_text(INDEX_NAME, document),
            statement=Item.of_text(f"{INDEX_NAME}.sig", statement) if statement else None,
        )


def _serial(hub: Hub, texts: Iterable[Texts]) -> int:
    """Return a number that grows with changes: when the last was, in seconds since 1970.

    Entries that come from documents change with those, and have their numbers.
    """
    shelves = [one for one in hub.index.shelves if isinstance(one, DocumentShelf)]
    times = [1, *(shelf.document().serial for shelf in shelves)]
    for one in texts:
        if one.folder is not None:
            times += [int((one.folder / name).stat().st_mtime) for name in _ENTRY_FILES]
    return max(times)


def _compare(document: index_document.Document, texts: Mapping[str, Texts]) -> None:
    """Refuse a document that is not of the very entries that are served."""
    wrong = [f"{INDEX_NAME}:1: {n} is not in it" for n in texts.keys() - document.entries.keys()]
    wrong += [
        f"{INDEX_NAME}:1: {n} is no entry here" for n in document.entries.keys() - texts.keys()
    ]
    for name in document.entries.keys() & texts.keys():
        entry = document.entries[name]
        if (entry.toml, entry.card) != (texts[name].toml, texts[name].card):
            wrong.append(f"{INDEX_NAME}:1: {name} differs from the entry here; write it again")
    if wrong:
        raise RegistryError(sorted(wrong))


def _repository(card: Card, texts: Texts) -> Repository:
    held = {CARD_NAME: texts.card, ENTRY_NAME: texts.toml}
    items = {path: Item.of_text(path, text.encode()) for path, text in held.items()}
    # A file of the entry with such a name is what somebody who asks for that name means.
    items |= {file.name: Item.of_file(card, file) for file in card.files}
    state = "\0".join([card.name, texts.toml, texts.card]).encode()
    commit = hashlib.sha256(state).hexdigest()[:40]
    return Repository(card, commit, MappingProxyType(dict(sorted(items.items()))))
