"""Python collects garbage when it likes; the tests of profiles list events, and it is one."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _no_garbage_collection_of_its_own() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()
