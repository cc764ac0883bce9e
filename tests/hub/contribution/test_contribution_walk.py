"""The guide's page "Contribute a model", done step by step: what it shows is what is printed."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.project.documents import code_blocks

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "guide" / "hub_contribute.md"
PROGRAMS = {
    "weft-hub": [sys.executable, "-m", "weft_hub.cli"],
    "python": [sys.executable],
    "git": ["git"],
}


def checkout(folder: Path) -> None:
    """Make a small checkout: the registry and the media, committed."""
    shutil.copytree(ROOT / "hub" / "registry", folder / "hub" / "registry")
    shutil.copytree(ROOT / "examples" / "media", folder / "examples" / "media")
    who = ["-c", "user.name=walk", "-c", "user.email=walk@localhost"]
    for command in (["init", "--quiet"], ["add", "."], [*who, "commit", "--quiet", "-m", "start"]):
        subprocess.run(["git", *command], cwd=folder, check=True)


def steps(text: str) -> list[tuple[str, str]]:
    """Return each command of a console block and the output that is shown for it."""
    found: list[tuple[str, str]] = []
    for line in text.replace("\\\n", " ").splitlines():
        if line.startswith("$ "):
            found.append((line[2:], ""))
        else:
            found[-1] = (found[-1][0], f"{found[-1][1]}{line}\n")
    return found


def agrees(shown: str, came: str) -> bool:
    """Whether `came` is `shown`, in which `...` stands for anything."""
    pattern = ".*?".join(re.escape(part) for part in shown.split("..."))
    return re.fullmatch(pattern, came, re.DOTALL) is not None


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("git") is None, reason="the walk ends in a git checkout")
def test_the_guides_walk_from_new_to_publish(tmp_path: Path) -> None:
    folder = tmp_path / "checkout"
    folder.mkdir()
    checkout(folder)
    environment = dict(os.environ)
    shown_commands = []
    for block in code_blocks(PAGE):
        language, _, rest = block.language.partition(" ")
        if title := re.fullmatch(r'title="([^"]+)"', rest):
            # A part of a file is added to it, as the reader does.
            with (folder / title[1]).open("a" if language == "toml" else "w") as out:
                out.write(block.text)
        elif language == "console":
            page = PAGE.read_text("utf-8").splitlines()
            expected = 1 if page[block.line - 3] == "<!-- exit: 1 -->" else 0
            for command, shown in steps(block.text):
                shown_commands.append(command.split()[:2])
                words = shlex.split(command)
                if words[0] == "export":
                    name, _, value = words[1].partition("=")
                    environment[name] = value
                    continue
                done = subprocess.run(
                    [*PROGRAMS[words[0]], *words[1:]],
                    cwd=folder, env=environment, capture_output=True, text=True, timeout=300,
                )  # fmt: skip
                assert done.returncode == expected, f"{command}\n{done.stdout}{done.stderr}"
                assert agrees(shown, done.stdout), f"{command}\n{shown}---\n{done.stdout}"
    assert ["weft-hub", "new"] in shown_commands and ["weft-hub", "publish"] in shown_commands
    request = (folder / "vision-cat-or-coffee.pull-request.md").read_text("utf-8")
    assert request.startswith("hub: Add vision/cat-or-coffee 1.0.0\n")
    assert "- ok: metrics: probability of cat = 0.95: measured" in request
