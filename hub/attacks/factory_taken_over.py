"""Another installed package that registers a factory of the same name."""

from __future__ import annotations

import weft_hub
from hub.attacks.stage import MODULE, Stage, line_weights

WHAT = "an installed package that registers the name of another package's model"
REFUSED_BY = None
SAYS = ""


def attack(stage: Stage) -> None:
    """Load the model: only the package that the entry names is asked."""
    trap = f"open({str(stage.harm)!r}, 'w').close()\nline = sums = None\n"
    (stage.site / "aaa_trap.py").write_text(trap, "utf-8")
    stage.write_package(
        name="aaa-trap",
        points="[weft.models]\nline = aaa_trap:line\n\n[weft.tasks]\nsums = aaa_trap:sums\n",
    )
    stage.entry("a/line", line_weights())
    model = stage.hub().load("a/line")
    assert isinstance(model.card, weft_hub.Card)
    assert type(model).__name__ == "Linear", MODULE
