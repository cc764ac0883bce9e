"""The same call of os.system in PyTorch's old format, from before its zip archives."""

from __future__ import annotations

import pickle

import weft_hub
from hub.attacks.pickle_os_system import SAYS, Command
from hub.attacks.stage import Stage

WHAT = "a checkpoint in the old format whose pickle runs a shell command"
REFUSED_BY = weft_hub.UnsafeWeightsError
__all__ = ["REFUSED_BY", "SAYS", "WHAT", "attack"]

_MAGIC = 0x1950A86A20F9469CFC6C
_SYSTEM = {
    "protocol_version": 1001,
    "little_endian": True,
    "type_sizes": {"short": 2, "int": 4, "long": 4},
}


def attack(stage: Stage) -> None:
    """Load it, with the call at each place of the format that is a pickle."""
    harmless = [_MAGIC, 1001, _SYSTEM, {}, []]
    refusals = []
    for place in range(len(harmless)):
        parts: list[object] = list(harmless)
        parts[place] = Command(f"echo > {stage.harm}")
        content = b"".join(pickle.dumps(part, protocol=2) for part in parts)
        stage.entry(f"a/line{place}", content, format="pytorch")
        try:
            stage.hub().load(f"a/line{place}")
        except weft_hub.WeightsError as error:
            refusals.append(error)
    assert len(refusals) == len(harmless), "one of the places was read without a refusal"
    raise refusals[3]  # the place of the tensors: refused by the name of the call
