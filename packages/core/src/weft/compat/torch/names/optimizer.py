"""``torch.optim.optimizer``: what optimizers by others import beside the base class."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import weft

__all__ = ["ParamsT", "required"]

#: The type of what an optimizer takes, for annotations.
ParamsT = _params_t = Any


class _Required:
    def __repr__(self) -> str:
        return "<required parameter>"


required = _Required()


def _use_grad_for_differentiable(func: Callable[..., Any]) -> Callable[..., Any]:
    """Record what a step computes only if its optimizer is differentiable."""

    @functools.wraps(func)
    def step(self: Any, *args: Any, **kwargs: Any) -> Any:
        with weft.set_grad_enabled(self.defaults.get("differentiable", False)):
            return func(self, *args, **kwargs)

    return step


def _default_to_fused_or_foreach(
    params: list[weft.Tensor], differentiable: bool, use_fused: bool = False
) -> tuple[bool, bool]:
    """Return neither: the plain form of a step by others is the one that is sure to run here."""
    return False, False


def _get_value(x: Any) -> Any:
    """Return the number in a tensor."""
    return x.item() if isinstance(x, weft.Tensor) else x


def _dispatch_sqrt(x: Any) -> Any:
    """Return the root of a number, or of a tensor."""
    return x.sqrt() if isinstance(x, weft.Tensor) else x**0.5


def _stack_if_compiling(x: Any) -> Any:
    """Return it as it is: nothing is being compiled."""
    return x


def _view_as_real(params: list[weft.Tensor], *states: list[weft.Tensor]) -> None:
    """Replace complex tensors in lists by views of them as pairs."""
    for i, param in enumerate(params):
        if weft.is_complex(param):
            params[i] = weft.view_as_real(param)
            for state in states:
                state[i] = weft.view_as_real(state[i])
