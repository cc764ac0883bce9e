"""Calling a module with other tensors in the place of its own, under PyTorch's older name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from weft import Tensor, func
from weft.nn.module import Module

__all__ = ["functional_call"]


def functional_call(
    module: Module,
    parameters_and_buffers: Mapping[str, Tensor],
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """Call a module with other tensors in the place of its parameters and buffers.

    Args:
        module: the module; it keeps its own.
        parameters_and_buffers: tensors by dotted name; a parametrised tensor goes by the names of
            what it is computed from, `parametrizations.NAME.original`.
        args: the argument, or a tuple of several.
        kwargs: keyword arguments.
        tie_weights: whether a tensor given for one name stands in for the parameter's other names.
        strict: whether every parameter and buffer must be given, and nothing else.

    Returns:
        What the module returns.

    Source: PyTorch's `torch.nn.utils.stateless.functional_call`, its older name of
    `torch.func.functional_call`; here too they are one.
    """
    return func.functional_call(
        module, parameters_and_buffers, args, kwargs, tie_weights=tie_weights, strict=strict
    )
