"""The package refuses to be imported beside another version of weft."""

from __future__ import annotations

import pytest

from weft_audio._version import installed_version, require_lockstep


def test_another_version_of_weft_is_refused_in_one_sentence():
    with pytest.raises(ImportError, match=r"weft-audio 0\.2\.0 .* weft 0\.1\.0") as caught:
        require_lockstep("0.2.0", "0.1.0")
    assert "pip install 'weft==0.2.0'" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("versions", [("0.2.0", "0.2.0"), (None, "0.2.0"), ("0.2.0", None)])
def test_equal_or_unknown_versions_pass(versions):
    require_lockstep(*versions)


def test_what_is_not_installed_has_no_version():
    assert installed_version("no-such-distribution-of-weft") is None
