"""What a file of each kind may say: strict schemas that know every key."""

from __future__ import annotations

import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

# Handles and slugs are file names, so they are plain: `ada`, `ada-l`, `core`, `release-2`.
SLUG = r"^[a-z0-9]+(-[a-z0-9]+)*$"

Slug = Annotated[str, StringConstraints(pattern=SLUG, max_length=40)]
Line = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^\S(.*\S)?$")]
Prose = Annotated[str, StringConstraints(min_length=1, max_length=2000)]
Link = Annotated[str, StringConstraints(pattern=r"^https://\S+$")]
Pattern = Annotated[str, StringConstraints(pattern=r"^/\S*$", min_length=2)]

Role = Literal["chair", "member", "lead", "maintainer", "reviewer"]
TeamKind = Literal["council", "maintainers", "working-group"]
RfcStatus = Literal[
    "draft", "discussion", "accepted", "implemented", "rejected", "withdrawn", "superseded"
]

# The roles that a kind of team has, and the one of them that leads it.
ROLES_OF: dict[TeamKind, tuple[Role, ...]] = {
    "council": ("chair", "member"),
    "maintainers": ("lead", "maintainer", "reviewer"),
    "working-group": ("chair", "member"),
}
LEADING: tuple[Role, ...] = ("chair", "lead")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Person(_Strict):
    """One person, from `people/HANDLE.toml`."""

    name: Line
    affiliation: Line  # who pays for the work; "independent" where nobody does
    since: datetime.date
    emeritus: datetime.date | None = None
    links: list[Link] = Field(default_factory=list)


class Seat(_Strict):
    """One seat of a team. Without a holder it is vacant, and says so by having none."""

    role: Role
    holder: Slug | None = None
    since: datetime.date | None = None
    until: datetime.date | None = None


class Team(_Strict):
    """One team, from `teams/SLUG.toml`."""

    name: Line
    kind: TeamKind
    purpose: Prose
    decides: list[Line] = Field(min_length=1)
    paths: list[Pattern] = Field(default_factory=list)
    seats: list[Seat] = Field(min_length=1)


class RfcHeader(_Strict):
    """What an RFC says of itself between its `+++` lines, from `rfcs/NNNN-SLUG.md`."""

    title: Line
    status: RfcStatus
    authors: list[Slug] = Field(min_length=1)
    teams: list[Slug] = Field(min_length=1)
    created: datetime.date
    decided: datetime.date | None = None
    resolution: Line | None = None  # where the decision is recorded, for anyone to read
    supersedes: list[int] = Field(default_factory=list)
    superseded_by: int | None = None
