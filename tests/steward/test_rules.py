"""Rules across files: one edit of a sound community breaks one rule, at one line."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from weft_steward import RULES, Problem

Check = Callable[[], list[Problem]]
Edit = Callable[[str, str, str], None]

BO = "people/example-bo.toml"
DI = "people/example-di.toml"
COUNCIL = "teams/council.toml"
LOOM = "teams/loom.toml"
FIRST, SECOND, THIRD = (
    "rfcs/0001-tighter-beam.md",
    "rfcs/0002-two-beams.md",
    "rfcs/0003-faster-shuttle.md",
)

# file, old text, new text, the line and rule of the one problem, a part of its message
BREACHES = [
    (LOOM, "example-bo", "example-boo", 16, "holder-exists", "did you mean 'example-bo'?"),
    (LOOM, "example-bo", "example-di", 16, "holder-active", "emeritus since 2027-03-01"),
    (COUNCIL, "example-cy", "example-ann", 22, "holder-once", "holds seat 1"),
    (LOOM, '"reviewer"', '"member"', 20, "seat-role", "has lead, maintainer, reviewer"),
    (LOOM, '"reviewer"', '"lead"', 20, "seat-role", "has a lead already"),
    (LOOM, "since = 2026-02-01\n", "", 14, "seat-dates", "needs since"),
    (LOOM, '"reviewer"', '"reviewer"\nsince = 2026-02-01', 19, "seat-dates", "vacant"),
    (COUNCIL, "until = 2028-02-01\n", "", 8, "seat-dates", "needs until"),
    (COUNCIL, "until = 2028", "until = 2025", 8, "seat-dates", "not after it began"),
    (DI, "emeritus = 2027", "emeritus = 2025", 5, "person-dates", "before joining"),
    (LOOM, '"/docs/"', '"/dogs/"', 11, "paths-exist", "did you mean '/docs/'?"),
    (LOOM, '"/docs/"', '"/governance/**"', 11, "paths-once", "by the team 'council' already"),
    (THIRD, "example-ann", "example-an", 4, "rfc-people", "did you mean 'example-ann'?"),
    (THIRD, '"loom"', '"lom"', 5, "rfc-people", "did you mean 'loom'?"),
    (SECOND, "resolution =", "# resolution =", 3, "rfc-decision", "needs resolution"),
    (THIRD, "created", "decided = 2026-04-01\ncreated", 6, "rfc-decision", "no decided yet"),
    (SECOND, "decided = 2026", "decided = 2025", 7, "rfc-decision", "before it was created"),
    (SECOND, "[1]", "[1, 9]", 9, "rfc-supersession", "RFC 0009, which does not exist"),
    (THIRD, "# RFC 0003", "# RFC 0004", 8, "rfc-sections", "no heading '# RFC 0003"),
    (THIRD, "\n\n## Design", "", 8, "rfc-sections", "'## Design' is missing"),
]  # fmt: skip


@pytest.mark.parametrize(("file", "old", "new", "line", "rule", "said"), BREACHES)
def test_a_breach_is_named_at_its_line(
    edit: Edit,
    problems: Check,
    file: str,
    old: str,
    new: str,
    line: int,
    rule: str,
    said: str,
) -> None:
    edit(file, old, new)
    found = problems()
    assert [(one.path, one.line, one.rule) for one in found] == [
        (f"governance/{file}", line, rule)
    ], found
    assert said in found[0].message


def test_an_rfc_that_replaces_another_has_to_say_so(edit: Edit, problems: Check) -> None:
    edit(SECOND, "supersedes = [1]\n", "")
    (found,) = problems()
    assert (found.path, found.line, found.rule) == (f"governance/{FIRST}", 9, "rfc-supersession")
    assert "RFC 0002 does not list 1 in supersedes" in found.message


def test_an_rfc_that_is_replaced_has_to_say_so(edit: Edit, problems: Check) -> None:
    edit(FIRST, "superseded_by = 2\n", "")
    first, second = problems()
    assert "go together" in first.message
    assert (second.path, second.line) == (f"governance/{SECOND}", 9)
    assert "RFC 0001 does not say superseded_by = 2" in second.message


def test_every_rule_is_broken_by_some_test() -> None:
    elsewhere = {"fair-council", "paths-covered"}  # by the tests below
    assert {breach[4] for breach in BREACHES} | elsewhere == set(RULES)


def test_every_rule_says_why() -> None:
    assert all(len(one.reason) > 30 for one in RULES.values())


def test_half_of_a_council_may_not_be_paid_by_one_organisation(edit: Edit, problems: Check) -> None:
    edit("people/example-cy.toml", "Example Dyeworks", "Example Mill")
    (found,) = problems()
    assert (found.path, found.rule) == (f"governance/{COUNCIL}", "fair-council")
    assert "Example Mill pays 2 of the 3 people" in found.message


def test_independent_people_are_no_organisation(edit: Edit, problems: Check) -> None:
    edit("people/example-bo.toml", "Example Mill", "independent")
    edit("people/example-cy.toml", "Example Dyeworks", "independent")
    assert problems() == []


def test_two_held_seats_are_too_few_to_be_unfair(edit: Edit, problems: Check) -> None:
    edit("people/example-cy.toml", "Example Dyeworks", "Example Mill")
    edit(COUNCIL, 'holder = "example-ann"\nsince = 2026-02-01\nuntil = 2028-02-01\n', "")
    assert problems() == []


def committed(root: Path) -> None:
    subprocess.run(["git", "init", "--quiet", str(root)], check=True)
    subprocess.run(["git", "-C", str(root), "add", "--all"], check=True)


def test_a_file_without_an_owner_is_named(community: Path, problems: Check) -> None:
    (community / "README.md").write_text("nobody's\n")
    (community / "spindle" / "parts").mkdir(parents=True)
    (community / "spindle" / "parts" / "a.txt").write_text("nobody's\n")
    (community / "spindle" / "parts" / "b.txt").write_text("nobody's\n")
    committed(community)
    assert [str(one) for one in problems()] == [
        "README.md: paths-covered: no team's paths name this file; add it to the paths of a team",
        "spindle/parts: paths-covered: no team's paths name the 2 files here; "
        "add it to the paths of a team",
    ]


def test_a_file_that_git_ignores_needs_no_owner(community: Path, problems: Check) -> None:
    (community / "docs" / ".gitignore").write_text("*.log\n")
    (community / "docs" / "build.log").write_text("ignored\n")
    committed(community)
    (community / ".git" / "info" / "exclude").write_text("/scratch\n")
    (community / "scratch").write_text("ignored\n")
    assert problems() == []


def test_our_own_governance_data_keep_every_rule(repository: Path) -> None:
    from weft_steward import check, read_community

    assert [str(one) for one in check(read_community(repository))] == []


def test_our_own_people_and_seats_are_not_invented(repository: Path) -> None:
    from weft_steward import read_community

    ours = read_community(repository)
    held = [s.holder for team in ours.teams.values() for s in team.seats if s.holder]
    assert set(held) <= set(ours.people)
    assert not any(name.startswith("example") for name in ours.people)


def test_the_rfc_template_has_every_required_section(repository: Path) -> None:
    from weft_steward.rules.rfcs import SECTIONS

    text = (repository / "governance" / "rfcs" / "template.md").read_text(encoding="utf-8")
    assert [f"## {name}" for name in SECTIONS if f"\n## {name}\n" not in text] == []


def test_an_rfc_made_from_the_template_is_read(
    repository: Path, community: Path, problems: Check
) -> None:
    text = (repository / "governance" / "rfcs" / "template.md").read_text(encoding="utf-8")
    text = text.replace("your-handle", "example-ann").replace("the-team-that-decides", "loom")
    target = community / "governance" / "rfcs" / "0004-new.md"
    target.write_text(text.replace("RFC NNNN", "RFC 0004"), encoding="utf-8")
    assert problems() == []
