"""The way of one call: pick the kernel by array type, run it, wrap the result, record it."""

from __future__ import annotations

from typing import Any
from weakref import ref

from weft._backend.libraries import by_array
from weft._core.aval import Aval, Unsaved
from weft._core.boxed import Boxed, check_live, live
from weft._core.device import device_of
from weft._core.dtypes import of
from weft._core.errors import DeviceError, apart
from weft._core.inference import born
from weft._core.kernels import for_library
from weft._core.modes import flags, here
from weft._core.node import Node, Pick, Version, Writes, next_sequence
from weft._core.op import Op
from weft._core.tensor import Tensor, version_of

_SCALARS = frozenset({bool, int, float, complex})
_new = Tensor.__new__
_new_node = Node.__new__
_new_pick = Pick.__new__
_new_version = Version.__new__
_new_writes = Writes.__new__
_new_unsaved = Unsaved.__new__
_NO_PARAMS: dict[str, Any] = {}  # of ops that have no settings; never written to


def apply(op: Op, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
    """Run ``op`` on tensors (and scalars, and None for absent ones) with canonical settings.

    Returns:
        A tensor, or a tuple of tensors if the op has several results.
    """
    kind: type | None = None
    mixed = False
    record = False
    data = []
    for a in args:
        if isinstance(a, Tensor):
            own = a._data
            if kind is None:
                kind = type(own)
            elif type(own) is not kind:
                mixed = True
            if a._node is not None:
                record = True
            data.append(own)
        elif a is None or (op.takes_scalars and type(a) in _SCALARS):
            data.append(a)
        else:
            raise _not_a_tensor(op, args, a)
    kernel = None if mixed or kind is None else op.kernels.get(kind)
    if kernel is None:
        out = _run_unusual(op, args, params)
    else:
        try:
            out = kernel(*data, **params)
        except Exception as error:
            raise explain(op, data, params, error) from None
    if record:
        record = op.records and (not flags.any or here.grad)
    if op.outputs == 1:
        return finish(op, args, params, out, record)
    return _finish_several(op, args, params, out, record)


def apply_one(op: Op, x: Any, params: dict[str, Any]) -> Tensor:
    """Run an op of one array and one result: :func:`apply` without what more arrays need."""
    try:
        data = x._data
    except AttributeError:
        raise _not_a_tensor(op, (x,), x) from None
    kernel = op.kernels.get(type(data))
    if kernel is None:
        boxed: Tensor = apply(op, (x,), params)
        return boxed
    try:
        out = kernel(data, **params)
    except Exception as error:
        raise explain(op, [data], params, error) from None
    record = x._node is not None and op.records and (not flags.any or here.grad)
    return finish(op, (x,), params, out, record)


def viewed(op: Op, x: Tensor, data: Any, params: dict[str, Any]) -> Tensor:
    """Wrap ``data``, a view of x's memory that ``op`` gives: share the version, record the call."""
    out = _new(Tensor)
    out._data = data
    out._extra = None
    version = x._version
    if version is None:
        version = x._version = Version()
    if version.base is None:
        version.base = ref(x)
    out._version = version
    out._node = None
    if x._node is not None and op.records and (not flags.any or here.grad):
        record_one(op, x, params, out)
    return out


def record_one(op: Op, x: Tensor, params: dict[str, Any], out: Tensor) -> None:
    """Put behind ``out`` the node of a call on one tensor: :func:`make_node`, written out."""
    node = _new_node(Node)
    node.op = op
    node.params = params
    node.sequence = next_sequence()
    node.hooks = None
    node.parents = (x._node,)
    saves = op.saves
    if 0 in saves:
        version = x._version
        node.args = (x,)
        node.versions = ((x, 0 if version is None else version.writes.count),)
    else:
        data = x._data
        absent = _new_unsaved(Unsaved)
        absent.shape, absent.dtype, absent._where = data.shape, data.dtype, op.name
        node.args = (absent,)
        node.versions = ()
    if -1 in saves:
        node.out = out._data
        node.versions += ((_first_writes(out), 0),)
    else:
        node.out = None
    out._node = node


def _first_writes(out: Tensor) -> Writes:
    """Return the count of writes of a result just made; :func:`version_of`, written out."""
    if out._version is not None:
        return out._version.writes
    writes = _new_writes(Writes)
    writes.count = 0  # who wrote is asked only when somebody has
    version = out._version = _new_version(Version)
    version.base = None
    version.writes = writes
    return writes


def record_two(op: Op, x: Tensor, y: Any, out: Tensor) -> None:
    """Put behind ``out`` the node of a call on two, the second a tensor or a number."""
    node = _new_node(Node)
    node.op = op
    node.params = _NO_PARAMS
    node.sequence = next_sequence()
    node.hooks = None
    first = x._node
    saves, reads = op.saves, op.reads
    versions: tuple[Any, ...] = ()
    kept_x: Any = x
    kept_y: Any = y
    if isinstance(y, Tensor):
        second = y._node
        node.parents = (first, second)
        if reads is not None:
            if second is None:
                saves = reads[0]
            elif first is None:
                saves = reads[1]
        if 1 in saves:
            version = y._version
            versions = ((y, 0 if version is None else version.writes.count),)
        else:
            data = y._data
            kept_y = _new_unsaved(Unsaved)
            kept_y.shape, kept_y.dtype, kept_y._where = data.shape, data.dtype, op.name
    else:
        node.parents = (first, None)
        if reads is not None:
            saves = reads[0]
    if 0 in saves:
        version = x._version
        versions += ((x, 0 if version is None else version.writes.count),)
    else:
        data = x._data
        if kept_y is not y and kept_y.shape == data.shape:
            kept_x = kept_y  # nothing else of it is there to be read
        else:
            kept_x = _new_unsaved(Unsaved)
            kept_x.shape, kept_x.dtype, kept_x._where = data.shape, data.dtype, op.name
    node.args = (kept_x, kept_y)
    if -1 in saves:
        node.out = out._data
        versions += ((_first_writes(out), 0),)
    else:
        node.out = None
    node.versions = versions
    out._node = node


def finish(
    op: Op, args: tuple[Any, ...], params: dict[str, Any], data: Any, record: bool
) -> Tensor:
    """Wrap one result; share the version of what it views; record the call if asked."""
    if op.is_view:
        return viewed(op, args[0], data, params)
    out = _new(Tensor)
    out._data = data
    out._node = out._version = out._extra = None
    if flags.inference:
        born(out)
    if record and of(data.dtype).category >= 2:
        if len(args) == 1 and op.reads is None:
            record_one(op, args[0], params, out)
            return out
        node = make_node(op, args, params)
        if -1 in (op.saves if op.reads is None else _read(op, args)):
            node.out = data
            node.versions += ((_first_writes(out), 0),)
        out._node = node
    return out


def _read(op: Op, args: tuple[Any, ...]) -> frozenset[int]:
    """Return what the cotangents read that are wanted: those of arguments with a node."""
    assert op.reads is not None
    return frozenset(
        place
        for a, places in zip(args, op.reads, strict=True)
        if isinstance(a, Tensor) and a._node is not None
        for place in places
    )


def _finish_several(
    op: Op, args: tuple[Any, ...], params: dict[str, Any], data: tuple[Any, ...], record: bool
) -> tuple[Tensor, ...]:
    made = []
    for one in data:
        out = _new(Tensor)
        out._data = one
        out._node = out._version = out._extra = None
        if flags.inference:
            born(out)
        made.append(out)
    outs = tuple(made)
    if op.is_view:
        version = version_of(args[0])
        if version.base is None:
            version.base = ref(args[0])
        for out in outs:
            out._version = version
    if record:
        node = make_node(op, args, params)
        saves = op.saves
        every = -1 in saves
        left: list[Any] = []
        versions = node.versions
        for index, out in enumerate(made):
            own = out._data
            dtype = own.dtype
            if of(dtype).category >= 2:
                pick = _new_pick(Pick)
                pick.node, pick.index, pick.hooks = node, index, None
                pick.sequence = next_sequence()
                out._node = pick
            if every or -2 - index in saves:  # Op.keeps, written out
                left.append(own)
                versions += ((_first_writes(out), 0),)
            else:
                left.append(Aval(own.shape, dtype))
        node.out = tuple(left)
        node.versions = versions
    return outs


def make_node(op: Op, args: tuple[Any, ...], params: dict[str, Any]) -> Node:
    """Return a node that keeps of ``args`` what the op's backward rule reads."""
    node = _new_node(Node)
    node.op = op
    node.params = params
    node.sequence = next_sequence()
    node.out = None
    node.hooks = None
    saves: Any = op.saves if op.reads is None else _read(op, args)
    parents: list[Any] = []
    kept: list[Any] = []
    versions: tuple[Any, ...] = ()
    for position, a in enumerate(args):
        if not isinstance(a, Tensor):
            parents.append(None)
            kept.append(a)
            continue
        parents.append(a._node)
        if position in saves:
            kept.append(a)
            versions += ((a, 0 if a._version is None else a._version.writes.count),)
        else:
            data = a._data
            absent = _new_unsaved(Unsaved)
            absent.shape, absent.dtype, absent._where = data.shape, data.dtype, op.name
            kept.append(absent)
    node.parents = parents
    node.args = kept
    node.versions = versions
    return node


def _run_unusual(op: Op, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
    """Run an op whose tensors are not all plain arrays of one kind."""
    tensors = [a for a in args if isinstance(a, Tensor)]
    boxed = [t._data for t in tensors if isinstance(t._data, Boxed)]
    if boxed:
        top = max(boxed, key=lambda box: box.level)
        if top.level not in live:
            check_live(top, op.called)
        return type(top).process(top.level, op, args, params)
    if any(isinstance(t._data, Aval) for t in tensors):
        # as everywhere a 0-d tensor on the CPU counts as the number it holds
        if any(not isinstance(t._data, Aval) and t._data.shape for t in tensors):
            raise apart(op.called, sorted({str(device_of(t)) for t in tensors}))
        return op.shape(*(a._data if isinstance(a, Tensor) else a for a in args), **params)
    if not tensors:
        raise TypeError(
            f"{op.called}: expected a weft.Tensor, got {', '.join(_describe(a) for a in args)}; "
            f"make one with weft.tensor(...)"
        )
    kinds = {type(t._data) for t in tensors}
    if len(kinds) > 1:
        raise apart(op.called, sorted({str(device_of(t)) for t in tensors}))
    (kind,) = kinds
    kernel = op.kernels[kind] = for_library(op, by_array[kind])  # from now on found by apply itself
    data = [a._data if isinstance(a, Tensor) else a for a in args]
    try:
        return kernel(*data, **params)
    except Exception as error:
        raise explain(op, data, params, error) from None


def explain(op: Op, data: list[Any], params: dict[str, Any], error: Exception) -> Exception:
    """Return the error a user should read when a kernel failed: its shape rule's, if it has one."""
    if isinstance(error, DeviceError):
        return error
    avals = [Aval(d.shape, d.dtype) if hasattr(d, "shape") else d for d in data]
    try:
        op.shape(*avals, **params)
    except NotImplementedError:
        pass  # a user's op without a shape rule has no better error to give
    except Exception as better:
        return better
    error.add_note(f"raised by the kernel of weft's op {op.name} on {avals} with {params}")
    return error


def _not_a_tensor(op: Op, args: tuple[Any, ...], bad: Any) -> TypeError:
    return not_a_tensor(op.called, next(i for i, a in enumerate(args) if a is bad), bad)


def not_a_tensor(name: str, position: int, bad: Any) -> TypeError:
    """Return the error for an argument, counted from 0, that had to be a tensor."""
    hint = "; make one with weft.tensor(...)" if not callable(bad) else ""
    return TypeError(
        f"{name}: expected a weft.Tensor as argument {position + 1}, got {_describe(bad)}{hint}"
    )


def _describe(value: Any) -> str:
    text = repr(value)
    return f"{type(value).__name__} {text if len(text) < 60 else text[:57] + '...'}"
