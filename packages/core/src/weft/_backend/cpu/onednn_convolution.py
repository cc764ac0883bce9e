"""Convolution and its two transposes by oneDNN: which calls it takes, and how they run.

oneDNN's quick convolutions want the channels innermost in memory, and weights in an order of their
own. So an input that lies otherwise is copied into that order, the result is left in it (its
strides say so; its shape is as ever), and each later layer of a network finds its input ready.
Weights are brought into oneDNN's order at each call, or once where the caller says what is kept of
them (:func:`constant`).

All that a call needs to know depends on its shapes, strides, dtype and settings. It is found out
once, and kept under these; None is kept where oneDNN does not take the call.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from weft._backend.cpu import onednn, switches, threads
from weft._backend.cpu import onednn_pointwise as pointwise
from weft._backend.cpu.addresses import address_of
from weft._backend.cpu.onednn import (
    BIAS,
    CONVOLUTION_DIRECT,
    DIFF_DST,
    DIFF_SRC,
    DIFF_WEIGHTS,
    DST,
    FORWARD_INFERENCE,
    SRC,
    WEIGHTS,
    Dims,
    OneDNNError,
)
from weft._backend.cpu.onednn_layouts import (
    LEAST_CHANNELS,
    Input,
    Weights,
    dense,
    empty_last,
    last_strides,
    lies,
    plain_steps,
    weight_steps,
)
from weft._backend.cpu.onednn_primitives import (
    NUMBERS,
    Attributes,
    Descriptor,
    Plan,
    Primitive,
    chosen,
    here,
    kept,
    plan,
    strided,
)
from weft._backend.numpy_ import np

#: Products in a convolution below which NumPy is used: making a primitive for a shape takes a
#: millisecond, which so little work would have to be repeated often to be worth.
LEAST_PRODUCTS = 1 << 13

#: Channels from which weights' cotangents are computed channels last, whatever that costs to copy.
WIDE = 128

#: What follows a convolution that is cut at zero.
_RELU = ((onednn.RELU, 0.0, 0.0),)

Pairs = tuple[tuple[int, int], ...]
Array = Any


def _geometry(stride: Any, padding: Pairs, dilation: Any) -> tuple[Any, ...]:
    return (
        Dims(*stride),
        Dims(*(d - 1 for d in dilation)),
        Dims(*(low for low, _ in padding)),
        Dims(*(high for _, high in padding)),
    )


def _fits(
    x: Sequence[int], w: Sequence[int], out: Sequence[int],
    stride: Any, padding: Pairs, dilation: Any, groups: int,
) -> bool:  # fmt: skip
    """Whether shapes and settings are those of a convolution, and large enough for oneDNN."""
    ndim = len(x)
    if ndim not in (3, 4, 5) or len(w) != ndim or len(out) != ndim or len(stride) + 2 != ndim:
        return False
    if w[1] * groups != x[1] or w[0] % groups or out[:2] != (x[0], w[0]):
        return False
    if min(*x, *w, *out) < 1 or min(min(pair) for pair in padding) < 0:
        return False
    lengths = tuple(
        (n + low + high - d * (k - 1) - 1) // s + 1
        for n, k, s, (low, high), d in zip(x[2:], w[2:], stride, padding, dilation, strict=True)
    )
    return lengths == tuple(out[2:]) and math.prod(out) * math.prod(w[1:]) >= LEAST_PRODUCTS


def _forward_plan(
    lib: Any, x: Descriptor, w: Any, bias: Any, out: Descriptor, geometry: Any, attributes: Any
) -> Plan:
    return plan(
        "convolution_forward", lib.engine, FORWARD_INFERENCE, CONVOLUTION_DIRECT,
        x.handle, w.handle, None if bias is None else bias.handle, out.handle,
        *geometry, attributes.handle,
    )  # fmt: skip


class _Forward:
    """How convolutions of one kind run."""

    __slots__ = ("_dtype", "_input", "_run", "_shape", "_weights")

    def __init__(
        self, x: Array, w: Array, out: Sequence[int], bias: bool, after: Any, settings: Any
    ) -> None:
        stride, padding, dilation, groups = settings
        lib = onednn.loaded()
        number = NUMBERS[x.dtype]
        self._shape, self._dtype = out, x.dtype
        self._input = Input(lib, x)
        self._weights = Weights(lib, w.shape, weight_steps(w), w.dtype, groups)
        shape = self._weights.shape
        result = strided(lib, out, number, last_strides(out))
        added = strided(lib, out[1:2], number, (1,)) if bias else None
        attributes = Attributes(lib, after)
        made = _forward_plan(
            lib, self._input.descriptor, chosen(lib, shape, number), added, result,
            _geometry(stride, padding, dilation), attributes,
        )  # fmt: skip
        wanted = made.descriptor(onednn.QUERY_WEIGHTS)
        self._weights.to(wanted)
        arguments = [(SRC, self._input.descriptor), (WEIGHTS, wanted), (DST, result)]
        self._run = Primitive(made, arguments if added is None else [*arguments, (BIAS, added)])

    def writes_to(self, out: Array) -> bool:
        """Whether an array lies as results do."""
        if out.shape != self._shape or out.dtype is not self._dtype:
            return False
        return out.flags.writeable and lies(out, last_strides(out.shape, out.itemsize))

    def __call__(self, x: Array, w: Array, bias: Array | None, held: Array | None) -> Array:
        x = self._input.ready(x)
        w = self._weights.ready(w)
        out = empty_last(self._shape, self._dtype) if held is None else held
        if bias is None:
            self._run(address_of(x), address_of(w), address_of(out))
        else:
            self._run(address_of(x), address_of(w), address_of(out), address_of(bias))
        return out


class _ToInput:
    """How the cotangents of convolutions' inputs of one kind are computed."""

    __slots__ = ("_dtype", "_input", "_run", "_shape", "_weights")

    def __init__(self, g: Array, w: Array, shape: Sequence[int], settings: Any) -> None:
        stride, padding, dilation, groups = settings
        lib = onednn.loaded()
        number = NUMBERS[g.dtype]
        self._shape, self._dtype = shape, g.dtype
        self._input = Input(lib, g)
        self._weights = Weights(lib, w.shape, weight_steps(w), w.dtype, groups)
        result = strided(lib, shape, number, last_strides(shape))
        any_weights = chosen(lib, self._weights.shape, number)
        geometry = _geometry(stride, padding, dilation)
        attributes = Attributes(lib)
        hint = _forward_plan(
            lib, result, any_weights, None, self._input.descriptor, geometry, attributes
        )
        made = plan(
            "convolution_backward_data", lib.engine, CONVOLUTION_DIRECT, result.handle,
            any_weights.handle, self._input.descriptor.handle, *geometry, hint.handle,
            attributes.handle,
        )  # fmt: skip
        wanted = made.descriptor(onednn.QUERY_WEIGHTS)
        self._weights.to(wanted)
        arguments = ((DIFF_DST, self._input.descriptor), (WEIGHTS, wanted), (DIFF_SRC, result))
        self._run = Primitive(made, arguments)

    def __call__(self, g: Array, w: Array) -> Array:
        g = self._input.ready(g)
        w = self._weights.ready(w)
        out = empty_last(self._shape, self._dtype)
        self._run(address_of(g), address_of(w), address_of(out))
        return out


