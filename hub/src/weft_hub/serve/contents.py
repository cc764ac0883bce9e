"""What a mirror may serve: made of the index once; requests only look names up in it.

No part of a request ever becomes a path of the disk. A name that is not a key of these tables does
not exist, whatever it is spelled like.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from weft_hub.card import Card, File
from weft_hub.errors import HubError
from weft_hub.hub import Hub

CARD_NAME = "README.md"  # where clients of Hugging Face look for a model card
ENTRY_NAME = "model.toml"


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
        index: the whole index as one document, or None when it cannot be one.
        why_no_index: why it cannot.
    """

    repositories: Mapping[str, Repository]
    blobs: Mapping[str, Item]
    index: Item | None
    why_no_index: str = ""

    @classmethod
    def of(cls, hub: Hub) -> Contents:
        """Read the whole index of `hub`.

        Raises:
            RegistryError: entries are not valid; all of their problems are in the message.
        """
        hub.index.check()
        repositories = {name: _repository(hub.info(name)) for name in hub.list()}
        blobs: dict[str, Item] = {}
        for repository in repositories.values():
            for file in repository.card.files:
                blobs.setdefault(file.sha256, Item.of_file(repository.card, file))
        index, why = None, ""
        try:
            index = Item.of_text("index.json", document(hub))
        except HubError as error:
            why = str(error)
        return cls(MappingProxyType(repositories), MappingProxyType(blobs), index, why)


def document(hub: Hub) -> bytes:
    """Return the whole index of `hub` as one document; the same index gives the same bytes."""
    entries = {name: _texts(hub.info(name)) for name in hub.list()}
    return _canonical({"schema": 1, "serial": 0, "entries": entries})


def _repository(card: Card) -> Repository:
    texts = _texts(card)
    items = {CARD_NAME: texts["card.md"], ENTRY_NAME: texts["model.toml"]}
    held = {path: Item.of_text(path, text.encode()) for path, text in items.items()}
    # A file of the entry with such a name is what somebody who asks for that name means.
    held |= {file.name: Item.of_file(card, file) for file in card.files}
    commit = hashlib.sha256(_canonical([card.name, texts])).hexdigest()[:40]
    return Repository(card, commit, MappingProxyType(dict(sorted(held.items()))))


def _texts(card: Card) -> dict[str, str]:
    entry = (card.folder / "model.toml").read_text("utf-8")
    return {"model.toml": entry, "card.md": card.text}


def _canonical(data: object) -> bytes:
    text = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode()
