"""Rules on the paths that teams own."""

from __future__ import annotations

import collections
from collections.abc import Iterator

from weft_steward.community import Community
from weft_steward.ownership import matching, repository_files
from weft_steward.problems import nearest
from weft_steward.rules.registry import rule


@rule
def paths_exist(community: Community) -> Iterator[tuple[str, int, str]]:
    """A team's path names at least one file: a path that moved leaves its owner behind."""
    files, _ = repository_files(community.root)
    for slug, team in community.teams.items():
        path = str(community.files[f"teams/{slug}"])
        for index, pattern in enumerate(team.paths):
            if not matching(pattern, files):
                line = community.line(path, "paths", index)
                tops = {"/" + name.split("/")[0] + ("/" if "/" in name else "") for name in files}
                yield path, line, f"{pattern!r} names no file{nearest(pattern, tops)}"


@rule
def paths_once(community: Community) -> Iterator[tuple[str, int, str]]:
    """A path is one team's: where two would decide, nobody does."""
    met: dict[str, str] = {}
    for slug, team in sorted(community.teams.items()):
        path = str(community.files[f"teams/{slug}"])
        for index, pattern in enumerate(team.paths):
            first = met.setdefault(pattern.rstrip("/*"), slug)
            if first != slug:
                line = community.line(path, "paths", index)
                yield path, line, f"{pattern!r} is owned by the team {first!r} already"


@rule
def paths_covered(community: Community) -> Iterator[tuple[str, int, str]]:
    """Every file that git knows has an owner (in a git work tree, where any team has paths)."""
    files, exact = repository_files(community.root)
    patterns = [pattern for team in community.teams.values() for pattern in team.paths]
    unread = community.team_files - set(community.teams)
    if not exact or not patterns or unread:
        return  # a team whose file has problems may own what seems to be nobody's
    owned: set[str] = set()
    for pattern in patterns:
        owned.update(matching(pattern, files))
    nobodys = collections.Counter(
        name if "/" not in name else "/".join(name.split("/")[:2])
        for name in files
        if name not in owned
    )
    for name, count in sorted(nobodys.items()):
        what = "this file" if count == 1 else f"the {count} files here"
        yield name, 0, f"no team's paths name {what}; add it to the paths of a team"
