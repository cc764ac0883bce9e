"""Clipping gradients: all together by their norm, or each element by its size."""

from __future__ import annotations

import types
import warnings
from collections.abc import Iterable
from typing import Any

import weft
from weft import Tensor
from weft._backend.cpu import switches
from weft._core.tensor import version_of


def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Scale the gradients of parameters in place so that their norm, as one vector, is bounded.

    They are multiplied by `min(1, max_norm / (norm + 1e-6))`.

    Args:
        parameters: those whose gradients are meant; those without one are passed over.
        max_norm: what the norm is to be at most.
        norm_type: the order of the norm; `inf` for the largest magnitude.
        error_if_nonfinite: raise if the norm is NaN or infinite, instead of scaling by it.
        foreach: False computes one gradient after the other.

    Returns:
        Tensor: the norm as it was before, 0-d.

    Raises:
        RuntimeError: the norm is not finite and `error_if_nonfinite` is set.

    Source: PyTorch's `torch.nn.utils.clip_grad_norm_`. The norm is summed in float64.

    Example:
        >>> p = weft.tensor([3.0, 4.0], requires_grad=True)
        >>> p.grad = weft.tensor([3.0, 4.0])
        >>> weft.nn.utils.clip_grad_norm_(p, max_norm=1.0)
        tensor(5.)
        >>> p.grad
        tensor([0.6000, 0.8000])
    """
    if isinstance(parameters, types.GeneratorType):
        parameters = list(parameters)
        if not parameters:
            warnings.warn(
                "clip_grad_norm_: the generator of parameters is empty, so nothing is clipped",
                stacklevel=2,
            )
    chosen = [parameters] if isinstance(parameters, Tensor) else list(parameters)
    grads = [p.grad for p in chosen if p.grad is not None]
    total = get_total_norm(grads, norm_type, error_if_nonfinite, foreach)
    clip_grads_with_norm_(chosen, max_norm, total, foreach)
    return total


def clip_grad_norm(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """The older name of :func:`clip_grad_norm_`, whose arguments it has.

    Source: PyTorch's `torch.nn.utils.clip_grad_norm`.
    """
    return clip_grad_norm_(parameters, max_norm, norm_type, error_if_nonfinite, foreach)


def get_total_norm(
    tensors: Tensor | Iterable[Tensor],
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Return the norm of tensors, read as one vector.

    Args:
        tensors: one, or any number of them.
        norm_type: the order of the norm; `inf` for the largest magnitude.
        error_if_nonfinite: raise if the norm is NaN or infinite.
        foreach: False computes one tensor after the other.

    Returns:
        Tensor: 0-d, of the dtype that theirs promote to; of no tensors the number 0.

    Raises:
        RuntimeError: the norm is not finite and `error_if_nonfinite` is set.

    Source: PyTorch's `torch.nn.utils.get_total_norm`.
    """
    each = [tensors] if isinstance(tensors, Tensor) else list(tensors)
    order = float(norm_type)
    if not each:
        return weft.tensor(0.0)
    with weft.no_grad():
        lists = None if foreach is False else _kernels()
        fused = None if lists is None else lists.norm([x._data for x in each], order)
        if fused is not None:
            dtype = each[0].dtype
            for x in each:
                dtype = weft.promote_types(dtype, x.dtype) if x.dtype is not dtype else dtype
            total = weft.tensor(fused, dtype=dtype.to_real())
        else:
            some = [x for x in each if x.numel()] or each[:1]  # empty ones have no largest
            norms = [weft.linalg.vector_norm(x, order).to(each[0].device) for x in some]
            total = weft.linalg.vector_norm(weft.stack(norms), order)
        if error_if_nonfinite and not weft.isfinite(total):
            raise RuntimeError(
                f"clip_grad_norm_: the norm of order {order} is {total.item()}, so the gradients "
                f"cannot be clipped; without error_if_nonfinite=True they are scaled by it anyway"
            )
    return total


def clip_grads_with_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    total_norm: Tensor,
    foreach: bool | None = None,
) -> None:
    """Scale the gradients of parameters in place by `min(1, max_norm / (total_norm + 1e-6))`.

    Args:
        parameters: those whose gradients are meant; those without one are passed over.
        max_norm: what the norm is to be at most.
        total_norm: what it is, as :func:`get_total_norm` gives it.
        foreach: False scales one gradient after the other.

    Source: PyTorch's `torch.nn.utils.clip_grads_with_norm_`.
    """
    grads = _gradients(parameters)
    if not grads:
        return
    factor = float(max_norm) / (float(total_norm) + 1e-6)
    if factor >= 1:
        return
    with weft.no_grad():
        lists = None if foreach is False else _kernels()
        if lists is not None and lists.scale([g._data for g in grads], factor):
            _written(grads, "clip_grad_norm_")
            return
        for g in grads:
            g.mul_(factor)


def clip_grad_value_(
    parameters: Tensor | Iterable[Tensor], clip_value: float, foreach: bool | None = None
) -> None:
    """Bring each element of the gradients of parameters into ±`clip_value`, in place.

    Args:
        parameters: those whose gradients are meant; those without one are passed over.
        clip_value: the largest magnitude; NaN stays NaN.
        foreach: False clips one gradient after the other.

    Source: PyTorch's `torch.nn.utils.clip_grad_value_`.

    Example:
        >>> p = weft.tensor([3.0, 4.0], requires_grad=True)
        >>> p.grad = weft.tensor([-3.0, 0.5])
        >>> weft.nn.utils.clip_grad_value_(p, 1.0)
        >>> p.grad
        tensor([-1.0000,  0.5000])
    """
    limit = float(clip_value)
    grads = _gradients(parameters)
    with weft.no_grad():
        lists = None if foreach is False else _kernels()
        if lists is not None and lists.bound([g._data for g in grads], -limit, limit):
            _written(grads, "clip_grad_value_")
            return
        for g in grads:
            g.clamp_(min=-limit, max=limit)


def _gradients(parameters: Tensor | Iterable[Tensor]) -> list[Tensor]:
    chosen = [parameters] if isinstance(parameters, Tensor) else parameters
    return [p.grad for p in chosen if p.grad is not None]


def _written(tensors: list[Tensor], writer: str) -> None:
    for x in tensors:
        version_of(x).writes.bump(writer)


def _kernels() -> Any:
    """Return the module that runs kernels over lists; None where there is no code generation."""
    if not switches.codegen:
        return None
    from weft._backend.cpu.launch import lists

    return lists if lists.usable() else None
