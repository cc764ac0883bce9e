"""The architecture page names only what exists, and names every layer that does."""

from __future__ import annotations

import pkgutil
import re
import tomllib
from pathlib import Path

import pytest

from tests.project.documents import code_blocks, ticked

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "guide" / "architecture.md"
CORE = ROOT / "packages" / "core" / "src" / "weft"
HUB = ROOT / "hub" / "src" / "weft_hub"
# Where a path on the page may begin.
BASES = (ROOT, CORE, ROOT / "packages" / "core" / "src", HUB)
PROJECTS = [
    tomllib.loads(path.read_text(encoding="utf-8"))["project"]
    for path in ROOT.glob("**/pyproject.toml")
    if ".nox" not in path.parts and path.parent != ROOT
]
SOURCES = "\n".join(
    path.read_text(encoding="utf-8")
    for folder in ("packages", "hub/src", "governance/steward/src", "tools")
    for path in sorted((ROOT / folder).rglob("*.py"))
)

OURS = ("packages", "hub", "governance", "tests", "tools")

PATH = re.compile(r"[\w.*-]*/[\w./*-]*|[\w-]+\.(py|toml|md|yml)")
NAME = re.compile(r"@?[A-Za-z_][\w.]*(\(\))?")


def exists_as_path(word: str) -> bool:
    if "*" in word:
        return any(any(base.glob(word)) for base in BASES)
    if any((base / word).exists() for base in BASES):
        return True
    if "/" in word.strip("/"):
        return False
    # A bare file name is meant wherever our own sources have such a file.
    return any(any((ROOT / folder).rglob(word.strip("/"))) for folder in OURS)


def is_announced(word: str) -> bool:
    """Whether the word is a distribution, one of its dependencies, commands or entry points."""
    for project in PROJECTS:
        known = {project["name"], *project.get("scripts", {}), *project.get("entry-points", {})}
        known |= {re.split(r"[\[<>=!~; ]", text)[0] for text in project.get("dependencies", [])}
        if word in known:
            return True
    return False


def resolves(word: str) -> bool:
    for candidate in (word, f"weft.{word}"):
        try:
            pkgutil.resolve_name(candidate)
        except (ImportError, AttributeError, ValueError):
            continue
        return True
    return False


def is_defined(word: str) -> bool:
    """Whether our sources define the word: as a function, class, attribute, field or argument."""
    last = re.escape(word.rpartition(".")[2])
    return re.search(rf"(def|class) {last}\b|\b{last}\s*[:=]|[\"']{last}[\"']", SOURCES) is not None


def sessions() -> set[str]:
    text = (ROOT / "noxfile.py").read_text(encoding="utf-8")
    return set(re.findall(r"^def (\w+)\(session", text, re.MULTILINE))


def test_the_page_says_enough_to_be_worth_checking() -> None:
    assert len(ticked(PAGE)) > 40


@pytest.mark.parametrize("word", sorted(set(ticked(PAGE))))
def test_what_stands_between_backticks_exists(word: str) -> None:
    if word.startswith("nox -s "):
        assert word.split()[2] in sessions()
    elif word.startswith(("import ", "from ")):
        assert resolves(word.split()[1])
    elif PATH.fullmatch(word):
        assert exists_as_path(word), f"no file or folder {word}"
    elif NAME.fullmatch(word):
        plain = word.removeprefix("@").removesuffix("()")
        assert resolves(plain) or is_announced(plain) or is_defined(plain), f"no name {word}"
    else:
        # An expression: each name in it has to exist.
        names = re.findall(r"(?<![\w.\"'])[A-Za-z_]\w*(?:\.\w+)+", word)
        unknown = [one for one in names if not (resolves(one) or is_defined(one))]
        assert unknown == []


def test_the_diagram_of_layers_is_the_layers_that_there_are() -> None:
    diagram = next(block.text for block in code_blocks(PAGE) if block.language == "text")
    columns = " ".join(re.split(r"\s{3,}", line)[0] for line in diagram.splitlines())
    drawn = {word.strip("/") for word in columns.split()}
    there = {
        path.name
        for path in CORE.iterdir()
        if path.name != "__init__.py" and not path.name.startswith("__")
        if path.suffix in {".py", ""} and (path.is_file() or any(path.rglob("*.py")))
    }
    assert {word.removesuffix(".py") for word in drawn} == {
        word.removesuffix(".py") for word in there
    }


def in_rows(title: str) -> list[str]:
    section = PAGE.read_text(encoding="utf-8").split(f"## {title}")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (`[^|]+`) \|", section, re.MULTILINE)
    return [name for row in rows for name in re.findall(r"`([^`]+)`", row)]


def test_every_folder_of_the_core_has_its_row() -> None:
    there = {str(path.parent.relative_to(CORE)) for path in CORE.rglob("__init__.py")} - {"."}
    assert in_rows("Every folder of the core") == sorted(there)


def test_every_folder_and_file_of_the_hub_has_its_row() -> None:
    folders = {f"{path.parent.name}/" for path in HUB.glob("*/__init__.py")}
    files = {path.name for path in HUB.glob("[!_]*.py")} - {"cli.py"}  # beside the commands
    listed = in_rows("Every folder and file of the hub")
    assert len(listed) == len(set(listed))
    assert set(listed) == folders | files


def test_the_picture_of_layers_shows_the_layers_of_the_text() -> None:
    picture = (PAGE.parent / "assets" / "layers.svg").read_text(encoding="utf-8")
    drawn = [words.split() for words in re.findall(r">([^<>]+)</text>", picture)]
    diagram = next(block.text for block in code_blocks(PAGE) if block.language == "text")
    for line in diagram.splitlines():
        names, about = re.split(r"\s{3,}", line)
        assert names.split() in drawn, f"layers.svg does not show {names}"
        assert about.split() in drawn, f"layers.svg does not say of {names}: {about}"
