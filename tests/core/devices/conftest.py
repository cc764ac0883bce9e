"""A GPU for tests that is none: CuPy's stand-in, loaded the way CuPy is."""

from __future__ import annotations

import pytest

from tests.core.devices import fake_cupy
from weft._backend import libraries


@pytest.fixture(autouse=True)
def _as_found(monkeypatch):
    """Forget what a test loaded: the next one asks for its library anew."""
    libraries.forget("cuda")
    yield
    libraries.forget("cuda")


@pytest.fixture
def fake_gpus(monkeypatch):
    """Two GPUs of the stand-in's; gives the state of the machine that it plays."""
    fake_cupy.put_in_place(monkeypatch)
    return fake_cupy.state
