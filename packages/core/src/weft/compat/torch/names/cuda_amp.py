"""``torch.cuda.amp``: `weft.amp` for CUDA, as it was called before."""

from __future__ import annotations

from functools import partial

import weft
from weft import amp
from weft.compat.torch.names.device_amp import DeviceAutocast, DeviceGradScaler

__all__ = ["GradScaler", "autocast", "custom_bwd", "custom_fwd"]

custom_fwd = partial(amp.custom_fwd, device_type="cuda")
custom_bwd = partial(amp.custom_bwd, device_type="cuda")


class autocast(DeviceAutocast):
    """`weft.autocast` for CUDA."""

    device_type = "cuda"
    usual = weft.float16


class GradScaler(DeviceGradScaler):
    """`weft.amp.GradScaler` for CUDA."""

    device_type = "cuda"
