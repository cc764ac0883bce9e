"""What the audio tests share: pretrained models through the hub, and seeded random numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import weft


@pytest.fixture(scope="session")
def pretrained(request: pytest.FixtureRequest) -> Callable[[str], Any]:
    """Load a model from the hub by name; downloads are kept in pytest's cache folder."""
    from weft_hub import Hub

    cache = request.config.cache
    assert cache is not None
    hub = Hub(cache=cache.mkdir("weft-hub"))
    loaded: dict[str, Any] = {}

    def load(name: str) -> Any:
        if name not in loaded:
            loaded[name] = hub.load(name, progress=False)
        return loaded[name]

    return load


@pytest.fixture(autouse=True)
def seeded() -> None:
    """Every test draws the same random numbers in every run."""
    weft.manual_seed(0)
