"""What a rule is, and the table in which each registers itself.

A rule is a function from the community to its problems; its name is what a problem cites and its
docstring is what `steward rules` prints. Rules about the form of a single file live in schemas.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from weft_steward.community import Community
from weft_steward.problems import Problem

Finder = Callable[[Community], Iterator[tuple[str, int, str]]]


@dataclass(frozen=True, slots=True)
class Rule:
    """A named check: `find` yields (file, line, message) for each breach."""

    name: str
    find: Finder

    @property
    def reason(self) -> str:
        """What the rule requires and why: its function's docstring, on one line."""
        return " ".join((self.find.__doc__ or "").split())


RULES: dict[str, Rule] = {}

# Rules that a reader of single files applies; listed so that `steward rules` names them all.
READING_RULES = {
    "syntax": "Data files are UTF-8 and TOML, so that people and tools read the same thing.",
    "schema": "A file says what its kind says and nothing else: an unknown key is a misspelt rule.",
    "file-name": "A data file's name is the handle or slug by which other files call it.",
    "unexpected-file": "No file lies among the data that nothing reads.",
    "rfc-number": "An RFC's file name begins with its number, and no two share one.",
}


def rule(find: Finder) -> Finder:
    """Register a rule under its function's name, with hyphens."""
    name = find.__name__.replace("_", "-")
    RULES[name] = Rule(name, find)
    return find


def check(community: Community) -> list[Problem]:
    """Return every problem, those of reading and those of every rule, by file and line."""
    found = set(community.problems)
    for one in RULES.values():
        found |= {Problem(path, line, one.name, text) for path, line, text in one.find(community)}
    return sorted(found)
