"""The five distributions agree with each other, and every dependency is explained."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = {
    "weft": "packages/core",
    "weft-vision": "packages/vision",
    "weft-audio": "packages/audio",
    "weft-hub": "hub",
    "weft-steward": "governance/steward",
}
PAGE = ROOT / "docs" / "guide" / "dependencies.md"


def project(name: str) -> dict[str, Any]:
    text = (ROOT / FOLDERS[name] / "pyproject.toml").read_text(encoding="utf-8")
    found: dict[str, Any] = tomllib.loads(text)["project"]
    return found


def bare(requirement: str) -> str:
    return re.split(r"[\s\[<>=!~;@]", requirement, maxsplit=1)[0].lower()


def rows(heading: str) -> dict[str, list[str]]:
    """Return the first column's names of the table under a heading, with the rest of each row."""
    section = PAGE.read_text(encoding="utf-8").partition(f"## {heading}\n")[2].partition("\n## ")[0]
    found = {}
    for line in section.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("|") and set(cells[0]) != {"-"} and cells[1] != "for":
            found |= {name.strip(): cells[1:] for name in cells[0].split(",")}
    return found


@pytest.mark.parametrize("name", FOLDERS)
def test_a_distribution_states_what_all_of_them_state(name: str) -> None:
    ours, core = project(name), project("weft")
    assert ours["name"] == name
    assert ours["version"] == core["version"]
    assert ours["requires-python"] == core["requires-python"] == ">=3.11"
    # weft-vision also carries class names that are under the MIT licence.
    assert ours["license"].split(" AND ")[0] == "BSD-3-Clause"
    licence = (ROOT / FOLDERS[name] / "LICENSE").read_text(encoding="utf-8")
    assert licence == (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert (ROOT / FOLDERS[name] / "README.md").read_text(encoding="utf-8").startswith("# ")


@pytest.mark.parametrize("name", FOLDERS)
def test_what_is_needed_of_ours_is_needed_in_the_same_version(name: str) -> None:
    version = project("weft")["version"]
    needed = [one for one in project(name).get("dependencies", []) if bare(one) in FOLDERS]
    assert needed == [f"{bare(one)}=={version}" for one in needed]


def extras(name: str) -> set[str]:
    """Return what a distribution can do more with, as its extras name it."""
    return {
        bare(one)
        for some in project(name).get("optional-dependencies", {}).values()
        for one in some
    }


def test_every_dependency_is_explained_and_nothing_else_is() -> None:
    needed = {
        bare(one)
        for name in FOLDERS
        for one in project(name).get("dependencies", [])
        if bare(one) not in FOLDERS
    }
    # CuPy stands below the table: it is never needed on the CPU.
    core = {one for one in extras("weft") if not one.startswith("cupy")}
    assert set(rows("What users install")) == needed | core | extras("weft-hub")


def test_an_explanation_names_the_distribution_that_needs_it() -> None:
    for library, (used_by, why) in rows("What users install").items():
        using = {
            f"`{name}`"
            for name in FOLDERS
            if library in map(bare, project(name).get("dependencies", []))
        }
        using |= {
            f"`{name}[{extra}]`"
            for name in FOLDERS
            for extra, some in project(name).get("optional-dependencies", {}).items()
            if f"`{name}`" not in using and library in map(bare, some)
        }
        assert using == set(re.findall(r"`weft[\w\[\]-]*`", used_by)), library
        assert len(why) > 40, library


def test_every_tool_is_explained_and_nothing_else_is() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    groups = tomllib.loads(text)["dependency-groups"]
    del groups["parity-weights"], groups["parity-models"]  # what is compared, and no tools
    named = {bare(one) for group in groups.values() for one in group}
    tools = {one for one in named if not one.startswith("types-")} | {"nox"}
    # What an extra brings to users is explained to them; the tests install it too.
    for_users = extras("weft-hub") & tools
    assert set(rows("What contributors use")) | for_users == tools
