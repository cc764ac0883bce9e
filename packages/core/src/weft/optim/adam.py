"""Adam: steps sized by running means of the gradient and of its square."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import weft
from weft import Tensor
from weft.optim._checks import at_least_zero, beta_pair, learning_rate
from weft.optim._elementwise import Elementwise, Group, decay_kind, decayed, kept, scaled


class Adam(Elementwise):
    """Adam: the running mean of the gradient, divided by the root of that of its square.

    With `g` the gradient, at step `t`:
    `m = β₁ m + (1 - β₁) g`, `v = β₂ v + (1 - β₂) g²`,
    `p -= lr (m / (1 - β₁ᵗ)) / (√(v / (1 - β₂ᵗ)) + eps)`.

    Args:
        params: parameters or groups of them, see :class:`weft.optim.Optimizer`.
        lr: the size of steps; may be a tensor of one element.
        betas: β₁ and β₂, in [0, 1): both numbers or both tensors.
        eps: added to the root, against division by zero.
        weight_decay: `weight_decay * p` is added to the gradient.
        amsgrad: divide by the largest `v` so far.
        foreach: False updates one parameter after the other by formula; otherwise they are updated
            together, by one fused kernel where there is one.
        maximize: go up the gradient.
        capturable: keep the count of steps on the parameter's device.
        differentiable: record the step for autograd; the parameters are then no leaves.
        fused: False as for `foreach`; True as None, but refuses what excludes it.
        decoupled_weight_decay: shrink the weights by `lr * weight_decay` instead, as AdamW does.

    Raises:
        ValueError: a setting is out of its range.
        RuntimeError: `fused` together with `foreach` or `differentiable`.

    Source: Kingma and Ba, "Adam: A Method for Stochastic Optimization" (2014), algorithm 1; Reddi,
    Kale and Kumar, "On the Convergence of Adam and Beyond" (2018) for `amsgrad`; PyTorch's
    `torch.optim.Adam`. Complex parameters are updated as pairs of real ones.

    Example:
        >>> p = weft.tensor([1.0, 2.0], requires_grad=True)
        >>> optimizer = weft.optim.Adam([p], lr=0.5)
        >>> (p * p).sum().backward()
        >>> optimizer.step()
        >>> p.detach()
        tensor([0.5000, 1.5000])
    """

    _kernel = "adam"
    _width = 6

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-3,
        betas: tuple[float | Tensor, float | Tensor] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None:
        who = type(self).__name__
        learning_rate(who, lr, foreach=foreach, capturable=capturable)
        at_least_zero(who, eps=eps, weight_decay=weight_decay)
        defaults = {
            "lr": lr,
            "betas": beta_pair(who, betas, foreach=foreach, capturable=capturable),
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "differentiable": differentiable,
            "fused": fused,
            "decoupled_weight_decay": decoupled_weight_decay,
        }
        super().__init__(params, defaults)

    def _buffers(self, group: Group) -> tuple[str, ...]:
        if group["amsgrad"]:
            return ("exp_avg", "exp_avg_sq", "max_exp_avg_sq")
        return ("exp_avg", "exp_avg_sq")

    def _flags(self, group: Group) -> dict[str, Any]:
        return {
            "MAXIMIZE": bool(group["maximize"]),
            "DECAY": decay_kind(group),
            "AMSGRAD": bool(group["amsgrad"]),
        }

    def _coefficients(
        self, group: Group, counters: Sequence[float], rounded: Callable[[Any], Any]
    ) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        step = rounded(counters[0] + 1)
        lr, decay = group["lr"], group["weight_decay"]
        beta1, beta2 = group["betas"]
        root = (1 - beta2**step) ** 0.5
        if decay_kind(group) == 2:
            decay = 1 - lr * decay
        # p -= lr/(1-β₁ᵗ) m / (√v/root + eps), with numerator and denominator times root
        scale = lr / (1 - beta1**step) * root
        return (step,), (decay, 1 - beta1, beta2, 1 - beta2, scale, group["eps"] * root)

    def _formula(self, group: Group, numbers: Any, p: Tensor, g: Tensor, *state: Tensor) -> None:
        decay, share1, beta2, share2, scale, floor = numbers
        g = decayed(group, p, g, decay)
        mean, square = state[:2]
        mean.lerp_(g, share1)
        if isinstance(beta2, Tensor):
            square.lerp_(g * g, share2)
        else:
            square.mul_(beta2).addcmul_(g, g, value=share2)
        if group["amsgrad"]:
            square = state[2].copy_(weft.maximum(kept(state[2]), kept(square)))
        if group["differentiable"]:
            scaled(p, kept(mean) / (square.sqrt() + floor), -scale)
        else:
            p.addcdiv_(mean, square.sqrt().add_(floor), value=-scale)
