"""An index as one JSON document: every entry's two texts, and a serial number that only grows.

Equal entries give equal bytes, so that the document can be named by its digest and signed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from weft_hub._texts import strict_json
from weft_hub._texts.bounds import MOST_PROBLEMS, beyond, told
from weft_hub._texts.validate import Problem, problems
from weft_hub.errors import RegistryError
from weft_hub.index import Index, judge

MAX_BYTES = 64 << 20
"""The largest document that is read; the text of ten thousand entries takes some forty MB."""


_MOST_BRACKETS = 4_000_000  # each may cost a hundred times the memory of its one byte


@dataclass(frozen=True)
class Entry:
    """The texts of one entry."""

    toml: str
    card: str


@dataclass(frozen=True)
class Document:
    """A document that was read.

    Attributes:
        serial: a later document of the same index has a larger one.
        entries: the texts of each entry by its name; they are judged when they are used.
    """

    serial: int
    entries: Mapping[str, Entry]


@cache
def schema() -> dict[str, Any]:
    """Return the JSON schema of the document."""
    path = Path(__file__).parent / "index.schema.json"
    data: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return data


def write(index: Index, *, serial: int) -> bytes:
    """Return `index` as a document.

    A client takes a `file:` source that is relative to the folder of its entry from
    `NAMESPACE/NAME/` beside the document.

    Args:
        index: what to write; every entry is judged.
        serial: at least 1; larger than in every document that was published before.

    Raises:
        RegistryError: an entry is not valid.
        ValueError: `serial` is below 1.
    """
    if serial < 1:
        raise ValueError(f"the serial number of an index must be at least 1, but is {serial}")
    entries = []
    wrong: list[str] = []
    for name in index.names():
        texts = index.texts(name)
        try:
            judge(texts, name)
        except RegistryError as error:
            wrong.extend(error.problems)
        entries.append({"name": name, "model.toml": texts.toml, "card.md": texts.card})
    if wrong:
        raise RegistryError(wrong)
    data = {"schema": 1, "serial": serial, "entries": entries}
    return (json.dumps(data, ensure_ascii=False, indent=1, sort_keys=True) + "\n").encode()


def read(data: bytes, place: str) -> Document:
    """Read a document; the entries in it are not judged yet.

    Args:
        data: its bytes.
        place: where it comes from, for messages.

    Raises:
        RegistryError: it is no such document; with all that is wrong.
    """
    if len(data) > MAX_BYTES:
        raise RegistryError([f"{place}:1: an index has at most {MAX_BYTES} bytes, not {len(data)}"])
    if data.count(b"{") + data.count(b"[") > _MOST_BRACKETS:
        raise RegistryError([f"{place}:1: an index has at most {_MOST_BRACKETS} brackets"])
    try:
        value = strict_json.read(data)
    except ValueError as error:
        line = getattr(error, "lineno", 1)
        raise RegistryError([f"{place}:{line}: not a JSON document: {error}"]) from error
    found = beyond(value) or problems(value, schema(), {}, most=MOST_PROBLEMS + 1)
    entries = value["entries"] if not found else []
    seen: set[str] = set()
    for at, entry in enumerate(entries):
        if entry["name"] in seen:
            found.append(Problem(("entries", at, "name"), f"{entry['name']!r} is there twice"))
        seen.add(entry["name"])
    if found:
        lines = _lines(data.decode("utf-8"))
        listed = found[: MOST_PROBLEMS + 1]
        raise RegistryError(
            told([f"{place}:{lines(one)}: {one.path}: {one.text}" for one in listed])
        )
    texts = {one["name"]: Entry(one["model.toml"], one["card.md"]) for one in entries}
    return Document(value["serial"], MappingProxyType(texts))


def _lines(text: str) -> Any:
    """Return a function from a problem to the line of its entry, or of its key at the top."""
    starts = []
    count, at = 1, 0
    for match in re.finditer(r"^  \{", text, re.MULTILINE):
        count += text.count("\n", at, match.start())
        at = match.start()
        starts.append(count)

    def line(problem: Problem) -> int:
        at = problem.where[1] if len(problem.where) > 1 else None
        return starts[at] if isinstance(at, int) and at < len(starts) else 1

    return line
