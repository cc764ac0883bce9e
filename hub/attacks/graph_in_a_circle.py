"""Graphs that would never end, or eat the stack: circles, blocks without bottom, endless loops."""

from __future__ import annotations

from typing import Any

import weft_hub
from hub.attacks.stage import BUILT_BY_GRAPH, LINEAR, Stage, graph_file

WHAT = "graphs with values in a circle, blocks 100 deep, and a loop without an end"
REFUSED_BY = weft_hub.WeightsError
SAYS = "is refused"


def attack(stage: Stage) -> None:
    """Load each of them."""
    refusals = []
    for number, nodes in enumerate(_graphs()):
        stage.entry(f"a/line{number}", graph_file(nodes), build=BUILT_BY_GRAPH)
        try:
            stage.hub().load(f"a/line{number}")
        except weft_hub.WeightsError as error:
            assert SAYS in str(error), error
            refusals.append(error)
    assert len(refusals) == len(_graphs()), "one of the files was read without a refusal"
    raise refusals[0]


def _graphs() -> list[list[dict[str, Any]]]:
    block: dict[str, Any] = {"in": [], "nodes": [], "out": ["x"]}
    plain = block
    for _ in range(100):
        node = {"op": "if", "in": ["x"], "out": ["q"], "then": block, "else": plain}
        block = {"in": [], "nodes": [node], "out": ["x"]}
    forever = {
        "op": "loop", "in": [None, None, "h"], "out": ["y"],
        "body": {"in": ["n", "c", "s"], "nodes": [], "out": ["c", "s"]},
    }  # fmt: skip
    hidden = {**LINEAR, "out": ["h"]}
    return [
        [{"op": "add", "in": ["a", "b"], "out": ["b"]}, {**LINEAR, "out": ["a"]}],
        [{"op": "relu", "in": ["y"], "out": ["y"]}, {**LINEAR, "out": ["z"]}],
        [LINEAR, *block["nodes"]],
        [hidden, forever],
    ]
