"""Validate data by a JSON schema, finding every problem at once and naming the nearest key.

It understands the part of JSON Schema 2020-12 that `model.schema.json` uses, and refuses a schema
that uses more, so that no rule of the schema is silently not checked. The tests hold it to the
`jsonschema` library on mutated entries. That library is not used here because it needs a compiled
extension, takes longer to import than a cached model takes to load, and cannot suggest names.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeAlias

from weft_hub._texts.fits import ANNOTATIONS, RULES, TYPES, fitting
from weft_hub._texts.nearest import did_you_mean

Where: TypeAlias = tuple[str | int, ...]
Format: TypeAlias = Callable[[str], str | None]

_MOST_KEY = 80


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: `where` is the path of keys and positions to it."""

    where: Where
    text: str

    @property
    def path(self) -> str:
        """Return `files[0].size` for `("files", 0, "size")`."""
        text = ""
        for part in self.where:
            if isinstance(part, int):
                text += f"[{part}]"
            else:
                text += f".{part if part.isprintable() else repr(part)}"[:_MOST_KEY]
        return text.lstrip(".")


def problems(
    data: Any, schema: Mapping[str, Any], formats: Mapping[str, Format], *, most: int | None = None
) -> list[Problem]:
    """Return everything that is wrong with `data`, in the order of the data.

    Args:
        data: what `tomllib` or `json` gave.
        schema: the JSON schema, a mapping.
        formats: for each `format` of the schema, a function that returns why a text is not of
            that format, or None.
        most: after so many problems no more are looked for.
    """
    if fitting(schema, formats)(data):
        return []
    return list(islice(_check(data, schema, (), schema, formats), most))


def _check(
    data: Any, rule: Mapping[str, Any], where: Where, root: Mapping[str, Any],
    formats: Mapping[str, Format],
) -> Iterator[Problem]:  # fmt: skip
    if "$ref" in rule:
        rule = root["$defs"][rule["$ref"].removeprefix("#/$defs/")]
    unknown = rule.keys() - RULES - ANNOTATIONS
    if unknown:
        raise NotImplementedError(f"the schema uses {sorted(unknown)}, which nothing checks")
    allowed = rule.get("type")
    if allowed is not None:
        names = [allowed] if isinstance(allowed, str) else allowed
        if not any(_is(data, name) for name in names):
            yield Problem(where, f"must be {_article(names)}, but is {_show(data)}")
            return
    if "const" in rule and not _equal(data, rule["const"]):
        yield Problem(where, f"must be {_show(rule['const'])}, but is {_show(data)}")
    if "enum" in rule and not any(_equal(data, choice) for choice in rule["enum"]):
        hint = did_you_mean(data, rule["enum"]) if isinstance(data, str) else ""
        choices = ", ".join(map(_show, rule["enum"]))
        yield Problem(where, f"must be one of {choices}, but is {_show(data)}; {hint}".rstrip("; "))
    if isinstance(data, str):
        yield from _check_text(data, rule, where, formats)
    elif isinstance(data, int | float) and "minimum" in rule and data < rule["minimum"]:
        yield Problem(where, f"must be at least {rule['minimum']}, but is {data}")
    elif isinstance(data, list):
        yield from _check_array(data, rule, where, root, formats)
    elif isinstance(data, dict):
        yield from _check_table(data, rule, where, root, formats)


def _check_text(
    data: str, rule: Mapping[str, Any], where: Where, formats: Mapping[str, Format]
) -> Iterator[Problem]:
    if len(data) < rule.get("minLength", 0):
        yield Problem(where, f"must have at least {rule['minLength']} characters, not {len(data)}")
    if len(data) > rule.get("maxLength", math.inf):
        yield Problem(where, f"must have at most {rule['maxLength']} characters, not {len(data)}")
        return  # what is too long is not looked at further
    # The patterns are anchored; `fullmatch` also keeps Python's `$` from accepting a last newline.
    if "pattern" in rule and not re.fullmatch(rule["pattern"], data):
        yield Problem(where, f"must match {rule['pattern']}, but is {_show(data)}")
    if "format" in rule:
        wrong = formats[rule["format"]](data)
        if wrong is not None:
            yield Problem(where, wrong)


def _check_array(
    data: Sequence[Any], rule: Mapping[str, Any], where: Where, root: Mapping[str, Any],
    formats: Mapping[str, Format],
) -> Iterator[Problem]:  # fmt: skip
    if len(data) < rule.get("minItems", 0):
        yield Problem(where, f"must have at least {rule['minItems']} items, but has {len(data)}")
    if rule.get("uniqueItems"):
        seen: set[Any] = set()
        for index, item in enumerate(data):
            key = item if isinstance(item, str | int | float) else repr(item)
            if key in seen:
                yield Problem((*where, index), f"{_show(item)} is there twice")
            seen.add(key)
    if "items" in rule:
        for index, item in enumerate(data):
            yield from _check(item, rule["items"], (*where, index), root, formats)


def _check_table(
    data: Mapping[str, Any], rule: Mapping[str, Any], where: Where, root: Mapping[str, Any],
    formats: Mapping[str, Format],
) -> Iterator[Problem]:  # fmt: skip
    known = rule.get("properties", {})
    for key in rule.get("required", ()):
        if key not in data:
            yield Problem(where, f"the key {key!r} is missing")
    for key, value in data.items():
        if key in known:
            yield from _check(value, known[key], (*where, key), root, formats)
        elif rule.get("additionalProperties") is False:
            hint = did_you_mean(key, known) or f"the keys are {', '.join(known)}"
            yield Problem((*where, key), f"unknown key {_show(key)}; {hint}")


def _is(data: Any, name: str) -> bool:
    if isinstance(data, bool):
        return name == "boolean"
    if isinstance(data, float) and not math.isfinite(data):
        return False
    return isinstance(data, TYPES[name])


def _equal(a: Any, b: Any) -> bool:
    return type(a) is type(b) and bool(a == b)


def _article(names: Sequence[str]) -> str:
    words = {"object": "a table", "array": "an array", "integer": "an integer"}
    return " or ".join(words.get(name, f"a {name}") for name in names)


def _show(data: Any) -> str:
    text = repr(data) if not isinstance(data, dict) else "a table"
    return text if len(text) <= 90 else text[:89] + "…"
