"""An entry that names a branch, whose owner can move it to other bytes."""

from __future__ import annotations

import weft_hub
from hub.attacks.stage import Stage, line_weights

WHAT = "a source at a branch or a tag, which can be moved after it was reviewed"
REFUSED_BY = weft_hub.RegistryError
SAYS = "which can be moved"


def attack(stage: Stage) -> None:
    """Write entries at a branch, a tag and a short commit; each must be refused."""
    for number, revision in enumerate(("main", "v1.0", "0123abc", "0" * 39, "refs%2Fpr%2F1")):
        name = f"a/line{number}"
        stage.entry(name, line_weights(), sources=[f"hf:owner/name@{revision}/w"])
        try:
            stage.hub().load(name)
        except weft_hub.RegistryError as error:
            refusal = error
            assert SAYS in str(error)
        else:
            raise AssertionError(f"{revision} was accepted")
    raise refusal
