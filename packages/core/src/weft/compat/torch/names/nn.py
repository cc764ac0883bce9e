"""``torch.nn``: what is for several devices, of which there is one."""

from __future__ import annotations

from typing import Any

import weft

__all__ = ["DataParallel"]


class DataParallel(weft.nn.Module):
    """The module on one device: what PyTorch does where there is no second GPU.

    Its `state_dict` has PyTorch's keys, ``module.…``.
    """

    def __init__(
        self,
        module: weft.nn.Module,
        device_ids: Any = None,
        output_device: Any = None,
        dim: int = 0,
    ) -> None:
        super().__init__()
        self.module = module
        self.dim = dim
        self.device_ids = list(device_ids or ())

    def forward(self, *args: Any, **settings: Any) -> Any:
        return self.module(*args, **settings)
