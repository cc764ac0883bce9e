"""Linear layers after the pooling, by which some sentence encoders change a vector's width."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import weft
import weft.nn.functional as F
from weft import nn

if TYPE_CHECKING:
    from weft import Tensor

# By the names of their modules, with what those compute unless told otherwise.
ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "Tanh": weft.tanh,
    "Identity": lambda x: x,
    "ReLU": F.relu,
    "GELU": F.gelu,
    "SiLU": F.silu,
    "Sigmoid": weft.sigmoid,
}


class Dense(nn.Module):
    """A linear layer and an activation, to which the input may be added.

    Args:
        width: the numbers of a vector that comes in.
        wide: those of one that goes out.
        bias: whether the layer has one.
        residual: add the input, which another linear layer brings to the width that goes out
            where the two differ.
        activation: one of `ACTIVATIONS`, by name.
    """

    def __init__(
        self, width: int, wide: int, *, bias: bool, residual: bool, activation: str
    ) -> None:
        super().__init__()
        self.activation = activation
        self.adds = residual
        self.linear = nn.Linear(width, wide, bias=bias)
        if residual and width != wide:
            self.residual = nn.Linear(width, wide, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return (batch, wide) of x (batch, width)."""
        out = ACTIVATIONS[self.activation](self.linear(x))
        if not self.adds:
            return out
        return out + (self.residual(x) if hasattr(self, "residual") else x)


class Projection(nn.Module):
    """Several such layers, one after the other; with none of them a vector stays what it is.

    Args:
        layers: the layers.
        normalise: whether the result is brought to length 1.
    """

    def __init__(self, layers: Iterable[Dense] = (), *, normalise: bool = False) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.normalise = normalise

    def forward(self, x: Tensor) -> Tensor:
        """Return (batch, width of the last layer) of x (batch, width)."""
        for layer in self.layers:
            x = layer(x)
        return F.normalize(x, dim=1) if self.normalise else x
