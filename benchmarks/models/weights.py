"""The same weights for every library's copy of a network, drawn by the names of its state."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np


def fill(lib: Any, model: Any) -> Any:
    """Give a model weights that depend on their names and shapes alone, and return it.

    Matrices keep the variance of what passes through them, norms start near one, and running
    statistics are those of normal numbers.
    """
    state = {}
    for name, value in model.state_dict().items():
        shape = tuple(value.shape)
        if name.endswith("num_batches_tracked"):
            state[name] = lib.from_numpy(np.zeros(shape, np.int64))
        else:
            state[name] = lib.from_numpy(drawn(name, shape))
    model.load_state_dict(state)
    return model


def drawn(name: str, shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    """Return the values of one entry of the state."""
    rng = np.random.default_rng([zlib.crc32(name.encode()), *shape])
    if name.endswith("running_var"):
        return rng.uniform(0.8, 1.2, shape).astype(np.float32)
    if len(shape) < 2:
        centre = 1.0 if name.endswith("weight") else 0.0  # a norm's scale, or a shift
        return (centre + 0.1 * rng.standard_normal(shape)).astype(np.float32)
    spread = float(np.prod(shape[1:])) ** -0.5
    return (spread * rng.standard_normal(shape)).astype(np.float32)
