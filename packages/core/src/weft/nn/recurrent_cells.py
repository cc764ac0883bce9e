"""One step of a recurrent network: RNNCell, LSTMCell and GRUCell."""

from __future__ import annotations

import math
from typing import Any

import weft
from weft import Tensor
from weft._core.errors import ShapeError, did_you_mean
from weft.nn import init
from weft.nn.module import Module
from weft.nn.parameter import Parameter

_NONLINEARITIES = ("tanh", "relu")


def check_nonlinearity(name: str) -> None:
    """Raise a ValueError unless the name is "tanh" or "relu"."""
    if name not in _NONLINEARITIES:
        raise ValueError(
            f"nonlinearity must be 'tanh' or 'relu', got {name!r}"
            f"{did_you_mean(str(name), _NONLINEARITIES)}"
        )


class RNNCellBase(Module):
    """What the cells share: two affine maps to `num_chunks` times the hidden size.

    Args:
        input_size: length of the input's last axis.
        hidden_size: length of the state's last axis.
        bias: whether to add the two learned biases.
        num_chunks: how many parts of the hidden size the maps compute: gates and candidates.
        device: where the parameters lie.
        dtype: the parameters' dtype.

    Attributes:
        weight_ih: (num_chunks · hidden_size, input_size).
        weight_hh: (num_chunks · hidden_size, hidden_size).
        bias_ih, bias_hh: (num_chunks · hidden_size,), or None.

    Source: PyTorch's `torch.nn.RNNCellBase`.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool,
        num_chunks: int,
        device: Any = None,
        dtype: weft.dtype | None = None,
    ) -> None:
        super().__init__()
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.bias = bias
        made = {"device": device, "dtype": dtype}
        rows = num_chunks * hidden_size
        self.weight_ih = Parameter(weft.empty(rows, input_size, **made))
        self.weight_hh = Parameter(weft.empty(rows, hidden_size, **made))
        if bias:
            self.bias_ih = Parameter(weft.empty(rows, **made))
            self.bias_hh = Parameter(weft.empty(rows, **made))
        else:
            self.register_parameter("bias_ih", None)
            self.register_parameter("bias_hh", None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all weights and biases anew, uniform in ±1/√hidden_size."""
        bound = 1.0 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0.0
        for parameter in self.parameters():
            init.uniform_(parameter, -bound, bound)

    def _step(self, function: Any, input: Tensor, hx: Any, /, **states: Tensor) -> Any:
        """Run one step. Shapes that it refuses are told in this module's words."""
        if input.ndim in (1, 2):
            weights = self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh
            try:
                return function(input, hx, *weights)
            except ShapeError:
                self._check(input, **states)
                raise
        return self._check(input)

    def _zeros(self, input: Tensor) -> Tensor:
        return weft.zeros(
            *input.shape[:-1], self.hidden_size, dtype=input.dtype, device=input.device
        )

    def _check(self, input: Tensor, **states: Tensor) -> None:
        """Say what is wrong with the shapes."""
        who = type(self).__name__
        if input.ndim not in (1, 2):
            raise ValueError(
                f"{who} expects an input of 1 or 2 dimensions, got {input.ndim} "
                f"(input.shape == {tuple(input.shape)})"
            )
        if input.shape[-1] != self.input_size:
            raise ValueError(
                f"{who} expects the input's last axis to have length input_size="
                f"{self.input_size}, got shape {tuple(input.shape)}"
            )
        expected = (*input.shape[:-1], self.hidden_size)
        for name, state in states.items():
            if tuple(state.shape) != expected:
                raise ValueError(
                    f"{who} expects the state {name} to have shape {expected}, "
                    f"got {tuple(state.shape)}"
                )

    def extra_repr(self) -> str:
        text = f"{self.input_size}, {self.hidden_size}"
        if self.bias is not True:
            text += f", bias={self.bias}"
        nonlinearity = getattr(self, "nonlinearity", "tanh")
        return text if nonlinearity == "tanh" else text + f", nonlinearity={nonlinearity}"


