"""How long clients of these tests wait for a server."""

from __future__ import annotations

import pytest

# Faults after which the server says nothing more, or next to nothing: only time ends them.
SILENT = frozenset({"stall", "silent", "drip", "drip headers"})


@pytest.fixture(autouse=True)
def limits(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait long, so that a busy machine breaks nothing off; short where the test needs it to end.

    A test needs it that has one of `SILENT`, or a fault of that kind, among its parameters. Its
    other requests may then break off too, and are tried again as often as is allowed.
    """
    call = getattr(request.node, "callspec", None)
    given = [] if call is None else list(call.params.values())
    kinds = [getattr(value, "kind", value) for value in given]
    ends = any(isinstance(kind, str) and kind in SILENT for kind in kinds)
    monkeypatch.setenv("WEFT_HUB_STALL_TIMEOUT", "0.4" if ends else "60")
    monkeypatch.setenv("WEFT_HUB_CONNECT_TIMEOUT", "0.4" if ends else "60")
    monkeypatch.setenv("WEFT_HUB_RETRIES", "50" if ends else "5")
