"""What ``torch.cuda.amp`` and ``torch.cpu.amp`` share: the older names of `weft.amp`."""

from __future__ import annotations

from typing import Any, ClassVar

import weft
from weft import amp


class DeviceAutocast(amp.autocast):
    """`weft.autocast` whose device is the class's; its first argument is ``enabled``."""

    device_type: ClassVar[str]
    usual: ClassVar[weft.dtype]

    def __init__(
        self, enabled: bool = True, dtype: weft.dtype | None = None, cache_enabled: bool = True
    ) -> None:
        super().__init__(self.device_type, dtype or self.usual, enabled, cache_enabled)


class DeviceGradScaler(amp.GradScaler):
    """`weft.amp.GradScaler` whose device is the class's."""

    device_type: ClassVar[str]

    def __init__(self, init_scale: float = 2.0**16, *args: Any, **settings: Any) -> None:
        super().__init__(self.device_type, init_scale, *args, **settings)
