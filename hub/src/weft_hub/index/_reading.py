"""The index: entries of a `model.toml` and a `card.md`, read as data and judged strictly.

An entry is read when it is asked for; a broken entry is refused with all of its problems, and does
not stop the others from being used by name.
"""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Iterable, Iterator
from functools import cache, lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from weft_hub._texts import toml_tables
from weft_hub._texts.bounds import MOST_PROBLEMS, beyond, told
from weft_hub._texts.toml_lines import nearest_line, places_of
from weft_hub._texts.validate import Problem, problems
from weft_hub.card import Card
from weft_hub.errors import RegistryError, UnknownModelError
from weft_hub.index._judged import Judged
from weft_hub.index._shelves import MOST_TEXT, FolderShelf, Shelf, Texts, read_texts
from weft_hub.sources import check_uri

_HERE = Path(__file__).parent
_PLACES = _HERE.parent / "registry", _HERE.parents[2] / "registry"  # wheel, source checkout
_NAME = re.compile(r"[a-z0-9-]+/[a-z0-9.-]+")
_MOST_DOTS = 300
_DOTTED = re.compile(r"(?:[\w\"' -]*\.){300}")
#: The formats that the weights may have, by how the model is built.
_FORMATS_OF = {
    "factory": ("safetensors", "pytorch", "torchscript"),
    "onnx": ("onnx",),
    "graph": ("safetensors",),
}


@cache
def schema() -> dict[str, Any]:
    """Return the JSON schema of `model.toml`."""
    data: dict[str, Any] = json.loads((_HERE / "model.schema.json").read_text("utf-8"))
    return data


def builtin_index() -> Path:
    """Return the folder of the index that comes with this version of weft-hub."""
    for folder in _PLACES:
        if folder.is_dir():
            return folder
    raise RegistryError([f"{_PLACES[0]}: the index is missing; install weft-hub again"])


class Index:
    """One or more indexes seen as one.

    Args:
        shelves: folders, and other places that entries are read from. A name must not be in two of
            them: which one is meant would depend on their order, and a private index could be
            overruled without anyone seeing it.
        judged: keeps long entries that were judged; None, and each is judged anew.
    """

    def __init__(self, shelves: Iterable[Path | Shelf], judged: Judged | None = None) -> None:
        self._judged = judged or Judged(None)
        self.shelves: tuple[Shelf, ...] = tuple(
            FolderShelf(shelf) if isinstance(shelf, Path) else shelf for shelf in shelves
        )

    def names(self) -> list[str]:
        """Return the names of all entries, sorted.

        Raises:
            RegistryError: a folder of the index cannot be read, or two have the same name.
        """
        found: dict[str, str] = {}
        wrong: list[str] = []
        for shelf in self.shelves:
            try:
                names = shelf.names()
            except RegistryError as error:
                wrong.extend(error.problems)
                continue
            for name, place in names.items():
                if name in found:
                    wrong.append(
                        f"{place}/model.toml:1: {name} is in {found[name]} too; remove one of them"
                    )
                found[name] = place
        if wrong:
            raise RegistryError(wrong)
        return sorted(found)

    def texts(self, name: str) -> Texts:
        """Return the texts of the entry called `name`, not yet judged.

        Raises:
            UnknownModelError: there is no such entry; the nearest names are in the message.
            RegistryError: a folder of the index is missing, or the name is in two.
        """
        # The name comes from a user and becomes a path: nothing but plain names gets that far.
        found: list[Texts] = []
        if _NAME.fullmatch(name) and ".." not in name:
            found = [texts for shelf in self.shelves if (texts := shelf.texts(name)) is not None]
        if len(found) != 1:
            known = self.names()  # says so if a folder is missing or the name is in two
            raise UnknownModelError(name, known)
        return found[0]

    def card(self, name: str) -> Card:
        """Return the entry called `name`.

        Raises:
            UnknownModelError: there is no such entry; the nearest names are in the message.
            RegistryError: the entry is not valid; all of its problems are in the message.
        """
        return self._judged.card(self.texts(name), name, judge)

    def cards(self) -> list[Card]:
        """Return every entry, by name.

        Raises:
            RegistryError: with the problems of all entries together.
        """
        found: list[Card] = []
        wrong: list[str] = []
        for name in self.names():
            try:
                found.append(self.card(name))
            except RegistryError as error:
                wrong.extend(error.problems)
        if wrong:
            raise RegistryError(wrong)
        return found

    def check(self) -> None:
        """Read every entry.

        Raises:
            RegistryError: with the problems of all entries together.
        """
        self.cards()


