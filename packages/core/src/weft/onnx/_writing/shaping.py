"""Functions about shapes, and those that choose elements by place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import weft
from weft.onnx._writing.writer import Call, NoForm, Writer, form

__all__ = ["sizes_between"]

_FAR = 2**63 - 1


@form("reshape reshape_keeping")
def _reshape(w: Writer, call: Call) -> Any:
    zero = None
    if call.function == "reshape" and call.fixed("shape"):
        zero = int(0 in _listed(call.get("shape"))) or None
    return w.emit("Reshape", [call.value(0), call.ints("shape")], allowzero=zero)


def _listed(value: int | Sequence[int]) -> list[int]:
    return [value] if isinstance(value, int) else list(value)


@form("flatten")
def _flatten(w: Writer, call: Call) -> Any:
    rank = call.rank()
    first, last = call.dim("start_dim", 0), call.dim("end_dim", -1)
    x = call.value(0)
    if last == rank - 1:
        return w.emit("Reshape", [x, w.numbers([0] * first + [-1])])
    parts = [w.numbers([0] * first + [-1]), sizes_between(w, x, last + 1, rank)]
    return w.emit("Reshape", [x, w.emit("Concat", parts, axis=0)])


def sizes_between(w: Writer, x: str, start: int, end: int) -> str:
    """Return the sizes of some dims as a row."""
    out: str = w.emit("Shape", [x], start=start, end=end)
    return out


@form("unflatten")
def _unflatten(w: Writer, call: Call) -> Any:
    at, rank, x = call.dim("dim", 0), call.rank(), call.value(0)
    parts = [w.numbers([0] * at), call.ints("sizes"), sizes_between(w, x, at + 1, rank)]
    return w.emit("Reshape", [x, w.emit("Concat", parts, axis=0)])


@form("transpose permute movedim reverse_dims")
def _transpose(w: Writer, call: Call) -> Any:
    order = list(range(call.rank()))
    if call.function == "transpose":
        a, b = call.dim("dim0", 0), call.dim("dim1", 0)
        order[a], order[b] = order[b], order[a]
    elif call.function == "permute":
        order = call.dims("dims")
    elif call.function == "reverse_dims":
        order = order[::-1]
    else:
        moved = dict(zip(call.dims("destination"), call.dims("source"), strict=True))
        rest = iter([dim for dim in order if dim not in moved.values()])
        order = [moved[at] if at in moved else next(rest) for at in order]
    return w.emit("Transpose", [call.value(0)], perm=order)


@form("squeeze")
def _squeeze(w: Writer, call: Call) -> Any:
    shape = call.shape()
    axes = [dim for dim in call.dims() if shape[dim] == 1]
    return w.emit("Squeeze", [call.value(0), w.numbers(axes)]) if axes else call.value(0)


@form("unsqueeze")
def _unsqueeze(w: Writer, call: Call) -> Any:
    return w.emit("Unsqueeze", [call.value(0), w.numbers([call.get("dim")])])


@form("cat stack")
def _joined(w: Writer, call: Call) -> Any:
    dtype, axis = call.out_dtype(), call.get("dim", 0)
    values = [call.value(place, dtype) for place in range(len(call.operands))]
    if call.function == "stack":
        values = [w.emit("Unsqueeze", [one, w.numbers([axis])]) for one in values]
    return w.emit("Concat", values, axis=axis)


@form("chunk split unbind")
def _parts(w: Writer, call: Call) -> Any:
    axis, count = call.dim("dim", 0), len(call.results)
    sizes = _part_sizes(call, axis, count)
    found = w.emit("Split", [call.value(0), w.numbers(sizes)], count, axis=axis)
    found = [found] if count == 1 else found
    if call.function == "unbind":
        found = [w.emit("Squeeze", [one, w.numbers([axis])]) for one in found]
    return found


def _part_sizes(call: Call, axis: int, count: int) -> list[int]:
    size = call.shape()[axis]
    if call.function == "unbind":
        return [1] * count
    if call.function == "chunk":
        each = -(-size // int(call.get("chunks")))
    else:
        wanted = call.get("split_size_or_sections")
        if not isinstance(wanted, int):
            return list(wanted)
        each = wanted
    return [min(each, size - each * part) for part in range(count)]


@form("select")
def _select(w: Writer, call: Call) -> Any:
    index = w.numbers([call.get("index")]) if call.fixed("index") else call.ints("index")
    scalar = w.emit("Squeeze", [index, w.numbers([0])])
    return w.emit("Gather", [call.value(0), scalar], axis=call.dim("dim", 0))


@form("slice")
def _slice(w: Writer, call: Call) -> Any:
    dims = call.get("dims")
    count = len(_listed(dims)) if dims is not None else 1
    axes = w.numbers(_listed(dims)) if dims is not None else w.numbers(list(range(count)))
    steps = call.ints("steps") if call.get("steps") is not None else w.numbers([1] * count)
    return w.emit("Slice", [call.value(0), call.ints("starts"), call.ints("ends"), axes, steps])


@form("narrow")
def _narrow(w: Writer, call: Call) -> Any:
    start, length = call.ints("start"), call.ints("length")
    axes = w.numbers([call.dim("dim", 0)])
    return w.emit("Slice", [call.value(0), start, w.emit("Add", [start, length]), axes])


@form("lookup index_select")
def _lookup(w: Writer, call: Call) -> Any:
    return w.emit("Gather", [call.value(0), call.value(1)], axis=call.dim("dim", 0))


@form("gather take_along_dim")
def _gather(w: Writer, call: Call) -> Any:
    if call.get("dim") is None:
        raise NoForm("no dim")
    return w.emit("GatherElements", [call.value(0), call.value(1)], axis=call.dim("dim", 0))


@form("gather_nd")
def _gather_nd(w: Writer, call: Call) -> Any:
    batch = call.get("batch_dims", 0)
    return w.emit("GatherND", [call.value(0), call.value(1)], batch_dims=batch)


@form("broadcast_to")
def _broadcast_to(w: Writer, call: Call) -> Any:
    if call.fixed("size"):
        sizes = [1 if n == -1 else n for n in _listed(call.get("size"))]  # one keeps what is there
        return w.emit("Expand", [call.value(0), w.numbers(sizes)])
    row = call.ints("size")
    kept = w.emit("Max", [row, w.numbers([1])])
    return w.emit("Expand", [call.value(0), kept])


@form("tile")
def _tile(w: Writer, call: Call) -> Any:
    times = _listed(call.get("dims"))
    x, missing = call.value(0), len(times) - call.rank()
    if missing > 0:
        x = w.emit("Unsqueeze", [x, w.numbers(list(range(missing)))])
    return w.emit("Tile", [x, w.numbers([1] * max(0, -missing) + times)])


@form("flip")
def _flip(w: Writer, call: Call) -> Any:
    dims = call.dims("dims")
    count = len(dims)
    given = [w.numbers([-1] * count), w.numbers([-_FAR] * count), w.numbers(dims)]
    return w.emit("Slice", [call.value(0), *given, w.numbers([-1] * count)])


@form("roll")
def _roll(w: Writer, call: Call) -> Any:
    if call.get("dims") is None:
        raise NoForm("no dims")
    x = call.value(0)
    shifts = _listed(call.get("shifts"))
    for shift, dim in zip(shifts, call.dims("dims"), strict=True):
        axes = w.numbers([dim])
        late = w.emit("Slice", [x, w.numbers([-shift]), w.numbers([_FAR]), axes])
        early = w.emit("Slice", [x, w.numbers([0]), w.numbers([-shift]), axes])
        x = w.emit("Concat", [late, early], axis=dim)
    return x


@form("tril triu")
def _triangle(w: Writer, call: Call) -> Any:
    diagonal = w.number(call.get("diagonal", 0), weft.int64)
    return w.emit("Trilu", [call.value(0), diagonal], upper=int(call.function == "triu"))


@form("pad")
def _pad(w: Writer, call: Call) -> Any:
    pads, mode = _listed(call.get("pad")), call.get("mode", "constant")
    names = {"constant": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}
    rank = call.rank()
    before, after = [0] * rank, [0] * rank
    for at in range(len(pads) // 2):
        before[rank - 1 - at], after[rank - 1 - at] = pads[2 * at], pads[2 * at + 1]
    given = [call.value(0), w.numbers(before + after)]
    if mode == "constant":
        given.append(w.number(call.get("value") or 0, call.dtype()))
    if mode == "circular" and w.opset < 19:
        raise NoForm("mode circular before opset 19")
    return w.emit("Pad", given, mode=names[mode])


@form("one_hot")
def _one_hot(w: Writer, call: Call) -> Any:
    depth = w.number(call.out_shape()[-1], weft.int64)
    if call.get("num_classes", -1) == -1:
        raise NoForm("no num_classes")
    values = w.constant(weft.tensor([0, 1], dtype=weft.int64))
    return w.emit("OneHot", [call.value(0), depth, values], axis=-1)


@form("pixel_shuffle")
def _pixel_shuffle(w: Writer, call: Call) -> Any:
    size = call.get("upscale_factor")
    return w.emit("DepthToSpace", [call.value(0)], blocksize=size, mode="CRD")


# --- sizes as values ------------------------------------------------------------------------------


@form("size")
def _size(w: Writer, call: Call) -> Any:
    at = call.dim("dim", 0)
    row = sizes_between(w, call.value(0), at, at + 1)
    return w.emit("Squeeze", [row, w.numbers([0])])


@form("shape")
def _shape(w: Writer, call: Call) -> Any:
    return w.emit("Shape", [call.value(0)], start=call.get("start", 0), end=call.get("end"))


@form("numel")
def _numel(w: Writer, call: Call) -> Any:
    return w.emit("Size", [call.value(0)])


@form("row")
def _row(w: Writer, call: Call) -> Any:
    template, places = _listed(call.get("template")), _listed(call.get("places"))
    at = {place: name for place, name in zip(places, call.operands, strict=True)}
    parts = [
        w.row_of(str(at[place])) if place in at else w.numbers([number])
        for place, number in enumerate(template)
    ]
    return parts[0] if len(parts) == 1 else w.emit("Concat", parts, axis=0)


@form("full")
def _full(w: Writer, call: Call) -> Any:
    if not call.fixed("value"):
        raise NoForm("its setting value follows a size that varies")
    number = w.number(call.get("value"), call.get("dtype"))
    return w.emit("Expand", [number, call.ints("size")])


@form("full_like")
def _full_like(w: Writer, call: Call) -> Any:
    number = w.number(call.get("value"), call.get("dtype"))
    return w.emit("Expand", [number, w.emit("Shape", [call.value(0)])])


@form("counted")
def _counted(w: Writer, call: Call) -> Any:
    ends = [
        w.emit("Squeeze", [call.ints(name), w.numbers([0])]) for name in ("start", "end", "step")
    ]
    out, dtype = w.emit("Range", ends), call.get("dtype")
    return out if dtype == weft.int64 else w.cast(out, dtype)
