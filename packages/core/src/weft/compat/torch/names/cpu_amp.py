"""``torch.cpu.amp``: `weft.amp` for the CPU, as it was called before."""

from __future__ import annotations

import weft
from weft.compat.torch.names.device_amp import DeviceAutocast, DeviceGradScaler

__all__ = ["GradScaler", "autocast"]


class autocast(DeviceAutocast):
    """`weft.autocast` for the CPU."""

    device_type = "cpu"
    usual = weft.bfloat16


class GradScaler(DeviceGradScaler):
    """`weft.amp.GradScaler` for the CPU."""

    device_type = "cpu"
