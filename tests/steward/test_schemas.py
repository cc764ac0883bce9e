"""Each file says what its kind says: every breach is named at its line, all of them together."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from weft_steward import Problem, check, read_community

Check = Callable[[], list[Problem]]
Edit = Callable[[str, str, str], None]

BO = "people/example-bo.toml"
LOOM = "teams/loom.toml"
RFC = "rfcs/0003-faster-shuttle.md"


def test_the_sound_fixture_has_no_problems(problems: Check) -> None:
    assert problems() == []


@pytest.mark.parametrize(
    ("file", "old", "new", "line", "said"),
    [
        (BO, "affiliation", "afiliation", 3, "did you mean 'affiliation'?"),
        (BO, 'name = "Bo Example"\n', "", 1, "required key 'name' is missing"),
        (BO, "2026-01-05", '"yesterday"', 4, "since: input should be a valid date"),
        (BO, "2026-01-05", "2026-01-05T10:00:00", 4, "since: input should be a valid date"),
        (BO, '"Bo Example"', "7", 2, "name: input should be a valid string; it is 7"),
        (BO, '"Bo Example"', '" Bo"', 2, "name: string should match pattern"),
        (LOOM, '"maintainers"', '"maintainer"', 3, "did you mean 'maintainers'?"),
        (LOOM, '"/docs/"', '"docs/"', 11, "paths[2]: string should match pattern"),
        (LOOM, '"/docs/"', "3", 11, "paths[2]: input should be a valid string; it is 3"),
        (LOOM, 'role = "lead"', 'roll = "lead"', 15, "unknown key 'roll' in seats[1]"),
        (LOOM, 'role = "reviewer"', 'role = "reader"', 20, "must be one of"),
        (LOOM, '"example-bo"', '"Example Bo"', 16, "seats[1].holder: string should match"),
        (RFC, '"draft"', '"drafted"', 3, "did you mean 'draft'?"),
        (RFC, "created = 2026-03-01", "creatd = 2026-03-01", 6, "unknown key 'creatd'"),
        (RFC, '["example-ann"]', "[]", 4, "authors: list should have at least 1 item"),
    ],
)
def test_a_breach_of_a_schema_is_named_at_its_line(
    edit: Edit, problems: Check, file: str, old: str, new: str, line: int, said: str
) -> None:
    edit(file, old, new)
    found = [one for one in problems() if one.rule == "schema" and said in one.message]
    assert [(one.path, one.line) for one in found] == [(f"governance/{file}", line)], problems()


def test_all_problems_of_all_files_come_together(edit: Edit, problems: Check) -> None:
    edit(BO, "affiliation", "afiliation")
    edit(BO, "since", "sinc")
    edit(LOOM, 'kind = "maintainers"', 'kind = "guild"')
    edit(RFC, "+++\ntitle", "title")
    found = problems()
    assert [(one.path.rpartition("/")[2], one.rule) for one in found] == [
        ("example-bo.toml", "schema"),  # affiliation is missing
        ("example-bo.toml", "schema"),  # since is missing
        ("example-bo.toml", "schema"),  # afiliation is unknown
        ("example-bo.toml", "schema"),  # sinc is unknown
        ("0003-faster-shuttle.md", "syntax"),
        ("loom.toml", "schema"),
    ]


def test_a_toml_error_is_named_at_its_line(edit: Edit, problems: Check) -> None:
    edit(BO, 'name = "Bo Example"', 'name = "Bo Example')
    (found,) = problems()
    assert (found.rule, found.line) == ("syntax", 2)
    assert "this is not TOML" in found.message


def test_a_toml_error_in_an_rfc_counts_from_the_top_of_the_file(
    edit: Edit, problems: Check
) -> None:
    edit(RFC, 'status = "draft"', "status = draft")
    (found,) = problems()
    assert (found.rule, found.line) == ("syntax", 3)


def test_a_file_that_is_not_utf_8_is_named(community: Path, problems: Check) -> None:
    (community / "governance" / BO).write_bytes(b'name = "B\xf6"\n')
    (found,) = [one for one in problems() if one.rule == "syntax"]
    assert found.path == f"governance/{BO}"
    assert "byte 9 is not" in found.message


@pytest.mark.parametrize(
    "name",
    ["people/ann.yaml", "people/old/ann.toml", "teams/notes.txt", "rfcs/plan.txt", "votes/1.toml"],
)
def test_a_file_that_nothing_reads_is_refused(community: Path, problems: Check, name: str) -> None:
    path = community / "governance" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("")
    (found,) = problems()
    assert (found.path, found.rule) == (f"governance/{name}", "unexpected-file")


def test_a_folder_that_is_named_like_a_file_is_refused(community: Path, problems: Check) -> None:
    (community / "governance" / "people" / "example-eve.toml").mkdir()
    (found,) = problems()
    assert (found.path, found.rule) == (
        "governance/people/example-eve.toml",
        "unexpected-file",
    )
    assert "cannot be read" in found.message


def test_an_empty_community_has_no_problems(tmp_path: Path) -> None:
    (tmp_path / "governance").mkdir()
    assert check(read_community(tmp_path)) == []


@pytest.mark.parametrize("text", ["", "+++\n", "+++\n+++\n", "# RFC 0004: No header\n"])
def test_an_rfc_without_a_whole_header_is_a_problem_and_no_crash(
    community: Path, problems: Check, text: str
) -> None:
    (community / "governance" / "rfcs" / "0004-empty.md").write_text(text)
    found = problems()
    assert found
    assert {one.path for one in found} == {"governance/rfcs/0004-empty.md"}


def test_windows_line_ends_change_no_line(edit: Edit, community: Path, problems: Check) -> None:
    edit(LOOM, 'role = "reviewer"', 'role = "reader"')
    before = problems()
    path = community / "governance" / LOOM
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert problems() == before


def test_a_file_name_that_is_no_handle_is_refused(community: Path, problems: Check) -> None:
    folder = community / "governance" / "people"
    (folder / "example-di.toml").rename(folder / "Example Di.toml")
    (found,) = problems()
    assert (found.path, found.rule) == ("governance/people/Example Di.toml", "file-name")


@pytest.mark.parametrize("name", ["3-faster.md", "0000-zero.md", "0003-Faster.md", "plan.md"])
def test_an_rfc_has_a_number_in_its_file_name(community: Path, problems: Check, name: str) -> None:
    folder = community / "governance" / "rfcs"
    (folder / "0003-faster-shuttle.md").rename(folder / name)
    (found,) = problems()
    assert (found.path, found.rule) == (f"governance/rfcs/{name}", "rfc-number")


def test_two_rfcs_never_share_a_number(community: Path, problems: Check) -> None:
    folder = community / "governance" / "rfcs"
    text = (folder / "0003-faster-shuttle.md").read_text()
    (folder / "0003-slower-shuttle.md").write_text(text)
    (found,) = problems()
    assert found.rule == "rfc-number"
    assert "0003-faster-shuttle.md has the number 0003 already" in found.message
