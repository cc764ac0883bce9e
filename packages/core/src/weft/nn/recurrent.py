"""Recurrent networks over whole sequences: RNN, LSTM and GRU, in layers and both directions."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import weft
from weft import Tensor
from weft._core.errors import did_you_mean
from weft.nn import init
from weft.nn.module import Module
from weft.nn.parameter import Parameter
from weft.nn.recurrent_cells import check_nonlinearity
from weft.nn.utils.rnn import PackedSequence

#: How many gates and candidates a network of each mode computes.
_CHUNKS = {"RNN_TANH": 1, "RNN_RELU": 1, "LSTM": 4, "GRU": 3}


class RNNBase(Module):
    """What RNN, LSTM and GRU share: their parameters, and the way over layers and time.

    Args:
        mode: "RNN_TANH", "RNN_RELU", "LSTM" or "GRU".
        input_size: length of the input's last axis.
        hidden_size: length of the state's last axis.
        num_layers: how many networks are stacked, each fed with the output of the one before.
        bias: whether to add the learned biases.
        batch_first: whether batched input and output are (batch, time, features) instead of
            (time, batch, features); the states keep their layout.
        dropout: probability of dropout on the output of each layer but the last.
        bidirectional: run a second network over the reversed sequence and join both outputs.
        proj_size: for the LSTM, project the state to this length; 0 does not.
        device: where the parameters lie.
        dtype: the parameters' dtype.

    Raises:
        ValueError: there is no such mode, or a size, the probability or the projection lies outside
            its range.
    """

    def __init__(
        self,
        mode: str,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: weft.dtype | None = None,
    ) -> None:
        super().__init__()
        who = type(self).__name__
        if mode not in _CHUNKS:
            raise ValueError(
                f"{who}: mode must be one of {', '.join(_CHUNKS)}, got {mode!r}"
                f"{did_you_mean(str(mode), _CHUNKS)}"
            )
        if hidden_size <= 0:
            raise ValueError(f"{who}: hidden_size must be positive, got {hidden_size}")
        if num_layers <= 0:
            raise ValueError(f"{who}: num_layers must be positive, got {num_layers}")
        if isinstance(dropout, bool) or not 0 <= dropout <= 1:
            raise ValueError(f"{who}: dropout must be a probability in [0, 1], got {dropout}")
        if not 0 <= proj_size < hidden_size:
            raise ValueError(
                f"{who}: proj_size must be at least 0 and below hidden_size={hidden_size}, "
                f"got {proj_size}"
            )
        if dropout > 0 and num_layers == 1:
            warnings.warn(
                f"{who}: dropout acts between layers, so dropout={dropout} does nothing with "
                "num_layers=1",
                stacklevel=3,
            )
        self.mode = mode
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = float(dropout)
        self.bidirectional = bidirectional
        self.proj_size = proj_size
        made = {"device": device, "dtype": dtype}
        rows = _CHUNKS[mode] * hidden_size
        state_size = proj_size or hidden_size
        for layer in range(num_layers):
            columns = input_size if layer == 0 else state_size * self._directions
            for direction in range(self._directions):
                suffix = self._suffix(layer, direction)
                shapes: dict[str, tuple[int, ...]] = {
                    "weight_ih": (rows, columns),
                    "weight_hh": (rows, state_size),
                }
                if bias:
                    shapes |= {"bias_ih": (rows,), "bias_hh": (rows,)}
                if proj_size:
                    shapes |= {"weight_hr": (proj_size, hidden_size)}
                for name, shape in shapes.items():
                    setattr(self, name + suffix, Parameter(weft.empty(shape, **made)))
        self.reset_parameters()

    @property
    def _directions(self) -> int:
        return 2 if self.bidirectional else 1

    @staticmethod
    def _suffix(layer: int, direction: int) -> str:
        return f"_l{layer}" + ("_reverse" if direction else "")

    def reset_parameters(self) -> None:
        """Draw all weights and biases anew, uniform in ±1/√hidden_size."""
        bound = 1.0 / math.sqrt(self.hidden_size)
        for parameter in self.parameters():
            init.uniform_(parameter, -bound, bound)

    def flatten_parameters(self) -> None:
        """Do nothing: PyTorch joins the weights in memory for cuDNN, and model code asks for it."""

    @property
    def all_weights(self) -> list[list[Parameter]]:
        """The parameters of each layer and direction, in PyTorch's order.

        Read as attributes, so that those which are computed (by a parametrisation, by pruning) are
        what they are computed to be.
        """
        return [[getattr(self, name) for name in names] for names in self._all_weights]

    @property
    def _all_weights(self) -> list[list[str]]:
        """The names of `all_weights`."""
        names = ["weight_ih", "weight_hh"]
        if self.bias:
            names += ["bias_ih", "bias_hh"]
        if self.proj_size:
            names.append("weight_hr")
        return [
            [name + self._suffix(layer, direction) for name in names]
            for layer in range(self.num_layers)
            for direction in range(self._directions)
        ]

    @property
    def _flat_weights_names(self) -> list[str]:
        """The names of `_flat_weights`."""
        return [name for names in self._all_weights for name in names]

    @property
    def _flat_weights(self) -> list[Tensor]:
        """All weights in one list, by which model code for PyTorch reads and replaces them.

        Assigned ones are computed with; parameters stay those of the module, and come back into use
        when they are assigned again.
        """
        return [getattr(self, name) for name in self._flat_weights_names]

    @_flat_weights.setter
    def _flat_weights(self, weights: list[Tensor]) -> None:
        names = self._flat_weights_names
        if len(weights) != len(names):
            raise ValueError(
                f"{type(self).__name__}: _flat_weights are {len(names)} tensors "
                f"({', '.join(names)}), not {len(weights)}"
            )
        for name, weight in zip(names, weights, strict=True):
            vars(self).pop(name, None)
            if isinstance(weight, Parameter):
                setattr(self, name, weight)
            else:
                vars(self)[name] = weight

    # --- the sequence --------------------------------------------------------------------------

    def _run(
        self, input: Tensor | PackedSequence, states: tuple[Tensor, ...] | None
    ) -> tuple[Any, Any]:
        """The outputs of the last layer, and the final states, each stacked over layers."""
        if isinstance(input, PackedSequence):
            return self._run_packed(input, states)
        batched = self._check_input(input)
        if not batched:
            x = input.unsqueeze(1)  # (time, 1, features)
        else:
            x = input.transpose(0, 1) if self.batch_first else input
        states = self._initial(x, states, x.shape[1], batched=batched, given=input)
        output, *last = self._function()(x, *self._rest(states))
        if not batched:
            return output.squeeze(1), tuple(state.squeeze(1) for state in last)
        return (output.transpose(0, 1) if self.batch_first else output), tuple(last)

    def _run_packed(
        self, input: PackedSequence, states: tuple[Tensor, ...] | None
    ) -> tuple[PackedSequence, Any]:
        """The same of packed sequences; the states are in the order that the sequences had."""
        data, batch_sizes, sorted_indices, unsorted_indices = input
        who = type(self).__name__
        if data.ndim != 2 or data.shape[1] != self.input_size:
            raise ValueError(
                f"{who} expects packed sequences of {self.input_size} features, got data of shape "
                f"{tuple(data.shape)}"
            )
        batch = int(batch_sizes[0])
        states = self._initial(data, states, batch, batched=True, given=data)
        states = tuple(_reordered(state, sorted_indices) for state in states)
        output, *last = self._function()(data, batch_sizes, *self._rest(states))
        packed = PackedSequence(output, batch_sizes, sorted_indices, unsorted_indices)
        return packed, tuple(_reordered(state, unsorted_indices) for state in last)

    def _rest(self, states: tuple[Tensor, ...]) -> tuple[Any, ...]:
        """What the function of a network takes after the sequence."""
        return (
            states if len(states) > 1 else states[0],
            [p for group in self.all_weights for p in group],
            self.bias, self.num_layers, self.dropout, self.training, self.bidirectional,
        )  # fmt: skip

    def _function(self) -> Callable[..., tuple[Tensor, ...]]:
        """The function of this kind of network over a whole sequence."""
        raise NotImplementedError(f"{type(self).__name__} defines no _function")

    # --- checks --------------------------------------------------------------------------------

    def _check_input(self, input: Tensor) -> bool:
        """Whether the input has a batch axis."""
        who = type(self).__name__
        if input.ndim not in (2, 3):
            raise ValueError(
                f"{who} expects an input of 2 (unbatched) or 3 dimensions, got {input.ndim} "
                f"(input.shape == {tuple(input.shape)})"
            )
        if input.shape[-1] != self.input_size:
            raise ValueError(
                f"{who} expects the input's last axis to have length input_size="
                f"{self.input_size}, got shape {tuple(input.shape)}"
            )
        if input.shape[1 if self.batch_first and input.ndim == 3 else 0] == 0:
            raise ValueError(
                f"{who} expects a sequence of at least one step, got shape {tuple(input.shape)}"
            )
        return input.ndim == 3

    def _state_sizes(self) -> tuple[int, ...]:
        """The length of each state's last axis."""
        return (self.proj_size or self.hidden_size,)

    def _initial(
        self,
        x: Tensor,
        states: tuple[Tensor, ...] | None,
        batch: int,
        *,
        batched: bool,
        given: Tensor,
    ) -> tuple[Tensor, ...]:
        """The initial states as (layers · directions, batch, size); zeros when none are given."""
        rows = self.num_layers * self._directions
        sizes = self._state_sizes()
        if states is None:
            return tuple(
                weft.zeros(rows, batch, size, dtype=x.dtype, device=x.device) for size in sizes
            )
        if len(states) != len(sizes):
            raise ValueError(
                f"{type(self).__name__} expects {len(sizes)} initial states, got {len(states)}"
            )
        checked = []
        for state, size in zip(states, sizes, strict=True):
            expected = (rows, batch, size) if batched else (rows, size)
            if tuple(state.shape) != expected:
                raise ValueError(
                    f"{type(self).__name__} expects an initial state of shape {expected} for "
                    f"input of shape {tuple(given.shape)}, got {tuple(state.shape)}"
                )
            checked.append(state if batched else state.unsqueeze(1))
        return tuple(checked)

    def extra_repr(self) -> str:
        text = f"{self.input_size}, {self.hidden_size}"
        if self.proj_size:
            text += f", proj_size={self.proj_size}"
        if self.num_layers != 1:
            text += f", num_layers={self.num_layers}"
        if not self.bias:
            text += f", bias={self.bias}"
        if self.batch_first:
            text += f", batch_first={self.batch_first}"
        if self.dropout != 0:
            text += f", dropout={self.dropout}"
        if self.bidirectional:
            text += f", bidirectional={self.bidirectional}"
        return text


