"""Transforms of functions of tensors: gradients, products with derivatives, batching."""

from weft.transforms.jvp import jvp
from weft.transforms.vjp import grad, grad_and_value, vjp
from weft.transforms.vmap import vmap

__all__ = ["grad", "grad_and_value", "jvp", "vjp", "vmap"]
