"""The arithmetic of recurrent networks: one step of each kind, over projected inputs."""

from __future__ import annotations

from collections.abc import Callable

from weft import Tensor
from weft._core.errors import did_you_mean
from weft.nn import functional as F
from weft.ops.recurrent_cells import gru_step, lstm_step
from weft.ops.steps import steps

__all__ = ["gru_step", "lstm_step", "nonlinearity", "project", "steps"]

_NONLINEARITIES: dict[str, Callable[[Tensor], Tensor]] = {"tanh": F.tanh, "relu": F.relu}


def nonlinearity(name: str) -> Callable[[Tensor], Tensor]:
    """The function called "tanh" or "relu".

    Raises:
        ValueError: another name.
    """
    if name not in _NONLINEARITIES:
        raise ValueError(
            f"nonlinearity must be 'tanh' or 'relu', got {name!r}"
            f"{did_you_mean(str(name), _NONLINEARITIES)}"
        )
    return _NONLINEARITIES[name]


def project(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """`x Wᵀ + b` of one vector or of a batch."""
    return F.linear(x, weight, bias)
