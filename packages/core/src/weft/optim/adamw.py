"""AdamW: Adam with weights that decay apart from the gradient."""

from __future__ import annotations

from typing import Any

from weft import Tensor
from weft.optim.adam import Adam


class AdamW(Adam):
    """Adam whose weights shrink by `lr * weight_decay` each step, apart from the gradient.

    Args:
        params: parameters or groups of them, see :class:`weft.optim.Optimizer`.
        lr, betas, eps, amsgrad: as in :class:`weft.optim.Adam`.
        weight_decay: how fast weights shrink: `p *= 1 - lr * weight_decay`.
        maximize, foreach, capturable, differentiable, fused: as in :class:`weft.optim.Adam`.

    Raises:
        ValueError: a setting is out of its range.

    Source: Loshchilov and Hutter, "Decoupled Weight Decay Regularization" (2017), algorithm 2;
    PyTorch's `torch.optim.AdamW`.

    Example:
        >>> p = weft.tensor([1.0, 2.0], requires_grad=True)
        >>> optimizer = weft.optim.AdamW([p], lr=0.5, weight_decay=0.2)
        >>> (p * p).sum().backward()
        >>> optimizer.step()
        >>> p.detach()
        tensor([0.4000, 1.3000])
    """

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-3,
        betas: tuple[float | Tensor, float | Tensor] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        super().__init__(
            params,
            lr,
            betas,
            eps,
            weight_decay,
            amsgrad,
            foreach=foreach,
            maximize=maximize,
            capturable=capturable,
            differentiable=differentiable,
            fused=fused,
            decoupled_weight_decay=True,
        )

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:  # checkpoints of old do not say it
            group["decoupled_weight_decay"] = True
