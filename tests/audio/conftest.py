"""What the audio tests share: pretrained models through the hub, and seeded random numbers."""

from __future__ import annotations

import pytest

import weft


@pytest.fixture(autouse=True)
def seeded() -> None:
    """Every test draws the same random numbers in every run."""
    weft.manual_seed(0)
