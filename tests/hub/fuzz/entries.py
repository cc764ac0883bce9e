"""Index entries (`model.toml` and `card.md`), and indexes in one document of JSON."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.hub.fuzz.damage import damaged
from tests.hub.fuzz.json_trees import dump, encoded, mutate
from tests.hub.fuzz.reader import ACCEPTED, refused
from tests.hub.fuzz.tomls import TOKENS, changed
from weft_hub.card import Card
from weft_hub.errors import RegistryError
from weft_hub.index import Index, builtin_index, document, judge, read_entry
from weft_hub.index._shelves import Texts, read_texts
from weft_hub.sources import check_uri

NAME = "vision/mnist-cnn"
SIGNED = """
[[files]]
name = "model.sig"
role = "signature"
format = "other"
size = 10
sha256 = "0000000000000000000000000000000000000000000000000000000000000000"
sources = ["https://example.org/model.sig", "hf:a/b@0123456789012345678901234567890123456789/x/y"]

[signature]
file = "model.sig"
key = "-----BEGIN PUBLIC KEY-----\\nAAAA\\n-----END PUBLIC KEY-----\\n"
"""
_CARDS = (
    b"", b" \n\t", b"# A\x00", b"# A\x1b[2J", b"# \xff", b"\xef\xbb\xbf# A", "\u202eA".encode(),
    b"# A\r\n" * 500, b"# A\n" * 20_000, b"\r", b"# A\x0c\x0b\x85", "# \x85".encode(), b"<script>",
)  # fmt: skip


def sound() -> tuple[str, ...]:
    """Return the texts of every entry that comes with the hub, by the one name,
    and a signed one."""
    made = []
    for path in sorted(builtin_index().glob("*/*/model.toml")):
        text = re.sub("(?m)^name = .*", f'name = "{NAME}"', path.read_text("utf-8"), count=1)
        made.append(text)
    return (*made, made[0].replace("\n[[metrics]]", SIGNED + "\n[[metrics]]", 1))


def told(error: RegistryError) -> str:
    """Return how an entry was refused, its problems each on one line."""
    assert error.problems
    for problem in error.problems:
        assert re.match(r"[^\n]*:\d+: ", problem), problem[:300]
    assert len(str(error)) < 100_000, len(str(error))
    return refused(error, error.problems)


def require_sound(card: Card, name: str = NAME) -> None:
    """Assert that a card says what a card of the schema says."""
    assert card.name == name
    assert all(
        isinstance(text, str) for text in (card.version, card.task, card.summary, card.license)
    )
    assert card.authors
    assert re.fullmatch(r"[0-9]+\.[0-9]+\.[0-9]+", card.version)
    assert [file.role for file in card.files].count("weights") == 1
    names = set()
    for file in card.files:
        assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", file.name)
        assert file.name.casefold() not in names
        names.add(file.name.casefold())
        assert type(file.size) is int
        assert file.size >= 1
        assert re.fullmatch(r"[0-9a-f]{64}", file.sha256)
        assert file.sources
        for uri in file.sources:
            assert check_uri(uri) is None
            assert not (uri.lower().startswith("file:") and ".." in uri.split("/"))
    assert (card.signature is not None) == any(file.role == "signature" for file in card.files)
    assert card.build.kind in ("factory", "onnx", "graph")
    assert (card.build.kind == "factory") == bool(card.build.factory)
    for text in (card.name, card.summary, card.provenance, card.text):
        assert not re.search("[\x00-\x08\x1b\u202e\u2066]", text)


class Entries:
    """`judge` and `read_entry`: one entry of an index."""

    name = "entry"

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "vision" / "mnist-cnn"
        self._folder.mkdir(parents=True)
        self._sound = sound()
        self._encoded = tuple(text.encode() for text in self._sound)

    def make(self, draw: random.Random) -> bytes:
        """Return the bytes of a damaged `model.toml`."""
        text = draw.choice(self._sound)
        if draw.random() < 0.75:
            return encoded(changed(text, draw))
        return damaged(text.encode(), draw, TOKENS, self._encoded)

    def ready(self, content: bytes, draw: random.Random) -> Callable[[], str]:
        """Return what reads it from a folder, or as a document gives it."""
        card = b"# A card\n" if draw.random() < 0.85 else draw.choice(_CARDS)
        if draw.random() < 0.3:
            (self._folder / "model.toml").write_bytes(content)
            (self._folder / "card.md").write_bytes(card)
            if draw.random() < 0.5:
                return lambda: self._read(lambda: read_entry(self._folder, NAME))
            return lambda: self._read(lambda: Index([self._folder.parents[1]]).card(NAME))
        texts = Texts(
            content.decode("utf-8", "surrogateescape" if draw.random() < 0.5 else "replace"),
            card.decode("utf-8", "replace"),
            "https://example.org/index.json#" + NAME,
            None,
            base="https://example.org",
        )
        return lambda: self._read(lambda: judge.__wrapped__(texts, NAME))

    def _read(self, read: Callable[[], Card]) -> str:
        try:
            card = read()
        except RegistryError as error:
            return told(error)
        require_sound(card)
        return ACCEPTED


class Documents:
    """`document.read`, and the entries that it gives."""

    name = "document"

    def __init__(self, folder: Path) -> None:
        texts = sound()
        card = read_texts(next(builtin_index().glob("*/*/model.toml")).parent).card
        self._data: Any = {
            "schema": 1,
            "serial": 7,
            "entries": [
                {"name": NAME, "model.toml": texts[0], "card.md": card},
                {"name": "a/b.c", "model.toml": "x", "card.md": "é"},
            ],
        }
        self._sound = json.dumps(self._data, ensure_ascii=False, indent=1).encode()
        self._tokens = (
            b"{",
            b"}",
            b"[",
            b"]",
            b'"',
            b":",
            b",",
            b"\\ud800",
            b"NaN",
            b"1e999",
            b"\xff",
        )

    def make(self, draw: random.Random) -> bytes:
        """Return a damaged document."""
        how = draw.random()
        if how < 0.3:
            return damaged(self._sound, draw, self._tokens)
        data = json.loads(self._sound)
        if how < 0.4:
            data["entries"] = data["entries"] * draw.choice((2, 50))
            for k, entry in enumerate(data["entries"][: draw.randrange(100)]):
                entry["name"] = f"a/n{k}"
        mutate(data, draw)
        return encoded(dump(data))

    def ready(self, content: bytes, draw: random.Random) -> Callable[[], str]:
        """Return what reads it."""
        return lambda: self._read(content, draw)

    def _read(self, content: bytes, draw: random.Random) -> str:
        try:
            found = document.read(content, "https://example.org/index.json")
        except RegistryError as error:
            return told(error)
        assert type(found.serial) is int
        assert found.serial >= 1
        for name, entry in found.entries.items():
            assert re.fullmatch(r"[a-z0-9.-]+/[a-z0-9.-]+", name)
            assert ".." not in name
            assert isinstance(entry.toml, str)
            assert isinstance(entry.card, str)
        if found.entries and draw.random() < 0.2:
            name = draw.choice(list(found.entries))
            one = found.entries[name]
            try:
                judge.__wrapped__(Texts(one.toml, one.card, f"document#{name}", None), name)
            except RegistryError as error:
                told(error)
        return ACCEPTED