class _ToFewChannels:
    """The same for images of few channels, where a kernel of ours is quicker."""

    __slots__ = ("_general", "_settings", "_shape")

    def __init__(self, shape: Sequence[int], settings: Any) -> None:
        self._shape, self._settings = shape, settings
        self._general: Any = None

    def __call__(self, g: Array, w: Array) -> Array:
        from weft._backend.cpu.launch import overlapping

        out = empty_last(self._shape, g.dtype)
        if overlapping.to_input(g, w, out, *self._settings[:2]):
            return out
        if self._general is None:  # kernels were switched off since
            self._general = _ToInput(g, w, self._shape, self._settings)
        return self._general(g, w)


def _is_chosen_better(x: Array, g: Array, w: Any, stride: Any, groups: int) -> bool:
    """Whether oneDNN's own layouts pay for their copies where a weight's cotangent is computed.

    They are quicker to make of arrays in the order of their indices than channels last is, and to
    compute with where a dense convolution has strides; but not where it has none and many channels.
    """
    plain = any(not lies(a, last_strides(a.shape, a.itemsize)) for a in (x, g))
    if groups > 1 or math.prod(w[2:]) == 1:
        return plain
    if max(stride) > 1:
        return plain or x.shape[1] >= LEAST_CHANNELS
    return plain and min(x.shape[1], g.shape[1]) < WIDE


