"""Graph documents for tests: a small sound one, and files made of any."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import weft

WEIGHTS = {
    "first.weight": weft.tensor([[1.0, -1.0], [0.5, 2.0], [-1.0, 0.0]]),
    "first.bias": weft.tensor([0.0, 1.0, -1.0]),
    "order": weft.tensor([2, 0]),
}
#: relu(linear(x)) with two of its columns, each row of the sum beside it.
SOUND: dict[str, Any] = {
    "format": "weft.graph",
    "version": 1,
    "inputs": [{"name": "x", "dtype": "float32", "shape": ["batch", 2]}],
    "outputs": [{"name": "chosen", "value": "c"}, {"name": "total", "value": "t"}],
    "parameters": ["first.bias", "first.weight"],
    "nodes": [
        {"op": "linear", "in": ["x", "first.weight", "first.bias"], "out": ["h"]},
        {"op": "relu", "in": ["h"], "out": ["r"]},
        {"op": "index_select", "in": ["r", "order"], "out": ["c"], "set": {"dim": 1}},
        {"op": "sum", "in": ["r"], "out": ["t"], "set": {"dim": [1], "keepdim": True}},
    ],
}


def document() -> dict[str, Any]:
    """Return a copy of the sound document, to be changed."""
    return copy.deepcopy(SOUND)


def write(path: Path, data: Any = None, weights: dict[str, weft.Tensor] | None = None) -> Path:
    """Write a file with a document as it is, sound or not."""
    text = data if isinstance(data, str) else json.dumps(SOUND if data is None else data)
    held = WEIGHTS if weights is None else weights
    weft.io.save_safetensors(held, path, {"weft.graph": text})
    return path
