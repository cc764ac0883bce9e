"""What functions that users call are in a graph: the node of the same name, or nodes by a rule.

A rule gets the recorder and the arguments by name, and returns what it emitted; None where it has
nothing to say, so that what the function calls in turn is looked at.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from importlib import import_module
from types import FunctionType
from typing import Any

import weft
from weft import Tensor
from weft._core import dtypes
from weft._core.public import UNSET
from weft.graph._allowed import FUNCTIONS
from weft.graph._trace.indexing import getitem
from weft.graph._trace.lengths import Length, has_length, plain
from weft.graph._trace.recording import Recorder, Translation

__all__ = ["bound", "translations"]

_RULES: dict[str, Translation] = {}
_SPELLINGS = {"axis": "dim", "keepdims": "keepdim"}


def _of(*places: str) -> Callable[[Translation], Translation]:
    """Enter a rule for functions, each given as ``module:name``."""

    def enter(rule: Translation) -> Translation:
        _RULES.update(dict.fromkeys(places, rule))
        return rule

    return enter


def translations() -> dict[FunctionType, tuple[inspect.Signature, Translation]]:
    """Return the rule of each function that has one, with its signature."""
    found: dict[FunctionType, tuple[inspect.Signature, Translation]] = {}
    for name, function in FUNCTIONS.items():
        call = function.call
        if function.place[0].startswith("weft.graph") or not isinstance(call, FunctionType):
            continue
        found[call] = (inspect.signature(call), _direct(name))
    for place, rule in _RULES.items():
        module, name = place.split(":")
        call = getattr(import_module(module), name)
        found[call] = (inspect.signature(call), rule)
    return found


def bound(signature: inspect.Signature, args: Any, kwargs: Any) -> dict[str, Any] | None:
    """Return arguments by name, with defaults; None where the function itself is to refuse them."""
    try:
        given = signature.bind(*args, **kwargs)
    except TypeError:
        return None
    given.apply_defaults()
    found: dict[str, Any] = {}
    for name, value in given.arguments.items():
        if signature.parameters[name].kind is inspect.Parameter.VAR_POSITIONAL:
            name = name.lstrip("_")  # `*_shape` stands for `shape` too
            value = _listed(value)  # `f(2, 3)` is `f((2, 3))`
            if value == () and found.get(name, given.arguments.get(name)) is not None:
                continue
            found[name] = value
        elif name in _SPELLINGS and _SPELLINGS[name] in signature.parameters:
            if value is not UNSET and value is not None:
                found[_SPELLINGS[name]] = value
        elif not (name in found and value is None):
            found[name] = value
    return found


def _listed(values: tuple[Any, ...]) -> tuple[Any, ...]:
    if len(values) == 1 and isinstance(values[0], tuple | list):
        return tuple(values[0])
    return values


def _direct(name: str) -> Translation:
    """Return the rule of a function that a node calls as it is."""
    function = FUNCTIONS[name]
    operands = [one for one, _ in function.operands]
    defaults = {
        one.name: one.default for one in inspect.signature(function.call).parameters.values()
    }

    def rule(recorder: Recorder, given: dict[str, Any]) -> Any:
        settings = {}
        for key, value in given.items():
            if key in operands or _is_default(defaults.get(key, UNSET), value):
                continue
            if key not in function.settings:
                return None
            settings[key] = value
        values: list[Any] = [given.get(key) for key in operands]
        if function.variadic:
            values = list(values[0]) if isinstance(values[0], tuple | list) else [values[0]]
        values = [value.item() if _is_number(value) else value for value in values]
        if not recorder.fits(name, values, settings):
            return None
        return recorder.emit(name, *([values] if function.variadic else values), **settings)

    return rule


def _is_default(default: Any, value: Any) -> bool:
    if value is UNSET or default is value:
        return True
    return not isinstance(value, Tensor) and type(default) is type(value) and default == value


def _is_number(value: Any) -> bool:
    """Whether this is one of NumPy's numbers."""
    return type(value).__module__ == "numpy" and not getattr(value, "shape", (0,))


def _emitting(name: str, *operands: str, **renamed: str) -> Translation:
    """Return the rule of a function that another node is, with arguments by other names."""

    def rule(recorder: Recorder, given: dict[str, Any]) -> Any:
        if given.get("out") is not None:
            return None
        settings = {to: given[key] for key, to in renamed.items() if given.get(key) is not None}
        values = [given.get(key) for key in operands]
        if not recorder.fits(name, values, settings):
            return None
        return recorder.emit(name, *values, **settings)

    return rule


