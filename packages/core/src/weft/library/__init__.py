"""Ops of your own: a kernel and its rules, known to every transform; and a check of them."""

from weft.library._checking import OpcheckError, opcheck
from weft.library._definition import CustomOpDef
from weft.library._registering import (
    custom_op,
    get,
    register_autograd,
    register_fake,
    register_kernel,
    register_vmap,
)

__all__ = [
    "CustomOpDef",
    "OpcheckError",
    "custom_op",
    "get",
    "opcheck",
    "register_autograd",
    "register_fake",
    "register_kernel",
    "register_vmap",
]