def read_entry(folder: Path, name: str) -> Card:
    """Read and validate the entry in `folder`, which must be called `name`."""
    return judge(read_texts(folder), name)


@lru_cache(maxsize=256)  # the same texts have the same card, and judging takes milliseconds
def judge(texts: Texts, name: str) -> Card:
    """Return the entry of these texts, which must be called `name`.

    Raises:
        RegistryError: with all that is wrong, each with its file and line.
    """
    path = f"{texts.place}/model.toml"
    wrong = list(texts.problems)
    if any(problem.startswith(f"{path}:") for problem in wrong):
        raise RegistryError(wrong)
    data = _parsed(texts.toml, path)
    found = beyond(data)
    if not found:
        formats = {"spdx": spdx_problem, "source-uri": check_uri}
        found = problems(data, schema(), formats, most=MOST_PROBLEMS + 1)
        found += _meaning(data, name)
        if "\\" in texts.toml or _is_unprintable(texts.toml):
            found += _hidden(data)
    wrong = [*_placed(path, texts.toml, found), *wrong]
    if not texts.problems:
        wrong += _card_problems(f"{texts.place}/card.md", texts.card)
    if wrong:
        raise RegistryError(told(wrong))
    if texts.base is not None:
        for file in data["files"]:
            file["sources"] = [_beside(texts.base, name, uri) for uri in file["sources"]]
    # Without a folder there is no relative source either, so that this one is never looked into.
    return Card.from_data(data, text=texts.card, folder=texts.folder or Path(os.devnull))


def _parsed(text: str, path: str) -> dict[str, Any]:
    """Return the data of a `model.toml`.

    Raises:
        RegistryError: it is no TOML, or too large.
    """
    if len(text) > MOST_TEXT:
        raise RegistryError(
            [f"{path}:1: must have at most {MOST_TEXT} characters, not {len(text)}"]
        )
    # Python's reader takes time that grows with the square of the parts of one dotted key.
    for number, line in enumerate(text.split("\n"), 1):
        if line.count(".") > _MOST_DOTS and _DOTTED.search(line):
            raise RegistryError([f"{path}:{number}: a key has more than {_MOST_DOTS} parts"])
    try:
        return toml_tables.loads(text, "files")
    except (ValueError, RecursionError) as error:  # also a number of more digits than Python reads
        known = isinstance(error, tomllib.TOMLDecodeError)
        why = error if known else "it is nested too deep, or has a number of thousands of digits"
        raise RegistryError([f"{path}:{_line_in(str(error))}: not TOML: {why}"]) from error


def _beside(base: str, name: str, uri: str) -> str:
    """Return where a `file:` source relative to its entry is for an index at an address."""
    if re.match(r"file:(?!/)", uri, re.IGNORECASE):
        return f"{base}/{name}/{quote(uri[len('file:') :], safe=_IN_ADDRESSES)}"
    return uri


def _tables(listed: Any) -> list[dict[str, Any]]:
    tables = listed if isinstance(listed, list) else []
    return [table for table in tables if isinstance(table, dict)]


def _meaning(data: dict[str, Any], name: str) -> list[Problem]:
    """Return the problems that a JSON schema cannot state; the data may be of any shape."""
    found = []
    if isinstance(data.get("name"), str) and data["name"] != name:
        found.append(Problem(("name",), f"must be the path of its folder, {name!r}"))
    files = _tables(data.get("files"))
    weights = [file for file in files if file.get("role") == "weights"]
    if files and len(weights) != 1:
        found.append(
            Problem(("files",), f"exactly one file has the role weights, but {len(weights)} have")
        )
    seen: set[str] = set()
    for index, file in enumerate(files):
        if file.get("role") == "weights" and file.get("format") == "other":
            found.append(
                Problem(
                    ("files", index, "format"),
                    "the format of weights is never other",
                )
            )
        own = str(file.get("name")).casefold()
        if own in seen:
            found.append(Problem(("files", index, "name"), f"{file.get('name')!r} is there twice"))
        seen.add(own)
    found.extend(_build_problems(data, files))
    found.extend(_signature_problems(data, files))
    return found


