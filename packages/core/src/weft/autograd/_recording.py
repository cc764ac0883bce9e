"""The node of a custom function's call, and the rule by which it calls the user's backward."""

from __future__ import annotations

import functools
import weakref
from collections.abc import Sequence
from typing import Any

from weft._core.aval import Aval
from weft._core.device import device_of
from weft._core.dtypes import of
from weft._core.errors import DTypeError, GradError, ShapeError
from weft._core.inplace import graft
from weft._core.modes import here, no_grad
from weft._core.node import Leaf, Node, Pick, next_sequence
from weft._core.op import Op, not_batchable, not_differentiable
from weft._core.relatives import relatives
from weft._core.tensor import Tensor, wrap
from weft.autograd._context import FunctionCtx, Kept
from weft.transforms.anomaly import note


class FunctionNode(Node):
    """The node of a custom function: its attributes are those of the call's context."""

    __slots__ = ("_places", "ctx")

    ctx: FunctionCtx

    def name(self) -> str:
        """Return the function's name with ``Backward``."""
        return self.ctx.name()

    def place(self, output: int) -> Any:
        """Return the place in the graph of one output."""
        if self._places is None:
            return self
        return self._places[output]() or Pick(self, output)

    def __getattr__(self, name: str) -> Any:
        if name == "ctx":  # a node that is not filled yet
            raise AttributeError(name)
        return getattr(self.ctx, name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _OWN:
            object.__setattr__(self, name, value)
        else:
            setattr(self.ctx, name, value)

    def __repr__(self) -> str:
        return f"<{self.name()} node {self.sequence}>"


_OWN = frozenset({*Node.__slots__, *FunctionNode.__slots__})


class Outputs:
    """The results of one call, and which of them have a gradient."""

    def __init__(self, function: Any, ctx: FunctionCtx, inputs: Sequence[Any], given: Any) -> None:
        self.single = not isinstance(given, tuple)
        self.values: list[Any] = [given] if self.single else list(given)
        arguments = {id(a) for a in inputs if isinstance(a, Tensor)}
        dirty = {id(t) for t in ctx._dirty}
        seen: set[int] = set()
        for i, value in enumerate(self.values):
            if not isinstance(value, Tensor):
                continue
            known = id(value) in arguments and id(value) not in dirty
            if known or id(value) in seen or isinstance(value._node, Leaf):
                self.values[i] = _alias(value)  # a tensor of its own, with a node of its own
            seen.add(id(value))
        missing = [t for t in ctx._dirty if id(t) not in seen]
        if missing:
            raise GradError(
                f"{function.__name__}: mark_dirty names a tensor of shape "
                f"{tuple(missing[0].shape)} that forward does not return; a tensor that was "
                f"written to in place must be an argument and be returned"
            )
        marked = {id(t) for t in ctx._non_differentiable}
        self.differentiable = [
            isinstance(value, Tensor) and value.dtype.category >= 2 and id(old) not in marked
            for value, old in zip(self.values, [given] if self.single else given, strict=True)
        ]

    @property
    def result(self) -> Any:
        """The results as ``apply`` returns them."""
        return self.values[0] if self.single else tuple(self.values)


def _alias(tensor: Tensor) -> Tensor:
    with no_grad():
        return tensor.view_as(tensor)


def check_dirty(function: Any, ctx: FunctionCtx) -> None:
    """Raise if the call wrote to a leaf, whose gradient would then be that of another value."""
    for tensor in ctx._dirty:
        if any(isinstance(one._node, Leaf) for one in (tensor, *relatives(tensor))):
            raise GradError(
                f"{function.__name__}: a leaf tensor that requires grad, or a view of one, cannot "
                f"be written in place while a graph is recorded; clone it first, or call under "
                f"weft.no_grad()"
            )


def record(function: Any, ctx: FunctionCtx, inputs: Sequence[Any], outputs: Outputs) -> None:
    """Put a node behind the results of a call."""
    tensors = [a for a in inputs if isinstance(a, Tensor)]
    node = _node_class(function)()
    single = outputs.single
    call = _Call(function, ctx, inputs, outputs)
    node.ctx = ctx
    node.op = _op(function, single, bool(ctx._to_save))
    node.params = {}
    node.sequence = next_sequence()
    node.hooks = None
    node.versions = ()
    node.parents = tuple(t._node for t in tensors)
    node.out = None if single else tuple(call.avals)
    node._places = None
    if not single:
        picks: dict[int, Any] = {}
        for i, value in enumerate(outputs.values):
            if outputs.differentiable[i]:
                place = Pick(node, i)
                picks[i] = weakref.ref(place)
                _put(value, place, ctx)
            elif isinstance(value, Tensor):
                value._node = None
        node._places = picks
    elif outputs.differentiable[0]:
        _put(outputs.values[0], node, ctx)
    call.kept = kept = Kept(ctx, node, outputs.values)
    node.args = (call,)
    if here.anomaly is not None:
        note(node)
    ctx._to_save = None
    ctx._kept = weakref.ref(kept) if kept.slots else None


def _put(tensor: Tensor, place: Any, ctx: FunctionCtx) -> None:
    """Give a result its place in the graph; views of what was written in place follow it."""
    if all(tensor is not dirty for dirty in ctx._dirty):
        tensor._node = place
        return
    others = relatives(tensor)
    graft(tensor, place)
    if others:
        from weft.ops.overlays import follow

        value = wrap(tensor._data)
        value._node = place
        for other in others:
            follow(other, tensor, value)


class _Call:
    """What the rule of a node needs of its call."""

    __slots__ = ("avals", "ctx", "devices", "function", "inputs", "kept")

    def __init__(
        self, function: Any, ctx: FunctionCtx, inputs: Sequence[Any], outputs: Outputs
    ) -> None:
        self.function = function
        self.ctx = ctx
        self.kept: Kept | None = None
        self.inputs = [_aval(a) for a in inputs]
        self.avals = [_aval(value) or Aval((), None) for value in outputs.values]
        self.devices = [
            device_of(value) if isinstance(value, Tensor) else None for value in outputs.values
        ]


def _aval(value: Any) -> Aval | None:
    if not isinstance(value, Tensor):
        return None
    return Aval(tuple(value._data.shape), value._data.dtype)


def _pull(needs: Sequence[bool], gradients: tuple[Any, ...], call: _Call) -> tuple[Any, ...]:
    """Call the user's backward and return a checked gradient for each tensor argument."""
    function, ctx = call.function, call.ctx
    if ctx.materialize_grads:
        gradients = tuple(
            zeros(aval, device) if g is None and device is not None else g
            for g, aval, device in zip(gradients, call.avals, call.devices, strict=True)
        )
    found = backward_of(function)(ctx, *gradients)
    return fitted(function, found, call.inputs, needs)


def backward_of(function: Any) -> Any:
    """Return the backward that a function has, under one of its two names.

    Raises:
        NotImplementedError: it has none.
        RuntimeError: it has both.
    """
    from weft.autograd.function import Function

    has = [
        name
        for name in ("backward", "vjp")
        if getattr(function, name) is not getattr(Function, name)
    ]
    if not has:
        raise NotImplementedError(
            f"{function.__name__}: to run backward through it, define the static method "
            f"backward(ctx, *grad_outputs), or vjp, its other name"
        )
    if len(has) == 2:
        raise RuntimeError(
            f"{function.__name__} defines both backward and vjp, which are two names of one thing; "
            f"define one of them"
        )
    return getattr(function, has[0])


def zeros(aval: Aval, device: Any) -> Tensor:
    """Return zeros of a shape and dtype."""
    from weft.ops.filled import zeros as filled

    return filled(aval.shape, dtype=of(aval.dtype), device=device)


def fitted(
    function: Any, found: Any, inputs: Sequence[Aval | None], needs: Sequence[bool]
) -> tuple[Any, ...]:
    """Return what backward gave as one gradient for each tensor argument, of its shape and dtype.

    Args:
        function: the custom function.
        found: what its backward returned.
        inputs: shape and dtype of each argument, None for what is no tensor.
        needs: for each tensor argument whether its gradient is wanted.

    Raises:
        GradError: there are too few or too many, or one for what is no tensor.
        TypeError: one is neither a tensor nor None.
        ShapeError: one has a shape that does not reduce to its argument's.
        DTypeError: one is complex and its argument real.
    """
    name = f"{function.__name__}Backward"
    given = found if isinstance(found, tuple) else (found,)
    extra = given[len(inputs) :]
    if len(given) < len(inputs) or any(g is not None for g in extra):
        raise GradError(
            f"{name}: backward must return a gradient or None for each of the {len(inputs)} "
            f"arguments of forward, got {len(given)}"
        )
    wanted = iter(needs)
    out = []
    for position, (g, aval) in enumerate(zip(given, inputs, strict=False)):
        if g is not None and not isinstance(g, Tensor):
            raise TypeError(
                f"{name}: backward must return tensors or None, got {type(g).__name__} in place "
                f"{position}"
            )
        if aval is None:
            if g is not None:
                raise GradError(
                    f"{name}: backward returned a gradient in place {position}, but that argument "
                    f"of forward was no tensor; return None there"
                )
            continue
        out.append(_fit(name, position, g, aval) if next(wanted) and g is not None else None)
    return tuple(out)


def _fit(name: str, position: int, g: Tensor, aval: Aval) -> Tensor | None:
    from weft.ops.broadcasting import sum_to

    dtype = of(aval.dtype)
    if dtype.category < 2:
        return None
    shape = tuple(g.shape)
    if shape != aval.shape:
        ahead = len(shape) - len(aval.shape)
        pairs = zip(shape[max(ahead, 0) :], aval.shape, strict=False)
        if ahead < 0 or any(wanted not in (1, size) for size, wanted in pairs):
            raise ShapeError(
                f"{name}: backward returned a gradient of shape {shape} in place {position}, whose "
                f"argument has shape {aval.shape}; it must have that shape, or one that sums to it"
            )
        g = sum_to(g, aval.shape)
    if g.dtype is not dtype:
        if g.dtype.is_complex and not dtype.is_complex:
            raise DTypeError(
                f"{name}: backward returned a gradient of {g.dtype} in place {position}, whose "
                f"argument is of {dtype}; return its real part"
            )
        g = g.to(dtype)
    return g


def _pull_one(needs: Any, g: Any, out: Any, call: _Call) -> tuple[Any, ...]:
    return _pull(needs, (g,), call)


def _pull_several(needs: Any, gs: Any, outs: Any, call: _Call) -> tuple[Any, ...]:
    return _pull(needs, tuple(gs), call)


def _forward(xp: Any) -> None:
    raise AssertionError("a custom function's forward runs on tensors, not on arrays")


@functools.cache
def _op_of(name: str, single: bool, saves: bool) -> Op:
    def kernel(xp: Any) -> None:
        _forward(xp)

    kernel.__dict__["called"] = name
    return Op(
        name,
        "function",
        kernel=kernel,
        shape=kernel,
        vjp=_pull_one if single else _pull_several,
        jvp=not_differentiable("Function.apply calls the function's jvp itself"),
        batch=not_batchable("Function.apply calls the function's vmap itself"),
        saves=(0,) if saves else (),
        outputs=1 if single else 0,
    )


def _op(function: Any, single: bool, saves: bool) -> Op:
    return _op_of(function.__name__, single, saves)


def op_of(function: Any, single: bool) -> Op:
    """Return the record that stands for a custom function where ops are watched."""
    return _op(function, single, False)


def _node_class(function: Any) -> type[FunctionNode]:
    """Return the class of a function's nodes, of the name that PyTorch gives it."""
    made = vars(function).get("_backward_cls")
    if made is None:
        made = type(
            f"{function.__name__}Backward",
            (FunctionNode,),
            {"__slots__": (), "__module__": function.__module__},
        )
        function._backward_cls = made
    return made
