"""The distributions of weft refuse to stand beside another version of it."""

from __future__ import annotations

import pytest

import weft.version


@pytest.fixture
def versions(monkeypatch):
    """Give distributions the versions that a test says."""
    known: dict[str, str] = {}
    monkeypatch.setattr(weft.version, "installed", lambda name="weft": known.get(name, "0+source"))
    return known


def test_another_version_of_weft_is_refused_in_one_sentence(versions):
    versions |= {"weft": "0.1.0", "weft-audio": "0.2.0"}
    with pytest.raises(ImportError, match=r"weft-audio 0\.2\.0 .* weft 0\.1\.0") as caught:
        weft.version.lockstep("weft-audio")
    assert "pip install 'weft==0.2.0'" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "known",
    [{"weft": "0.2.0", "weft-audio": "0.2.0"}, {"weft": "0.2.0"}, {"weft-audio": "0.2.0"}],
    ids=["equal", "one from source", "weft from source"],
)
def test_equal_or_unknown_versions_pass(versions, known):
    versions |= known
    assert weft.version.lockstep("weft-audio") == known.get("weft-audio", "0+source")


def test_what_is_not_installed_counts_as_a_source_tree():
    assert weft.version.installed("no-such-distribution-of-weft") == "0+source"
