"""Adafactor: of the mean of squares only the means of rows and columns are kept."""

from __future__ import annotations

from typing import Any

import weft
from weft import Tensor
from weft._core.tensor import version_of
from weft.optim._checks import at_least_zero, learning_rate
from weft.optim._elementwise import counter_dtype, number
from weft.optim._factored import factored_step
from weft.optim._one_by_one import OneByOne


class Adafactor(OneByOne):
    """Adafactor: Adam without momentum, whose mean of squares is the product of two vectors.

    With `1 - β = t^beta2_decay`, the running means of `g²` by rows, `R`, and by columns, `C`, give
    `V = R C / mean(R)`; of vectors `V` itself is kept. Then `u = g / √V`,
    `p *= 1 - lr * weight_decay` and
    `p -= max(eps₂, RMS(p)) min(lr, 1 / √t) / max(1, RMS(u) / d) * u`.

    Args:
        params: parameters or groups of them, see :class:`weft.optim.Optimizer`.
        lr: the greatest relative size of steps; may be a tensor of one element.
        beta2_decay: the power by which the running means slow down, at most 0.
        eps: what the root of V (None: the dtype's own eps) and RMS(p) are at least.
        d: where the clipping of updates begins, at least 1.
        weight_decay: how fast weights shrink.
        foreach: False runs the formula also where there is a kernel.
        maximize: go up the gradient.

    Raises:
        ValueError: a setting is out of its range.
        RuntimeError: a parameter is complex.

    Source: Shazeer and Stern, "Adafactor: Adaptive Learning Rates with Sublinear Memory Cost"
    (2018), algorithms 4 and 5; PyTorch's `torch.optim.Adafactor`, which differs from the paper in
    where `lr` and `eps` go, and which this follows.

    Example:
        >>> p = weft.ones(2, 3).requires_grad_()
        >>> optimizer = weft.optim.Adafactor([p], lr=0.1)
        >>> (p * p).sum().backward()
        >>> optimizer.step()
        >>> p[0].detach()
        tensor([0.9000, 0.9000, 0.9000])
    """

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-2,
        beta2_decay: float = -0.8,
        eps: tuple[float | None, float] = (None, 1e-3),
        d: float = 1.0,
        weight_decay: float = 0.0,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
    ) -> None:
        who = type(self).__name__
        learning_rate(who, lr)
        if not beta2_decay <= 0:
            raise ValueError(f"{who}: beta2_decay must be at most 0, got {beta2_decay}")
        if eps[0] is not None:
            at_least_zero(who, **{"eps[0]": eps[0]})
        at_least_zero(who, **{"eps[1]": eps[1]}, weight_decay=weight_decay)
        if not d >= 1:
            raise ValueError(f"{who}: d must be at least 1, got {d}")
        defaults = {
            "lr": lr,
            "beta2_decay": beta2_decay,
            "eps": eps,
            "d": d,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def _update(self, group: dict[str, Any], p: Tensor, g: Tensor) -> None:
        if p.is_complex():
            raise RuntimeError(f"{type(self).__name__}: complex parameters are not supported")
        state = self.state[p]
        if not state:
            state.update(_initial(g))
        state["step"].add_(1)
        if not p.numel():
            return
        t = state["step"].item()
        lr = number(group["lr"])
        share = t ** group["beta2_decay"]
        size = min(lr, 1 / t**0.5)
        keep = 1 - lr * group["weight_decay"]
        least = group["eps"][0]
        least = weft.finfo(p.dtype).eps if least is None else least
        if group["maximize"]:  # of g all but the step itself reads the square
            size = -size
        settings = (share, size, keep, least, group["eps"][1], group["d"])
        if group["foreach"] is not False and factored_step(p, g, state, *settings):
            for x in (p, state["row_var"], state["col_var"]):
                version_of(x).writes.bump(type(self).__name__)
            return
        _formula(p, g, state, *settings)


def _initial(g: Tensor) -> dict[str, Any]:
    state: dict[str, Any] = {"step": weft.tensor(0.0, dtype=counter_dtype())}
    if g.ndim > 1:
        state["row_var"] = g.new_zeros([*g.shape[:-1], 1])
        state["col_var"] = g.new_zeros([*g.shape[:-2], 1, g.shape[-1]])
    else:
        state["variance"] = weft.zeros_like(g, memory_format=weft.preserve_format)
    return state


def _formula(
    p: Tensor,
    g: Tensor,
    state: dict[str, Any],
    share: float,
    size: float,
    keep: float,
    least: float,
    least_scale: float,
    d: float,
) -> None:
    """Update one parameter and its state."""
    scale = max(least_scale, p.norm().item() / p.numel() ** 0.5)
    p.mul_(keep)
    if g.ndim > 1:
        rows = state["row_var"].lerp_((g * g).mean(-1, keepdim=True), share)
        columns = state["col_var"].lerp_((g * g).mean(-2, keepdim=True), share)
        square = rows @ columns / rows.mean(-2, keepdim=True).clamp(min=least)
    else:
        square = state["variance"].lerp_(g * g, share)
    u = square.clamp(min=least * least).rsqrt() * g
    clipped = max(1.0, u.norm().item() / (u.numel() ** 0.5 * d))
    p.add_(u, alpha=-scale * size / clipped)