class _ToWeight:
    """How the cotangents of convolutions' weights of one kind are computed."""

    __slots__ = ("_cotangent", "_dtype", "_input", "_run", "_shape", "_weights")

    def __init__(self, x: Array, g: Array, shape: Sequence[int], settings: Any) -> None:
        stride, padding, dilation, groups = settings
        lib = onednn.loaded()
        number = NUMBERS[x.dtype]
        self._shape, self._dtype = shape, x.dtype
        self._weights = Weights(lib, shape, plain_steps(shape), x.dtype, groups)
        any_weights = chosen(lib, self._weights.shape, number)
        geometry = _geometry(stride, padding, dilation)
        attributes = Attributes(lib)
        if _is_chosen_better(x, g, shape, stride, groups):
            source, cotangent = chosen(lib, x.shape, number), chosen(lib, g.shape, number)
        else:
            source = strided(lib, x.shape, number, last_strides(x.shape))
            cotangent = strided(lib, g.shape, number, last_strides(g.shape))
        hint = _forward_plan(lib, source, any_weights, None, cotangent, geometry, attributes)
        made = plan(
            "convolution_backward_weights", lib.engine, CONVOLUTION_DIRECT, source.handle,
            any_weights.handle, None, cotangent.handle, *geometry, hint.handle, attributes.handle,
        )  # fmt: skip
        found = made.descriptor(onednn.QUERY_DIFF_WEIGHTS)
        source = made.descriptor(onednn.QUERY_SRC)
        cotangent = made.descriptor(onednn.QUERY_DIFF_DST)
        self._input, self._cotangent = Input(lib, x, source), Input(lib, g, cotangent)
        self._weights.back(found)
        arguments = ((SRC, source), (DIFF_DST, cotangent), (DIFF_WEIGHTS, found))
        self._run = Primitive(made, arguments)

    def __call__(self, x: Array, g: Array) -> Array:
        x, g = self._input.ready(x), self._cotangent.ready(g)
        out = np.empty(self._shape, self._dtype)
        room = self._weights.room(out)
        self._run(address_of(x), address_of(g), address_of(room))
        self._weights.plainly(room, out)
        return out


def _way(kind: Any, shapes: Any, *arguments: Any) -> Any:
    """Return how a call runs, or None if oneDNN does not take it."""
    if not _fits(*shapes):
        return None
    try:
        return kind(*arguments)
    except OneDNNError:  # no primitive of its for this processor and these settings
        return None


def _forward_way(x: Array, w: Array, out: Any, bias: bool, after: Any, settings: Any) -> Any:
    if onednn.SUM not in (function for function, _, _ in after) and pointwise.is_product(
        settings, w.shape, x
    ):
        return pointwise.Forward(x, w, out, bias, after)
    if switches.codegen and after in ((), _RELU):
        from weft._backend.cpu.launch import direct

        if direct.is_taken(x, w.shape, out, settings):
            return direct.Forward(x, w, out, bias, after == _RELU, settings)
    return _Forward(x, w, out, bias, after, settings)


def _input_way(g: Array, w: Array, shape: Any, settings: Any) -> Any:
    if pointwise.is_product(settings, w.shape, g):
        return pointwise.Forward(g, w, shape, False, (), turned=True)
    if switches.codegen and shape[1] < LEAST_CHANNELS:
        from weft._backend.cpu.launch import overlapping

        if overlapping.is_taken(g, w, shape, settings):
            return _ToFewChannels(shape, settings)
    return _ToInput(g, w, shape, settings)


def _weight_way(x: Array, g: Array, shape: Any, settings: Any) -> Any:
    few = math.prod(shape) * x.shape[0] <= x.size + g.size  # what is summed at the end
    if few and pointwise.is_product(settings, shape, x, g):
        return pointwise.ToWeight(x, g, shape)
    if switches.codegen:
        from weft._backend.cpu.launch import direct

        if direct.is_weight_taken(x, shape, g, settings):
            return direct.ToWeight(x, g, shape, settings)
    return _ToWeight(x, g, shape, settings)


def _takes(a: Array, b: Array) -> bool:
    return a.dtype is b.dtype and a.dtype in NUMBERS and onednn.usable()


