"""The command's output and exit status, as a shell sees them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest

from weft_steward.cli import main

Edit = Callable[[str, str, str], None]


def test_the_installed_command_prints_its_help() -> None:
    program = Path(sys.executable).parent / "steward"
    done = subprocess.run([program, "--help"], capture_output=True, text=True, check=True)
    assert "usage: steward" in done.stdout
    assert {"check", "show", "owners", "rules"} <= set(done.stdout.split())


def test_python_m_runs_the_same_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "weft_steward", "--version"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"steward {version('weft-steward')}\n"


def test_check_of_sound_data_ends_with_status_0_and_its_counts(
    community: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", str(community)]) == 0
    out = capsys.readouterr().out
    assert "no problems (4 people, 2 teams with 6 seats (2 vacant), 3 RFCs)" in out
    assert "not a git work tree" in out


def test_check_of_broken_data_ends_with_status_1_and_every_problem(
    community: Path, edit: Edit, capsys: pytest.CaptureFixture[str]
) -> None:
    edit("people/example-bo.toml", "affiliation", "afiliation")
    edit("teams/loom.toml", '"/docs/"', '"/dogs/"')
    assert main(["check", str(community)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("governance/people/example-bo.toml:")
    assert any(line.startswith("governance/teams/loom.toml:11: paths-exist:") for line in lines)
    assert lines[-1] == "steward: 3 problems in 2 files"


def test_check_where_there_is_no_governance_is_misuse(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", str(tmp_path)]) == 2
    assert "has no folder governance/" in capsys.readouterr().err


def test_check_without_a_path_looks_upwards(
    community: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(community / "loom" / "shuttle")
    assert main(["check"]) == 0


def test_show_prints_people_by_name_and_vacant_seats_as_vacant(
    community: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["show", str(community)]) == 0
    out = capsys.readouterr().out
    assert "lead: Bo Example (example-bo, Example Mill), since 2026-02-01" in out
    assert "reviewer: vacant" in out
    assert "0002  accepted    Two beams (by example-ann)" in out


def test_show_says_that_unreadable_files_are_left_out(
    community: Path, edit: Edit, capsys: pytest.CaptureFixture[str]
) -> None:
    edit("people/example-bo.toml", "affiliation", "afiliation")
    assert main(["show", "--kind", "people", str(community)]) == 1
    captured = capsys.readouterr()
    assert "Ann Example" in captured.out
    assert "1 of the files could not be read" in captured.err


def test_owners_names_the_team_with_the_most_particular_path_first(
    community: Path, edit: Edit, capsys: pytest.CaptureFixture[str]
) -> None:
    edit("teams/council.toml", '"/governance/"', '"/governance/", "/loom/shuttle/"')
    assert main(["owners", "--path", str(community), "loom/shuttle/pick.txt"]) == 0
    assert capsys.readouterr().out == "council\nloom\n"


def test_owners_of_a_misspelt_file_suggests_the_nearest(
    community: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["owners", "--path", str(community), "loom/bean.txt"]) == 2
    assert "did you mean 'loom/beam.txt'?" in capsys.readouterr().err


def test_rules_lists_every_rule_with_its_reason(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rules"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) >= 19
    assert any(line.startswith("fair-council") and "half" in line for line in lines)