class RNNCell(RNNCellBase):
    """One step of Elman's network: `h' = tanh(W_ih x + b_ih + W_hh h + b_hh)`.

    Args:
        input_size: length of the input's last axis.
        hidden_size: length of the state's last axis.
        bias: whether to add the two learned biases.
        nonlinearity: "tanh" or "relu".
        device: where the parameters lie.
        dtype: the parameters' dtype.

    Attributes:
        weight_ih: (hidden_size, input_size).
        weight_hh: (hidden_size, hidden_size).
        bias_ih, bias_hh: (hidden_size,), or None.

    Source: PyTorch's `torch.nn.RNNCell`.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device: Any = None,
        dtype: weft.dtype | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 1, device, dtype)
        self.nonlinearity = nonlinearity
        check_nonlinearity(nonlinearity)

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        """The next state.

        Args:
            input: (batch, input_size) or (input_size,).
            hx: (batch, hidden_size) or (hidden_size,); zeros when None.

        Returns:
            The new state, shaped like `hx`.
        """
        hidden = self._zeros(input) if hx is None else hx
        step = weft.rnn_tanh_cell if self.nonlinearity == "tanh" else weft.rnn_relu_cell
        new: Tensor = self._step(step, input, hidden, hx=hidden)
        return new


class LSTMCell(RNNCellBase):
    """One step of a long short-term memory.

    `i, f, g, o = W_ih x + b_ih + W_hh h + b_hh`, in this order of rows;
    `c' = σ(f) c + σ(i) tanh(g)`, `h' = σ(o) tanh(c')`.

    Args:
        input_size: length of the input's last axis.
        hidden_size: length of the state's last axis.
        bias: whether to add the two learned biases.
        device: where the parameters lie.
        dtype: the parameters' dtype.

    Attributes:
        weight_ih: (4 hidden_size, input_size).
        weight_hh: (4 hidden_size, hidden_size).
        bias_ih, bias_hh: (4 hidden_size,), or None.

    Source: Hochreiter and Schmidhuber 1997; PyTorch's `torch.nn.LSTMCell`.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: Any = None,
        dtype: weft.dtype | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 4, device, dtype)

    def forward(
        self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, Tensor]:
        """The next state.

        Args:
            input: (batch, input_size) or (input_size,).
            hx: h and c, each (batch, hidden_size) or (hidden_size,); zeros when None.

        Returns:
            The new h and c.
        """
        if hx is None:
            zeros = self._zeros(input)
            hx = (zeros, zeros)
        hidden, cell = hx
        new: tuple[Tensor, Tensor] = self._step(weft.lstm_cell, input, hx, h=hidden, c=cell)
        return new


class GRUCell(RNNCellBase):
    """One step of a gated recurrent unit.

    `r, z = σ(W x + b + W h + b)` and `n = tanh(W x + b + r (W h + b))`, rows in the order r, z, n;
    `h' = (1 − z) n + z h`.

    Args:
        input_size: length of the input's last axis.
        hidden_size: length of the state's last axis.
        bias: whether to add the two learned biases.
        device: where the parameters lie.
        dtype: the parameters' dtype.

    Attributes:
        weight_ih: (3 hidden_size, input_size).
        weight_hh: (3 hidden_size, hidden_size).
        bias_ih, bias_hh: (3 hidden_size,), or None.

    Source: Cho et al. 2014, with PyTorch's place for the reset gate; `torch.nn.GRUCell`.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: Any = None,
        dtype: weft.dtype | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 3, device, dtype)

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        """The next state.

        Args:
            input: (batch, input_size) or (input_size,).
            hx: (batch, hidden_size) or (hidden_size,); zeros when None.

        Returns:
            The new state, shaped like `hx`.
        """
        hidden = self._zeros(input) if hx is None else hx
        new: Tensor = self._step(weft.gru_cell, input, hidden, hx=hidden)
        return new