def _reordered(state: Tensor, order: Tensor | None) -> Tensor:
    """A state with its sequences in another order."""
    return state if order is None else state.index_select(1, order)


class RNN(RNNBase):
    """Elman's network over a sequence; each step is that of `RNNCell`.

    Args:
        input_size: length of the input's last axis.
        hidden_size: length of the state's last axis.
        num_layers: how many networks are stacked.
        nonlinearity: "tanh" or "relu".
        bias, batch_first, dropout, bidirectional, device, dtype: as for `RNNBase`.

    Source: PyTorch's `torch.nn.RNN`.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: weft.dtype | None = None,
    ) -> None:
        check_nonlinearity(nonlinearity)
        super().__init__(
            f"RNN_{nonlinearity.upper()}", input_size, hidden_size, num_layers, bias, batch_first,
            dropout, bidirectional, device=device, dtype=dtype,
        )  # fmt: skip
        self.nonlinearity = nonlinearity

    def forward(
        self, input: Tensor | PackedSequence, hx: Tensor | None = None
    ) -> tuple[Any, Tensor]:
        """All outputs and the final state.

        Args:
            input: (time, batch, input_size), (batch, time, input_size) with `batch_first`, or
                (time, input_size); or packed sequences of several lengths.
            hx: (num_layers · directions, batch, hidden_size), without the batch axis for an
                unbatched input; zeros when None.

        Returns:
            The last layer's outputs, laid out or packed like the input, and the final states, like
            `hx`.
        """
        output, (hidden,) = self._run(input, None if hx is None else (hx,))
        return output, hidden

    def _function(self) -> Callable[..., tuple[Tensor, ...]]:
        return weft.rnn_tanh if self.nonlinearity == "tanh" else weft.rnn_relu


class LSTM(RNNBase):
    """Long short-term memory over a sequence; each step is that of `LSTMCell`.

    Args:
        input_size: length of the input's last axis.
        hidden_size: length of the cell's last axis, and of the state's without a projection.
        num_layers: how many networks are stacked.
        bias, batch_first, dropout, bidirectional, proj_size, device, dtype: as for `RNNBase`.

    Source: Hochreiter and Schmidhuber 1997; with `proj_size` Sak et al. 2014; PyTorch's
    `torch.nn.LSTM`.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: weft.dtype | None = None,
    ) -> None:
        super().__init__(
            "LSTM", input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional,
            proj_size, device, dtype,
        )  # fmt: skip

    def forward(
        self, input: Tensor | PackedSequence, hx: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Any, tuple[Tensor, Tensor]]:
        """All outputs and the final state.

        Args:
            input: (time, batch, input_size), (batch, time, input_size) with `batch_first`, or
                (time, input_size); or packed sequences of several lengths.
            hx: h and c, each (num_layers · directions, batch, its size), without the batch axis
                for an unbatched input; zeros when None.

        Returns:
            The last layer's outputs, laid out or packed like the input, and the final (h, c), like
            `hx`.
        """
        return self._run(input, hx)

    def _state_sizes(self) -> tuple[int, ...]:
        return (self.proj_size or self.hidden_size, self.hidden_size)

    def _function(self) -> Callable[..., tuple[Tensor, ...]]:
        return weft.lstm


class GRU(RNNBase):
    """Gated recurrent units over a sequence; each step is that of `GRUCell`.

    Args:
        input_size: length of the input's last axis.
        hidden_size: length of the state's last axis.
        num_layers: how many networks are stacked.
        bias, batch_first, dropout, bidirectional, device, dtype: as for `RNNBase`.

    Source: Cho et al. 2014, with PyTorch's place for the reset gate; `torch.nn.GRU`.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: weft.dtype | None = None,
    ) -> None:
        super().__init__(
            "GRU", input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional,
            device=device, dtype=dtype,
        )  # fmt: skip

    def forward(
        self, input: Tensor | PackedSequence, hx: Tensor | None = None
    ) -> tuple[Any, Tensor]:
        """All outputs and the final state; arguments and results as for `RNN`."""
        output, (hidden,) = self._run(input, None if hx is None else (hx,))
        return output, hidden

    def _function(self) -> Callable[..., tuple[Tensor, ...]]:
        return weft.gru
