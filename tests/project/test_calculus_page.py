"""The page of published examples: its pictures are what its code draws."""

from __future__ import annotations

import functools
import re
from pathlib import Path

import pytest

import weft
from tests.project.documents import code_blocks

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "guide" / "calculus.md"
ASSETS = PAGE.parent / "assets"
PICTURES = re.findall(r"\]\(assets/([\w-]+\.svg)\)", PAGE.read_text(encoding="utf-8"))


def parts(svg: str) -> tuple[list[float], str]:
    """Return the numbers in a picture, and the rest of it."""
    number = r"-?\d+\.\d+"
    return [float(n) for n in re.findall(number, svg)], re.sub(number, "#", svg)


def test_the_pictures_are_what_the_code_draws(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, object] = {"__name__": "__page__"}
    request.addfinalizer(functools.partial(weft.set_default_dtype, weft.get_default_dtype()))
    for block in code_blocks(PAGE):
        if block.language == "python":
            exec(compile("\n" * (block.line - 1) + block.text, str(PAGE), "exec"), namespace)
        if all((tmp_path / name).exists() for name in PICTURES):
            break
    assert PICTURES
    for name in PICTURES:
        drawn, lines = parts((tmp_path / name).read_text(encoding="utf-8"))
        kept, kept_lines = parts((ASSETS / name).read_text(encoding="utf-8"))
        assert lines == kept_lines
        # another machine may add in another order, which moves a point by less than it is wide
        assert drawn == pytest.approx(kept, abs=0.5)
