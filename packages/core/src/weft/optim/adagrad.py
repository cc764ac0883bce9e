"""Adagrad: steps that shrink with all that was gone along an element so far."""

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


class Adagrad(Elementwise):
    """Adagrad: `s += g²`, `p -= lr / (1 + (t - 1) lr_decay) * g / (√s + eps)`.

    Args:
        params: parameters or groups of them, see :class:`weft.optim.Optimizer`.
        lr: the size of steps; may be a tensor of one element.
        lr_decay: how fast it falls with the count of steps `t`.
        weight_decay: `weight_decay * p` is added to the gradient.
        initial_accumulator_value: what `s` starts from.
        eps: added to the root, against division by zero.
        foreach, maximize, differentiable, fused: as in :class:`weft.optim.Adam`.

    Raises:
        ValueError: a setting is out of its range.
        RuntimeError: `fused` together with `foreach` or `differentiable`.

    Source: Duchi, Hazan and Singer, "Adaptive Subgradient Methods" (2011); PyTorch's
    `torch.optim.Adagrad`, which makes the state at once and not in the first step.

    Example:
        >>> p = weft.tensor([1.0, 2.0], requires_grad=True)
        >>> optimizer = weft.optim.Adagrad([p], lr=0.5)
        >>> (p * p).sum().backward()
        >>> optimizer.step()
        >>> p.detach()
        tensor([0.5000, 1.5000])
    """

    _kernel = "adagrad"
    _width = 3

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        who = type(self).__name__
        learning_rate(who, lr)
        at_least_zero(
            who,
            lr_decay=lr_decay,
            weight_decay=weight_decay,
            initial_accumulator_value=initial_accumulator_value,
            eps=eps,
        )
        defaults = {
            "lr": lr,
            "lr_decay": lr_decay,
            "eps": eps,
            "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "fused": fused,
        }
        super().__init__(params, defaults)
        for group in self.param_groups:
            for p in group["params"]:
                self.state[p].update(self._initial(group, p))

    def share_memory(self) -> None:
        """Move the sums of squares to memory that processes share.

        Raises:
            NotImplementedError: weft has no such memory yet.
        """
        raise NotImplementedError("Adagrad.share_memory: tensors cannot be shared by processes yet")

    def _initial(self, group: Group, p: Tensor) -> dict[str, Any]:
        start = number(self.defaults["initial_accumulator_value"])
        value = complex(start, start) if p.is_complex() else start
        with weft.no_grad():
            total = weft.full_like(p, value, memory_format=weft.preserve_format)
        return {"step": counter(group, p, 0.0), "sum": total}

    def _buffers(self, group: Group) -> tuple[str, ...]:
        return ("sum",)

    def _flags(self, group: Group) -> dict[str, Any]:
        return {"MAXIMIZE": bool(group["maximize"]), "DECAY": decay_kind(group)}

    def _coefficients(
        self, group: Group, counters: Sequence[float], rounded: Callable[[Any], Any]
    ) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        step = rounded(counters[0] + 1)
        lr = group["lr"] / (1 + (step - 1) * group["lr_decay"])
        return (step,), (group["weight_decay"], lr, group["eps"])

    def _formula(self, group: Group, numbers: Any, p: Tensor, g: Tensor, *state: Tensor) -> None:
        decay, lr, eps = numbers
        g = decayed(group, p, g, decay)
        total = state[0].addcmul_(g, g)
        scaled(p, g / (kept(total).sqrt() + eps), -lr)
