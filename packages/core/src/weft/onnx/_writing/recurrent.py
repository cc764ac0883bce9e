"""Recurrent networks, layer by layer: ONNX has other orders of gates, and one layer a node."""

from __future__ import annotations

from typing import Any

from weft.onnx._writing.writer import Call, NoForm, Writer, form

__all__: list[str] = []

#: For each of ONNX's gates the place that PyTorch has it at.
_GATES = {"LSTM": [0, 3, 1, 2], "GRU": [1, 0, 2], "RNN": [0]}


def _gates(w: Writer, name: str, kind: str, hidden: int) -> str:
    """Return a weight or a bias with its gates in ONNX's order."""
    order = _GATES[kind]
    if len(order) == 1:
        return name
    rows = [gate * hidden + row for gate in order for row in range(hidden)]
    out: str = w.emit("Gather", [name, w.numbers(rows)], axis=0)
    return out


def _stacked(w: Writer, names: list[str]) -> str:
    """Return tensors, one for each direction, as one with the directions first."""
    rows = [w.emit("Unsqueeze", [name, w.numbers([0])]) for name in names]
    return rows[0] if len(rows) == 1 else str(w.emit("Concat", rows, axis=0))


def _layers(w: Writer, call: Call, kind: str, states: int, **more: Any) -> list[str]:
    layers, biases = call.get("layers"), call.get("biases", True)
    directions = 2 if call.get("bidirectional", False) else 1
    each = 4 if biases else 2
    first = 1 + states
    if len(call.operands) != first + layers * directions * each:
        raise NoForm("a projection of its states")
    x = call.value(0)
    lasts: list[list[str]] = [[] for _ in range(states)]
    for layer in range(layers):
        at = first + layer * directions * each
        hidden = call.shape(at + 1)[1]
        parts = [
            _direction(w, call, at + d * each, kind, hidden, biases) for d in range(directions)
        ]
        given = [x, *(_stacked(w, [part[k] for part in parts]) for k in range(2))]
        given.append(_stacked(w, [part[2] for part in parts]) if biases else "")
        given.append("")  # all rows are of one length
        rows = [w.numbers([n]) for n in (layer * directions, (layer + 1) * directions)]
        for state in range(states):
            whole = call.value(1 + state)
            alone = layers == 1
            given.append(whole if alone else w.emit("Slice", [whole, *rows, w.numbers([0])]))
        direction = "bidirectional" if directions == 2 else "forward"
        found = w.emit(kind, given, 1 + states, hidden_size=hidden, direction=direction, **more)
        out = w.emit("Transpose", [found[0]], perm=[0, 2, 1, 3])
        x = w.emit("Reshape", [out, w.numbers([0, 0, directions * hidden])])
        for state in range(states):
            lasts[state].append(found[1 + state])
    ends = [one[0] if len(one) == 1 else w.emit("Concat", one, axis=0) for one in lasts]
    return [x, *ends]


def _direction(
    w: Writer, call: Call, at: int, kind: str, hidden: int, biases: bool
) -> tuple[str, ...]:
    """Return the weights of one direction: of the input, of the state, and both biases in one."""
    found = [_gates(w, call.value(at + k), kind, hidden) for k in range(4 if biases else 2)]
    if biases:
        found[2:] = [w.emit("Concat", found[2:], axis=0)]
    return tuple(found)


@form("lstm_layers")
def _lstm(w: Writer, call: Call) -> Any:
    return _layers(w, call, "LSTM", 2)


@form("gru_layers")
def _gru(w: Writer, call: Call) -> Any:
    return _layers(w, call, "GRU", 1, linear_before_reset=1)


@form("rnn_layers")
def _rnn(w: Writer, call: Call) -> Any:
    count = 2 if call.get("bidirectional", False) else 1
    return _layers(
        w, call, "RNN", 1, activations=[call.get("activation", "tanh").capitalize()] * count
    )


@form("lstm_step gru_step")
def _step(w: Writer, call: Call) -> Any:
    kind, states = ("LSTM", 2) if call.function == "lstm_step" else ("GRU", 1)
    at, front = 1 + states, w.numbers([0])
    biases = call.has(at + 2)
    hidden = call.shape(at + 1)[1]
    parts = _direction(w, call, at, kind, hidden, biases)
    weights = [_stacked(w, [part]) for part in parts] + ([] if biases else [""])
    given = [w.emit("Unsqueeze", [call.value(place), front]) for place in range(at)]
    more = {"linear_before_reset": 1} if kind == "GRU" else {}
    found = w.emit(
        kind, [given[0], *weights, "", *given[1:]], 1 + states, hidden_size=hidden, **more
    )
    return [w.emit("Squeeze", [one, front]) for one in found[1:]]
