"""What the tests of the mirror share: a stage with a model in its cache, and a mirror of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hub.attacks.stage import Stage, line_weights
from tests.hub.serve.mirrors import serving
from weft_hub.serve import Mirror


@pytest.fixture
def filled(stage: Stage) -> Stage:
    """A stage with a small model, whose files are in the cache; some files have another."""
    stage.entry("ns/small", line_weights())
    stage.hub().download("ns/small", progress=False)
    return stage


@pytest.fixture
def mirror(filled: Stage) -> Iterator[Mirror]:
    """A mirror of the stage, in a thread of this process."""
    with serving(filled) as running:
        yield running
