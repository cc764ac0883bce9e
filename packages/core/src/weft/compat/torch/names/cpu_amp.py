"""``torch.cpu.amp``: `weft.amp` for one device, as it was called before."""

from __future__ import annotations

from typing import Any

import weft
from weft import amp

__all__ = ["GradScaler", "autocast"]


class autocast(amp.autocast):
    """`weft.autocast` for the CPU."""

    def __init__(
        self,
        enabled: bool = True,
        dtype: weft.dtype = weft.bfloat16,
        cache_enabled: bool = True,
    ) -> None:
        super().__init__("cpu", dtype, enabled, cache_enabled)


class GradScaler(amp.GradScaler):
    """`weft.amp.GradScaler` for the CPU."""

    def __init__(self, init_scale: float = 2.0**16, *args: Any, **settings: Any) -> None:
        super().__init__("cpu", init_scale, *args, **settings)
