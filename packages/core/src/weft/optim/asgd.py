"""ASGD: gradient descent that also keeps the mean of where it has been."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import weft
from weft import Tensor
from weft.optim._checks import at_least_zero, learning_rate
from weft.optim._elementwise import (
    Elementwise,
    Group,
    counter,
    decay_kind,
    decayed,
    kept,
    number,
    scaled,
)


class ASGD(Elementwise):
    """Averaged stochastic gradient descent: `p = (1 - λ η) p - η g`, and `ax` is p's mean of late.

    After step `t` the size of steps becomes `η = lr / (1 + λ lr t)^alpha`, and the weight of the
    newest in the mean `μ = 1 / max(1, t - t0)`: `ax += μ (p - ax)`.

    Args:
        params: parameters or groups of them, see :class:`weft.optim.Optimizer`.
        lr: the size of the first step; may be a tensor of one element.
        lambd: λ, how fast parameters shrink and steps get smaller.
        alpha: the power of the fall.
        t0: the step at which averaging begins.
        weight_decay: `weight_decay * p` is added to the gradient.
        foreach, maximize, differentiable, capturable: as in :class:`weft.optim.Adam`.

    Raises:
        ValueError: a setting is out of its range.

    Source: Polyak and Juditsky, "Acceleration of stochastic approximation by averaging" (1992);
    PyTorch's `torch.optim.ASGD`.

    Example:
        >>> p = weft.tensor([1.0, 2.0], requires_grad=True)
        >>> optimizer = weft.optim.ASGD([p], lr=0.25)
        >>> (p * p).sum().backward()
        >>> optimizer.step()
        >>> optimizer.state[p]["ax"]
        tensor([0.5000, 0.9999])
    """

    _kernel = "asgd"
    _width = 4
    _counters = ("step", "eta", "mu")

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        who = type(self).__name__
        learning_rate(who, lr)
        at_least_zero(who, weight_decay=weight_decay)
        defaults = {
            "lr": lr,
            "lambd": lambd,
            "alpha": alpha,
            "t0": t0,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def _initial(self, group: Group, p: Tensor) -> dict[str, Any]:
        return {
            "step": counter(group, p, 0.0),
            "eta": counter(group, p, number(group["lr"])),
            "mu": counter(group, p, 1.0),
            "ax": weft.zeros_like(p, memory_format=weft.preserve_format),
        }

    def _buffers(self, group: Group) -> tuple[str, ...]:
        return ("ax",)

    def _flags(self, group: Group) -> dict[str, Any]:
        return {"MAXIMIZE": bool(group["maximize"]), "DECAY": decay_kind(group)}

    def _coefficients(
        self, group: Group, counters: Sequence[float], rounded: Callable[[Any], Any]
    ) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        before, eta, mu = counters
        step = rounded(before + 1)
        lr, lambd = number(group["lr"]), group["lambd"]
        later = lr / (1 + lambd * lr * step) ** group["alpha"]
        after = (step, rounded(later), rounded(1 / max(1, step - group["t0"])))
        return after, (group["weight_decay"], 1 - lambd * eta, eta, mu)

    def _formula(self, group: Group, numbers: Any, p: Tensor, g: Tensor, *state: Tensor) -> None:
        decay, keep, eta, mu = numbers
        g = decayed(group, p, g, decay)
        p.mul_(keep)
        scaled(p, g, -eta)
        (mean,) = state
        if mu == 1:
            mean.copy_(p)
        else:
            mean.add_(kept(p - mean), alpha=mu)
