"""What a profile does where it listens: begin and end spans, note what came in and out."""

from __future__ import annotations

import functools
import gc
from collections.abc import Callable, Sequence
from typing import Any

from weft._core import catalogue
from weft._core.boxed import Boxed
from weft._core.joints import Joint, joints_of
from weft._core.node import Node
from weft._core.op import Op
from weft._core.tensor import Tensor
from weft._core.watching import node_of
from weft.profiler import _flops
from weft.profiler import _places as places
from weft.profiler._modules import Modules
from weft.profiler._recording import (
    BACKWARD,
    COMPILE,
    FUNCTION,
    GARBAGE,
    OP,
    TAPE,
    WRITE,
    Recorder,
    Span,
)
from weft.transforms import plans
from weft.transforms.sums import summed


class Hooks:
    """The joints of one recording.

    Args:
        recorder: what is told.
        modules: whether calls of modules are spans too.
    """

    def __init__(self, recorder: Recorder, *, modules: bool) -> None:
        self._recorder = recorder
        self._entered: list[tuple[Joint, Callable[..., Any]]] = []
        self._modules = Modules(recorder) if modules else None
        self._collection: Span | None = None

    def enter(self) -> None:
        """Listen in all threads, until :meth:`leave`."""
        try:
            self._enter_all()
        except BaseException:
            self.leave()
            raise

    def leave(self) -> None:
        """Listen no more."""
        if self._garbage in gc.callbacks:
            gc.callbacks.remove(self._garbage)
        plans.watch(None)
        if self._modules is not None:
            self._modules.leave()
        while self._entered:
            joint, around = self._entered.pop()
            joint.leave(around)

    def _enter_all(self) -> None:
        for key in list(catalogue.public):
            self._enter_function(key)
        for name, maker in places.MAKERS.items():
            self._enter(maker, self._function(name.rstrip("_")))
        within = self._within
        for joint, around in (
            (places.APPLY, self._applied),
            (places.APPLY_ONE, self._applied_to_one),
            (places.AFFINE, self._affine),
            (places.ENTER, self._new_function),
            (places.LOWERED, self._lowered),
            (places.RULE, self._rule),
            (places.ADDED, self._added),
            (places.ACCUMULATE, self._accumulate),
            (places.WRITE, lambda run, *args: within(WRITE, args[2], run, *args)),
            (places.SET, lambda run, *args: within(WRITE, "__setitem__", run, *args)),
            (places.COMPILE, self._compile),
            (places.PRIMITIVE, lambda run, *args: within(COMPILE, "oneDNN primitive", run, *args)),
            (places.CUSTOM, lambda run, *args: within(FUNCTION, args[0].__name__, run, *args)),
            (places.PASS, functools.partial(within, TAPE, "backward pass")),
            (places.SUM, functools.partial(within, TAPE, "sum of gradients")),
            (
                places.LOWERING,
                lambda run, *args: within(
                    TAPE, f"lowering of {args[0].op.called} backward", run, *args
                ),
            ),
        ):
            self._enter(joint, around)
        plans.watch(
            plans.Watch(self._planned, functools.partial(within, TAPE, "sum of gradients", summed))
        )
        if self._modules is not None:
            self._modules.enter()
        gc.callbacks.append(self._garbage)

    def _within(self, kind: str, name: str, run: Any, *args: Any, **kwargs: Any) -> Any:
        recorder = self._recorder
        span = recorder.begin(kind, name)
        try:
            return run(*args, **kwargs)
        finally:
            recorder.finish(span)

    def _tried(self, nothing: Any, span: Span, run: Any, *args: Any, **kwargs: Any) -> Any:
        """Run what a span is of; if it gives ``nothing``, there is no such span."""
        try:
            result = run(*args, **kwargs)
        except BaseException:
            self._recorder.finish(span)
            raise
        if result is nothing:
            self._recorder.withdraw(span)
        else:
            self._recorder.finish(span)
        return result

    def _enter(self, joint: Joint, around: Callable[..., Any]) -> None:
        joint.enter(around)
        self._entered.append((joint, around))

    # --- forward ----------------------------------------------------------------------------

    def _enter_function(self, key: str) -> None:
        entry = catalogue.public[key]
        op = entry.op
        around = self._function(key) if op is None else functools.partial(self._called, op)
        for joint in joints_of(entry.function):
            self._enter(joint, around)

    def _function(self, key: str) -> Callable[..., Any]:
        """Return what runs around a function that is made of ops, or makes a tensor."""
        recorder = self._recorder

        def around(run: Any, *args: Any, **kwargs: Any) -> Any:
            span = recorder.begin(FUNCTION, key)
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

        return around

    def _called(self, op: Op, run: Any, *args: Any, **kwargs: Any) -> Any:
        """Run the function of one op: on its short path it does not come to dispatch."""
        name = _name_of(op, args)
        if name is None:
            return run(*args, **kwargs)
        recorder = self._recorder
        span = recorder.begin(OP, name)
        span.awaits = op
        # an operator may leave it to its other operand
        result = self._tried(NotImplemented, span, run, *args, **kwargs)
        if result is not NotImplemented:
            self._tell(span, op, (*args, *kwargs.values()), result)
        return result

    def _applied(self, run: Any, op: Op, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """Run one op in dispatch, unless that is what the function around it is an event of."""
        recorder = self._recorder
        above = recorder.track.top
        if above is not None and above.awaits is op:
            above.awaits = None
            return run(op, args, params)
        name = _name_of(op, args)
        if name is None:
            return run(op, args, params)
        span = recorder.begin(OP, name)
        try:
            result = run(op, args, params)
        finally:
            recorder.finish(span)
        self._tell(span, op, args, result)
        return result

    def _applied_to_one(self, run: Any, op: Op, x: Any, params: dict[str, Any]) -> Any:
        if not isinstance(x, Tensor) or type(x._data) not in op.kernels:
            return run(op, x, params)  # it asks the other
        return self._applied(lambda op, args, params: run(op, x, params), op, (x,), params)

    def _affine(self, run: Any, *args: Any) -> Any:
        """Run the short path of linear layers, an op of its own; it may decline."""
        span = self._recorder.begin(OP, "affine")
        result = self._tried(None, span, run, *args)
        if result is not None:
            self._tell(span, catalogue.ops["affine"], args, result)
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
            if recorder.flops and op.name in _flops.FORMULAS and not any(map(_is_boxed, args)):
                first = result if isinstance(result, Tensor) else result[0]
                span.flops = _flops.forward(op, shapes, tuple(first.shape))
        recorder.note_result(span, args, result)

    def _new_function(self, run: Any, *args: Any, **kwargs: Any) -> Any:
        """Listen to functions whose file is loaded meanwhile."""
        known = len(catalogue.public)
        function = run(*args, **kwargs)
        for key in list(catalogue.public)[known:]:
            self._enter_function(key)
        return function

    def _compile(self, run: Any, kernel: Any, *args: Any) -> Any:
        return self._within(COMPILE, f"kernel {kernel.name}", run, kernel, *args)

    # --- backward ---------------------------------------------------------------------------

    def _lowered(self, run: Any, node: Node, g: Any, wanted: Sequence[bool]) -> Any:
        """Find a rule's program, and return what makes a span of its run."""
        found = run(node, g, wanted)
        if found is None:
            return None
        program, arrays = found
        return functools.partial(self._program, node, g, wanted, program), arrays

    def _planned(self, node: Node, program: Any, *arrays: Any) -> Any:
        """Run one program of a plan, in which no rule is looked up."""
        g = arrays[0] if node.op.outputs == 1 else None
        wanted = tuple(parent is not None for parent in node.parents)
        return self._program(node, g, wanted, program, *arrays)

    def _program(
        self, node: Node, g: Any, wanted: Sequence[bool], program: Any, *arrays: Any
    ) -> Any:
        recorder = self._recorder
        args = node.args or ()
        span = recorder.begin(BACKWARD, f"{node.op.called} backward", node.sequence)
        try:
            result = program(*arrays)
        finally:
            recorder.finish(span)
        if recorder.shapes or recorder.flops:
            shape = tuple(g.shape) if hasattr(g, "shape") else ()
            if recorder.shapes:
                span.shapes = [shape]
            if recorder.flops:
                span.flops = _flops.backward(node.op, _flops.shapes_of(args), shape, wanted)
        if recorder.memory is not None:
            for ct in result[0]:
                if ct is not None:
                    span.allocated += recorder.memory.made(ct, (*args, *arrays))
        return result

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

    def _added(self, run: Any, tensor: Tensor, g: Any) -> Any:
        span = self._recorder.begin(TAPE, "AccumulateGrad")
        return self._tried(False, span, run, tensor, g)

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


def _name_of(op: Op, args: Sequence[Any]) -> str | None:
    """Return what a call of an op is named; None where a rule is lowered: nothing is computed."""
    for a in args:
        if isinstance(a, Tensor) and isinstance(a._data, Boxed):
            return None if a._data.stands_for_array else f"{op.called} ({a._data.transform})"
    return op.called
