"""NAdam: Adam with Nesterov's momentum."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import weft
from weft import Tensor
from weft.optim._checks import at_least_zero, beta_pair, learning_rate
from weft.optim._elementwise import (
    Elementwise,
    Group,
    counter,
    decay_kind,
    decayed,
    kept,
    scaled,
)


class NAdam(Elementwise):
    """NAdam: Adam whose step looks one step of momentum ahead.

    With `μₜ = β₁ (1 - 0.96^(t ψ) / 2)` and `Π` the product of all `μ` so far:
    `p -= lr ((1 - μₜ) / (1 - Π) g + μₜ₊₁ / (1 - Π μₜ₊₁) m) / (√(v / (1 - β₂ᵗ)) + eps)`.

    Args:
        params: parameters or groups of them, see :class:`weft.optim.Optimizer`.
        lr: the size of steps; may be a tensor of one element.
        betas: β₁ and β₂, in [0, 1).
        eps: added to the root, against division by zero.
        weight_decay: `weight_decay * p` is added to the gradient.
        momentum_decay: ψ.
        decoupled_weight_decay: shrink the weights by `lr * weight_decay` instead.
        foreach, maximize, capturable, differentiable: as in :class:`weft.optim.Adam`.

    Raises:
        ValueError: a setting is out of its range.

    Source: Dozat, "Incorporating Nesterov Momentum into Adam" (2016); PyTorch's
    `torch.optim.NAdam`.

    Example:
        >>> p = weft.tensor([1.0, 2.0], requires_grad=True)
        >>> optimizer = weft.optim.NAdam([p], lr=0.5)
        >>> (p * p).sum().backward()
        >>> optimizer.step()
        >>> p.detach()
        tensor([0.4141, 1.4141])
    """

    _kernel = "nadam"
    _width = 7
    _counters = ("step", "mu_product")

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        who = type(self).__name__
        learning_rate(who, lr)
        at_least_zero(who, eps=eps, weight_decay=weight_decay, momentum_decay=momentum_decay)
        defaults = {
            "lr": lr,
            "betas": beta_pair(who, betas),
            "eps": eps,
            "weight_decay": weight_decay,
            "momentum_decay": momentum_decay,
            "decoupled_weight_decay": decoupled_weight_decay,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def _initial(self, group: Group, p: Tensor) -> dict[str, Any]:
        return {
            "step": counter(group, p, 0.0),
            "mu_product": counter(group, p, 1.0),
            "exp_avg": weft.zeros_like(p, memory_format=weft.preserve_format),
            "exp_avg_sq": weft.zeros_like(p, memory_format=weft.preserve_format),
        }

    def _buffers(self, group: Group) -> tuple[str, ...]:
        return ("exp_avg", "exp_avg_sq")

    def _flags(self, group: Group) -> dict[str, Any]:
        return {"MAXIMIZE": bool(group["maximize"]), "DECAY": decay_kind(group)}

    def _coefficients(
        self, group: Group, counters: Sequence[float], rounded: Callable[[Any], Any]
    ) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        step = rounded(counters[0] + 1)
        lr, decay, psi = group["lr"], group["weight_decay"], group["momentum_decay"]
        beta1, beta2 = group["betas"]
        mu = beta1 * (1 - 0.5 * 0.96 ** (step * psi))
        ahead = beta1 * (1 - 0.5 * 0.96 ** ((step + 1) * psi))
        product = rounded(counters[1] * rounded(mu))  # a product of two numbers of its dtype
        root = (1 - beta2**step) ** 0.5
        if decay_kind(group) == 2:
            decay = 1 - lr * decay
        along = lr * (1 - mu) / (1 - product) * root
        ahead = lr * ahead / (1 - product * ahead) * root
        numbers = (decay, 1 - beta1, beta2, 1 - beta2, along, ahead, group["eps"] * root)
        return (step, product), numbers

    def _formula(self, group: Group, numbers: Any, p: Tensor, g: Tensor, *state: Tensor) -> None:
        decay, share1, beta2, share2, along, ahead, floor = numbers
        mean, square = state
        g = decayed(group, p, g, decay)
        mean.lerp_(g, share1)
        square.mul_(beta2).addcmul_(g, g, value=share2)
        root = kept(square).sqrt() + floor
        scaled(p, g / root, -along)
        scaled(p, kept(mean) / root, -ahead)
