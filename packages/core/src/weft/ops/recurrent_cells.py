"""One step of each kind of recurrent network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from weft._core.errors import ShapeError
from weft._core.samples import ErrorSample, Sample, array
from weft._core.tensor import Tensor
from weft.ops.affine import linear
from weft.ops.families.composite import composite
from weft.ops.gru_unit import gru_unit
from weft.ops.lstm_unit import lstm_unit
from weft.ops.rnn_unit import rnn_unit

States = tuple[Tensor, ...]
#: ``step(input's gates, state's gates, states)``, the new states.
Step = Callable[[Tensor, Tensor, States], States]


def lstm_step(gates: Tensor, cell: Tensor) -> tuple[Tensor, Tensor]:
    """Return state and cell from the summed gates, (..., 4 hidden) in the order i, f, g, o."""
    i, f, g, o = gates.chunk(4, -1)
    cell = f.sigmoid() * cell + i.sigmoid() * g.tanh()
    return o.sigmoid() * cell.tanh(), cell


def gru_step(from_input: Tensor, from_state: Tensor, hidden: Tensor) -> Tensor:
    """Return the new state from both projections, (..., 3 hidden) in the order r, z, n."""
    input_r, input_z, input_n = from_input.chunk(3, -1)
    state_r, state_z, state_n = from_state.chunk(3, -1)
    r = (input_r + state_r).sigmoid()
    z = (input_z + state_z).sigmoid()
    n = (input_n + r * state_n).tanh()
    return n + z * (hidden - n)  # (1 - z) n + z h with one multiplication less


#: How many gates each kind has, and its step.
STEPS: dict[str, tuple[int, Step]] = {
    "lstm": (4, lambda x, h, states: lstm_step(x + h, states[1])),
    "gru": (3, lambda x, h, states: (gru_step(x, h, states[0]),)),
    "rnn_tanh": (1, lambda x, h, states: ((x + h).tanh(),)),
    "rnn_relu": (1, lambda x, h, states: ((x + h).relu(),)),
}


def _cell(
    kind: str,
    input: Tensor,
    states: States,
    w_ih: Tensor,
    w_hh: Tensor,
    b_ih: Tensor | None,
    b_hh: Tensor | None,
) -> States:
    gates, step = STEPS[kind]
    shape, of_ih = input._data.shape, w_ih._data.shape  # of a tensor it is made anew each time
    rows = w_hh._data.shape[0]
    if rows % gates or of_ih[0] != rows:
        raise ShapeError(
            f"{kind}_cell: w_ih and w_hh must have {gates} times hidden rows, got shapes "
            f"{tuple(w_ih.shape)} and {tuple(w_hh.shape)}"
        )
    if shape[-1] != of_ih[1]:
        raise ShapeError(
            f"{kind}_cell: w_ih of shape {tuple(w_ih.shape)} expects {w_ih.shape[1]} features, got "
            f"input.shape == {tuple(input.shape)}"
        )
    wanted = (*shape[:-1], rows // gates)
    for state in states:
        if state._data.shape != wanted:
            raise ShapeError(
                f"{kind}_cell: each state must have shape {wanted} for input.shape == "
                f"{tuple(input.shape)}, got {tuple(state.shape)}"
            )
    alike = (b_ih is None) == (b_hh is None)
    if len(shape) == 2 and alike and input.is_floating_point():
        given = input, *states, w_ih, w_hh, b_ih, b_hh
        if kind == "lstm":
            new: States = lstm_unit(*given)[:2]
            return new
        if kind == "gru":
            return (gru_unit(*given)[0],)
        return (rnn_unit(*given, relu=kind == "rnn_relu"),)
    return step(linear(input, w_ih, b_ih), linear(states[0], w_hh, b_hh), states)


@composite(
    samples=(
        Sample(
            array(2, 3), (array(2, 2),) * 2, array(8, 3), array(8, 2), array(8), array(8)
        ),
        Sample(array(2, 3), (array(2, 2), array(2, 2)), array(8, 3), array(8, 2)),
    ),
    errors=(
        ErrorSample(
            array(2, 3), (array(2, 3), array(2, 2)), array(8, 3), array(8, 2), error=ShapeError,
            match="each state must have shape",
        ),
    ),
    methods=(),
)  # fmt: skip
def lstm_cell(
    input: Tensor,
    hx: Any,
    w_ih: Tensor,
    w_hh: Tensor,
    b_ih: Tensor | None = None,
    b_hh: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """One step of a long short-term memory.

    i, f, g, o = w_ih x + b_ih + w_hh h + b_hh, rows in this order;
    c' = sigmoid(f) c + sigmoid(i) tanh(g) and h' = sigmoid(o) tanh(c').

    Args:
        input: x, (batch, features).
        hx: h and c, each (batch, hidden).
        w_ih: (4 hidden, features).
        w_hh: (4 hidden, hidden).
        b_ih: (4 hidden,).
        b_hh: (4 hidden,).

    Returns:
        tuple: h' and c'.

    Raises:
        ShapeError: the shapes do not fit.

    Source: Hochreiter and Schmidhuber, Neural Computation 9 (1997).
    """
    hidden, cell = _cell("lstm", input, tuple(hx), w_ih, w_hh, b_ih, b_hh)
    return hidden, cell


def _simple_cell(kind: str, gates: int, doc: str) -> Callable[..., Tensor]:
    def function(
        input: Tensor,
        hx: Tensor,
        w_ih: Tensor,
        w_hh: Tensor,
        b_ih: Tensor | None = None,
        b_hh: Tensor | None = None,
    ) -> Tensor:
        return _cell(kind, input, (hx,), w_ih, w_hh, b_ih, b_hh)[0]

    times = f"{gates} hidden" if gates > 1 else "hidden"
    function.__doc__ = f"""{doc}

    Args:
        input: x, (batch, features).
        hx: h, (batch, hidden).
        w_ih: ({times}, features).
        w_hh: ({times}, hidden).
        b_ih: ({times},).
        b_hh: ({times},).

    Returns:
        Tensor: h', (batch, hidden).

    Raises:
        ShapeError: the shapes do not fit.
    """
    function.__name__ = function.__qualname__ = f"{kind}_cell"
    rows = 2 * gates
    return composite(
        samples=(
            Sample(
                array(2, 3), array(2, 2), array(rows, 3), array(rows, 2), array(rows), array(rows)
            ),
            Sample(array(2, 3), array(2, 2), array(rows, 3), array(rows, 2)),
        ),
        errors=(
            ErrorSample(
                array(2, 4), array(2, 2), array(rows, 3), array(rows, 2), error=ShapeError,
                match="expects 3 features",
            ),
        ),
        methods=(),
    )(function)  # fmt: skip


gru_cell = _simple_cell(
    "gru",
    3,
    """One step of gated recurrent units.

    r, z = sigmoid(W x + b + W h + b) and n = tanh(W x + b + r (W h + b)), rows in the order r, z,
    n; h' = (1 - z) n + z h.""",
)
rnn_tanh_cell = _simple_cell(
    "rnn_tanh", 1, "One step of Elman's network: h' = tanh(w_ih x + b_ih + w_hh h + b_hh)."
)
rnn_relu_cell = _simple_cell(
    "rnn_relu", 1, "One step of Elman's network: h' = relu(w_ih x + b_ih + w_hh h + b_hh)."
)
