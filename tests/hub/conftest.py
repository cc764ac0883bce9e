"""What the hub's tests share: a stage of their own, and the command as a function."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from hub.attacks.stage import Stage
from weft_hub import cli


class Outcome(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


@pytest.fixture(autouse=True)
def only_our_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting of the person who runs the tests counts, and no cache of theirs is touched."""
    for name in list(os.environ):
        ours = name.lower().startswith(("weft_hub_", "hf_", "npm_config_"))
        if ours or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("WEFT_HUB_CACHE", str(tmp_path / "default-cache"))
    monkeypatch.setenv("WEFT_HUB_TOKENS", str(tmp_path / "tokens.json"))
    monkeypatch.setenv("WEFT_HUB_VERIFIED", str(tmp_path / "verified"))


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """A stage whose model package is installed."""
    folder = tmp_path / "stage"
    folder.mkdir()
    made = Stage(folder)
    with made.installed():
        yield made


@pytest.fixture
def stage_pip(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """A stage, and pip sees its wheels and nothing else."""
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    for name, value in stage.pip_settings().items():
        monkeypatch.setenv(name, value)
    return stage


@pytest.fixture
def command(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[..., Outcome]:
    """`weft-hub` on the stage, as a function of its arguments."""
    monkeypatch.setenv("WEFT_HUB_CACHE", str(stage.cache))
    monkeypatch.setenv("WEFT_HUB_INDEX", str(stage.index))

    def run(*arguments: object) -> Outcome:
        capfd.readouterr()
        code = cli.main([str(argument) for argument in arguments])
        return Outcome(code, *capfd.readouterr())

    return run


def nothing_taken(stage: Stage) -> bool:
    """Whether the cache of the stage holds no blob, no snapshot and no half-written file."""
    left = [path for path in stage.cache.rglob("*") if path.is_file() or path.is_symlink()]
    return all(
        path.parent.name in ("locks", "uses") or path.name == "CACHEDIR.TAG" for path in left
    )
