"""Rprop: each element has a size of step of its own; of the gradient the sign alone counts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import weft
from weft import Tensor
from weft.optim._checks import learning_rate
from weft.optim._elementwise import Elementwise, Group, counter, kept, number


class Rprop(Elementwise):
    """Resilient backpropagation: `p -= sign(g) * size`, each element with its own size.

    Where the gradient kept its sign since the last step, the size grows by `etas[1]`; where it
    turned, it falls by `etas[0]`, the element stays, and the gradient counts as 0.

    Args:
        params: parameters or groups of them, see :class:`weft.optim.Optimizer`.
        lr: the size of the first step; may be a tensor of one element.
        etas: the two factors, below and above 1.
        step_sizes: the least and the greatest size.
        capturable, foreach, maximize, differentiable: as in :class:`weft.optim.Adam`.

    Raises:
        ValueError: a setting is out of its range.

    Source: Riedmiller and Braun, "A direct adaptive method for faster backpropagation learning: the
    RPROP algorithm" (1993), in the form without weight backtracking; PyTorch's `torch.optim.Rprop`.

    Example:
        >>> p = weft.tensor([1.0, -2.0], requires_grad=True)
        >>> optimizer = weft.optim.Rprop([p], lr=0.5)
        >>> (p * p).sum().backward()
        >>> optimizer.step()
        >>> p.detach()
        tensor([ 0.5000, -1.5000])
    """

    _kernel = "rprop"
    _width = 4

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50),
        *,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        who = type(self).__name__
        learning_rate(who, lr)
        if not 0 < etas[0] < 1 < etas[1]:
            raise ValueError(f"{who}: etas must be in (0, 1) and above 1, got {etas}")
        defaults = {
            "lr": lr,
            "etas": etas,
            "step_sizes": step_sizes,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def _initial(self, group: Group, p: Tensor) -> dict[str, Any]:
        lr = number(group["lr"])
        value = complex(lr, lr) if p.is_complex() else lr
        return {
            "step": counter(group, p, 0.0),
            "prev": weft.zeros_like(p, memory_format=weft.preserve_format),
            "step_size": weft.full_like(p, value, memory_format=weft.preserve_format),
        }

    def _buffers(self, group: Group) -> tuple[str, ...]:
        return ("prev", "step_size")

    def _flags(self, group: Group) -> dict[str, Any]:
        return {"MAXIMIZE": bool(group["maximize"])}

    def _coefficients(
        self, group: Group, counters: Sequence[float], rounded: Callable[[Any], Any]
    ) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        return (rounded(counters[0] + 1),), (*group["etas"], *group["step_sizes"])

    def _formula(self, group: Group, numbers: Any, p: Tensor, g: Tensor, *state: Tensor) -> None:
        fall, rise, least, most = numbers
        before, size = state
        turned = g * kept(before)
        by = weft.ones_like(g).masked_fill(turned > 0, rise).masked_fill(turned < 0, fall)
        size.mul_(by).clamp_(least, most)
        g = g.masked_fill(turned < 0, 0.0)
        p.addcmul_(g.sign(), kept(size), value=-1)
        before.copy_(g)
