"""A source that tries to hand options, another index or a direct address to pip."""

from __future__ import annotations

import weft_hub
from hub.attacks.stage import Stage, line_weights

WHAT = "a pip: source that smuggles options or addresses into pip's requirement"
REFUSED_BY = weft_hub.RegistryError
SAYS = "is not pip:NAME==VERSION/PATH"
_TAIL = f"/w?sha256={'0' * 64}&size=1"


def attack(stage: Stage) -> None:
    """Write an entry with many such sources, and load it: each must be named as a problem."""
    sources = [
        f"pip:{requirement}{_TAIL}"
        for requirement in (
            "--index-url=https://evil.example==1",
            "-r /etc/passwd==1",
            "a==1 --global-option=x",
            "a==1\n--index-url=https://evil.example",
            "a @ https://evil.example/a.whl",
            "a[extra]==1",
            "a==1;python_version>'3'",
            "./local==1",
        )
    ]
    stage.entry("a/line", line_weights(), sources=sources)
    try:
        stage.hub().load("a/line")
    except weft_hub.RegistryError as error:
        named = [problem for problem in error.problems if SAYS in problem]
        assert len(named) == len(sources), error.problems
        raise
