"""The guide's drawn pictures and texts are what the guide's own code gives."""

from __future__ import annotations

import pytest

from tests.project.documents import code_blocks
from tools import pictures


@pytest.mark.parametrize("path", pictures.PICTURES, ids=lambda p: p.name)
def test_a_picture_is_what_the_code_of_its_page_draws(path) -> None:
    page, name = pictures.PICTURES[path]
    assert path.read_text(encoding="utf-8") == pictures.drawn(page, name), (
        "run `python -m tools.pictures`"
    )
    assert path.name in page.read_text(encoding="utf-8")


def test_the_text_that_the_page_shows_is_what_its_code_prints(capsys) -> None:
    page, name = next(iter(pictures.PICTURES.values()))
    pictures.drawn(page, name)
    printed = capsys.readouterr().out
    assert printed in [block.text for block in code_blocks(page) if block.language == "text"] or (
        printed.rstrip("\n")
        in [b.text.rstrip("\n") for b in code_blocks(page) if b.language == "text"]
    )


def test_a_page_without_the_drawing_is_named(tmp_path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```python\nx = 1\n```\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"page\.md: no Python block sets drawing"):
        pictures.drawn(page, "drawing")
