"""The guide names everything there is: keys, errors, variables and commands."""

from __future__ import annotations

import argparse
import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import weft_hub
from weft_hub import cli
from weft_hub.index import builtin_index, schema
from weft_hub.index import document as index_document
from weft_hub.sources import SOURCES

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs" / "guide").glob("hub*.md"))
GUIDE = "\n".join(path.read_text("utf-8") for path in PAGES)


def keys(rule: dict[str, Any], above: str = "") -> Iterator[tuple[str, bool]]:
    """Yield each key of the schema as the guide spells it, and whether it is required."""
    for name, below in rule["properties"].items():
        if below.get("type") == "array" and "$ref" in below.get("items", {}):
            below = schema()["$defs"][below["items"]["$ref"].rpartition("/")[2]]
        if "properties" in below:
            yield from keys(below, f"{above}{name}.")
        else:
            yield f"{above}{name}", name in rule["required"]


def test_each_key_of_an_entry_is_in_the_table_as_required_or_not() -> None:
    rows = dict(re.findall(r"^\| `([\w.]+)` \| (yes|no) \|", GUIDE, re.MULTILINE))
    assert rows == {key: "yes" if required else "no" for key, required in keys(schema())}


def test_each_error_has_a_row() -> None:
    page = (ROOT / "docs" / "guide" / "hub.md").read_text("utf-8")  # others list kinds of one error
    rows = set(re.findall(r"^\| `(\w+Error)` \|", page, re.MULTILINE))
    errors = {name for name in weft_hub.__all__ if name.endswith("Error")}
    assert rows == errors - {"HubError"}


def test_each_environment_variable_that_the_code_reads_is_explained() -> None:
    sources = ROOT / "hub" / "src" / "weft_hub"
    code = "".join(path.read_text("utf-8") for path in sources.rglob("*.py"))
    assert set(re.findall(r"WEFT_HUB_[A-Z_]+", code)) == set(re.findall(r"WEFT_HUB_[A-Z_]+", GUIDE))


def test_each_command_is_shown() -> None:
    def commands(parser: argparse.ArgumentParser, above: str) -> Iterator[str]:
        below = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
        for action in below:
            for name, one in action.choices.items():
                yield from commands(one, f"{above} {name}")
        if not below:
            yield above

    for command in commands(cli.parser(), "weft-hub"):
        assert re.search(rf"^{command}\b", GUIDE, re.MULTILINE), command


def test_each_scheme_has_a_row() -> None:
    for scheme in SOURCES:
        assert f"| `{scheme}:" in GUIDE


def test_the_example_entry_agrees_with_the_real_one() -> None:
    text = next(block for block in re.findall(r"```toml\n(.*?)```", GUIDE, re.DOTALL))
    example = tomllib.loads(text)
    real = tomllib.loads((builtin_index() / example["name"] / "model.toml").read_text("utf-8"))
    for data in (example, real):
        data.pop("provenance")
        data.pop("metrics", None)
    assert example == real


@pytest.mark.parametrize("key", ["name", "version", "files"])
def test_the_schema_describes_each_key(key: str) -> None:
    assert schema()["properties"][key]["description"].endswith(".")


@pytest.mark.parametrize(
    ("published", "used"),
    [("model-1.schema.json", schema()), ("index-1.schema.json", index_document.schema())],
)
def test_the_published_schemas_are_those_that_are_used(
    published: str, used: dict[str, Any]
) -> None:
    path = ROOT / "docs" / "guide" / "schemas" / published
    assert json.loads(path.read_text("utf-8")) == used
    assert used["$id"] == published  # relative: it holds wherever a copy of the site is


@pytest.mark.parametrize("used", [schema(), index_document.schema()], ids=["model", "index"])
def test_every_key_of_a_schema_is_described(used: dict[str, Any]) -> None:
    def missing(rule: dict[str, Any], where: str) -> Iterator[str]:
        for name, below in rule.get("properties", {}).items():
            if not below.get("description", "").endswith("."):
                yield f"{where}.{name}"
            yield from missing(below, f"{where}.{name}")

    found = list(missing(used, ""))
    for name, rule in used["$defs"].items():
        found += missing(rule, name)
    assert found == []
