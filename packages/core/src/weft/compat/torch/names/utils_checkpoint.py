"""``torch.utils.checkpoint``: what reversible networks ask of it beside checkpoints themselves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import weft

__all__ = ["get_device_states", "set_device_states"]


def get_device_states(*args: Any) -> tuple[list[int], list[weft.Tensor]]:
    """Return the GPUs that the arguments lie on, and the state of each one's generator."""
    on_gpus = (x for x in args if isinstance(x, weft.Tensor) and x.device.type == "cuda")
    devices = [x.get_device() for x in on_gpus]
    return devices, [weft.cuda.get_rng_state(device) for device in devices]


def set_device_states(
    devices: Sequence[int], states: Sequence[weft.Tensor], *, device_type: str | None = None
) -> None:
    """Set the generators of some GPUs to states that `get_device_states` returned."""
    for device, state in zip(devices, states, strict=True):
        weft.cuda.set_rng_state(state, device)
