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

from weft._backend.cpu import onednn, threads
from weft._backend.cpu.launch import turning
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
from weft._backend.cpu.onednn_primitives import (
    NUMBERS,
    Attributes,
    Descriptor,
    Plan,
    Primitive,
    address_of,
    chosen,
    here,
    kept,
    plan,
    reorder,
    strided,
)
from weft._backend.numpy_ import ndarray, np

#: Products in a convolution below which NumPy is used: making a primitive for a shape takes a
#: millisecond, which so little work would have to be repeated often to be worth.
LEAST_PRODUCTS = 1 << 13

#: Elements of an input from which a kernel of ours is quicker at exchanging channels and places.
LEAST_TURNED = 1 << 18
#: Layouts that are kept of one weight: other sizes of the input may want another.
MOST_LAYOUTS = 3

Pairs = tuple[tuple[int, int], ...]
Array = Any


def last_strides(shape: Sequence[int], itemsize: int = 1) -> tuple[int, ...]:
    """Return the strides of an array (N, C, *spatial) whose channels are innermost in memory."""
    step = shape[1] * itemsize
    inner = []
    for n in reversed(shape[2:]):
        inner.append(step)
        step *= n
    return (step, itemsize, *reversed(inner))


def empty_last(shape: Sequence[int], dtype: Any) -> Array:
    """Return an uninitialised array (N, C, *spatial) whose channels are innermost in memory."""
    return ndarray(shape, dtype, None, 0, last_strides(shape, dtype.itemsize))


def _lies(a: Array, strides: Sequence[int]) -> bool:
    """Whether an array has these strides, where its length lets them matter."""
    return all(
        step == wanted or n == 1
        for n, step, wanted in zip(a.shape, a.strides, strides, strict=True)
    )


def _plain_steps(shape: Sequence[int]) -> tuple[int, ...]:
    """Return the strides, in elements, of an array in the order of its indices."""
    return tuple(math.prod(shape[d + 1 :]) for d in range(len(shape)))


def _weight_steps(w: Array) -> tuple[int, ...]:
    return _plain_steps(w.shape) if w.flags.c_contiguous else last_strides(w.shape)


class _Input:
    """How an array comes to lie as a primitive wants it: channels last, or as the primitive chose.

    It is taken as it is, copied by a reorder or, where channels and places are exchanged in much
    memory, by a kernel that does that twice as fast; or by NumPy, from strides of any other kind.
    """

    __slots__ = ("_chosen", "_copy", "_dtype", "_gather", "_last", "_shape", "_turn", "descriptor")

    def __init__(self, lib: Any, a: Array, wanted: Descriptor | None = None) -> None:
        number = NUMBERS[a.dtype]
        self._shape, self._dtype = a.shape, a.dtype
        self._last = wanted is None
        self._chosen = 0  # bytes of the layout that the primitive chose
        last = strided(lib, a.shape, number, last_strides(a.shape))
        self.descriptor = last if wanted is None else wanted
        self._copy: Any = None
        self._turn: Any = None
        lies_last = _lies(a, last_strides(a.shape, a.itemsize))
        self._gather = not lies_last and not a.flags.c_contiguous
        if wanted is None and (lies_last or self._gather):
            return
        own = last if lies_last else strided(lib, a.shape, number, _plain_steps(a.shape))
        if own != self.descriptor:
            self._copy = reorder(own, self.descriptor)
            self._chosen = 0 if wanted is None else wanted.nbytes
        if wanted is None and a.size >= LEAST_TURNED and a.shape[1] >= turning.TILE:
            self._turn = turning.channels_last

    def ready(self, a: Array) -> Array:
        """Return the array, or memory that holds a copy of it as it is wanted."""
        if self._gather:
            if self._last:
                out = empty_last(self._shape, self._dtype)
                np.copyto(out, a)
                return out
            a = np.ascontiguousarray(a)
        copy = self._copy
        if copy is None:
            return a
        if self._chosen:
            out = np.empty(self._chosen, np.uint8)
        else:
            out = empty_last(self._shape, self._dtype)
            if self._turn is not None and self._turn(a, out):
                return out
        copy(address_of(a), address_of(out))
        return out


