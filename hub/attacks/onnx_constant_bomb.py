"""A small ONNX file that asks for a tensor of a terabyte."""

from __future__ import annotations

import weft_hub
from hub.attacks.stage import BUILT_BY_ONNX, Stage

WHAT = "an ONNX file of some hundred bytes with a constant of 2**38 numbers"
REFUSED_BY = None
SAYS = ""


def attack(stage: Stage) -> None:
    """Load it: the model arrives, and nothing is made before it runs."""
    from onnx import helper

    nodes = [
        helper.make_node("Constant", [], ["size"], value_ints=[1 << 38]),
        helper.make_node("ConstantOfShape", ["size"], ["large"]),
        helper.make_node("Tile", ["large", "size"], ["larger"]),
        helper.make_node("ReduceSum", ["larger"], ["s"]),
        helper.make_node("Add", ["x", "s"], ["y"]),
    ]
    given = helper.make_tensor_value_info("x", 1, [2])
    graph = helper.make_graph(nodes, "bomb", [given], [helper.make_tensor_value_info("y", 1, [2])])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    stage.entry("a/line", model.SerializeToString(), format="onnx", build=BUILT_BY_ONNX)
    loaded = stage.hub().load("a/line")
    assert isinstance(loaded.card, weft_hub.Card)
    assert sum(x.numel() for x in loaded.state_dict().values()) < 10
