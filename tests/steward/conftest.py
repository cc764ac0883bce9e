"""A sound community in a temporary folder, and a way to break one thing in it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from weft_steward import Problem, check, read_community

FIXTURES = Path(__file__).parent / "fixtures"


@pytest.fixture
def community(tmp_path: Path) -> Path:
    """Return the root of a fresh copy of the fixture whose data keep every rule."""
    root = tmp_path / "repository"
    shutil.copytree(FIXTURES / "sound", root)
    return root


Edit = Callable[[str, str, str], None]


@pytest.fixture
def edit(community: Path) -> Edit:
    """Return a function that replaces a text that has to be there, in one governance file."""

    def replace(file: str, old: str, new: str) -> None:
        path = community / "governance" / file
        text = path.read_text(encoding="utf-8")
        assert text.count(old) >= 1, f"{file} holds no {old!r}"
        path.write_text(text.replace(old, new, 1), encoding="utf-8")

    return replace


@pytest.fixture
def problems(community: Path) -> Callable[[], list[Problem]]:
    """Return a function that checks the community as it stands."""
    return lambda: check(read_community(community))
