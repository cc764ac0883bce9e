"""Recurrent networks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from weft.onnx._builder import Value
from weft.onnx._call import Call
from weft.onnx._registry import operator

#: Where weft's gates stand among ONNX's, which are i o f c and z r h.
_LSTM_GATES = (0, 2, 3, 1)
_GRU_GATES = (1, 0, 2)


def _ordered(call: Call, x: Value | None, gates: Sequence[int], copies: int = 1) -> Value | None:
    """Return weights or biases with their gates in weft's order along dim 1."""
    if x is None:
        return None
    parts = call.emit_many("split_evenly", len(gates) * copies, x, parts=len(gates) * copies, dim=1)
    order = [parts[copy * len(gates) + gate] for copy in range(copies) for gate in gates]
    return call.emit("cat", *order, dim=1)


def _settings(call: Call) -> dict[str, Any]:
    clip = call.attribute("clip")
    return {
        "direction": call.attribute("direction", "forward"),
        "activations": call.attribute("activations"),
        "alpha": call.attribute("activation_alpha"),
        "beta": call.attribute("activation_beta"),
        "clip": None if clip is None else float(clip),
    }


def _batch_second(call: Call, x: Value | None) -> Value | None:
    """Return (time, batch, …) or (directions, batch, …) where the file has the batch first."""
    if x is None or not call.flag("layout"):
        return x
    return call.emit("transpose", x, dim0=0, dim1=1)


def _results(call: Call, out: Value, *last: Value) -> list[Value]:
    if not call.flag("layout"):
        return [out, *last]
    back = [call.emit("transpose", one, dim0=0, dim1=1) for one in last]
    return [call.emit("permute", out, dims=[2, 0, 1, 3]), *back]


def _lengths(call: Call) -> Value | None:
    return call.get(4)


@operator("LSTM")
def lstm(call: Call) -> Sequence[Value]:
    x = _batch_second(call, call[0])
    weight, recurrence = (_ordered(call, call[k], _LSTM_GATES) for k in (1, 2))
    bias = _ordered(call, call.get(3), _LSTM_GATES, 2)
    hidden, cell = (_batch_second(call, call.get(k)) for k in (5, 6))
    found = call.emit_many(
        "lstm_over", 3, x, weight, recurrence, bias, _lengths(call), hidden, cell, call.get(7),
        input_forget=call.flag("input_forget"), **_settings(call),
    )  # fmt: skip
    return _results(call, *found)


@operator("GRU")
def gru(call: Call) -> Sequence[Value]:
    x = _batch_second(call, call[0])
    weight, recurrence = (_ordered(call, call[k], _GRU_GATES) for k in (1, 2))
    bias = _ordered(call, call.get(3), _GRU_GATES, 2)
    hidden = _batch_second(call, call.get(5))
    found = call.emit_many(
        "gru_over", 2, x, weight, recurrence, bias, _lengths(call), hidden,
        reset_after=call.flag("linear_before_reset"), **_settings(call),
    )  # fmt: skip
    return _results(call, *found)


@operator("RNN")
def rnn(call: Call) -> Sequence[Value]:
    x, hidden = _batch_second(call, call[0]), _batch_second(call, call.get(5))
    found = call.emit_many(
        "rnn_over", 2, x, call[1], call[2], call.get(3), _lengths(call), hidden, **_settings(call)
    )
    return _results(call, *found)
