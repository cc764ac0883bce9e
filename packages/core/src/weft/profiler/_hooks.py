"""Where in weft a profile listens: around ops, functions, in-place writes, rules and modules."""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from typing import Any

from weft._core import catalogue, dispatch, inplace
from weft._core.boxed import Boxed
from weft._core.joints import CodeJoint, Joint
from weft._core.node import Node
from weft._core.op import Op
from weft._core.tensor import Tensor
from weft._core.watching import close_short_paths, node_of, open_short_paths
from weft._tensor import writing
from weft.autograd import _applying
from weft.profiler import _flops
from weft.profiler._recording import (
    BACKWARD,
    FUNCTION,
    GARBAGE,
    MODULE,
    OP,
    TAPE,
    WRITE,
    Recorder,
    Span,
)
from weft.transforms import leaves, lowering, tape, walk
from weft.transforms.rules import RULE

_APPLY = CodeJoint(dispatch.apply)
_APPLY_ONE = CodeJoint(dispatch.apply_one)
_WRITE = CodeJoint(inplace.write)
_SET = CodeJoint(writing._setitem)
_CUSTOM = Joint(vars(_applying), "call")
_ENTER = Joint(vars(catalogue), "enter")
_PASS = Joint(vars(tape), "walk")
_LOWERED = Joint(vars(lowering), "cotangents")
_LOWERING = Joint(vars(lowering), "_lowered")
_SUM = Joint(vars(walk), "_add_data")
_ADDED = Joint(vars(leaves), "added")
_ACCUMULATE = Joint(vars(leaves), "accumulate")
#: The joints of functions made of ops, by their name in the catalogue; made when first needed.
_functions: dict[str, Joint | None] = {}


