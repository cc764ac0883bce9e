"""Whether data fits a JSON schema, decided fast: for data that is right, which is nearly all of it.

`validate` says what is wrong, and where, which takes several times as long. Both know the same part
of JSON Schema; the tests hold one to the other.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

Fits: TypeAlias = Callable[[Any], bool]
Formats: TypeAlias = Mapping[str, Callable[[str], str | None]]

ANNOTATIONS = {"$schema", "$id", "$defs", "title", "description"}
RULES = {
    "$ref", "type", "const", "enum", "format", "pattern", "minLength", "maxLength", "minimum",
    "required", "properties", "additionalProperties", "items", "minItems", "uniqueItems",
}  # fmt: skip
TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
}


def fitting(schema: Mapping[str, Any], formats: Formats) -> Fits:
    """Return a function that says whether data fits `schema`; in doubt it says no."""
    return _Schema(schema, formats).test(schema)


class _Schema:
    """Turns the rules of a schema into tests; what `$defs` name is turned once."""

    def __init__(self, root: Mapping[str, Any], formats: Formats) -> None:
        self._root, self._formats = root, formats
        self._named: dict[str, Fits] = {}

    def test(self, rule: Mapping[str, Any]) -> Fits:
        """Return the test of one rule."""
        if "$ref" in rule:
            return self._by_name(rule["$ref"])
        if rule.keys() - RULES - ANNOTATIONS:
            return lambda data: False
        tests: dict[type, list[Fits]] = {kind: [] for kind in (int, float, bool)}
        tests |= {str: self._of_text(rule), list: self._of_array(rule), dict: self._of_table(rule)}
        if "minimum" in rule:
            for kind in (int, float, bool):
                tests[kind].append(_at_least(rule["minimum"]))
        choices = [[rule["const"]]] if "const" in rule else []
        choices += [rule["enum"]] if "enum" in rule else []
        for allowed in choices:
            for own_kind, own in tests.items():
                own.append(_one_of([one for one in allowed if type(one) is own_kind]))
        said = rule.get("type")
        kinds = set(tests)
        if said is not None:
            kinds = {k for name in ([said] if isinstance(said, str) else said) for k in TYPES[name]}
            if float in kinds:
                tests[float].append(math.isfinite)
        by_kind = {kind: _all(own) for kind, own in tests.items() if kind in kinds}

        def fits(data: Any) -> bool:
            test = by_kind.get(type(data))
            return test(data) if test is not None else said is None and not choices

        return fits

    def _by_name(self, name: str) -> Fits:
        if name not in self._named:
            self._named[name] = lambda data: self._named[name](data)  # of a rule inside itself
            self._named[name] = self.test(self._root["$defs"][name.removeprefix("#/$defs/")])
        return self._named[name]

    def _of_text(self, rule: Mapping[str, Any]) -> list[Fits]:
        tests: list[Fits] = []
        if "minLength" in rule or "maxLength" in rule:
            least, most = rule.get("minLength", 0), rule.get("maxLength", math.inf)
            tests.append(lambda data: least <= len(data) <= most)
        if "pattern" in rule:
            match = re.compile(rule["pattern"]).fullmatch
            tests.append(lambda data: match(data) is not None)
        if "format" in rule:
            wrong = self._formats[rule["format"]]
            tests.append(lambda data: wrong(data) is None)
        return tests

    def _of_array(self, rule: Mapping[str, Any]) -> list[Fits]:
        tests: list[Fits] = []
        if "minItems" in rule:
            tests.append(lambda data: len(data) >= rule["minItems"])
        if rule.get("uniqueItems"):
            tests.append(
                lambda data: (
                    len(data) == 1
                    or (all(type(one) is str for one in data) and len(set(data)) == len(data))
                )
            )
        if "items" in rule:
            item = self.test(rule["items"])
            tests.append(lambda data: all(map(item, data)))
        return tests

    def _of_table(self, rule: Mapping[str, Any]) -> list[Fits]:
        tests: list[Fits] = []
        if "required" in rule:
            required = frozenset(rule["required"])
            tests.append(lambda data: required <= data.keys())
        others = rule.get("additionalProperties") is not False
        known = {key: self.test(inner) for key, inner in rule.get("properties", {}).items()}
        if known or not others:

            def fits(data: dict[str, Any]) -> bool:
                for key, value in data.items():
                    test = known.get(key)
                    if not (test(value) if test is not None else others):
                        return False
                return True

            tests.append(fits)
        return tests


def _at_least(least: float) -> Fits:
    return lambda data: bool(data >= least)


def _one_of(allowed: list[Any]) -> Fits:
    return lambda data: data in allowed


def _all(tests: list[Fits]) -> Fits:
    if not tests:
        return lambda data: True
    if len(tests) == 1:
        return tests[0]
    return lambda data: all([test(data) for test in tests])
