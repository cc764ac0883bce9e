"""The index: folders `NAMESPACE/NAME/` with a `model.toml` and a `card.md`, read as data.

An entry is read when it is asked for and validated each time; a broken entry is refused with all
of its problems, and does not stop the others from being used by name.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from weft_hub._toml_lines import line_of
from weft_hub._validate import Problem, problems
from weft_hub.card import Card
from weft_hub.errors import RegistryError, UnknownModelError
from weft_hub.sources import check_uri

_HERE = Path(__file__).parent
_NAME = re.compile(r"[a-z0-9-]+/[a-z0-9.-]+")


@cache
def schema() -> dict[str, Any]:
    """Return the JSON schema of `model.toml`."""
    data: dict[str, Any] = json.loads((_HERE / "model.schema.json").read_text("utf-8"))
    return data


def builtin_index() -> Path:
    """Return the folder of the index that comes with this version of weft-hub."""
    for folder in (_HERE / "registry", _HERE.parents[1] / "registry"):  # wheel, source checkout
        if folder.is_dir():
            return folder
    raise RegistryError([f"{_HERE / 'registry'}: the index is missing; install weft-hub again"])


class Index:
    """One or more index folders seen as one index.

    Args:
        folders: the folders. A name must not be in two of them: which one is meant would depend on
            their order, and a private index could be overruled without anyone seeing it.
    """

    def __init__(self, folders: Iterable[Path]) -> None:
        self.folders = tuple(folders)

    def names(self) -> list[str]:
        """Return the names of all entries, sorted.

        Raises:
            RegistryError: a folder of the index cannot be read, or two have the same name.
        """
        found: dict[str, Path] = {}
        wrong = []
        for folder in self.folders:
            if not folder.is_dir():
                wrong.append(f"{folder}: an index must be a folder, but there is none")
                continue
            for path in folder.glob("*/*/model.toml"):
                name = path.parent.relative_to(folder).as_posix()
                if name in found:
                    wrong.append(f"{path}:1: {name} is in {found[name]} too; remove one of them")
                found[name] = path
        if wrong:
            raise RegistryError(wrong)
        return sorted(found)

    def card(self, name: str) -> Card:
        """Return the entry called `name`.

        Raises:
            UnknownModelError: there is no such entry; the nearest names are in the message.
            RegistryError: the entry is not valid; all of its problems are in the message.
        """
        # The name comes from a user and becomes a path: nothing but plain names gets that far.
        found = []
        if _NAME.fullmatch(name) and ".." not in name:
            found = [path for path in self.folders if (path / name / "model.toml").is_file()]
        if len(found) != 1:
            known = self.names()  # says so if a folder is missing or the name is in two
            raise UnknownModelError(name, known)
        return read_entry(found[0] / name, name)

    def check(self) -> None:
        """Read every entry.

        Raises:
            RegistryError: with the problems of all entries together.
        """
        wrong: list[str] = []
        for name in self.names():
            try:
                self.card(name)
            except RegistryError as error:
                wrong.extend(error.problems)
        if wrong:
            raise RegistryError(wrong)


def read_entry(folder: Path, name: str) -> Card:
    """Read and validate the entry in `folder`, which must be called `name`."""
    path = folder / "model.toml"
    text = _read(path)
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RegistryError([f"{path}:{_line_in(str(error))}: not TOML: {error}"]) from error
    found = problems(data, schema(), {"spdx": _spdx, "source-uri": check_uri})
    found += [*_meaning(data, name), *_hidden(data)]
    wrong = [_place(path, text, problem) for problem in found]
    card_text = ""
    try:
        card_text = _read(folder / "card.md")
        wrong += _card_problems(folder / "card.md", card_text)
    except RegistryError as error:
        wrong.extend(error.problems)
    if wrong:
        raise RegistryError(wrong)
    return Card.from_data(data, text=card_text, folder=folder)


def _meaning(data: dict[str, Any], name: str) -> list[Problem]:
    """Return the problems that a JSON schema cannot state; the data may be of any shape."""
    found = []
    if isinstance(data.get("name"), str) and data["name"] != name:
        found.append(Problem(("name",), f"must be the path of its folder, {name!r}"))
    listed = data.get("files")
    files = [file for file in listed if isinstance(file, dict)] if isinstance(listed, list) else []
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
    return found


def _card_problems(path: Path, text: str) -> list[str]:
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


_UNPRINTABLE = "must be text that can be shown, but has a control or direction character"
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def _is_unprintable(text: str) -> bool:
    return _CONTROLS.search(text) is not None


def _place(path: Path, text: str, problem: Problem) -> str:
    at = f"{problem.path}: " if problem.path else ""
    return f"{path}:{line_of(text, problem.where)}: {at}{problem.text}"


def _spdx(text: str) -> str | None:
    from packaging.licenses import (  # its table of licences takes time to load
        InvalidLicenseExpression,
        canonicalize_license_expression,
    )

    try:
        right = canonicalize_license_expression(text)
    except InvalidLicenseExpression:
        return f"must be an SPDX licence expression, such as MIT or Apache-2.0, but is {text!r}"
    return None if right == text else f"must be spelled {right!r}, but is {text!r}"


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise RegistryError([f"{path}:1: cannot be read: {why}"]) from error


def _line_in(message: str) -> int:
    match = re.search(r"at line (\d+)", message)
    return int(match[1]) if match else 1
