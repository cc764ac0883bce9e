"""Muon: momentum whose matrices are made orthogonal before the step."""

from __future__ import annotations

import math
from typing import Any

import weft
from weft import Tensor
from weft.optim._checks import at_least_zero, learning_rate
from weft.optim._elementwise import number
from weft.optim._one_by_one import OneByOne

#: Elements up to which products in float32 are quicker. Measured: 128x128 they are, 256x256 not.
_SMALL = 128 * 128


class Muon(OneByOne):
    """Muon, for the matrices of hidden layers: steps along a nearly orthogonal matrix.

    With `b` the running mean of the gradient and `u = b`, or `u = g + momentum (b - g)` in
    Nesterov's form, singular values of `u` are brought near 1 by `ns_steps` rounds of
    `X ← a X + (b A + c A²) X`, `A = X Xᵀ`, in bfloat16 (float32 for small matrices). Then
    `p *= 1 - lr * weight_decay` and `p -= lr * ratio * u`.

    Args:
        params: matrices, or groups of them, see :class:`weft.optim.Optimizer`; optimize biases,
            embeddings and the last layer by another optimizer, such as AdamW.
        lr: the size of steps; may be a tensor of one element.
        weight_decay: how fast weights shrink.
        momentum: how much of the running mean stays.
        nesterov: Nesterov's momentum.
        ns_coefficients: `a`, `b`, `c` of the iteration.
        eps: what the norm that the iteration starts by dividing by is at least.
        ns_steps: the number of rounds, below 100.
        adjust_lr_fn: `ratio` for a matrix of shape (A, B): `"original"` (None), `√max(1, A / B)`;
            `"match_rms_adamw"`, `0.2 √max(A, B)`, with which AdamW's settings can be kept.

    Raises:
        ValueError: a setting is out of its range, or a parameter is no matrix.
        RuntimeError: a parameter is complex.

    Source: Jordan et al., "Muon: An optimizer for hidden layers in neural networks" (2024); Liu et
    al., "Muon is Scalable for LLM Training" (2025); PyTorch's `torch.optim.Muon`.

    Example:
        >>> p = weft.eye(2).requires_grad_()
        >>> optimizer = weft.optim.Muon([p], lr=0.5, weight_decay=0)
        >>> p.grad = weft.tensor([[0.0, 3.0], [-3.0, 0.0]])
        >>> optimizer.step()
        >>> bool((p[0, 1] < -0.3) & (p[1, 0] > 0.3))
        True
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = (3.4445, -4.7750, 2.0315),
        eps: float = 1e-7,
        ns_steps: int = 5,
        adjust_lr_fn: str | None = None,
    ) -> None:
        who = type(self).__name__
        learning_rate(who, lr)
        at_least_zero(who, momentum=momentum, weight_decay=weight_decay)
        if adjust_lr_fn not in (None, "original", "match_rms_adamw"):
            raise ValueError(
                f'{who}: adjust_lr_fn must be "original", "match_rms_adamw" or None, got '
                f"{adjust_lr_fn!r}"
            )
        defaults = {
            "lr": lr,
            "weight_decay": weight_decay,
            "momentum": momentum,
            "nesterov": nesterov,
            "ns_coefficients": ns_coefficients,
            "eps": eps,
            "ns_steps": ns_steps,
            "adjust_lr_fn": adjust_lr_fn,
        }
        super().__init__(params, defaults)
        for group in self.param_groups:
            for p in group["params"]:
                if p.ndim != 2:
                    raise ValueError(
                        f"{who}: parameters must be matrices, got one of shape {tuple(p.shape)}; "
                        f"give it to another optimizer"
                    )

    def _update(self, group: dict[str, Any], p: Tensor, g: Tensor) -> None:
        if p.is_complex():
            raise RuntimeError(f"{type(self).__name__}: complex parameters are not supported")
        state = self.state[p]
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = weft.zeros_like(g, memory_format=weft.preserve_format)
        momentum = group["momentum"]
        mean = state["momentum_buffer"].lerp_(g, 1 - momentum)
        update = g.lerp(mean, momentum) if group["nesterov"] else mean
        update = orthogonalized(update, group["ns_coefficients"], group["ns_steps"], group["eps"])
        lr = number(group["lr"])
        p.mul_(1 - lr * group["weight_decay"])
        p.add_(update, alpha=-lr * _ratio(group["adjust_lr_fn"], *p.shape))


def orthogonalized(
    matrix: Tensor, coefficients: tuple[float, float, float], rounds: int, eps: float
) -> Tensor:
    """Return a matrix with the singular vectors of another and singular values near 1.

    It is computed in bfloat16, as PyTorch does; small ones in float32, which is quicker there.

    Raises:
        ValueError: 100 rounds or more, or not three coefficients.
    """
    if rounds >= 100:
        raise ValueError(f"Muon: ns_steps must be below 100, got {rounds}")
    if len(coefficients) != 3:
        raise ValueError(f"Muon: ns_coefficients must be three numbers, got {coefficients}")
    a, b, c = coefficients
    x = matrix.to(weft.bfloat16 if matrix.numel() > _SMALL else weft.float32)
    tall = matrix.shape[0] > matrix.shape[1]
    if tall:  # the smaller of the two products
        x = x.mT
    x = x / x.norm().clamp(min=eps)
    for _ in range(rounds):
        gram = x @ x.mT
        x = weft.addmm(x, weft.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.mT if tall else x


def _ratio(rule: str | None, rows: int, columns: int) -> float:
    if rule == "match_rms_adamw":
        return 0.2 * math.sqrt(max(rows, columns))
    return math.sqrt(max(1, rows / columns))
