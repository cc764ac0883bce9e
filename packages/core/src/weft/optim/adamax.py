"""Adamax: Adam by the largest gradient of late in place of the mean of squares."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import weft
from weft import Tensor
from weft.optim._checks import at_least_zero, beta_pair, learning_rate
from weft.optim._elementwise import Elementwise, Group, decay_kind, decayed, kept, scaled


class Adamax(Elementwise):
    """Adamax: `m = β₁ m + (1 - β₁) g`, `u = max(β₂ u, |g| + eps)`, `p -= lr / (1 - β₁ᵗ) * m / u`.

    Args:
        params: parameters or groups of them, see :class:`weft.optim.Optimizer`.
        lr: the size of steps; may be a tensor of one element.
        betas: β₁ and β₂, in [0, 1).
        eps: added to the magnitude, against division by zero.
        weight_decay: `weight_decay * p` is added to the gradient.
        foreach, maximize, differentiable, capturable: as in :class:`weft.optim.Adam`.

    Raises:
        ValueError: a setting is out of its range.

    Source: Kingma and Ba, "Adam: A Method for Stochastic Optimization" (2014), algorithm 2;
    PyTorch's `torch.optim.Adamax`.

    Example:
        >>> p = weft.tensor([1.0, 2.0], requires_grad=True)
        >>> optimizer = weft.optim.Adamax([p], lr=0.5)
        >>> (p * p).sum().backward()
        >>> optimizer.step()
        >>> p.detach()
        tensor([0.5000, 1.5000])
    """

    _kernel = "adamax"
    _width = 5

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        who = type(self).__name__
        learning_rate(who, lr)
        at_least_zero(who, eps=eps, weight_decay=weight_decay)
        defaults = {
            "lr": lr,
            "betas": beta_pair(who, betas),
            "eps": eps,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def _buffers(self, group: Group) -> tuple[str, ...]:
        return ("exp_avg", "exp_inf")

    def _flags(self, group: Group) -> dict[str, Any]:
        return {"MAXIMIZE": bool(group["maximize"]), "DECAY": decay_kind(group)}

    def _coefficients(
        self, group: Group, counters: Sequence[float], rounded: Callable[[Any], Any]
    ) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        step = rounded(counters[0] + 1)
        beta1, beta2 = group["betas"]
        lr = group["lr"] / (1 - beta1**step)
        return (step,), (group["weight_decay"], 1 - beta1, beta2, group["eps"], lr)

    def _formula(self, group: Group, numbers: Any, p: Tensor, g: Tensor, *state: Tensor) -> None:
        decay, share, beta2, eps, lr = numbers
        mean, largest = state
        g = decayed(group, p, g, decay)
        mean.lerp_(g, share)
        largest.copy_(weft.maximum(kept(largest) * beta2, g.abs() + eps))
        scaled(p, kept(mean) / kept(largest), -lr)
