"""SGD: steps along the gradient, with momentum if wanted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import weft
from weft import Tensor
from weft.optim._checks import at_least_zero, learning_rate
from weft.optim._elementwise import Elementwise, Group, decay_kind, decayed, kept, plain, scaled


class SGD(Elementwise):
    """Stochastic gradient descent: `p -= lr * g`, or `p -= lr * b` with a momentum buffer.

    With momentum `b = momentum * b + (1 - dampening) * g`, and `b = g` in a parameter's first step;
    Nesterov's form steps along `g + momentum * b`.

    Args:
        params: parameters or groups of them, see :class:`weft.optim.Optimizer`.
        lr: the size of steps; may be a tensor of one element.
        momentum: how much of the buffer stays, from 0 (no buffer).
        dampening: by how much the gradient counts less in the buffer.
        weight_decay: `weight_decay * p` is added to the gradient; may be a tensor of one element.
        nesterov: Nesterov's momentum.
        maximize, foreach, differentiable, fused: as in :class:`weft.optim.Adam`.

    Raises:
        ValueError: a setting is out of its range, or `nesterov` without momentum or with dampening.
        RuntimeError: `fused` together with `foreach` or `differentiable`.

    Source: PyTorch's `torch.optim.SGD`, whose momentum is not multiplied by `lr` (Sutskever et al.,
    "On the importance of initialization and momentum in deep learning", 2013, has it so).

    Example:
        >>> p = weft.tensor([1.0, 2.0], requires_grad=True)
        >>> optimizer = weft.optim.SGD([p], lr=0.25, momentum=0.9)
        >>> (p * p).sum().backward()
        >>> optimizer.step()
        >>> p.detach()
        tensor([0.5000, 1.0000])
    """

    _kernel = "sgd"
    _width = 4
    _counters = ()

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float | Tensor = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        who = type(self).__name__
        learning_rate(who, lr)
        at_least_zero(who, momentum=momentum, weight_decay=weight_decay)
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError(
                f"{who}: nesterov needs a momentum above 0 and no dampening, got "
                f"momentum={momentum} and dampening={dampening}"
            )
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
            "maximize": maximize,
            "foreach": foreach,
            "differentiable": differentiable,
            "fused": fused,
        }
        super().__init__(params, defaults)

    def _buffers(self, group: Group) -> tuple[str, ...]:
        return ("momentum_buffer",) if group["momentum"] != 0 else ()

    def _initial(self, group: Group, p: Tensor) -> dict[str, Any]:
        return {}

    def _flags(self, group: Group) -> dict[str, Any]:
        return {
            "MAXIMIZE": bool(group["maximize"]),
            "DECAY": decay_kind(group),
            "MOMENTUM": group["momentum"] != 0,
            "NESTEROV": bool(group["nesterov"]),
        }

    def _coefficients(
        self, group: Group, counters: Sequence[float], rounded: Callable[[Any], Any]
    ) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        share = 1 - group["dampening"]
        return (), (group["lr"], group["weight_decay"], group["momentum"], share)

    def _update(self, index: int, group: Group, params: list[Any]) -> None:
        if group["momentum"] != 0:
            fresh = [p for p in params if self.state[p].get("momentum_buffer") is None]
            if fresh:
                self._first(group, fresh)
                params = [p for p in params if not any(p is one for one in fresh)]
        if params:
            super()._update(index, group, params)

    def _first(self, group: Group, params: list[Any]) -> None:
        """Do the first step of parameters: their buffer becomes the gradient."""
        differentiable = bool(group["differentiable"])
        if not differentiable:
            group = plain(group)
        with weft.set_grad_enabled(differentiable):
            for p in params:
                g = decayed(
                    group, p, -p.grad if group["maximize"] else p.grad, group["weight_decay"]
                )
                self.state[p]["momentum_buffer"] = g.clone()
                if group["nesterov"]:
                    g = g.add(kept(self.state[p]["momentum_buffer"]), alpha=group["momentum"])
                scaled(p, g, -group["lr"])

    def _formula(self, group: Group, numbers: Any, p: Tensor, g: Tensor, *state: Tensor) -> None:
        lr, decay, momentum, share = numbers
        g = decayed(group, p, g, decay)
        if state:
            buffer = state[0].mul_(momentum).add_(g, alpha=share)
            g = g.add(kept(buffer), alpha=momentum) if group["nesterov"] else buffer
        scaled(p, g, -lr)
