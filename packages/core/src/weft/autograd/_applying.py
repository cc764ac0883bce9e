"""One call of a custom function: plainly, in forward mode, and on a batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from weft._core import watching
from weft._core.boxed import Boxed
from weft._core.errors import GradError, ShapeError
from weft._core.modes import here, no_grad
from weft._core.tensor import Tensor, version_of, wrap
from weft.autograd._context import FunctionCtx
from weft.autograd._recording import Outputs, check_dirty, op_of, record
from weft.autograd.function import Function, has_setup
from weft.transforms.jvp import Dual
from weft.transforms.vmap import Batched


class VmapInfo(NamedTuple):
    """What a function's ``vmap`` is told of the batch."""

    batch_size: int
    randomness: str


def call(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, FunctionCtx]:
    """Run a custom function and record the call; return its result and its context."""
    boxes = [a._data for a in args if isinstance(a, Tensor) and isinstance(a._data, Boxed)]
    records = here.grad and any(isinstance(a, Tensor) and a._node is not None for a in args)
    needs = tuple(isinstance(a, Tensor) and a._node is not None for a in args)
    ctx = FunctionCtx(function, needs)
    counts = {id(a): _writes(a) for a in args if isinstance(a, Tensor)}
    with no_grad():
        if not boxes:
            if has_setup(function):
                given = function.forward(*args, **kwargs)
            else:
                given = function.forward(ctx, *args, **kwargs)
        else:
            _check_transformable(function, records, boxes)
    if boxes:
        top = max(boxes, key=lambda box: box.level)
        rule = _forward_mode if isinstance(top, Dual) else _batch
        given = rule(function, top, args, kwargs)
    if has_setup(function):
        with no_grad():
            inputs = (*args, *kwargs.values()) if kwargs else args
            function.setup_context(ctx, inputs, given)
    if records:
        check_dirty(function, ctx)
    outputs = Outputs(function, ctx, args, given)
    for tensor in ctx._dirty:
        if _writes(tensor) == counts.get(
            id(tensor)
        ):  # written to behind the ops' back, as an array
            version_of(tensor).writes.bump(function.__name__)
    if records and any(outputs.differentiable):
        record(function, ctx, args, outputs)
    if here.watchers:
        watching.tell(op_of(function, outputs.single), args, kwargs, _tensors(outputs.result))
    return outputs.result, ctx


def _tensors(result: Any) -> Any:
    if isinstance(result, Tensor):
        return result
    return tuple(one for one in result if isinstance(one, Tensor))


def _writes(tensor: Tensor) -> int:
    """Return how often a tensor's memory has been written to in place."""
    return 0 if tensor._version is None else tensor._version.writes.so_far()


def _check_transformable(function: Any, records: bool, boxes: Sequence[Boxed]) -> None:
    top = max(boxes, key=lambda box: box.level)
    if has_setup(function) or (isinstance(top, Dual) and not records):
        return
    raise GradError(
        f"{function.__name__}: to be used under vmap, or under a derivative within another "
        f"transform, a custom function must define setup_context(ctx, inputs, output), and "
        f"forward(*args) without ctx"
    )


def _part(value: Any, level: int, which: str) -> Any:
    if isinstance(value, Tensor) and isinstance(value._data, Dual) and value._data.level == level:
        return getattr(value._data, which)
    return value if which == "inner" else None


# --- forward mode ------------------------------------------------------------------------------


