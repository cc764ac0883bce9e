"""What the documents say can be typed: code blocks run, commands and linked files exist."""

from __future__ import annotations

import ast
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.project.documents import Block, code_blocks

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    [
        *ROOT.glob("*.md"),
        *(ROOT / "docs" / "guide").rglob("*.md"),
        *(ROOT / "governance").rglob("*.md"),
        *(path for path in (ROOT / "hub").rglob("*.md")),
        *(ROOT / "packages").glob("*/README.md"),
        *(ROOT / "examples").rglob("*.md"),
    ]
)
# Pages whose Python blocks run. A model's card needs its model: the hub's tests see to those.
RUN = [page for page in PAGES if "registry" not in page.parts]
SESSIONS = {
    node.name
    for node in ast.parse((ROOT / "noxfile.py").read_text(encoding="utf-8")).body
    if isinstance(node, ast.FunctionDef) and node.decorator_list
}


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", RUN, ids=name)
def test_python_blocks_run_in_order(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocks = [block for block in code_blocks(page) if block.language == "python"]
    for block in blocks:
        assert block.no_run != "", f"{name(page)}:{block.line}: say why it is not run"
    runnable = [block for block in blocks if block.no_run is None]
    # Examples name shipped media from the repository's root, and write only into their own folder.
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, object] = {"__name__": "__page__"}
    for block in runnable:
        # Empty lines in front make the line numbers of a traceback those of the page.
        code = compile("\n" * (block.line - 1) + block.text, str(page), "exec")
        exec(code, namespace)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_python_blocks_that_are_not_run_are_still_python(page: Path) -> None:
    for block in code_blocks(page):
        if block.language == "python" and block.no_run is not None:
            ast.parse(block.text, f"{name(page)}:{block.line}")


def commands(block: Block) -> list[list[str]]:
    """Return the words of each command of a console block; lines of output have no `$ `."""
    lines = block.text.replace("\\\n", " ").splitlines()
    if any(line.startswith("$ ") for line in lines):
        lines = [line[2:] for line in lines if line.startswith("$ ")]
    return [shlex.split(line, comments=True) for line in lines if shlex.split(line, comments=True)]


def every_command() -> list[tuple[str, list[str]]]:
    return [
        (f"{name(page)}:{block.line}", words)
        for page in PAGES
        for block in code_blocks(page)
        if block.language in {"console", "bash", "sh", "shell"}
        for words in commands(block)
    ]


def test_every_task_of_a_contributor_is_a_session() -> None:
    assert {
        *("demo", "tests", "lint", "types", "layers", "generate"),
        *("governance", "docs", "parity", "bench", "build", "gpu"),
    } <= SESSIONS


def test_every_nox_session_that_a_page_names_exists() -> None:
    said = [
        (where, session)
        for where, words in every_command()
        if words[0] == "nox" and "-s" in words
        for session in words[words.index("-s") + 1 :]
        if not session.startswith("-")
    ]
    assert said, "the pages name no session at all: this test looks at nothing"
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        said += [(name(page), one) for one in re.findall(r"`nox -s ([\w-]+)", text)]
    wrong = [
        f"{where}: {session}" for where, session in said if session.rstrip(",") not in SESSIONS
    ]
    assert wrong == []


@pytest.mark.parametrize("program", ["weft-hub", "steward"])
def test_every_subcommand_that_a_page_names_exists(program: str) -> None:
    path = Path(sys.executable).parent / program
    done = subprocess.run([path, "--help"], capture_output=True, text=True, check=True)
    known = set(re.findall(r"[a-z][a-z-]+", done.stdout))
    said = [(where, words) for where, words in every_command() if Path(words[0]).name == program]
    assert said, f"no page shows {program} at work"
    wrong = [
        f"{where}: {' '.join(words)}"
        for where, words in said
        if len(words) > 1 and not words[1].startswith("-") and words[1] not in known
    ]
    assert wrong == []


def test_what_readme_calls_two_commands_are_the_demo_and_the_tests() -> None:
    blocks = [block for block in code_blocks(ROOT / "README.md") if block.language == "console"]
    assert blocks[0].text == "".join(
        f"python -m pip install nox && python -m nox -s {session}\n"
        for session in ("demo", "tests")
    )


def test_every_folder_that_a_pip_command_installs_is_a_distribution() -> None:
    folders = [
        (where, word)
        for where, words in every_command()
        if "install" in words
        for word in words
        if word.startswith("./") or ("/" in word and (ROOT / word).is_dir())
    ]
    assert folders
    assert [
        f"{where}: {word}"
        for where, word in folders
        if not (ROOT / word / "pyproject.toml").is_file()
    ] == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_relative_link_leads_to_a_file(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    wrong = [
        target
        for target in re.findall(r"\[[^\]]*\]\(([^)\s]+)\)", text)
        if not re.match(r"https?:|mailto:|#", target)
        if not (page.parent / target.split("#")[0]).exists()
    ]
    assert wrong == []
