"""The data as a person reads it: teams with their seats, people, RFCs and rules."""

from __future__ import annotations

from collections.abc import Iterator

from weft_steward.community import Community
from weft_steward.rules import READING_RULES, RULES
from weft_steward.schemas import Team

KINDS = ("teams", "people", "rfcs")


def show(community: Community, kind: str | None = None) -> str:
    """Return the text for one kind of data, or for all of them."""
    chosen = KINDS if kind is None else (kind,)
    writers = {"teams": _teams, "people": _people, "rfcs": _rfcs}
    return "\n\n".join("\n".join(writers[one](community)) for one in chosen)


def rules_text() -> str:
    """Return every rule's name and reason, one a line."""
    reasons = READING_RULES | {name: one.reason for name, one in RULES.items()}
    width = max(map(len, reasons))
    return "\n".join(f"{name:<{width}}  {reason}" for name, reason in sorted(reasons.items()))


def counts(community: Community) -> str:
    """Return one line that says how much data there is."""
    seats = [seat for team in community.teams.values() for seat in team.seats]
    vacant = sum(seat.holder is None for seat in seats)
    return (
        f"{_many(len(community.people), 'person', 'people')}, "
        f"{_many(len(community.teams), 'team')} with {_many(len(seats), 'seat')} "
        f"({vacant} vacant), {_many(len(community.rfcs), 'RFC')}"
    )


def _many(count: int, one: str, several: str | None = None) -> str:
    return f"{count} {one if count == 1 else several or one + 's'}"


def _teams(community: Community) -> Iterator[str]:
    yield f"Teams ({len(community.teams)})"
    for slug, team in community.teams.items():
        yield ""
        yield f"  {team.name} ({slug}, {team.kind})"
        yield f"    {' '.join(team.purpose.split())}"
        yield from _seats(community, team)
        for decision in team.decides:
            yield f"    decides: {decision}"
        for pattern in team.paths:
            yield f"    owns: {pattern}"


def _seats(community: Community, team: Team) -> Iterator[str]:
    for seat in team.seats:
        if seat.holder is None:
            yield f"    {seat.role}: vacant"
            continue
        person = community.people.get(seat.holder)
        name = f"{person.name} ({seat.holder}, {person.affiliation})" if person else seat.holder
        term = f", until {seat.until}" if seat.until else ""
        yield f"    {seat.role}: {name}, since {seat.since}{term}"


def _people(community: Community) -> Iterator[str]:
    yield f"People ({len(community.people)})"
    for handle, person in community.people.items():
        until = f", emeritus since {person.emeritus}" if person.emeritus else ""
        yield f"  {person.name} ({handle}), {person.affiliation}, since {person.since}{until}"


def _rfcs(community: Community) -> Iterator[str]:
    yield f"RFCs ({len(community.rfcs)})"
    for number, rfc in sorted(community.rfcs.items()):
        header = rfc.header
        yield f"  {number:04d}  {header.status:<11} {header.title} (by {', '.join(header.authors)})"
