"""Adadelta: steps as large as those before, in units of the parameter."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from weft import Tensor
from weft.optim._checks import at_least_zero, learning_rate
from weft.optim._elementwise import Elementwise, Group, decay_kind, decayed, kept, scaled


class Adadelta(Elementwise):
    """Adadelta: `u = g √(a + eps) / √(v + eps)`, `p -= lr * u`.

    `v` is the running mean of `g²`, and `a` that of `u²`:
    `v = ρ v + (1 - ρ) g²`, then `u`, then `a = ρ a + (1 - ρ) u²`.

    Args:
        params: parameters or groups of them, see :class:`weft.optim.Optimizer`.
        lr: a factor of the step; the paper has none. May be a tensor of one element.
        rho: how much of the running means stays, in [0, 1].
        eps: added under the roots.
        weight_decay: `weight_decay * p` is added to the gradient.
        foreach, capturable, maximize, differentiable: as in :class:`weft.optim.Adam`.

    Raises:
        ValueError: a setting is out of its range.

    Source: Zeiler, "ADADELTA: An Adaptive Learning Rate Method" (2012), algorithm 1; PyTorch's
    `torch.optim.Adadelta`.

    Example:
        >>> p = weft.tensor([1.0, 2.0], requires_grad=True)
        >>> optimizer = weft.optim.Adadelta([p], eps=1e-2)
        >>> (p * p).sum().backward()
        >>> optimizer.step()
        >>> p.detach()
        tensor([0.6877, 1.6847])
    """

    _kernel = "adadelta"
    _width = 5

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        capturable: bool = False,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        who = type(self).__name__
        learning_rate(who, lr)
        if not 0 <= rho <= 1:
            raise ValueError(f"{who}: rho must be in [0, 1], got {rho}")
        at_least_zero(who, eps=eps, weight_decay=weight_decay)
        defaults = {
            "lr": lr,
            "rho": rho,
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
            "capturable": capturable,
            "foreach": foreach,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def _buffers(self, group: Group) -> tuple[str, ...]:
        return ("square_avg", "acc_delta")

    def _flags(self, group: Group) -> dict[str, Any]:
        return {"MAXIMIZE": bool(group["maximize"]), "DECAY": decay_kind(group)}

    def _coefficients(
        self, group: Group, counters: Sequence[float], rounded: Callable[[Any], Any]
    ) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        rho = group["rho"]
        numbers = (group["weight_decay"], rho, 1 - rho, group["eps"], group["lr"])
        return (rounded(counters[0] + 1),), numbers

    def _formula(self, group: Group, numbers: Any, p: Tensor, g: Tensor, *state: Tensor) -> None:
        decay, rho, share, eps, lr = numbers
        square, moved = state
        g = decayed(group, p, g, decay)
        square.mul_(rho).addcmul_(g, g, value=share)
        step = kept(moved).add(eps).sqrt() / kept(square).add(eps).sqrt() * g
        moved.mul_(rho).addcmul_(step, step, value=share)
        scaled(p, step, -lr)
