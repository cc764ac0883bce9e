"""Run one attack on a stage of its own, and judge how it ended."""

from __future__ import annotations

import importlib
import pkgutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import weft_hub
from hub.attacks.stage import Stage
from weft_hub.cache import Cache

_NO_ATTACKS = {"__main__", "repository", "runner", "signer", "stage", "web"}
NAMES = sorted(
    module.name
    for module in pkgutil.iter_modules([str(Path(__file__).parent)])
    if module.name not in _NO_ATTACKS
)


@dataclass(frozen=True)
class Result:
    """How an attack ended: `what` it tried and `how` it was beaten, or got through."""

    beaten: bool
    what: str
    how: str


def run(name: str) -> Result:
    """Run the attack called `name`."""
    attack = importlib.import_module(f"hub.attacks.{name}")
    with tempfile.TemporaryDirectory(prefix="weft-hub-attack-") as folder:
        stage = Stage(Path(folder))
        with stage.installed(), stage.pip():
            how = "the right model arrived"
            refusal: weft_hub.HubError | None = None
            try:
                attack.attack(stage)
            except weft_hub.HubError as error:
                refusal, how = error, f"{type(error).__name__}: {error}"
            beaten = (
                _as_meant(refusal, attack.REFUSED_BY, attack.SAYS)
                and not stage.harm.exists()
                and _is_clean(stage)
            )
            if stage.harm.exists():
                how = f"harm was done; {how}"
    return Result(beaten, attack.WHAT, how)


def _as_meant(
    refusal: weft_hub.HubError | None, meant: type[weft_hub.HubError] | None, says: str
) -> bool:
    if meant is None:
        return refusal is None
    return type(refusal) is meant and says in str(refusal) and "\n" not in str(refusal)


def _is_clean(stage: Stage) -> bool:
    """Whether every blob in the cache is what its name says, and no work was left behind."""
    cache = Cache(stage.cache)
    whole = all(cache.verify(sha256) is None for sha256, _ in cache.entries())
    return whole and not list(stage.cache.glob("tmp/*"))
