"""Encoders of text as graphs: other batches and lengths, and rows that are filled up."""

from __future__ import annotations

import weft
import weft.text
from tests.core.graph.traced import assert_traces
from tests.core.text.tiny_bert import SIZES
from weft.graph import Dim
from weft.text.architectures import mpnet

BOTH = ({0: "batch", 1: Dim("time", max=16)},) * 2


def _rows(batch: int, time: int) -> tuple[weft.Tensor, weft.Tensor]:
    ids = weft.randint(0, SIZES["vocab_size"], (batch, time))
    is_text = weft.arange(time) < weft.tensor([[time]] * (batch - 1) + [[time - 2]])
    return ids, is_text


def test_bert_is_its_graph() -> None:
    weft.manual_seed(0)
    assert_traces(weft.text.bert(**SIZES), _rows(2, 7), _rows(3, 9), dynamic_shapes=BOTH)


def test_mpnet_is_its_graph_at_one_length() -> None:
    weft.manual_seed(0)
    model = mpnet.build({**SIZES, "model_type": "mpnet"})
    dims = ({0: "batch"},) * 2
    assert_traces(model, _rows(2, 7), _rows(3, 7), dynamic_shapes=dims)
