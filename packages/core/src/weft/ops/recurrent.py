"""Recurrent networks as functions: whole sequences through layers and both directions."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

from weft._core.errors import DTypeError, ShapeError
from weft._core.samples import ErrorSample, Sample, array, integers
from weft._core.tensor import Tensor
from weft.ops.affine import linear
from weft.ops.dropouts import dropout as dropped
from weft.ops.families.composite import composite
from weft.ops.gru_steps import gru_steps
from weft.ops.joining import cat, stack
from weft.ops.lstm_steps import lstm_steps
from weft.ops.matmul import matmul
from weft.ops.recurrent_cells import STEPS, States
from weft.ops.rnn_steps import rnn_steps
from weft.ops.steps import steps


def _at_once(
    kind: str, drive: Tensor, states: States, weights: Sequence[Any], reverse: bool
) -> tuple[Tensor, States]:
    """Return the outputs and the last states of steps that all have the same sequences, in one op.

    ``drive``, (time, batch, gates hidden), is the input's share of the gates.
    """
    w_hh, b_hh, _ = weights
    if kind == "gru":
        bias = w_hh.new_zeros(w_hh.shape[0]) if b_hh is None else b_hh
        out, *last = gru_steps(drive, *states, w_hh, bias, reverse=reverse)[:2]
    elif kind == "lstm":
        out, *last = lstm_steps(drive, *states, w_hh, reverse=reverse)[:3]
    else:
        relu = kind == "rnn_relu"
        out, *last = rnn_steps(drive, *states, w_hh, relu=relu, reverse=reverse)
    return out, tuple(last)


def _projected(
    kind: str, drive: Tensor, states: States, weights: Sequence[Any], reverse: bool
) -> tuple[Tensor, States]:
    """The same of a long short-term memory whose states are projections of what its steps give.

    What a step takes of the state before it, w_hh (w_hr m), is (w_hh w_hr) m: so the steps run on
    what is not yet projected. The state before the first is none such; its share is added before.
    """
    w_hh, b_hh, w_hr = weights
    h, c = states
    drive = drive if b_hh is None else drive + b_hh
    length = drive.shape[0]
    first = drive.narrow(0, length - 1 if reverse else 0, 1) + linear(h, w_hh)
    if length > 1:
        others = drive.narrow(0, 0 if reverse else 1, length - 1)
        first = cat([others, first] if reverse else [first, others], 0)
    none = c.new_zeros(tuple(c.shape))
    found = lstm_steps(first, none, c, matmul(w_hh, w_hr), reverse=reverse)
    out = linear(found[0], w_hr)
    return out, (out[0 if reverse else length - 1], found[2])


def _by_steps(
    kind: str, drive: Tensor, states: States, weights: Sequence[Any], reverse: bool
) -> tuple[Tensor, States]:
    """The same by the ops of each step, for what the fused ones do not have."""
    _, step = STEPS[kind]
    w_hh, b_hh, w_hr = weights
    outputs = []
    pieces = steps(drive)
    for piece in reversed(pieces) if reverse else pieces:
        states = step(piece, linear(states[0], w_hh, b_hh), states)
        if w_hr is not None:
            states = (linear(states[0], w_hr), *states[1:])
        outputs.append(states[0])
    if reverse:
        outputs.reverse()
    return stack(outputs, 0), states


def _one_way(
    kind: str,
    x: Tensor,
    sizes: list[int] | None,
    states: States,
    w_ih: Tensor,
    b_ih: Tensor | None,
    weights: Sequence[Any],
    reverse: bool,
) -> tuple[Tensor, States]:
    """Return the outputs, laid out like x, and the last states of one layer in one direction.

    Of packed sequences each step may have fewer than the one before it: those it lacks have ended,
    or, in reverse, not begun; their states stay as they are. Steps with as many go together.
    """
    _, b_hh, w_hr = weights
    fused = w_hr is None and not x.is_complex()
    run = _at_once if fused else _by_steps
    if w_hr is not None and not x.is_complex() and _worthwhile(*w_hr.shape):
        run = _projected
    joined = fused and kind != "gru" and b_ih is not None  # both biases are added to the same
    # the input's share of all steps in one product; only the state's needs the loop
    drive = linear(x, w_ih, b_ih + b_hh if joined else b_ih)
    if sizes is None:
        return run(kind, drive, states, weights, reverse)
    runs = [(rows, len(list(group))) for rows, group in itertools.groupby(sizes)]
    outputs = []
    pieces = _pieces(drive, [rows * length for rows, length in runs])
    for (rows, length), piece in (
        zip(reversed(runs), reversed(pieces), strict=True)
        if reverse
        else zip(runs, pieces, strict=True)
    ):
        every = states[0].shape[0]
        running = states if rows == every else tuple(s.narrow(0, 0, rows) for s in states)
        own = piece.reshape((length, rows, piece.shape[-1]))
        out, new = run(kind, own, running, weights, reverse)
        outputs.append(out.reshape((length * rows, out.shape[-1])))
        if rows < every:
            new = tuple(
                cat([n, s.narrow(0, rows, every - rows)], 0)
                for n, s in zip(new, states, strict=True)
            )
        states = new
    if reverse:
        outputs.reverse()
    return outputs[0] if len(outputs) == 1 else cat(outputs, 0), states


def _worthwhile(state: int, hidden: int) -> bool:
    """Whether a projected network is to run on the product of both of its weights.

    That takes 4 hidden² multiplications where two products take 5 hidden state, which is worth it
    as far as those are few.
    """
    return hidden <= 256 or 4 * hidden <= 15 * state


def _grouped(kind: str, params: Any, has_biases: bool, count: int, projected: bool) -> list[Any]:
    """Return (w_ih, b_ih, (w_hh, b_hh, w_hr)) for each layer and direction."""
    size = 2 + 2 * bool(has_biases) + projected
    given = list(params)
    if len(given) != size * count:
        raise ShapeError(
            f"{kind}: expected {size} parameters for each of {count} layers and directions, got "
            f"{len(given)}"
        )
    groups = []
    for start in range(0, len(given), size):
        w_ih, w_hh, *rest = given[start : start + size]
        b_ih, b_hh = rest[:2] if has_biases else (None, None)
        groups.append((w_ih, b_ih, (w_hh, b_hh, rest[-1] if projected else None)))
    return groups


def _through_layers(
    kind: str,
    x: Tensor,
    sizes: list[int] | None,
    states: States,
    params: Any,
    has_biases: bool,
    num_layers: int,
    dropout: float,
    train: bool,
    bidirectional: bool,
) -> tuple[Tensor, States]:
    ways = 2 if bidirectional else 1
    for state in states:
        if state.ndim != 3 or state.shape[0] != num_layers * ways:
            raise ShapeError(
                f"{kind}: each initial state must be ({num_layers * ways}, batch, hidden), got "
                f"shape {tuple(state.shape)}"
            )
    projected = kind == "lstm" and states[0].shape[2] != states[1].shape[2]
    groups = _grouped(kind, params, has_biases, num_layers * ways, projected)
    finals: list[States] = []
    for layer in range(num_layers):
        outputs = []
        for way in range(ways):
            row = layer * ways + way
            w_ih, b_ih, weights = groups[row]
            if x.shape[-1] != w_ih.shape[1]:
                raise ShapeError(
                    f"{kind}: layer {layer} expects {w_ih.shape[1]} features (w_ih.shape == "
                    f"{tuple(w_ih.shape)}), got {x.shape[-1]}"
                )
            own = tuple(state.select(0, row) for state in states)
            out, last = _one_way(kind, x, sizes, own, w_ih, b_ih, weights, way == 1)
            outputs.append(out)
            finals.append(last)
        x = outputs[0] if ways == 1 else cat(outputs, -1)
        if dropout and train and layer < num_layers - 1:
            x = dropped(x, dropout, True)
    return x, tuple(stack(list(parts), 0) for parts in zip(*finals, strict=True))


def _dense(
    kind: str, input: Tensor, states: States, batch_first: bool, *settings: Any
) -> tuple[Tensor, States]:
    if input.ndim != 3:
        raise ShapeError(
            f"{kind}: input must be (time, batch, features), or (batch, time, features) with "
            f"batch_first, got shape {tuple(input.shape)}"
        )
    x = input.transpose(0, 1) if batch_first else input
    if x.shape[0] == 0:
        raise ShapeError(f"{kind}: a sequence needs at least one step, got {tuple(input.shape)}")
    if any(state.ndim == 3 and state.shape[1] != x.shape[1] for state in states):
        raise ShapeError(
            f"{kind}: the initial states must have the input's batch {x.shape[1]}, got shape "
            f"{tuple(states[0].shape)}"
        )
    out, last = _through_layers(kind, x, None, states, *settings)
    return (out.transpose(0, 1) if batch_first else out), last


def _packed(
    kind: str, data: Tensor, batch_sizes: Tensor, states: States, *settings: Any
) -> tuple[Tensor, States]:
    if batch_sizes.dtype.category != 1 or batch_sizes.ndim != 1:
        raise DTypeError(
            f"{kind}: batch_sizes must be integer of one dim, got {batch_sizes.dtype} of shape "
            f"{tuple(batch_sizes.shape)}"
        )
    sizes = [int(n) for n in batch_sizes.tolist()]
    falling = all(a >= b > 0 for a, b in zip(sizes, [*sizes[1:], 1], strict=True))
    if not sizes or not falling or sum(sizes) != data.shape[0]:
        raise ShapeError(
            f"{kind}: batch_sizes must fall from step to step, stay positive and add up to the "
            f"{data.shape[0]} rows of data; got {sizes}"
        )
    if any(state.ndim == 3 and state.shape[1] != sizes[0] for state in states):
        raise ShapeError(
            f"{kind}: the initial states must have the batch {sizes[0]} of the first step, got "
            f"shape {tuple(states[0].shape)}"
        )
    return _through_layers(kind, data, sizes, states, *settings)


def _pieces(x: Tensor, sizes: list[int]) -> list[Tensor]:
    """Return pieces of dim 0, cut by halves for the reason that :func:`steps` gives."""
    if len(sizes) == 1:
        return [x]
    half = len(sizes) // 2
    first, second = x.split([sum(sizes[:half]), sum(sizes[half:])], 0)
    return _pieces(first, sizes[:half]) + _pieces(second, sizes[half:])


# --- what users call ---------------------------------------------------------------------------


def _weights(gates: int, columns: int, hidden: int, biases: bool = True, out: int = 0) -> Any:
    """Describe the parameters of one layer in one direction."""
    rows = gates * hidden
    shapes: list[tuple[int, ...]] = [(rows, columns), (rows, out or hidden)]
    shapes += [(rows,), (rows,)] if biases else []
    shapes += [(out, hidden)] if out else []
    return tuple(array(*shape) for shape in shapes)


_SIZES = integers(1, low=2, high=3)  # one step of two sequences


@composite(
    samples=(
        Sample(
            array(3, 2, 3), (array(1, 2, 2), array(1, 2, 2)), _weights(4, 3, 2), True, 1, 0.0,
            False, False, False,
        ),
        Sample(
            array(2, 3, 2), (array(4, 2, 2), array(4, 2, 2)),
            _weights(4, 2, 2, False) * 2 + _weights(4, 4, 2, False) * 2, False, 2, 0.0, True, True,
            True,
        ),
        Sample(
            array(2, 2, 2), (array(1, 2, 1), array(1, 2, 2)), _weights(4, 2, 2, True, 1), True, 1,
            0.0, False, False, False,
        ),
    ),
    errors=(
        ErrorSample(
            array(3, 2, 3), (array(1, 2, 2), array(1, 2, 2)), _weights(4, 3, 2)[:3], True, 1, 0.0,
            False, False, False, error=ShapeError, match="expected 4 parameters",
        ),
        ErrorSample(
            array(3, 3), (array(1, 2, 2), array(1, 2, 2)), _weights(4, 3, 2), True, 1, 0.0,
            False, False, False, error=ShapeError, match="time, batch, features",
        ),
        ErrorSample(
            array(3, 3), _SIZES, (array(1, 2, 2), array(1, 2, 2)), _weights(4, 3, 2), True, 1, 0.0,
            False, False, error=ShapeError, match="add up to the 3 rows",
        ),
    ),
    methods=(),
)  # fmt: skip
def lstm(
    input: Tensor,
    hx: Any,
    params: Any,
    has_biases: Any,
    num_layers: Any,
    dropout: Any,
    train: Any,
    bidirectional: Any,
    batch_first: bool = False,
) -> tuple[Tensor, Tensor, Tensor]:
    """Long short-term memory over sequences; each step is that of :func:`lstm_cell`.

    Sequences of several lengths come packed: ``lstm(data, batch_sizes, hx, params, has_biases,
    num_layers, dropout, train, bidirectional)``, by position, with data (rows, features), all
    steps one after the other, and batch_sizes (time,) how many rows each step has, falling.

    Args:
        input: (time, batch, features).
        hx: the initial states and cells, each (layers * directions, batch, hidden).
        params: for each layer and direction w_ih (4 hidden, features), w_hh (4 hidden, hidden),
            with has_biases b_ih and b_hh (4 hidden,), and where the states are shorter than the
            cells w_hr (state, hidden).
        has_biases: whether params holds biases.
        num_layers: how many layers; each is fed with the output of the one before.
        dropout: the probability of dropout between layers.
        train: whether dropout acts.
        bidirectional: whether a second network reads each layer's sequence backwards.
        batch_first: whether input and output are (batch, time, features).

    Returns:
        tuple: the last layer's states at every step, laid out like input; the last states and the
        last cells, like hx.

    Raises:
        ShapeError: the shapes or the number of parameters do not fit.

    Source: Hochreiter and Schmidhuber, Neural Computation 9 (1997); Sak et al., arXiv:1402.1128,
    for shorter states.
    """
    if isinstance(hx, Tensor):
        out, last = _packed(
            "lstm", input, hx, tuple(params), has_biases, num_layers, dropout, train,
            bidirectional, batch_first,
        )  # fmt: skip
    else:
        out, last = _dense(
            "lstm", input, tuple(hx), batch_first, params, has_biases, num_layers, dropout, train,
            bidirectional,
        )  # fmt: skip
    return out, last[0], last[1]


def _simple(kind: str, title: str, cell: str, gates: int) -> Callable[..., tuple[Tensor, Tensor]]:
    """Make the function of a network whose state is one tensor."""

    def function(
        input: Tensor,
        hx: Tensor,
        params: Any,
        has_biases: Any,
        num_layers: Any,
        dropout: Any,
        train: Any,
        bidirectional: Any,
        batch_first: bool = False,
    ) -> tuple[Tensor, Tensor]:
        if isinstance(params, Tensor):
            out, last = _packed(
                kind, input, hx, (params,), has_biases, num_layers, dropout, train, bidirectional,
                batch_first,
            )  # fmt: skip
        else:
            out, last = _dense(
                kind, input, (hx,), batch_first, params, has_biases, num_layers, dropout, train,
                bidirectional,
            )  # fmt: skip
        return out, last[0]

    times = f"{gates} hidden" if gates > 1 else "hidden"
    function.__doc__ = f"""{title} over sequences; each step is that of :func:`{cell}`.

    Sequences of several lengths come packed: ``{kind}(data, batch_sizes, hx, params, has_biases,
    num_layers, dropout, train, bidirectional)``, by position, with data (rows, features), all
    steps one after the other, and batch_sizes (time,) how many rows each step has, falling.

    Args:
        input: (time, batch, features).
        hx: the initial states, (layers * directions, batch, hidden).
        params: for each layer and direction w_ih ({times}, features), w_hh ({times}, hidden), and
            with has_biases b_ih and b_hh ({times},).
        has_biases: whether params holds biases.
        num_layers: how many layers; each is fed with the output of the one before.
        dropout: the probability of dropout between layers.
        train: whether dropout acts.
        bidirectional: whether a second network reads each layer's sequence backwards.
        batch_first: whether input and output are (batch, time, features).

    Returns:
        tuple: the last layer's states at every step, laid out like input; the last states, like
        hx.

    Raises:
        ShapeError: the shapes or the number of parameters do not fit.
    """
    function.__name__ = function.__qualname__ = kind
    plain = _weights(gates, 3, 2)
    both = _weights(gates, 2, 2, False) * 2
    return composite(
        samples=(
            Sample(array(3, 2, 3), array(1, 2, 2), plain, True, 1, 0.0, False, False, False),
            Sample(array(2, 3, 2), array(2, 2, 2), both, False, 1, 0.0, True, True, True),
        ),
        errors=(
            ErrorSample(
                array(3, 2, 3), array(2, 2, 2), plain, True, 1, 0.0, False, False, False,
                error=ShapeError, match="each initial state must be",
            ),
            ErrorSample(
                array(3, 3), _SIZES, array(1, 2, 2), plain, True, 1, 0.0, False, False,
                error=ShapeError, match="add up to the 3 rows",
            ),
        ),
        methods=(),
    )(function)  # fmt: skip


gru = _simple("gru", "Gated recurrent units", "gru_cell", 3)
rnn_tanh = _simple("rnn_tanh", "Elman's network with tanh", "rnn_tanh_cell", 1)
rnn_relu = _simple("rnn_relu", "Elman's network with relu", "rnn_relu_cell", 1)
