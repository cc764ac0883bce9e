"""What the vision tests share: pretrained models through the hub, and images made on the spot."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image

import weft


@pytest.fixture
def noise() -> Callable[..., np.ndarray]:
    """Make a reproducible array of random bytes of a shape."""

    def make(*shape: int, seed: int = 0) -> np.ndarray:
        return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)

    return make


@pytest.fixture
def encoded() -> Callable[..., bytes]:
    """Encode a Pillow image to the bytes of a file."""

    def encode(image: Image.Image, format: str, **settings: Any) -> bytes:
        buffer = io.BytesIO()
        image.save(buffer, format=format, **settings)
        return buffer.getvalue()

    return encode


@pytest.fixture(autouse=True)
def seeded() -> None:
    """Every test draws the same random numbers in every run."""
    weft.manual_seed(0)
