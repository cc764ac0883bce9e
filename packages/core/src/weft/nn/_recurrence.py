"""The arithmetic of recurrent networks: one step of each kind, over projected inputs."""

from __future__ import annotations

from collections.abc import Callable

from weft import Tensor
from weft._core.errors import did_you_mean
from weft.nn import functional as F

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


def steps(sequence: Tensor) -> list[Tensor]:
    """The elements of axis 0, of which there is at least one.

    By halves: the gradient of each piece is as large as what it was cut from, so cutting every
    step from the whole would make the backward pass quadratic in the number of steps.
    """
    length = sequence.shape[0]
    if length == 1:
        return [sequence.squeeze(0)]
    if not sequence.requires_grad:
        return list(sequence.unbind(0))
    first, second = sequence.split([length // 2, length - length // 2], 0)
    return steps(first) + steps(second)


def lstm_step(gates: Tensor, cell: Tensor) -> tuple[Tensor, Tensor]:
    """The new state and cell from the summed gates, (…, 4 hidden) in the order i, f, g, o."""
    i, f, g, o = gates.chunk(4, -1)
    cell = F.sigmoid(f) * cell + F.sigmoid(i) * F.tanh(g)
    return F.sigmoid(o) * F.tanh(cell), cell


def gru_step(from_input: Tensor, from_state: Tensor, hidden: Tensor) -> Tensor:
    """The new state from both projections, (…, 3 hidden) in the order r, z, n."""
    input_r, input_z, input_n = from_input.chunk(3, -1)
    state_r, state_z, state_n = from_state.chunk(3, -1)
    r = F.sigmoid(input_r + state_r)
    z = F.sigmoid(input_z + state_z)
    n = F.tanh(input_n + r * state_n)
    return n + z * (hidden - n)  # (1 - z) n + z h with one multiplication less
