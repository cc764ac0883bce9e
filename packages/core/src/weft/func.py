"""Transforms of functions of tensors: gradients, products with derivatives, batching."""

from typing import Any

from weft.transforms.jacobians import hessian, jacfwd, jacrev
from weft.transforms.jvp import jvp
from weft.transforms.linearize import linearize
from weft.transforms.modules import (
    functional_call,
    replace_all_batch_norm_modules_,
    stack_module_state,
)
from weft.transforms.rearranging import rearrange
from weft.transforms.unwrapping import debug_unwrap
from weft.transforms.vjp import grad, grad_and_value, vjp
from weft.transforms.vmap import vmap

__all__ = [
    "debug_unwrap",
    "functional_call",
    "grad",
    "grad_and_value",
    "hessian",
    "jacfwd",
    "jacrev",
    "jvp",
    "linearize",
    "rearrange",
    "replace_all_batch_norm_modules_",
    "stack_module_state",
    "vjp",
    "vmap",
]

_ABSENT = {
    "functionalize": "it serves PyTorch's tracers; transforms follow in-place writes as they are"
}


def __getattr__(name: str) -> Any:
    """Say of a name that is not here what is near, or why there is none."""
    from weft._core.errors import did_you_mean

    hint = f"; {_ABSENT[name]}" if name in _ABSENT else did_you_mean(name, __all__)
    raise AttributeError(f"module 'weft.func' has no attribute {name!r}{hint}")