for _place, _rule in {
    "weft.ops.arithmetic:plus": _emitting("add", "input", "other"),
    "weft.ops.arithmetic:minus": _emitting("sub", "input", "other"),
    "weft.ops.division:true_divide": _emitting("div", "input", "other"),
    "weft.ops.shape:reshape": _emitting("reshape", "input", shape="shape"),
    "weft.ops.broadcasting:expand": _emitting("broadcast_to", "input", size="size"),
    "weft.ops.permuting:permute": _emitting("permute", "input", dims="dims"),
    "weft.ops.repeating:repeat": _emitting("tile", "input", repeats="dims"),
    "weft.ops.repeating:tile": _emitting("tile", "input", dims="dims"),
    "weft.ops.indexing:getitem": getitem,
    "weft.ops.powers:power": _emitting("pow", "input", "other"),
}.items():
    _RULES[_place] = _rule


@_of("weft.ops.shape:view")
def _view(recorder: Recorder, given: dict[str, Any]) -> Any:
    shape = given["size"]
    if given.get("dtype") is not None or isinstance(shape[0] if shape else 0, weft.dtype):
        return None
    return recorder.emit("reshape", given["input"], shape=shape)


@_of("weft._tensor.writing:_setitem")
def _setitem(recorder: Recorder, given: dict[str, Any]) -> Any:
    raise recorder.refusal(
        "x[...] = value writes into a part of a tensor; join parts with weft.cat or weft.stack, or "
        "choose with weft.where"
    )


@_of("weft.ops.strides:flip")
def _flip(recorder: Recorder, given: dict[str, Any]) -> Any:
    dims = given["args"] if given.get("dims") is None else given["dims"]
    return recorder.emit("flip", given["input"], dims=dims)


@_of("weft.ops.casting:convert")
def _convert(recorder: Recorder, given: dict[str, Any]) -> Any:
    dtype = dtypes.of(dtypes.canonical(given["dtype"]))
    if not recorder.fits("convert", [given["input"]], {"dtype": dtype}):
        return None
    return recorder.emit("convert", given["input"], dtype=dtype)


@_of("weft.ops.memory:contiguous", "weft.ops.memory:copied")
def _same(recorder: Recorder, given: dict[str, Any]) -> Any:
    return given["input"]


@_of("weft.ops.bounds:clamp")
def _clamp(recorder: Recorder, given: dict[str, Any]) -> Any:
    low, high, x = given["min"], given["max"], given["input"]
    if any(isinstance(one, Tensor | Length) for one in (low, high)) or not x.is_floating_point():
        return recorder.emit("clamp", x, _bound(recorder, low, x), _bound(recorder, high, x))
    settings = {"min_val": -math.inf if low is None else low, "max_val": high}
    settings["max_val"] = math.inf if high is None else high
    return recorder.emit("hardtanh", x, **settings)


def _bound(recorder: Recorder, value: Any, x: Tensor) -> Tensor | None:
    """Return a bound as a tensor."""
    if value is None or isinstance(value, Tensor):
        return value
    if isinstance(value, Length):
        out: Tensor = recorder.emit("full", x, size=(), value=value, dtype=weft.int64)
        return out
    dtype = weft.int64 if type(value) is int else x.dtype
    return weft.tensor(value, dtype=dtype)


@_of("weft.ops.comparison:masked_fill")
def _masked_fill(recorder: Recorder, given: dict[str, Any]) -> Any:
    x, mask, value = given["input"], given["mask"], given["value"]
    if not isinstance(value, Tensor):
        return recorder.emit("masked_fill", x, mask, value=value)
    return recorder.emit("where", mask, recorder.emit("convert_like", value, x), x)


@_of("weft.ops.normalization:batch_norm")
def _batch_norm(recorder: Recorder, given: dict[str, Any]) -> Any:
    names = ("input", "running_mean", "running_var", "weight", "bias")
    if given["training"] or given["running_mean"] is None or given["running_var"] is None:
        raise recorder.refusal(
            "batch_norm takes the moments of the batch, which a graph, being in evaluation mode, "
            "does not; keep running statistics (track_running_stats=True)"
        )
    return recorder.emit("batch_norm", *(given[name] for name in names), eps=given["eps"])


