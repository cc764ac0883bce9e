"""The link check over the built site finds what leads nowhere, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from docs.check_links import broken_links


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / "api").mkdir()
    (tmp_path / "index.html").write_text(
        '<h1 id="top">Guide</h1><a href="api/index.html#weft.Tensor">API</a><a href="#top">up</a>'
        '<a href="https://example.org/x">elsewhere</a><a href="mailto:a@example.org">write</a>'
    )
    (tmp_path / "api" / "index.html").write_text(
        '<dt id="weft.Tensor">Tensor</dt><a href="../">guide</a><script src="a%20b.js"></script>'
    )
    (tmp_path / "api" / "a b.js").write_text("")
    return tmp_path


def test_a_sound_site_has_no_broken_links(site: Path) -> None:
    assert broken_links(site) == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("api/index.html#weft.Tensor", "api/ops.html", "leads to no file"),
        ("api/index.html#weft.Tensor", "api/index.html#weft.tensor", "no such place"),
        ('href="#top"', 'href="#bottom"', "no such place"),
    ],
)
def test_a_link_to_nowhere_is_named(site: Path, old: str, new: str, said: str) -> None:
    page = site / "index.html"
    text = page.read_text()
    assert old in text
    page.write_text(text.replace(old, new))
    (found,) = broken_links(site)
    assert found.startswith("index.html: ")
    assert said in found


def test_a_missing_script_is_named(site: Path) -> None:
    (site / "api" / "a b.js").unlink()
    assert broken_links(site) == ["api/index.html: a%20b.js leads to no file"]
