"""Rules on RFCs: who wrote them, what became of them, what they have to say."""

from __future__ import annotations

import re
from collections.abc import Iterator

from weft_steward.community import Community
from weft_steward.problems import nearest
from weft_steward.rules.registry import rule
from weft_steward.schemas import RfcHeader

DECIDED = ("accepted", "implemented", "rejected", "superseded")
SECTIONS = (
    "Summary",
    "Motivation",
    "Design",
    "Alternatives",
    "Compatibility",
    "Open questions",
)


def _rfcs(community: Community) -> Iterator[tuple[int, str, RfcHeader]]:
    for number, rfc in sorted(community.rfcs.items()):
        yield number, community.files[number], rfc.header


@rule
def rfc_people(community: Community) -> Iterator[tuple[str, int, str]]:
    """An RFC's authors have files in people/ and its teams in teams/."""
    for _, path, header in _rfcs(community):
        for key, names, known in (
            ("authors", header.authors, community.people_files),
            ("teams", header.teams, community.team_files),
        ):
            for index, name in enumerate(names):
                if name not in known:
                    folder = "people" if key == "authors" else "teams"
                    line = community.line(path, key, index)
                    yield (
                        path,
                        line,
                        (
                            f"{key} names {name!r}, and governance/{folder} has no {name}.toml"
                            f"{nearest(name, known)}"
                        ),
                    )


@rule
def rfc_decision(community: Community) -> Iterator[tuple[str, int, str]]:
    """A decided RFC says when it was decided and where anyone can read the decision."""
    for _, path, header in _rfcs(community):
        line = community.line(path, "status")
        for key in ("decided", "resolution"):
            has = getattr(header, key) is not None
            if header.status in DECIDED and not has:
                yield path, line, f"an RFC that is {header.status} needs {key} = ..."
            if header.status not in DECIDED and has:
                where = community.line(path, key)
                yield path, where, f"an RFC that is {header.status} has no {key} yet"
        if header.decided is not None and header.decided < header.created:
            where = community.line(path, "decided")
            yield (
                path,
                where,
                f"decided on {header.decided}, before it was created on {header.created}",
            )


@rule
def rfc_supersession(community: Community) -> Iterator[tuple[str, int, str]]:
    """Of two RFCs that replace one another, each names the other."""
    for number, path, header in _rfcs(community):
        for index, older in enumerate(header.supersedes):
            line = community.line(path, "supersedes", index)
            if older not in community.rfcs:
                yield path, line, f"supersedes RFC {older:04d}, which does not exist"
            elif community.rfcs[older].header.superseded_by != number:
                yield path, line, f"RFC {older:04d} does not say superseded_by = {number}"
        newer = header.superseded_by
        line = community.line(path, "superseded_by")
        if newer is not None:
            if newer not in community.rfcs:
                yield path, line, f"superseded by RFC {newer:04d}, which does not exist"
            elif number not in community.rfcs[newer].header.supersedes:
                yield path, line, f"RFC {newer:04d} does not list {number} in supersedes"
        if (header.status == "superseded") != (newer is not None):
            yield (
                path,
                community.line(path, "status"),
                "status = 'superseded' and superseded_by go together",
            )


@rule
def rfc_sections(community: Community) -> Iterator[tuple[str, int, str]]:
    """An RFC has its title as heading and every section of the template, so none is skipped."""
    for number, path, header in _rfcs(community):
        rfc = community.rfcs[number]
        heading = f"# RFC {number:04d}: {header.title}"
        outside = re.sub(r"^(```|~~~).*?^\1", "", rfc.body, flags=re.DOTALL | re.MULTILINE)
        lines = [line.rstrip() for line in outside.splitlines()]
        if heading not in lines:
            yield path, rfc.body_line, f"the text has no heading {heading!r}"
        for section in SECTIONS:
            if f"## {section}" not in lines:
                yield path, rfc.body_line, f"the section '## {section}' is missing"
