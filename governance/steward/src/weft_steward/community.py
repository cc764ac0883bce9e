"""The whole of a community's data: read from `governance/` under a repository's root."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from weft_steward.problems import Problem
from weft_steward.reading import Lines, read_toml
from weft_steward.schemas import SLUG, Person, RfcHeader, Team

FOLDER = "governance"
_RFC_NAME = re.compile(r"^(\d{4})-[a-z0-9]+(-[a-z0-9]+)*$")
_FRONT_MATTER = re.compile(r"\A\+\+\+\n(.*?)^\+\+\+$\n?", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Rfc:
    """One RFC: its number (from the file's name), its header and the text below the header."""

    number: int
    header: RfcHeader
    body: str
    body_line: int  # the file's line on which the body begins


@dataclass(slots=True)
class Community:
    """Everything that could be read, by name, with the file and lines of each."""

    root: Path
    people: dict[str, Person] = field(default_factory=dict)
    teams: dict[str, Team] = field(default_factory=dict)
    rfcs: dict[int, Rfc] = field(default_factory=dict)
    people_files: set[str] = field(default_factory=set)  # handles, the unreadable ones included
    team_files: set[str] = field(default_factory=set)
    files: dict[str | int, str] = field(default_factory=dict)  # "people/ada", "teams/core", 7
    lines: dict[str, Lines] = field(default_factory=dict)  # by file
    problems: list[Problem] = field(default_factory=list)  # met while reading

    def line(self, path: str, *location: str | int) -> int:
        """Return the line of a key in a file, or of the nearest thing around it."""
        known = self.lines.get(path, {})
        for length in range(len(location), -1, -1):
            if location[:length] in known:
                return known[location[:length]]
        return 0


def read_community(root: Path) -> Community:
    """Read every data file below `root/governance`; what is wrong is kept in `problems`.

    Raises:
        FileNotFoundError: if the root has no folder `governance`.
    """
    if not (root / FOLDER).is_dir():
        raise FileNotFoundError(
            f"{root} has no folder {FOLDER}/; give the root of a repository that has one"
        )
    community = Community(root)
    _read_people(community)
    _read_teams(community)
    _read_rfcs(community)
    _refuse_other_files(community)
    return community


def _read_people(community: Community) -> None:
    for path, name, text in _data_files(community, "people", ".toml"):
        community.people_files.add(name)
        person, lines, problems = read_toml(text, Person, path)
        _note(community, path, lines, problems)
        if person is not None:
            community.people[name] = person
            community.files[f"people/{name}"] = path


def _read_teams(community: Community) -> None:
    for path, name, text in _data_files(community, "teams", ".toml"):
        community.team_files.add(name)
        team, lines, problems = read_toml(text, Team, path)
        _note(community, path, lines, problems)
        if team is not None:
            community.teams[name] = team
            community.files[f"teams/{name}"] = path


def _read_rfcs(community: Community) -> None:
    for path, name, text in _data_files(community, "rfcs", ".md"):
        if name == "template":
            continue
        named = _RFC_NAME.match(name)
        if named is None or int(named[1]) == 0:
            message = "an RFC's file is called NNNN-some-words.md, with NNNN from 0001 upwards"
            community.problems.append(Problem(path, 0, "rfc-number", message))
            continue
        front = _FRONT_MATTER.match(text)
        if front is None:
            message = "an RFC begins with its header, in TOML between two lines of +++"
            community.problems.append(Problem(path, 1, "syntax", message))
            continue
        header, lines, problems = read_toml(front[1], RfcHeader, path, first_line=2)
        _note(community, path, lines, problems)
        number = int(named[1])
        if number in community.rfcs:
            message = f"{community.files[number]} has the number {number:04d} already"
            community.problems.append(Problem(path, 0, "rfc-number", message))
        elif header is not None:
            body_line = text.count("\n", 0, front.end()) + 1
            community.rfcs[number] = Rfc(number, header, text[front.end() :], body_line)
            community.files[number] = path


def _data_files(community: Community, kind: str, suffix: str) -> list[tuple[str, str, str]]:
    """Return (path as printed, stem, text) of each data file of one kind."""
    found = []
    for path in sorted((community.root / FOLDER / kind).glob(f"*{suffix}")):
        if path.name == "README.md":
            continue
        shown = f"{FOLDER}/{kind}/{path.name}"
        try:
            text = path.read_text(encoding="utf-8").replace("\r\n", "\n")
        except UnicodeDecodeError as error:
            message = f"data files are UTF-8, and byte {error.start} is not"
            community.problems.append(Problem(shown, 0, "syntax", message))
            continue
        except OSError as error:
            message = f"this cannot be read: {error.strerror or error}"
            community.problems.append(Problem(shown, 0, "unexpected-file", message))
            continue
        if suffix == ".toml" and not re.match(SLUG, path.stem):
            message = "a data file's name is small letters and digits, joined by single hyphens"
            community.problems.append(Problem(shown, 0, "file-name", message))
        found.append((shown, path.stem, text))
    return found


def _note(community: Community, path: str, lines: Lines, problems: list[Problem]) -> None:
    community.lines[path] = lines
    community.problems += problems


def _refuse_other_files(community: Community) -> None:
    """Name files that nothing reads: a rule kept in one of them would be no rule."""
    suffixes = {"people": ".toml", "teams": ".toml", "rfcs": ".md", "votes": None}
    for kind, suffix in suffixes.items():
        folder = community.root / FOLDER / kind
        for path in sorted(folder.rglob("*")) if folder.is_dir() else []:
            inside = path.relative_to(folder)
            if path.is_dir() or path.name == "README.md":
                continue
            if suffix is None:
                message = "steward reads no votes yet; record the decision in its RFC's resolution"
            elif path.suffix != suffix or len(inside.parts) > 1:
                message = f"steward reads only {FOLDER}/{kind}/*{suffix}; move or remove this file"
            else:
                continue
            shown = f"{FOLDER}/{kind}/{inside.as_posix()}"
            community.problems.append(Problem(shown, 0, "unexpected-file", message))