class Hooks:
    """The joints of one recording.

    Args:
        recorder: what is told.
        modules: whether calls of modules are spans too.
    """

    def __init__(self, recorder: Recorder, *, modules: bool) -> None:
        self._recorder = recorder
        self._entered: list[tuple[Joint, Callable[..., Any]]] = []
        self._modules = _Modules(recorder) if modules else None
        self._collection: Span | None = None

    def enter(self) -> None:
        """Listen in all threads, until :meth:`leave`."""
        close_short_paths()
        for key in list(catalogue.public):
            self._enter_function(key)
        for joint, around in (
            (_APPLY, self._op),
            (_APPLY_ONE, self._op_of_one),
            (_WRITE, self._write),
            (_SET, self._set),
            (_CUSTOM, self._custom),
            (_ENTER, self._new_function),
            (_PASS, self._pass),
            (_LOWERED, self._lowered),
            (_LOWERING, self._lowering),
            (RULE, self._rule),
            (_SUM, self._sum),
            (_ADDED, self._added),
            (_ACCUMULATE, self._accumulate),
        ):
            self._enter(joint, around)
        if self._modules is not None:
            self._modules.enter()
        gc.callbacks.append(self._garbage)

    def leave(self) -> None:
        """Listen no more."""
        gc.callbacks.remove(self._garbage)
        if self._modules is not None:
            self._modules.leave()
        while self._entered:
            joint, around = self._entered.pop()
            joint.leave(around)
        open_short_paths()

    def _enter(self, joint: Joint, around: Callable[..., Any]) -> None:
        joint.enter(around)
        self._entered.append((joint, around))

    # --- forward ----------------------------------------------------------------------------

    def _op(self, run: Any, op: Op, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        name = op.called
        for a in args:
            if isinstance(a, Tensor) and isinstance(a._data, Boxed):
                if a._data.stands_for_array:  # a rule is being lowered: nothing is computed
                    return run(op, args, params)
                name = f"{name} ({a._data.transform})"
                break
        recorder = self._recorder
        span = recorder.begin(OP, name)
        try:
            result = run(op, args, params)
        finally:
            recorder.finish(span)
        self._tell(span, op, args, result)
        return result

    def _op_of_one(self, run: Any, op: Op, x: Any, params: dict[str, Any]) -> Any:
        if not isinstance(x, Tensor) or type(x._data) not in op.kernels:
            return run(op, x, params)  # it asks the other
        recorder = self._recorder
        span = recorder.begin(OP, op.called)
        try:
            result = run(op, x, params)
        finally:
            recorder.finish(span)
        self._tell(span, op, (x,), result)
        return result

    def _tell(self, span: Span, op: Op, args: tuple[Any, ...], result: Any) -> None:
        recorder = self._recorder
        node = node_of(result)
        if node is not None:
            span.sequence = node.sequence
        if recorder.shapes or recorder.flops:
            shapes = _flops.shapes_of(args)
            if recorder.shapes:
                span.shapes = shapes
            if recorder.flops and not any(_is_boxed(a) for a in args):
                first = result if isinstance(result, Tensor) else result[0]
                span.flops = _flops.forward(op, shapes, tuple(first.shape))
        recorder.note_result(span, args, result)

    def _enter_function(self, key: str) -> None:
        if key not in _functions:
            _functions[key] = _joint_of(catalogue.public[key])
        joint = _functions[key]
        if joint is None:
            return
        recorder = self._recorder
        name = catalogue.public[key].key

        def around(run: Any, *args: Any, **kwargs: Any) -> Any:
            span = recorder.begin(FUNCTION, name)
            try:
                result = run(*args, **kwargs)
            finally:
                recorder.finish(span)
            if isinstance(result, Tensor):
                node = node_of(result)
                if node is not None:
                    span.sequence = node.sequence
            elif not isinstance(result, (tuple, list)):
                return result
            recorder.note_result(span, args, result)
            return result

        self._enter(joint, around)

    def _new_function(self, run: Any, *args: Any, **kwargs: Any) -> Any:
        """Listen to functions whose file is loaded meanwhile."""
        known = len(catalogue.public)
        function = run(*args, **kwargs)
        for key in list(catalogue.public)[known:]:
            self._enter_function(key)
        return function

    def _custom(self, run: Any, function: Any, args: Any, kwargs: Any) -> Any:
        recorder = self._recorder
        span = recorder.begin(FUNCTION, function.__name__)
        try:
            return run(function, args, kwargs)
        finally:
            recorder.finish(span)

    def _write(self, run: Any, target: Any, value: Any, writer: str) -> Any:
        recorder = self._recorder
        span = recorder.begin(WRITE, writer)
        try:
            return run(target, value, writer)
        finally:
            recorder.finish(span)

    def _set(self, run: Any, tensor: Any, key: Any, value: Any) -> None:
        recorder = self._recorder
        span = recorder.begin(WRITE, "__setitem__")
        try:
            run(tensor, key, value)
        finally:
            recorder.finish(span)

    # --- backward ---------------------------------------------------------------------------

    def _pass(self, run: Any, *args: Any, **kwargs: Any) -> Any:
        recorder = self._recorder
        span = recorder.begin(TAPE, "backward pass")
        try:
            return run(*args, **kwargs)
        finally:
            recorder.finish(span)

    def _lowered(self, run: Any, node: Node, g: Any, wanted: Sequence[bool]) -> Any:
        recorder = self._recorder
        span = recorder.begin(BACKWARD, f"{node.op.called} backward", node.sequence)
        result = None
        args = node.args or ()
        try:
            result = run(node, g, wanted)
        finally:
            if result is None:
                recorder.withdraw(span)
            else:
                recorder.finish(span)
        if result is None:
            return None
        if recorder.shapes or recorder.flops:
            shape = tuple(g.shape) if hasattr(g, "shape") else ()
            if recorder.shapes:
                span.shapes = [shape]
            if recorder.flops:
                span.flops = _flops.backward(node.op, _flops.shapes_of(args), shape, wanted)
        if recorder.memory is not None:
            given = (*args, *(g.values() if isinstance(g, dict) else (g,)))
            for ct in result[0]:
                if ct is not None:
                    span.allocated += recorder.memory.made(ct, given)
        return result

    def _lowering(self, run: Any, node: Node, g: Any, wanted: Sequence[bool]) -> Any:
        recorder = self._recorder
        span = recorder.begin(TAPE, f"lowering of {node.op.called} backward")
        try:
            return run(node, g, wanted)
        finally:
            recorder.finish(span)

    def _rule(self, run: Any, node: Node, g: Any, wanted: Sequence[bool]) -> Any:
        recorder = self._recorder
        span = recorder.begin(BACKWARD, f"{node.op.called} backward", node.sequence)
        try:
            result = run(node, g, wanted)
        finally:
            recorder.finish(span)
        if recorder.shapes:
            span.shapes = _flops.shapes_of((g,))
        return result

    def _sum(self, run: Any, *args: Any) -> None:
        recorder = self._recorder
        span = recorder.begin(TAPE, "sum of gradients")
        try:
            run(*args)
        finally:
            recorder.finish(span)

    def _added(self, run: Any, tensor: Tensor, g: Any) -> Any:
        recorder = self._recorder
        span = recorder.begin(TAPE, "AccumulateGrad")
        done = False
        try:
            done = run(tensor, g)
        finally:
            if done:
                recorder.finish(span)
            else:
                recorder.withdraw(span)
        return done

    def _accumulate(self, run: Any, tensor: Tensor, g: Tensor, *rest: Any) -> None:
        recorder = self._recorder
        span = recorder.begin(TAPE, "AccumulateGrad")
        try:
            run(tensor, g, *rest)
        finally:
            recorder.finish(span)
        grad = tensor.grad
        if grad is not None:
            recorder.note_result(span, (g,), grad)

    # --- Python -----------------------------------------------------------------------------

    def _garbage(self, phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            name = f"garbage collection, generation {info['generation']}"
            self._collection = self._recorder.begin(GARBAGE, name)
        elif self._collection is not None:
            self._recorder.finish(self._collection)
            self._collection = None


def _is_boxed(a: Any) -> bool:
    return isinstance(a, Tensor) and isinstance(a._data, Boxed)


def _joint_of(entry: catalogue.Public) -> Joint | None:
    """Return the joint of a function that is made of ops; None for one that is an op."""
    if entry.op is not None:
        return None
    scope = entry.function.__globals__
    body = getattr(entry.function, "__wrapped__", None)
    if body is not None and scope.get("_body") is body:
        return Joint(scope, "_body")
    return CodeJoint(entry.function) if entry.function.__closure__ is None else None


class _Modules:
    """Makes spans of the calls of modules, called by their path in the outermost one."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._plain: Any = None
        self._paths: dict[int, tuple[Any, str]] = {}  # with the module, so that no id is reused

    def enter(self) -> None:
        from weft.nn.module import Module

        plain = self._plain = Module.__call__
        recorder = self._recorder

        # called self, as nan_origin finds the modules on the stack by that name
        def __call__(self: Any, *args: Any, **kwargs: Any) -> Any:
            span = recorder.begin(MODULE, name_of(self))
            try:
                return plain(self, *args, **kwargs)
            finally:
                recorder.finish(span)

        name_of = self._name
        Module.__call__ = __call__  # type: ignore[method-assign]  # put back below

    def leave(self) -> None:
        from weft.nn.module import Module

        Module.__call__ = self._plain  # type: ignore[method-assign]  # what it was

    def _name(self, module: Any) -> str:
        known = self._paths.get(id(module))
        if known is None:
            self._learn(module, type(module).__name__)
            known = self._paths[id(module)]
        return f"{known[1]} ({type(module).__name__})" if "." in known[1] else known[1]

    def _learn(self, root: Any, name: str) -> None:
        for path, module in root.named_modules():
            self._paths.setdefault(id(module), (module, f"{name}.{path}" if path else name))
