"""Graphs whose nodes name functions that no graph may call."""

from __future__ import annotations

import weft_hub
from hub.attacks.stage import BUILT_BY_GRAPH, LINEAR, Stage, graph_file

WHAT = "graphs whose nodes name code: os.system, __import__, weft.load, a function's out="
REFUSED_BY = weft_hub.WeightsError
SAYS = "must be a function that graphs may call"


def attack(stage: Stage) -> None:
    """Load each of them."""
    names = [
        "os.system", "__import__", "eval", "weft.load", "load", "_program.Program",
        "linear.__class__", "weft.graph._allowed", "from_file", "dropout", "add_", "Linear", "",
    ]  # fmt: skip
    refusals = []
    for number, name in enumerate(names):
        content = graph_file([{**LINEAR, "op": name}])
        stage.entry(f"a/line{number}", content, build=BUILT_BY_GRAPH)
        try:
            stage.hub().load(f"a/line{number}")
        except weft_hub.WeightsError as error:
            assert SAYS in str(error), error
            refusals.append(error)
    assert len(refusals) == len(names), "one of the files was read without a refusal"
    raise refusals[0]
