"""``torch.cuda.amp``: `weft.amp` for one device, as it was called before."""

from __future__ import annotations

from functools import partial
from typing import Any

import weft
from weft import amp

__all__ = ["GradScaler", "autocast", "custom_bwd", "custom_fwd"]

custom_fwd = partial(amp.custom_fwd, device_type="cuda")
custom_bwd = partial(amp.custom_bwd, device_type="cuda")


class autocast(amp.autocast):
    """`weft.autocast` for CUDA."""

    def __init__(
        self,
        enabled: bool = True,
        dtype: weft.dtype = weft.float16,
        cache_enabled: bool = True,
    ) -> None:
        super().__init__("cuda", dtype, enabled, cache_enabled)


class GradScaler(amp.GradScaler):
    """`weft.amp.GradScaler` for CUDA."""

    def __init__(self, init_scale: float = 2.0**16, *args: Any, **settings: Any) -> None:
        super().__init__("cuda", init_scale, *args, **settings)
