"""RMSprop: steps divided by the root of the running mean of squared gradients."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from weft import Tensor
from weft.optim._checks import at_least_zero, learning_rate
from weft.optim._elementwise import (
    Elementwise,
    Group,
    decay_kind,
    decayed,
    kept,
    scaled,
)


class RMSprop(Elementwise):
    """RMSprop: `v = α v + (1 - α) g²`, `p -= lr * g / (√v + eps)`.

    Centered, `v` less the square of the running mean of `g` is under the root. With momentum a
    buffer `b = momentum * b + g / (...)` is stepped along.

    Args:
        params: parameters or groups of them, see :class:`weft.optim.Optimizer`.
        lr: the size of steps; may be a tensor of one element.
        alpha: how much of the running means stays.
        eps: added to the root, against division by zero.
        weight_decay: `weight_decay * p` is added to the gradient.
        momentum: how much of the buffer stays, from 0 (no buffer).
        centered: divide by the deviation from the mean.
        capturable, foreach, maximize, differentiable: as in :class:`weft.optim.Adam`.

    Raises:
        ValueError: a setting is out of its range.

    Source: Tieleman and Hinton, lecture 6.5 of "Neural Networks for Machine Learning" (2012);
    Graves, "Generating Sequences With Recurrent Neural Networks" (2013) for the centered form;
    PyTorch's `torch.optim.RMSprop`, which adds eps to the root and not under it.

    Example:
        >>> p = weft.tensor([1.0, 2.0], requires_grad=True)
        >>> optimizer = weft.optim.RMSprop([p], lr=0.05)
        >>> (p * p).sum().backward()
        >>> optimizer.step()
        >>> p.detach()
        tensor([0.5000, 1.5000])
    """

    _kernel = "rmsprop"
    _width = 6

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        who = type(self).__name__
        learning_rate(who, lr)
        at_least_zero(who, eps=eps, momentum=momentum, weight_decay=weight_decay, alpha=alpha)
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "alpha": alpha,
            "eps": eps,
            "centered": centered,
            "weight_decay": weight_decay,
            "capturable": capturable,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def _buffers(self, group: Group) -> tuple[str, ...]:
        names = ["square_avg"]
        if group["momentum"] > 0:
            names.append("momentum_buffer")
        if group["centered"]:
            names.append("grad_avg")
        return tuple(names)

    def _flags(self, group: Group) -> dict[str, Any]:
        return {
            "MAXIMIZE": bool(group["maximize"]),
            "DECAY": decay_kind(group),
            "MOMENTUM": group["momentum"] > 0,
            "CENTERED": bool(group["centered"]),
        }

    def _coefficients(
        self, group: Group, counters: Sequence[float], rounded: Callable[[Any], Any]
    ) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        alpha = group["alpha"]
        numbers = (group["weight_decay"], alpha, 1 - alpha, group["eps"], group["lr"])
        return (rounded(counters[0] + 1),), (*numbers, group["momentum"])

    def _formula(self, group: Group, numbers: Any, p: Tensor, g: Tensor, *state: Tensor) -> None:
        decay, alpha, share, eps, lr, momentum = numbers
        g = decayed(group, p, g, decay)
        square = kept(state[0].mul_(alpha).addcmul_(g, g, value=share))
        if group["centered"]:
            mean = kept(state[-1].lerp_(g, share))
            square = square.addcmul(mean, mean, value=-1)
        step = g / (square.sqrt() + eps)
        if group["momentum"] > 0:
            step = state[1].mul_(momentum).add_(step)
        scaled(p, step, -lr)
