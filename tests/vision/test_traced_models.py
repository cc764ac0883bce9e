"""Every image model of ours as a graph: traced, saved, read, and run on another batch."""

from __future__ import annotations

import pytest

import weft
from tests.core.graph.traced import assert_traces
from weft_vision.models import get_model
from weft_vision.models._table import OWN

SIZES = {"mnist_cnn": (1, 28, 28), "cifar_resnet20": (3, 32, 32)}


@pytest.mark.parametrize("name", OWN)
def test_a_model_is_its_graph(name: str) -> None:
    weft.manual_seed(0)
    model = get_model(name)
    size = SIZES.get(name, (3, 64, 64))
    dims = ({0: "batch"},)
    graph = assert_traces(model, weft.rand(2, *size), weft.rand(3, *size), dynamic_shapes=dims)
    trained = {name for name, _ in model.named_parameters()}
    assert {name for name, _ in graph.named_parameters()} == trained