@_of("weft.ops.normalization:instance_norm")
def _instance_norm(recorder: Recorder, given: dict[str, Any]) -> Any:
    if not given["use_input_stats"]:
        names = ("input", "running_mean", "running_var", "weight", "bias")
        return recorder.emit("batch_norm", *(given[name] for name in names), eps=given["eps"])
    if given["running_mean"] is not None:
        return None
    own = ("input", "weight", "bias")
    return recorder.emit("instance_norm", *(given[name] for name in own), eps=given["eps"])


@_of("weft.ops.normalization:layer_norm")
def _layer_norm(recorder: Recorder, given: dict[str, Any]) -> Any:
    x, over = given["input"], plain(tuple(given["normalized_shape"]))
    weight = given["weight"]
    if weight is None:
        weight = weft.ones(over, dtype=x.dtype)
    dim = -len(over)
    return recorder.emit("layer_norm", x, weight, given["bias"], dim=dim, eps=given["eps"])


@_of("weft.ops.normalization:rms_norm")
def _rms_norm(recorder: Recorder, given: dict[str, Any]) -> Any:
    x, over, eps = given["input"], plain(tuple(given["normalized_shape"])), given["eps"]
    weight = given["weight"]
    if weight is None:
        weight = weft.ones(over, dtype=x.dtype)
    eps = weft.finfo(x.dtype).eps if eps is None else eps
    return recorder.emit("rms_norm", x, weight, dim=-len(over), eps=eps)


