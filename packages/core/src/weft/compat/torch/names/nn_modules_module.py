"""``torch.nn.modules.module``: the hooks on all modules, and the base class."""

from weft.nn.module import (
    Module,
    register_module_forward_hook,
    register_module_forward_pre_hook,
)

__all__ = ["Module", "register_module_forward_hook", "register_module_forward_pre_hook"]
