"""The models of sound as graphs: traced, saved, read, and run on another batch."""

from __future__ import annotations

import weft
from tests.core.graph.traced import assert_traces
from weft_audio.models import crepe, silero_vad


def test_crepe_is_its_graph() -> None:
    weft.manual_seed(0)
    dims = ({0: "batch"},)
    assert_traces(crepe(), weft.randn(2, 1024), weft.randn(5, 1024), dynamic_shapes=dims)


def test_the_voice_detector_is_its_graph() -> None:
    weft.manual_seed(0)
    x, more = weft.randn(2, 576), weft.randn(3, 576)
    assert_traces(silero_vad(), x, more, dynamic_shapes=({0: "batch"},))
    state, other = weft.randn(2, 2, 128), weft.randn(2, 3, 128)
    dims = ({0: "batch"}, {1: "batch"})
    graph = assert_traces(silero_vad(), (x, state), (more, other), dynamic_shapes=dims)
    assert graph.input_names == ("x", "state")
