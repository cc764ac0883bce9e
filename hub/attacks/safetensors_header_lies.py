"""safetensors files whose header promises more than the file holds."""

from __future__ import annotations

import json
import struct

import weft_hub
from hub.attacks.stage import Stage

WHAT = "safetensors headers of an exabyte, and tensors beyond the end or on top of each other"
REFUSED_BY = weft_hub.WeightsError
SAYS = "is not a readable safetensors file"


def attack(stage: Stage) -> None:
    """Load each of them."""
    refusals = []
    for number, content in enumerate(_files()):
        stage.entry(f"a/line{number}", content)
        try:
            stage.hub().load(f"a/line{number}")
        except weft_hub.WeightsError as error:
            assert SAYS in str(error), error
            refusals.append(error)
    assert len(refusals) == len(_files()), "one of the files was read without a refusal"
    raise refusals[0]


def _files() -> list[bytes]:
    weight = {"dtype": "F32", "shape": [1, 2], "data_offsets": [0, 8]}
    return [
        struct.pack("<Q", 1 << 60) + b"{}",
        _file({"weight": weight, "bias": {**weight, "data_offsets": [8, 1 << 40]}}, 12),
        _file({"weight": weight, "bias": {**weight, "shape": [1 << 31, 1 << 31]}}, 12),
        _file({"weight": weight, "bias": {**weight, "data_offsets": [4, 12]}}, 12),
        _file({"weight": {**weight, "shape": [-1, -2]}}, 8),
    ]


def _file(header: dict[str, object], size: int) -> bytes:
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + bytes(size)