def _build_problems(data: dict[str, Any], files: list[dict[str, Any]]) -> Iterator[Problem]:
    """Find what does not go with how the model is built."""
    build = data.get("build")
    kind = build.get("kind") if isinstance(build, dict) else None
    if not isinstance(build, dict) or not isinstance(kind, str) or kind not in _FORMATS_OF:
        return
    if kind == "factory" and "factory" not in build:
        yield Problem(("build",), "the key 'factory' is missing, which the kind 'factory' needs")
    for key in ("factory", "settings"):
        if kind != "factory" and key in build:
            yield Problem(
                ("build", key),
                f"is for the kind 'factory': with {kind!r} the file itself is the model",
            )
    for index, file in enumerate(files):
        form = file.get("format")
        if file.get("role") != "weights" or form == "other" or form in _FORMATS_OF[kind]:
            continue
        wanted = " or ".join(map(repr, _FORMATS_OF[kind]))
        yield Problem(
            ("files", index, "format"), f"must be {wanted} for the kind {kind!r}, but is {form!r}"
        )


def _signature_problems(data: dict[str, Any], files: list[dict[str, Any]]) -> Iterator[Problem]:
    named = data.get("signature")
    signatures = [file.get("name") for file in files if file.get("role") == "signature"]
    if isinstance(named, dict) and signatures != [named.get("file")]:
        listed = ", ".join(map(repr, signatures)) or "none"
        yield Problem(
            ("signature", "file"),
            f"must be the one file with the role signature, but is {named.get('file')!r} "
            f"(with that role: {listed})",
        )
    if named is None and signatures:
        yield Problem(("files",), "a file has the role signature, but no [signature] names its key")
    for index, file in enumerate(files):
        if file.get("role") == "signature" and file.get("format") != "other":
            yield Problem(("files", index, "format"), "the format of a signature is other")


def _card_problems(path: str, text: str) -> list[str]:
    if not text.strip():
        return [f"{path}:1: the model card is empty"]
    return [
        f"{path}:{number}: {_UNPRINTABLE}"
        for number, line in enumerate(text.split("\n"), 1)
        if _is_unprintable(line)
    ]


def _hidden(data: Any, where: tuple[str | int, ...] = ()) -> Iterator[Problem]:
    """Find texts that a terminal or an editor would obey in place of showing them."""
    if isinstance(data, str) and _is_unprintable(data):
        yield Problem(where, _UNPRINTABLE)
    elif isinstance(data, dict):
        for key, value in data.items():
            yield from _hidden(key, (*where, key))
            yield from _hidden(value, (*where, key))
    elif isinstance(data, list):
        for index, value in enumerate(data):
            yield from _hidden(value, (*where, index))


_IN_ADDRESSES = "/%:@!$&'()*+,;=~"  # `%` too: what it spells is spelled so in both
_UNPRINTABLE = "must be text that can be shown, but has a control or direction character"
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def _is_unprintable(text: str) -> bool:
    return _CONTROLS.search(text) is not None


def _placed(path: str, text: str, found: list[Problem]) -> Iterator[str]:
    try:
        places = places_of(text) if found else {}
    except RecursionError:  # one of them says that it is nested too deep
        places = {}
    for problem in found[: MOST_PROBLEMS + 1]:
        at = f"{problem.path}: " if problem.path else ""
        yield f"{path}:{nearest_line(places, problem.where)}: {at}{problem.text}"


def spdx_problem(text: str) -> str | None:
    """Return why `text` is not an SPDX licence expression as SPDX spells it, or None."""
    from packaging.licenses import (  # its table of licences takes time to load
        InvalidLicenseExpression,
        canonicalize_license_expression,
    )

    try:
        right = canonicalize_license_expression(text)
    except InvalidLicenseExpression:
        return f"must be an SPDX licence expression, such as MIT or Apache-2.0, but is {text!r}"
    return None if right == text else f"must be spelled {right!r}, but is {text!r}"


def _line_in(message: str) -> int:
    match = re.search(r"at line (\d+)", message)
    return int(match[1]) if match else 1
