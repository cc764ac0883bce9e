"""Rules on people and on the seats that they hold."""

from __future__ import annotations

import collections
from collections.abc import Iterator

from weft_steward.community import Community
from weft_steward.problems import nearest
from weft_steward.rules.registry import rule
from weft_steward.schemas import LEADING, ROLES_OF, Seat


def _seats(community: Community) -> Iterator[tuple[str, str, int, Seat]]:
    for slug, team in community.teams.items():
        for index, seat in enumerate(team.seats):
            yield slug, str(community.files[f"teams/{slug}"]), index, seat


@rule
def holder_exists(community: Community) -> Iterator[tuple[str, int, str]]:
    """A seat is held by someone with a file in people/: nobody decides under a bare name."""
    for _, path, index, seat in _seats(community):
        if seat.holder is not None and seat.holder not in community.people_files:
            line = community.line(path, "seats", index, "holder")
            hint = nearest(seat.holder, community.people_files)
            yield (
                path,
                line,
                f"the {seat.role}'s seat names {seat.holder!r}, and governance/people has no "
                f"{seat.holder}.toml{hint}",
            )


@rule
def holder_active(community: Community) -> Iterator[tuple[str, int, str]]:
    """Who has become emeritus holds no seat: a seat that nobody fills is shown as vacant."""
    for _, path, index, seat in _seats(community):
        person = community.people.get(seat.holder or "")
        if person is not None and person.emeritus is not None:
            line = community.line(path, "seats", index, "holder")
            yield (
                path,
                line,
                f"{seat.holder!r} is emeritus since {person.emeritus}; leave the holder out",
            )


@rule
def holder_once(community: Community) -> Iterator[tuple[str, int, str]]:
    """Nobody holds two seats of one team: two seats are two voices."""
    met: dict[tuple[str, str], int] = {}
    for slug, path, index, seat in _seats(community):
        if seat.holder is None:
            continue
        first = met.setdefault((slug, seat.holder), index)
        if first != index:
            line = community.line(path, "seats", index, "holder")
            yield path, line, f"{seat.holder!r} holds seat {first + 1} of this team already"


@rule
def seat_role(community: Community) -> Iterator[tuple[str, int, str]]:
    """Each kind of team has its own roles, and at most one seat that leads."""
    for slug, path, index, seat in _seats(community):
        team = community.teams[slug]
        line = community.line(path, "seats", index, "role")
        allowed = ROLES_OF[team.kind]
        if seat.role not in allowed:
            yield path, line, f"a {team.kind} team has {', '.join(allowed)}, and no {seat.role}"
        earlier = [other for other in team.seats[:index] if other.role in LEADING]
        if seat.role in LEADING and earlier:
            yield path, line, f"this team has a {earlier[0].role} already; one seat leads"


@rule
def seat_dates(community: Community) -> Iterator[tuple[str, int, str]]:
    """A held seat says since when; a vacant one has no dates; a term ends after it began."""
    for slug, path, index, seat in _seats(community):
        line = community.line(path, "seats", index)
        if seat.holder is None and (seat.since or seat.until):
            yield path, line, "a vacant seat (without holder) has neither since nor until"
        if seat.holder is not None and seat.since is None:
            yield path, line, f"the seat of {seat.holder!r} needs since = YYYY-MM-DD"
        if seat.since and seat.until and seat.until <= seat.since:
            yield path, line, f"the term ends on {seat.until}, not after it began on {seat.since}"
        if community.teams[slug].kind == "council" and seat.holder and not seat.until:
            yield path, line, "a council's seat is held for a term: it needs until = YYYY-MM-DD"


@rule
def fair_council(community: Community) -> Iterator[tuple[str, int, str]]:
    """Once a council has three people, each organisation pays for fewer than half of them."""
    for slug, team in community.teams.items():
        if team.kind != "council":
            continue
        paid_by = [
            community.people[seat.holder].affiliation
            for seat in team.seats
            if seat.holder in community.people
        ]
        counts = collections.Counter(
            payer for payer in paid_by if payer.casefold() != "independent"
        )
        for payer, count in counts.items():
            if len(paid_by) >= 3 and 2 * count >= len(paid_by):
                path = str(community.files[f"teams/{slug}"])
                yield (
                    path,
                    community.line(path, "seats"),
                    f"{payer} pays {count} of the {len(paid_by)} people on this council; "
                    f"it may be fewer than half",
                )


@rule
def person_dates(community: Community) -> Iterator[tuple[str, int, str]]:
    """Nobody becomes emeritus before having joined."""
    for handle, person in community.people.items():
        if person.emeritus is not None and person.emeritus < person.since:
            path = str(community.files[f"people/{handle}"])
            line = community.line(path, "emeritus")
            yield path, line, f"emeritus on {person.emeritus}, before joining on {person.since}"