def _convolution(name: str) -> Translation:
    plainly = _direct(name)

    def rule(recorder: Recorder, given: dict[str, Any]) -> Any:
        padding = given["padding"]
        if not isinstance(padding, str):
            return plainly(recorder, given)
        kernel = plain(tuple(given["weight"].shape))[2:]
        spread = given["dilation"]
        spread = (spread,) * len(kernel) if isinstance(spread, int) else tuple(spread)
        whole = [
            d * (k - 1) if padding == "same" else 0 for k, d in zip(kernel, spread, strict=True)
        ]
        given = {**given, "padding": tuple(one // 2 for one in whole)}
        if any(one % 2 for one in whole):  # the odd one comes after, as in PyTorch
            after = [one % 2 for one in reversed(whole)]
            pads = tuple(amount for one in after for amount in (0, one))
            given["input"] = recorder.emit("pad", given["input"], pad=pads)
        return plainly(recorder, given)

    return rule


@_of("weft.ops.lookup:embedding")
def _embedding(recorder: Recorder, given: dict[str, Any]) -> Any:
    if given["max_norm"] is not None:
        return None
    return recorder.emit("lookup", given["weight"], given["input"], dim=0)


@_of("weft.ops.contraction:einsum")
def _einsum(recorder: Recorder, given: dict[str, Any]) -> Any:
    if not isinstance(given["equation"], str):
        return None
    operands = given["operands"]
    return recorder.emit("einsum", list(operands), equation=given["equation"])


def _extreme(values: str, places: str, pairs: str) -> Translation:
    def rule(recorder: Recorder, given: dict[str, Any]) -> Any:
        x, dim, keepdim = given["input"], given["dim"], given["keepdim"]
        if dim is None:
            return recorder.emit(values, x)
        if isinstance(dim, Tensor):
            return recorder.emit(pairs, x, dim)
        if not isinstance(dim, int):
            return None
        from weft.ops.extremes import Extreme

        found = recorder.emit(places, x, dim=dim, keepdim=True)
        largest = recorder.emit("take_along_dim", x, found, dim=dim)
        if not keepdim:
            found, largest = (recorder.emit("squeeze", one, dim=dim) for one in (found, largest))
        return Extreme(largest, found)

    return rule


def _made(value: float | None) -> Translation:
    def rule(recorder: Recorder, given: dict[str, Any]) -> Any:
        size = given["size"]
        if isinstance(size, int):
            size = (size,)
        number = given["fill_value"] if value is None else value
        if not has_length(size) or type(number) not in (bool, int, float):
            return None
        default = dtypes.get_default_dtype()
        if value is None and given["dtype"] is None and type(number) is not float:
            default = weft.bool if type(number) is bool else weft.int64
        dtype = _dtype(given["dtype"], default)
        like = recorder.inputs[0]
        return recorder.emit("full", like, size=tuple(size), value=float(number), dtype=dtype)

    return rule


def _made_like(value: float | None) -> Translation:
    def rule(recorder: Recorder, given: dict[str, Any]) -> Any:
        number = given["fill_value"] if value is None else value
        if type(number) not in (bool, int, float):
            return None
        x = given["input"]
        dtype = _dtype(given["dtype"], x.dtype)
        return recorder.emit("full_like", x, value=float(number), dtype=dtype)

    return rule


def _dtype(asked: Any, default: weft.dtype) -> weft.dtype:
    return default if asked is None else dtypes.of(dtypes.canonical(asked))


@_of("weft.ops.ranges:arange")
def _arange(recorder: Recorder, given: dict[str, Any]) -> Any:
    start, end, step = given["start"], given["end"], given["step"]
    if not has_length((start, end, step)):
        return None
    if end is None:
        start, end = 0, start
    if any(type(one) not in (int, Length) for one in (start, end, step)):
        return None
    dtype = _dtype(given["dtype"], weft.int64)
    like = recorder.inputs[0]
    return recorder.emit("counted", like, start=start, end=end, step=step, dtype=dtype)


@_of("weft.ops.recurrent:lstm")
def _lstm(recorder: Recorder, given: dict[str, Any]) -> Any:
    return _recurrent(recorder, given, "lstm_layers", {})


@_of("weft.ops.recurrent:gru")
def _gru(recorder: Recorder, given: dict[str, Any]) -> Any:
    return _recurrent(recorder, given, "gru_layers", {})


@_of("weft.ops.recurrent:rnn_tanh")
def _rnn_tanh(recorder: Recorder, given: dict[str, Any]) -> Any:
    return _recurrent(recorder, given, "rnn_layers", {"activation": "tanh"})


@_of("weft.ops.recurrent:rnn_relu")
def _rnn_relu(recorder: Recorder, given: dict[str, Any]) -> Any:
    return _recurrent(recorder, given, "rnn_layers", {"activation": "relu"})


def _recurrent(
    recorder: Recorder, given: dict[str, Any], name: str, more: Mapping[str, Any]
) -> Any:
    states, params = given["hx"], given["params"]
    if isinstance(params, bool) or (isinstance(states, Tensor) and name == "lstm_layers"):
        raise recorder.refusal(
            "packed sequences have as many steps as their lengths say, which a graph cannot read; "
            "trace with a padded batch"
        )
    x = given["input"]
    if given["batch_first"]:
        x = recorder.emit("transpose", x, dim0=0, dim1=1)
    tensors = [x, *(states if isinstance(states, tuple | list) else [states]), *params]
    settings = {
        "layers": given["num_layers"],
        "bidirectional": bool(given["bidirectional"]),
        "biases": bool(given["has_biases"]),
        **more,
    }
    out, *last = recorder.emit(name, tensors, **settings)
    if given["batch_first"]:
        out = recorder.emit("transpose", out, dim0=0, dim1=1)
    return (out, *last)


@_of("weft.ops.recurrent_cells:lstm_cell")
def _lstm_cell(recorder: Recorder, given: dict[str, Any]) -> Any:
    return recorder.emit("lstm_step", given["input"], *given["hx"], *_cell_weights(given))


@_of("weft.ops.recurrent_cells:gru_cell")
def _gru_cell(recorder: Recorder, given: dict[str, Any]) -> Any:
    return recorder.emit("gru_step", given["input"], given["hx"], *_cell_weights(given))


def _cell_weights(given: dict[str, Any]) -> list[Any]:
    return [given[name] for name in ("w_ih", "w_hh", "b_ih", "b_hh")]


for _place, _rule in {
    "weft.ops.extremes:max": _extreme("amax", "argmax", "maximum"),
    "weft.ops.extremes:min": _extreme("amin", "argmin", "minimum"),
    "weft.ops.strides:unfold": _emitting(
        "windows", "input", dimension="dim", size="size", step="step"
    ),
    "weft.nn.functional:conv1d": _convolution("conv1d"),
    "weft.nn.functional:conv2d": _convolution("conv2d"),
    "weft.nn.functional:conv3d": _convolution("conv3d"),
    "weft.ops.filled:zeros": _made(0.0),
    "weft.ops.filled:ones": _made(1.0),
    "weft.ops.filled:full": _made(None),
    "weft.ops.filled_like:zeros_like": _made_like(0.0),
    "weft.ops.filled_like:ones_like": _made_like(1.0),
    "weft.ops.filled_like:full_like": _made_like(None),
}.items():
    _RULES[_place] = _rule
