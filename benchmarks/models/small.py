"""Perceptrons and recurrent networks."""

from __future__ import annotations

import itertools
from typing import Any


def mlp(lib: Any, *widths: int) -> Any:
    """Return linear layers between the widths, with ReLU between them."""
    nn = lib.nn
    parts: list[Any] = []
    for inside, outside in itertools.pairwise(widths):
        parts += [nn.Linear(inside, outside), nn.ReLU()]
    return nn.Sequential(*parts[:-1])


def lstm(lib: Any, width: int, layers: int) -> Any:
    """Return an LSTM over (time, batch, width) that hands on the outputs alone."""
    nn = lib.nn

    class Recurrent(nn.Module):  # type: ignore[name-defined]  # the base is an argument's
        def __init__(self) -> None:
            super().__init__()
            self.lstm = nn.LSTM(width, width, layers)

        def forward(self, x: Any) -> Any:
            return self.lstm(x)[0]

    return Recurrent()


def lstm_cell(lib: Any, width: int) -> Any:
    """Return one step of an LSTM from given states, which hands on the new ones."""
    nn = lib.nn

    class Step(nn.Module):  # type: ignore[name-defined]  # the base is an argument's
        def __init__(self) -> None:
            super().__init__()
            self.cell = nn.LSTMCell(width, width)

        def forward(self, x: Any, h: Any, c: Any) -> Any:
            return self.cell(x, (h, c))

    return Step()