def _forward_mode(function: Any, top: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Run the function on the values and its jvp on the tangents."""
    level = top.level
    primals = tuple(_part(a, level, "inner") for a in args)
    tangents = tuple(_part(a, level, "tangent") for a in args)
    kind = type(top)
    given, ctx = call(function, primals, kwargs)
    values = given if isinstance(given, tuple) else (given,)
    slopes: tuple[Any, ...] = (None,) * len(values)
    if any(t is not None for t in tangents):
        if function.jvp is Function.jvp:
            raise NotImplementedError(
                f"{function.__name__}: to be used in forward mode, define the static method "
                f"jvp(ctx, *tangents)"
            )
        if ctx.materialize_grads:
            tangents = tuple(
                _zero_tangent(p) if t is None and isinstance(p, Tensor) else t
                for t, p in zip(tangents, primals, strict=True)
            )
        ctx._shown = ctx._to_save_forward
        try:
            found = function.jvp(ctx, *tangents)
        finally:
            ctx._shown = None
        slopes = _checked_slopes(function, found, values, ctx)
    owners = {id(p): a for p, a in zip(primals, args, strict=True) if isinstance(a, Tensor)}
    out = []
    for value, slope in zip(values, slopes, strict=True):
        if not isinstance(value, Tensor):
            out.append(value)
        elif id(value) in owners and owners[id(value)] is not value:  # written in place
            owner = owners[id(value)]
            owner._data = kind(level, value, slope)
            out.append(owner)
        else:
            out.append(wrap(kind(level, value, slope)))
    return tuple(out) if isinstance(given, tuple) else out[0]


def _zero_tangent(primal: Tensor) -> Tensor:
    from weft.ops.filled_like import zeros_like

    return zeros_like(primal)


def _checked_slopes(
    function: Any, found: Any, values: Sequence[Any], ctx: FunctionCtx
) -> tuple[Any, ...]:
    name = function.__name__
    given = found if isinstance(found, tuple) else (found,)
    if len(given) != len(values):
        raise GradError(
            f"{name}: jvp must return a tangent or None for each of the {len(values)} results of "
            f"forward, got {len(given)}"
        )
    marked = {id(t) for t in ctx._non_differentiable}
    out: list[Tensor | None] = []
    for position, (slope, value) in enumerate(zip(given, values, strict=True)):
        if slope is not None and not isinstance(slope, Tensor):
            raise TypeError(
                f"{name}: jvp must return tensors or None, got {type(slope).__name__} in place "
                f"{position}"
            )
        if slope is None or not isinstance(value, Tensor) or id(value) in marked:
            out.append(None)
            continue
        if tuple(slope.shape) != tuple(value.shape):
            raise ShapeError(
                f"{name}: jvp returned a tangent of shape {tuple(slope.shape)} in place "
                f"{position}, whose result has shape {tuple(value.shape)}"
            )
        out.append(slope if slope.dtype is value.dtype else slope.to(value.dtype))
    return tuple(out)


# --- batches -----------------------------------------------------------------------------------


def _batch(function: Any, top: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Run the function's own vmap, or forward and backward under vmap if it asks for that."""
    level, length = top.level, top.length
    own = function.vmap is not Function.vmap
    if own and function.generate_vmap_rule:
        raise GradError(
            f"{function.__name__} defines vmap and sets generate_vmap_rule=True; keep one of them"
        )
    if not own and not function.generate_vmap_rule:
        raise GradError(
            f"{function.__name__}: to be used under vmap, define the static method "
            f"vmap(info, in_dims, *args), or set generate_vmap_rule = True"
        )
    boxes = [_box(a, level) for a in args]
    inner = tuple(a if box is None else box.inner for a, box in zip(args, boxes, strict=True))
    in_dims = tuple(None if box is None else 0 for box in boxes)
    info = VmapInfo(length, randomness_at(level))
    before = here.batches
    here.batches = tuple(entry for entry in before if entry[0] < level)  # what it calls is outside
    try:
        if own:
            result = function.vmap(info, in_dims, *inner, **kwargs)
        else:
            result = _generated(function, in_dims, info, inner, kwargs)
    finally:
        here.batches = before
    if not isinstance(result, tuple) or len(result) != 2:
        what = f"{len(result)} values" if isinstance(result, tuple) else type(result).__name__
        raise GradError(
            f"{function.__name__}: vmap must return two values, the results and where their batch "
            f"dims are, got {what}"
        )
    given, out_dims = result
    owners = {id(i): a for i, a in zip(inner, args, strict=True) if isinstance(a, Tensor)}
    dims = _spread(function, given, out_dims)
    values = given if isinstance(given, tuple) else (given,)
    out = []
    for value, dim in zip(values, dims, strict=True):
        if not isinstance(value, Tensor):
            out.append(value)
        elif id(value) in owners:
            out.append(owners[id(value)])
        elif dim is None:
            out.append(value)
        else:
            out.append(wrap(Batched(level, value if dim == 0 else value.movedim(dim, 0), length)))
    return tuple(out) if isinstance(given, tuple) else out[0]


def _generated(
    function: Any,
    in_dims: tuple[int | None, ...],
    info: VmapInfo,
    inner: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> tuple[Any, Any]:
    """Return the results of forward under vmap, and where their batch dims are."""
    from weft.autograd._batching import batched

    given = batched(function, in_dims, info).apply(*inner, **kwargs)
    if not isinstance(given, tuple):
        return given, 0 if isinstance(given, Tensor) else None
    return given, tuple(0 if isinstance(v, Tensor) else None for v in given)


def _box(value: Any, level: int) -> Any:
    if isinstance(value, Tensor) and isinstance(value._data, Batched):
        return value._data if value._data.level == level else None
    return None


def randomness_at(level: int) -> str:
    """Return what random draws do in the vmap at a level."""
    for entry in here.batches:
        if entry[0] == level:
            return str(entry[2])
    return "error"


def _spread(function: Any, given: Any, out_dims: Any) -> tuple[int | None, ...]:
    count = len(given) if isinstance(given, tuple) else 1
    if out_dims is None or isinstance(out_dims, int):
        return (out_dims,) * count
    if isinstance(given, tuple) and isinstance(out_dims, tuple) and len(out_dims) == count:
        return out_dims
    raise GradError(
        f"{function.__name__}: vmap returned out_dims={out_dims!r}, which does not fit its "
        f"{count} result(s): one dim or None for all, or a tuple with one for each"
    )
