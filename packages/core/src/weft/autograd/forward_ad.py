"""Forward mode by levels and dual tensors, as ``torch.autograd.forward_ad``."""

from weft.transforms.levels import (
    UnpackedDualTensor,
    dual_level,
    enter_dual_level,
    exit_dual_level,
    make_dual,
    set_forward_ad_enabled,
    unpack_dual,
)

__all__ = [
    "UnpackedDualTensor",
    "dual_level",
    "enter_dual_level",
    "exit_dual_level",
    "make_dual",
    "set_forward_ad_enabled",
    "unpack_dual",
]
