"""Functions of graphs for recurrent networks: any activations, lengths, both directions.

Weights lie as in PyTorch, (directions, gates * hidden, …), with gates in PyTorch's order: input,
forget, cell, output for the LSTM, and reset, update, new for the GRU. The usual settings run on
weft's own kernels, all others step by step.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import weft
from weft import Tensor
from weft.graph._function import own

__all__: list[str] = []

_Step = Callable[..., tuple[Tensor, ...]]
_DIRECTIONS = {"forward": (False,), "reverse": (True,), "bidirectional": (False, True)}
_DEFAULTS = {"leakyrelu": (0.01, 0.0), "thresholdedrelu": (1.0, 0.0), "elu": (1.0, 0.0),
             "hardsigmoid": (0.2, 0.5), "affine": (1.0, 0.0), "scaledtanh": (1.0, 1.0)}  # fmt: skip


def _thresholded(x: Tensor, a: float, b: float) -> Tensor:
    return weft.where(x > a, x, weft.zeros_like(x))


_ACTIVATIONS: dict[str, Callable[[Tensor, float, float], Tensor]] = {
    "relu": lambda x, a, b: weft.relu(x),
    "tanh": lambda x, a, b: weft.tanh(x),
    "sigmoid": lambda x, a, b: weft.sigmoid(x),
    "affine": lambda x, a, b: a * x + b,
    "leakyrelu": lambda x, a, b: weft.where(x < 0, a * x, x),
    "thresholdedrelu": _thresholded,
    "scaledtanh": lambda x, a, b: a * weft.tanh(b * x),
    "hardsigmoid": lambda x, a, b: (a * x + b).clamp(0, 1),
    "elu": lambda x, a, b: weft.where(x < 0, a * weft.expm1(x), x),
    "softsign": lambda x, a, b: x / (1 + x.abs()),
    "softplus": lambda x, a, b: weft.nn.functional.softplus(x),
}
_SHARED = "direction?: text, activations?: texts, alpha?: floats, beta?: floats, clip?: float"


def _functions(
    names: Sequence[str], alpha: object, beta: object, who: str
) -> list[Callable[[Tensor], Tensor]]:
    """Return the activations, with alphas and betas given to those that take them, in order.

    Raises:
        ValueError: there is no such activation.
    """
    alphas, betas = iter(_tuple(alpha)), iter(_tuple(beta))
    found: list[Callable[[Tensor], Tensor]] = []
    for name in map(str.lower, names):
        if name not in _ACTIVATIONS:
            raise ValueError(
                f"{who}: activations must be of {' '.join(_ACTIVATIONS)}, but there is {name!r}"
            )
        a, b = _DEFAULTS.get(name, (0.0, 0.0))
        if name in _DEFAULTS:
            a = next(alphas, a)
        if name in ("hardsigmoid", "affine", "scaledtanh"):
            b = next(betas, b)
        found.append(_bound(_ACTIVATIONS[name], a, b))
    return found


def _bound(
    function: Callable[[Tensor, float, float], Tensor], a: float, b: float
) -> Callable[[Tensor], Tensor]:
    return lambda x: function(x, a, b)


def _tuple(value: object) -> tuple[float, ...]:
    if value is None:
        return ()
    return (float(value),) if isinstance(value, int | float) else tuple(value)  # type: ignore[arg-type]  # a list of numbers, as its kind says


def _reversed(direction: str, who: str) -> tuple[bool, ...]:
    if direction not in _DIRECTIONS:
        raise ValueError(
            f"{who}: direction must be one of {' '.join(_DIRECTIONS)}, but is {direction!r}"
        )
    return _DIRECTIONS[direction]


def _start(given: Tensor | None, like: Tensor, directions: int, hidden: int) -> Tensor:
    if given is not None:
        return given
    return weft.zeros(directions, like.shape[1], hidden, dtype=like.dtype, device=like.device)


def _run(
    input: Tensor, states: list[list[Tensor]], steps: list[_Step], backwards: tuple[bool, ...],
    lengths: Tensor | None,
) -> tuple[Tensor, list[Tensor]]:  # fmt: skip
    """Run each direction step by step; return outputs and last states, directions stacked."""
    time = input.shape[0]
    outputs, lasts = [], []
    for step, state, backward in zip(steps, states, backwards, strict=True):
        rows: list[Tensor] = [input[0]] * time
        for t in reversed(range(time)) if backward else range(time):
            new = step(input[t], *state)
            if lengths is not None:  # what lies beyond a sentence neither counts nor is put out
                live = (lengths > t).unsqueeze(1)
                new = tuple(weft.where(live, n, s) for n, s in zip(new, state, strict=True))
                rows[t] = weft.where(live, new[0], weft.zeros_like(new[0]))
            else:
                rows[t] = new[0]
            state = list(new)
        outputs.append(weft.stack(rows))
        lasts.append(state)
    ends = [weft.stack(list(one)) for one in zip(*lasts, strict=True)]
    return weft.stack(outputs, 1), ends


def _parameters(
    weight: Tensor, recurrence: Tensor, bias: Tensor | None
) -> tuple[list[Tensor], bool]:
    """Return the flat list that weft's recurrent functions take, a direction after the other."""
    flat = []
    for d in range(weight.shape[0]):
        flat += [weight[d], recurrence[d]]
        if bias is not None:
            half = bias.shape[1] // 2
            flat += [bias[d, :half], bias[d, half:]]
    return flat, bias is not None


