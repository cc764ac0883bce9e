"""Every function of the catalogue is seen by a profile: no path of its own leads past it."""

from __future__ import annotations

import numpy as np
import pytest

from tests.core.catalogued import ENTRIES
from tests.core.drawing import Call
from weft.profiler import profile, record_function


@pytest.fixture(scope="module")
def seen():
    """Run every function once, in blocks of their own, and return the events within each."""
    with profile() as prof:
        for entry in ENTRIES:
            call = Call(entry.function, entry.samples[0], np.float32, entry.key)
            with record_function(f"test of {entry.key}"):
                call.run(call.tensors())
    blocks = {e.name: e for e in prof.events() if e.kind == "user"}
    return {entry.key: blocks[f"test of {entry.key}"].cpu_children for entry in ENTRIES}


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: e.key)
def test_a_function_is_an_event(entry, seen):
    names = {event.name for event in seen[entry.key]}
    wanted = {entry.key} if entry.op is None else {entry.op.called, entry.key}
    assert names & wanted, f"{entry.key}: only {names}"
