"""SparseAdam: Adam for tables of which a step reads few rows; the others stay as they are."""

from __future__ import annotations

import math
from typing import Any

import weft
from weft import Tensor
from weft.optim._checks import beta_pair, learning_rate
from weft.optim._elementwise import number
from weft.optim._one_by_one import OneByOne


class SparseAdam(OneByOne):
    """Adam on those rows alone whose gradient is not zero, as for embeddings.

    With `g` the gradient's rows that have an element other than 0, and `m`, `v`, `p` the same rows
    of the state and the parameter, at step `t`:
    `m = β₁ m + (1 - β₁) g`, `v = β₂ v + (1 - β₂) g²`,
    `p -= lr √(1 - β₂ᵗ) / (1 - β₁ᵗ) * m / (√v + eps)`.
    Where :class:`weft.optim.Adam` goes on moving a row that was read once, by the running mean of
    its gradient, this leaves it until it is read again; one step costs as much as the rows that it
    read, and a look at the gradient.

    Args:
        params: parameters or groups of them, see :class:`weft.optim.Optimizer`; a row is what has
            one index in the first dimension, an element where that is the only one.
        lr: the size of steps, above 0; may be a tensor of one element.
        betas: β₁ and β₂, in [0, 1).
        eps: added to the root, above 0.
        maximize: go up the gradient.

    Raises:
        ValueError: a setting is out of its range, or a parameter is complex.

    Source: PyTorch's `torch.optim.SparseAdam`, which takes sparse gradients alone. Gradients here
    are dense, and their rows of zeros are those that a sparse one would not hold. The two differ
    for a row that was read and whose gradient came out as zeros: PyTorch's moves it, as Adam would.

    Example:
        >>> table = weft.nn.Embedding(4, 2)
        >>> before = table.weight.detach().clone()
        >>> optimizer = weft.optim.SparseAdam(table.parameters(), lr=0.5)
        >>> table(weft.tensor([2, 0])).sum().backward()
        >>> optimizer.step()
        >>> (table.weight != before).any(1)
        tensor([ True, False,  True, False])
    """

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        maximize: bool = False,
    ) -> None:
        who = type(self).__name__
        learning_rate(who, lr)
        for name, value in (("lr", lr), ("eps", eps)):
            if not value > 0:
                raise ValueError(f"{who}: {name} must be above 0, got {value}")
        defaults = {"lr": lr, "betas": beta_pair(who, betas), "eps": eps, "maximize": maximize}
        super().__init__(params, defaults)
        for i, group in enumerate(self.param_groups):
            for j, p in enumerate(group["params"]):
                if p.is_complex():
                    raise ValueError(
                        f"{who}: parameters must be real, but parameter {j} of group {i} is "
                        f"{p.dtype}"
                    )

    def _update(self, group: dict[str, Any], p: Tensor, g: Tensor) -> None:
        state = self.state[p]
        if not state:
            state["step"] = 0
            for name in ("exp_avg", "exp_avg_sq"):
                state[name] = weft.zeros_like(p, memory_format=weft.preserve_format)
        state["step"] += 1
        if not p.numel():
            return
        p, g, mean, square = (_rows(x) for x in (p, g, state["exp_avg"], state["exp_avg_sq"]))
        at = (g != 0).reshape(len(g), -1).any(1).nonzero()[:, 0]
        if not at.numel():
            return
        g = g.index_select(0, at)
        if group["maximize"]:
            g = -g
        beta1, beta2 = map(number, group["betas"])
        m = mean.index_select(0, at).lerp_(g, 1 - beta1)
        v = square.index_select(0, at).lerp_(g * g, 1 - beta2)
        mean.index_copy_(0, at, m)
        square.index_copy_(0, at, v)
        t = state["step"]
        size = number(group["lr"]) * math.sqrt(1 - beta2**t) / (1 - beta1**t)
        p.index_add_(0, at, m / v.sqrt_().add_(group["eps"]), alpha=-size)


def _rows(x: Tensor) -> Tensor:
    """Return a tensor of which the first dimension counts rows."""
    return x if x.ndim else x.reshape(1)