def constant(w: Array, made: list[Any] | None) -> None:
    """Say what is kept of a weight that calls of this thread are about to read; None: nothing.

    Args:
        w: the weight. The caller holds it until it has said that nothing is kept.
        made: a list that belongs to it and to its values as they are.
    """
    if onednn.usable():
        own = here()
        own.made, own.made_of = made, 0 if made is None else id(w)


def forward(
    x: Array, w: Array, bias: Array | None,
    stride: tuple[int, ...], padding: Pairs, dilation: tuple[int, ...], groups: int,
    after: tuple[tuple[int, float, float], ...] = (), held: Array | None = None,
) -> Array | None:  # fmt: skip
    """Return a convolution's result, channels last in memory; None if oneDNN does not take it.

    Args:
        x: (N, C, *spatial).
        w: (O, C / groups, *kernel).
        bias: (O,), or None.
        stride: per spatial dim.
        padding: (low, high) zeros per spatial dim.
        dilation: per spatial dim.
        groups: how many groups the channels form.
        after: elementwise functions of the result, as oneDNN numbers them, with two parameters;
            ``SUM`` adds what ``held`` has.
        held: with ``SUM`` the array that is added, in whose memory the result is then. It lies
            channels last and has the result's shape and dtype, or else the call is not taken.
    """
    if not _takes(x, w):
        return None
    if bias is not None:
        if bias.dtype is not x.dtype or bias.shape != w.shape[:1]:
            return None
        bias = dense(bias)
    w = dense(w)
    settings = (stride, padding, dilation, groups)
    key = (_Forward, x.dtype, x.shape, x.strides, w.shape, w.strides, bias is None, settings, after)
    try:
        run = here().kept[key]
    except KeyError:
        out = _out_shape(x.shape, w.shape, settings)
        run = kept(
            key, _way, _forward_way, (x.shape, w.shape, out, *settings),
            x, w, out, bias is not None, after, settings,
        )  # fmt: skip
    if run is None or (held is not None and not run.writes_to(held)):
        return None
    threads.align()
    return run(x, w, bias, held)


def _out_shape(x: Sequence[int], w: Sequence[int], settings: Any) -> tuple[int, ...]:
    stride, padding, dilation, _ = settings
    if not len(x) == len(w) == len(stride) + 2:
        return ()
    return (
        x[0],
        w[0],
        *(
            (n + low + high - d * (k - 1) - 1) // s + 1
            for n, k, s, (low, high), d in zip(x[2:], w[2:], stride, padding, dilation, strict=True)
        ),
    )


def to_input(
    g: Array, w: Array, shape: tuple[int, ...],
    stride: tuple[int, ...], padding: Pairs, dilation: tuple[int, ...], groups: int,
) -> Array | None:  # fmt: skip
    """Return the cotangent of a convolution's input; None if oneDNN does not take it.

    Args:
        g: the cotangent of the result, (N, O, *out).
        w: (O, C / groups, *kernel).
        shape: the input's shape, (N, C, *spatial).
        stride: as in :func:`forward`, with all that follow.
        padding: likewise.
        dilation: likewise.
        groups: likewise.
    """
    if not _takes(g, w):
        return None
    w = dense(w)
    settings = (stride, padding, dilation, groups)
    key = (_ToInput, g.dtype, g.shape, g.strides, w.shape, w.strides, shape, settings)
    run = kept(key, _way, _input_way, (shape, w.shape, g.shape, *settings), g, w, shape, settings)
    if run is None:
        return None
    threads.align()
    return run(g, w)


def to_weight(
    x: Array, g: Array, shape: tuple[int, ...],
    stride: tuple[int, ...], padding: Pairs, dilation: tuple[int, ...], groups: int,
) -> Array | None:  # fmt: skip
    """Return the cotangent of a convolution's weight; None if oneDNN does not take it.

    Args:
        x: the input, (N, C, *spatial).
        g: the cotangent of the result, (N, O, *out).
        shape: the weight's shape, (O, C / groups, *kernel).
        stride: as in :func:`forward`, with all that follow.
        padding: likewise.
        dilation: likewise.
        groups: likewise.
    """
    if not _takes(x, g):
        return None
    settings = (stride, padding, dilation, groups)
    key = (_ToWeight, x.dtype, x.shape, x.strides, g.shape, g.strides, shape, settings)
    run = kept(key, _way, _weight_way, (x.shape, shape, g.shape, *settings), x, g, shape, settings)
    if run is None:
        return None
    threads.align()
    return run(x, g)
