"""RAdam: Adam that first waits until the mean of squares is known well enough."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from weft import Tensor
from weft.optim._checks import at_least_zero, beta_pair, learning_rate
from weft.optim._elementwise import Elementwise, Group, decay_kind, decayed, kept, scaled


class RAdam(Elementwise):
    """Rectified Adam: Adam's step times `r`, where the mean of squares is known well enough.

    With `ρ∞ = 2 / (1 - β₂) - 1` and `ρ = ρ∞ - 2 t β₂ᵗ / (1 - β₂ᵗ)`: while `ρ <= 5` the step is
    `lr m / (1 - β₁ᵗ)`, then it is Adam's times
    `r = √((ρ - 4) (ρ - 2) ρ∞ / ((ρ∞ - 4) (ρ∞ - 2) ρ))`.

    Args:
        params: parameters or groups of them, see :class:`weft.optim.Optimizer`.
        lr: the size of steps; may be a tensor of one element.
        betas: β₁ and β₂, in [0, 1).
        eps: added to the root, against division by zero.
        weight_decay: `weight_decay * p` is added to the gradient.
        decoupled_weight_decay: shrink the weights by `lr * weight_decay` instead.
        foreach, maximize, capturable, differentiable: as in :class:`weft.optim.Adam`.

    Raises:
        ValueError: a setting is out of its range.

    Source: Liu et al., "On the Variance of the Adaptive Learning Rate and Beyond" (2019), algorithm
    2; PyTorch's `torch.optim.RAdam`, where eps is added before the root is corrected.

    Example:
        >>> p = weft.tensor([1.0, 2.0], requires_grad=True)
        >>> optimizer = weft.optim.RAdam([p], lr=0.25)
        >>> (p * p).sum().backward()
        >>> optimizer.step()
        >>> p.detach()
        tensor([0.5000, 1.0000])
    """

    _kernel = "radam"
    _width = 7

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        who = type(self).__name__
        learning_rate(who, lr)
        at_least_zero(who, eps=eps, weight_decay=weight_decay)
        defaults = {
            "lr": lr,
            "betas": beta_pair(who, betas),
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "decoupled_weight_decay": decoupled_weight_decay,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def _buffers(self, group: Group) -> tuple[str, ...]:
        return ("exp_avg", "exp_avg_sq")

    def _flags(self, group: Group) -> dict[str, Any]:
        return {"MAXIMIZE": bool(group["maximize"]), "DECAY": decay_kind(group)}

    def _coefficients(
        self, group: Group, counters: Sequence[float], rounded: Callable[[Any], Any]
    ) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        step = rounded(counters[0] + 1)
        lr, decay = group["lr"], group["weight_decay"]
        beta1, beta2 = group["betas"]
        if decay_kind(group) == 2:
            decay = 1 - lr * decay
        scale = lr / (1 - beta1**step)
        rest = 1 - beta2**step
        most = 2 / (1 - beta2) - 1
        length = most - 2 * step * beta2**step / rest
        known = length > 5
        if known:
            drawn = (length - 4) * (length - 2) * most
            scale = scale * (rest * drawn / ((most - 4) * (most - 2) * length)) ** 0.5
        return (step,), (decay, 1 - beta1, beta2, 1 - beta2, scale, group["eps"], float(known))

    def _formula(self, group: Group, numbers: Any, p: Tensor, g: Tensor, *state: Tensor) -> None:
        decay, share1, beta2, share2, scale, eps, known = numbers
        mean, square = state
        g = decayed(group, p, g, decay)
        mean.lerp_(g, share1)
        square.mul_(beta2).addcmul_(g, g, value=share2)
        scaled(p, kept(mean) / (kept(square).sqrt() + eps) if known else mean, -scale)