def _by_kernel(
    function: Callable[..., tuple[Tensor, ...]],
    input: Tensor,
    state: Tensor | tuple[Tensor, ...],
    weights: tuple[Tensor, Tensor, Tensor | None],
    direction: str,
    hidden: int,
) -> tuple[Tensor, ...]:
    """Run one of weft's recurrent functions; its outputs come as (time, directions, batch, …)."""
    flat, has_biases = _parameters(*weights)
    x = input.flip(0) if direction == "reverse" else input
    both = direction == "bidirectional"
    out, *last = function(x, state, flat, has_biases, 1, 0.0, False, both)
    out = out.reshape(*out.shape[:2], 2 if both else 1, hidden).transpose(1, 2)
    return (out.flip(0) if direction == "reverse" else out, *last)


def _bounded(clip: float | None) -> Callable[[Tensor], Tensor]:
    return (lambda x: x) if clip is None else (lambda x: x.clamp(-clip, clip))


@own(
    "lstm_over(input, weight, recurrence, bias?, lengths?, hidden?, cell?, peephole?;"
    f" {_SHARED}, input_forget?: bool) -> 3"
)
def lstm_over(
    input: Tensor,
    weight: Tensor,
    recurrence: Tensor,
    bias: Tensor | None = None,
    lengths: Tensor | None = None,
    hidden: Tensor | None = None,
    cell: Tensor | None = None,
    peephole: Tensor | None = None,
    *,
    direction: str = "forward",
    activations: Sequence[str] | None = None,
    alpha: object = None,
    beta: object = None,
    clip: float | None = None,
    input_forget: bool = False,
) -> tuple[Tensor, Tensor, Tensor]:
    """An LSTM over (time, batch, features): outputs (time, directions, batch, hidden), last h, c.

    `peephole` is (directions, 3 * hidden): of the input, output and forget gates.
    """
    backwards, size = _reversed(direction, "lstm_over"), recurrence.shape[-1]
    count = len(backwards)
    h, c = _start(hidden, input, count, size), _start(cell, input, count, size)
    usual = ("sigmoid", "tanh", "tanh") * count
    named = tuple(map(str.lower, activations or usual))
    if (
        named == usual
        and lengths is None
        and clip is None
        and peephole is None
        and not input_forget
    ):
        weights = weight, recurrence, bias
        out, last_h, last_c = _by_kernel(weft.lstm, input, (h, c), weights, direction, size)
        return out, last_h, last_c
    functions = _functions(named, alpha, beta, "lstm_over")
    bounded = _bounded(clip)

    def step_of(d: int) -> _Step:
        f, g, hh = functions[3 * d : 3 * d + 3]
        w, r = weight[d].t(), recurrence[d].t()
        b = 0.0 if bias is None else bias[d, : 4 * size] + bias[d, 4 * size :]
        pi, po, pf = (0.0, 0.0, 0.0) if peephole is None else peephole[d].split(size)

        def step(x: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
            i, o_in, n, o = (x @ w + h @ r + b).split(size, 1)
            forget = f(bounded(o_in + pf * c))
            enter = f(bounded(i + pi * c))
            if input_forget:
                forget = 1 - enter
            c = forget * c + enter * g(bounded(n))
            return f(bounded(o + po * c)) * hh(c), c

        return step

    states = [[h[d], c[d]] for d in range(count)]
    out, (last_h, last_c) = _run(
        input, states, list(map(step_of, range(count))), backwards, lengths
    )
    return out, last_h, last_c


@own(
    "gru_over(input, weight, recurrence, bias?, lengths?, hidden?;"
    f" {_SHARED}, reset_after?: bool) -> 2"
)
def gru_over(
    input: Tensor,
    weight: Tensor,
    recurrence: Tensor,
    bias: Tensor | None = None,
    lengths: Tensor | None = None,
    hidden: Tensor | None = None,
    *,
    direction: str = "forward",
    activations: Sequence[str] | None = None,
    alpha: object = None,
    beta: object = None,
    clip: float | None = None,
    reset_after: bool = True,
) -> tuple[Tensor, Tensor]:
    """A GRU over (time, batch, features): outputs (time, directions, batch, hidden) and last h.

    `reset_after` has the reset gate after the recurrent product, as PyTorch does, or before it.
    """
    backwards, size = _reversed(direction, "gru_over"), recurrence.shape[-1]
    count = len(backwards)
    h = _start(hidden, input, count, size)
    usual = ("sigmoid", "tanh") * count
    named = tuple(map(str.lower, activations or usual))
    if named == usual and lengths is None and clip is None and reset_after:
        weights = weight, recurrence, bias
        out, last = _by_kernel(weft.gru, input, h, weights, direction, size)
        return out, last
    functions = _functions(named, alpha, beta, "gru_over")
    bounded = _bounded(clip)

    def step_of(d: int) -> _Step:
        f, g = functions[2 * d : 2 * d + 2]
        w, r = weight[d].t(), recurrence[d].t()
        zero = weft.zeros(3 * size, dtype=weight.dtype, device=weight.device)
        b_in, b_re = (zero, zero) if bias is None else bias[d].split(3 * size)

        def step(x: Tensor, h: Tensor) -> tuple[Tensor]:
            xr, xz, xn = (x @ w + b_in).split(size, 1)
            hr, hz = (h @ r[:, : 2 * size] + b_re[: 2 * size]).split(size, 1)
            reset, update = f(bounded(xr + hr)), f(bounded(xz + hz))
            if reset_after:
                again = reset * (h @ r[:, 2 * size :] + b_re[2 * size :])
            else:
                again = (reset * h) @ r[:, 2 * size :] + b_re[2 * size :]
            return ((1 - update) * g(bounded(xn + again)) + update * h,)

        return step

    states = [[h[d]] for d in range(count)]
    out, (last,) = _run(input, states, list(map(step_of, range(count))), backwards, lengths)
    return out, last


@own(f"rnn_over(input, weight, recurrence, bias?, lengths?, hidden?; {_SHARED}) -> 2")
def rnn_over(
    input: Tensor,
    weight: Tensor,
    recurrence: Tensor,
    bias: Tensor | None = None,
    lengths: Tensor | None = None,
    hidden: Tensor | None = None,
    *,
    direction: str = "forward",
    activations: Sequence[str] | None = None,
    alpha: object = None,
    beta: object = None,
    clip: float | None = None,
) -> tuple[Tensor, Tensor]:
    """A plain network over (time, batch, features): outputs as the others' and last h."""
    backwards, size = _reversed(direction, "rnn_over"), recurrence.shape[-1]
    count = len(backwards)
    h = _start(hidden, input, count, size)
    named = tuple(map(str.lower, activations or ("tanh",) * count))
    kernels = {("tanh",) * count: weft.rnn_tanh, ("relu",) * count: weft.rnn_relu}
    if named in kernels and lengths is None and clip is None:
        weights = weight, recurrence, bias
        out, last = _by_kernel(kernels[named], input, h, weights, direction, size)
        return out, last
    functions = _functions(named, alpha, beta, "rnn_over")
    bounded = _bounded(clip)

    def step_of(d: int) -> _Step:
        b = 0.0 if bias is None else bias[d, :size] + bias[d, size:]
        w, r = weight[d].t(), recurrence[d].t()
        return lambda x, h: (functions[d](bounded(x @ w + h @ r + b)),)

    states = [[h[d]] for d in range(count)]
    out, (last,) = _run(input, states, list(map(step_of, range(count))), backwards, lengths)
    return out, last


def _several(
    function: Callable[..., tuple[Tensor, ...]],
    tensors: list[Tensor],
    states: int,
    layers: int,
    bidirectional: bool,
    biases: bool,
) -> tuple[Tensor, ...]:
    """Run one of weft's recurrent functions on (input, *states, *parameters)."""
    x, *rest = tensors
    if len(rest) <= states:
        raise ValueError(
            f"a recurrent network takes its input, {states} initial states and weights, but "
            f"{len(tensors)} tensors are there"
        )
    hx = tuple(rest[:states]) if states > 1 else rest[0]
    return tuple(function(x, hx, rest[states:], biases, layers, 0.0, False, bidirectional))


@own("lstm_layers(tensors*; layers: int, bidirectional?: bool, biases?: bool) -> 3")
def lstm_layers(
    tensors: list[Tensor], layers: int, bidirectional: bool = False, biases: bool = True
) -> tuple[Tensor, ...]:
    """`weft.lstm` on its input, the two initial states and the parameters."""
    return _several(weft.lstm, tensors, 2, layers, bidirectional, biases)


@own("gru_layers(tensors*; layers: int, bidirectional?: bool, biases?: bool) -> 2")
def gru_layers(
    tensors: list[Tensor], layers: int, bidirectional: bool = False, biases: bool = True
) -> tuple[Tensor, ...]:
    """`weft.gru` on its input, the initial states and the parameters."""
    return _several(weft.gru, tensors, 1, layers, bidirectional, biases)


@own(
    "rnn_layers(tensors*; layers: int, bidirectional?: bool, biases?: bool, activation?: text) -> 2"
)
def rnn_layers(
    tensors: list[Tensor],
    layers: int,
    bidirectional: bool = False,
    biases: bool = True,
    activation: str = "tanh",
) -> tuple[Tensor, ...]:
    """`weft.rnn_tanh` or `weft.rnn_relu` on its input, the initial states and the parameters."""
    functions = {"tanh": weft.rnn_tanh, "relu": weft.rnn_relu}
    if activation not in functions:
        raise ValueError(f"rnn_layers: activation must be tanh or relu, but is {activation!r}")
    return _several(functions[activation], tensors, 1, layers, bidirectional, biases)


@own("lstm_step(input, hidden, cell, w_ih, w_hh, b_ih?, b_hh?) -> 2")
def lstm_step(
    input: Tensor,
    hidden: Tensor,
    cell: Tensor,
    w_ih: Tensor,
    w_hh: Tensor,
    b_ih: Tensor | None = None,
    b_hh: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """One step of an LSTM, `weft.lstm_cell`: the new state and cell."""
    h, c = weft.lstm_cell(input, (hidden, cell), w_ih, w_hh, b_ih, b_hh)
    return h, c


@own("gru_step(input, hidden, w_ih, w_hh, b_ih?, b_hh?)")
def gru_step(
    input: Tensor,
    hidden: Tensor,
    w_ih: Tensor,
    w_hh: Tensor,
    b_ih: Tensor | None = None,
    b_hh: Tensor | None = None,
) -> Tensor:
    """One step of a GRU, `weft.gru_cell`: the new state."""
    out: Tensor = weft.gru_cell(input, hidden, w_ih, w_hh, b_ih, b_hh)
    return out