class _Weights:
    """A weight's plain layout, and the copy between it and the one that a primitive chose."""

    __slots__ = ("_reorder", "_size", "_wanted", "plain", "shape")

    def __init__(
        self, lib: Any, shape: Sequence[int], steps: Sequence[int], dtype: Any, groups: int
    ) -> None:
        self.shape = tuple(shape)
        if groups > 1:
            self.shape = (groups, shape[0] // groups, *shape[1:])
            steps = (shape[0] // groups * steps[0], *steps)
        self.plain = strided(lib, self.shape, NUMBERS[dtype], steps)
        self._reorder: Any = None
        self._size = 0
        self._wanted: Any = None

    def to(self, wanted: Descriptor) -> None:
        """Prepare :meth:`ready`."""
        if wanted != self.plain:
            self._reorder = reorder(self.plain, wanted)
            self._size = wanted.nbytes
            self._wanted = wanted

    def back(self, found: Descriptor) -> None:
        """Prepare :meth:`room` and :meth:`plainly`."""
        if found != self.plain:
            self._reorder = reorder(found, self.plain)
            self._size = found.nbytes

    def ready(self, w: Array) -> Array:
        """Return memory that holds a contiguous weight in the primitive's layout."""
        if self._reorder is None:
            return w
        own = here()
        made = own.made if own.made_of == id(w) else None
        if made is not None:
            for layout, memory in made:
                if layout is self._wanted or layout == self._wanted:
                    return memory
        out = np.empty(self._size, np.uint8)
        self._reorder(address_of(w), address_of(out))
        if made is not None and len(made) < MOST_LAYOUTS:
            made.append((self._wanted, out))
        return out

    def room(self, out: Array) -> Array:
        """Return memory for the primitive to write to: the result itself if the layouts agree."""
        return out if self._reorder is None else np.empty(self._size, np.uint8)

    def plainly(self, room: Array, out: Array) -> None:
        """Copy what the primitive wrote into the result."""
        if self._reorder is not None:
            self._reorder(address_of(room), address_of(out))


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
        self._input = _Input(lib, x)
        self._weights = _Weights(lib, w.shape, _weight_steps(w), w.dtype, groups)
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

    def __call__(self, x: Array, w: Array, bias: Array | None) -> Array:
        x = self._input.ready(x)
        w = self._weights.ready(w)
        out = empty_last(self._shape, self._dtype)
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
        self._input = _Input(lib, g)
        self._weights = _Weights(lib, w.shape, _weight_steps(w), w.dtype, groups)
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


def _is_chosen_better(x: Array, g: Array, w: Any, stride: Any, groups: int) -> bool:
    """Whether oneDNN's own layouts pay for their copies where a weight's cotangent is computed.

    They are quicker to make of arrays in the order of their indices than channels last is, and to
    compute with where a dense convolution has strides.
    """
    plain = any(not _lies(a, last_strides(a.shape, a.itemsize)) for a in (x, g))
    strided_kernel = max(stride) > 1 and math.prod(w[2:]) > 1
    return plain or (strided_kernel and groups == 1 and x.shape[1] >= turning.TILE)


class _ToWeight:
    """How the cotangents of convolutions' weights of one kind are computed."""

    __slots__ = ("_cotangent", "_dtype", "_input", "_run", "_shape", "_weights")

    def __init__(self, x: Array, g: Array, shape: Sequence[int], settings: Any) -> None:
        stride, padding, dilation, groups = settings
        lib = onednn.loaded()
        number = NUMBERS[x.dtype]
        self._shape, self._dtype = shape, x.dtype
        self._weights = _Weights(lib, shape, _plain_steps(shape), x.dtype, groups)
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
        self._input, self._cotangent = _Input(lib, x, source), _Input(lib, g, cotangent)
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


def _takes(a: Array, b: Array) -> bool:
    return a.dtype is b.dtype and a.dtype in NUMBERS and onednn.usable()


def _dense(w: Array) -> Array:
    """Return an array that lies in the order of its indices or channels last: this, or a copy."""
    if w.flags.c_contiguous or (w.ndim > 2 and _lies(w, last_strides(w.shape, w.itemsize))):
        return w
    return np.ascontiguousarray(w)


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
    after: tuple[tuple[int, float, float], ...] = (),
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
        after: elementwise functions of the result, as oneDNN numbers them, with two parameters.
    """
    if not _takes(x, w):
        return None
    if bias is not None:
        if bias.dtype is not x.dtype or bias.shape != w.shape[:1]:
            return None
        bias = _dense(bias)
    w = _dense(w)
    settings = (stride, padding, dilation, groups)
    key = (_Forward, x.dtype, x.shape, x.strides, w.shape, w.strides, bias is None, settings, after)
    try:
        run = here().kept[key]
    except KeyError:
        out = _out_shape(x.shape, w.shape, settings)
        run = kept(
            key, _way, _Forward, (x.shape, w.shape, out, *settings),
            x, w, out, bias is not None, after, settings,
        )  # fmt: skip
    if run is None:
        return None
    threads.align()
    return run(x, w, bias)


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
    w = _dense(w)
    settings = (stride, padding, dilation, groups)
    key = (_ToInput, g.dtype, g.shape, g.strides, w.shape, w.strides, shape, settings)
    run = kept(key, _way, _ToInput, (shape, w.shape, g.shape, *settings), g, w, shape, settings)
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
    run = kept(key, _way, _ToWeight, (x.shape, shape, g.shape, *settings), x, g, shape, settings)
    if run is None:
        return None
    threads.align()
    return run(x, g)
