"""The graph that recorded calls are: names, settings that are read from sizes, constants."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from weft import Tensor
from weft.graph._checking import WEIGHT_NAME
from weft.graph._trace.comparing import evaluated, varies
from weft.graph._trace.examples import Example
from weft.graph._trace.lengths import Expression, Length, Read, has_length, plain
from weft.graph._trace.recording import Call, Value
from weft.graph._trace.running import Run
from weft.graph._trace.values import traced
from weft.graph.document import Graph, Input, Node, Output, Ref
from weft.graph.errors import GraphError
from weft.graph.module import is_free
from weft.nn import Module, Parameter

__all__ = ["document", "outputs_of"]

#: Functions that make a tensor of settings alone: their one operand says on which device.
_MAKERS = frozenset({"full", "counted"})


def document(
    module: Module, example: Example, first: Run, others: Sequence[Run]
) -> tuple[Graph, dict[str, Tensor]]:
    """Return the graph of recorded calls, and its weights.

    Args:
        module: what was run.
        example: what it was called with.
        first: the run of the example.
        others: runs at other sizes, of the same calls.
    """
    return _Writer(module, example, first, others).written()


def outputs_of(result: Any, name: str = "") -> Iterator[tuple[str, Tensor]]:
    """Yield the tensors that a module returned with the names of the graph's outputs.

    Raises:
        GraphError: it returned something else than tensors in tuples, lists and dicts.
    """
    if isinstance(result, Tensor):
        yield name or "output", result
    elif isinstance(result, Mapping):
        for key, inner in result.items():
            yield from outputs_of(inner, f"{name}_{key}" if name else str(key))
    elif isinstance(result, tuple | list):
        fields = getattr(result, "_fields", range(len(result)))
        for key, inner in zip(fields, result, strict=True):
            yield from outputs_of(inner, f"{name or 'output'}_{key}")
    elif result is not None:
        raise GraphError(
            "weft.graph.trace: a graph returns tensors, alone or in tuples, lists and dicts, but "
            f"the module returned {type(result).__name__} {str(result)[:60]!r}"
            + (f" at {name!r}" if name else "")
        )


class _Writer:
    def __init__(self, module: Module, example: Example, first: Run, others: Sequence[Run]) -> None:
        self._module, self._example = module, example
        self._run, self._others = first, others
        self._recorder = first.recorder
        self._constants = dict.fromkeys(first.recorder.constants)
        self._names: dict[int, str] = {}
        self._taken: set[str] = set()
        self._nodes: list[Node] = []
        self._sizes: dict[Expression, str | int] = {}
        self._weights: dict[str, Tensor] = {}

    def written(self) -> tuple[Graph, dict[str, Tensor]]:
        self._name_given()
        for place, call in enumerate(self._recorder.calls):
            if self._folds(call, place):
                self._constants.update(dict.fromkeys(call.results))
        for place, call in enumerate(self._recorder.calls):
            if call.results[0] not in self._constants:
                self._add(call, place)
        outputs = []
        for name, x in outputs_of(self._run.result):
            box = traced(x)
            number = self._recorder.constant(x) if box is None else box.number
            if box is None:
                self._constants[number] = None
            outputs.append(Output(name, self._name_of(number)))
        nodes = _read_ones(self._nodes, [one.value for one in outputs])
        used = {name for node in nodes for name in node.reads()} | {one.value for one in outputs}
        weights = {name: x for name, x in self._weights.items() if name in used}
        trained = {name for name, x in self._module.named_parameters()} & weights.keys()
        parameters = frozenset(name for name in trained if weights[name].is_floating_point())
        return Graph(self._inputs(), tuple(nodes), tuple(outputs), parameters), weights

    # --- names -----------------------------------------------------------------------------

    def _name_given(self) -> None:
        state = {**dict(self._module.named_parameters()), **dict(self._module.named_buffers())}
        for name, number in self._run.weights.items():
            self._names[number] = name
            self._taken.add(name)
            x = state[name]
            own = x.detach().clone()
            self._weights[name] = Parameter(own) if isinstance(x, Parameter) else own
        for name, number in zip(self._example.tensors, self._run.inputs, strict=True):
            self._names[number] = self._fresh(name)

    def _fresh(self, name: str) -> str:
        chosen, count = name, 1
        while chosen in self._taken:
            count += 1
            chosen = f"{name}_{count}"
        self._taken.add(chosen)
        return chosen

    def _inputs(self) -> tuple[Input, ...]:
        found = []
        numbers = zip(self._example.tensors.items(), self._run.inputs, strict=True)
        for (name, x), number in numbers:
            shape: list[int | str | None] = [int(n) for n in x.shape]
            for (owner, at), dim in self._example.dims.items():
                if owner == name:
                    shape[at] = dim.name
            found.append(Input(self._names[number], x.dtype.name, tuple(shape)))
        return tuple(found)

    def _name_of(self, number: int) -> str:
        if number not in self._names:
            if number not in self._constants:
                raise AssertionError(number)
            known = self._recorder.constants.get(number)
            name = "" if known is None else known.name
            parts = name.split(".")
            if not WEIGHT_NAME.fullmatch(name) or not all(map(is_free, parts)):
                name = "constant"
            # a name that is a prefix of others could not be held by a module
            if any(taken.startswith(f"{name}.") for taken in self._taken):
                name = "constant"
            self._names[number] = self._fresh(name if name != "constant" else "constant_1")
            self._weights[self._names[number]] = self._recorder.tensors[number].detach().clone()
        return self._names[number]

    # --- calls -----------------------------------------------------------------------------

    def _folds(self, call: Call, place: int) -> bool:
        """Whether a call's results are the same at each call of the module."""
        if any(self._varies(name, value, place) for name, value in call.settings.items()):
            return False
        if call.function in _MAKERS:
            return True
        if call.function == "full_like":
            return not self._size_varies(call.results[0])
        operands = [one for one in call.operands if isinstance(one, Value)]
        if any(isinstance(one, Length) and self._depends(one) for one in call.operands):
            return False
        return all(one.number in self._constants for one in operands)

    def _varies(self, name: str, value: Any, place: int) -> bool:
        return any(varies(value, run.recorder.calls[place].settings[name]) for run in self._others)

    def _size_varies(self, number: int) -> bool:
        own = tuple(self._recorder.tensors[number].shape)
        return any(tuple(run.recorder.tensors[number].shape) != own for run in self._others)

    def _depends(self, length: Length) -> bool:
        return not isinstance(self._size(length.expression, emit=False), int)

    def _add(self, call: Call, place: int) -> None:
        operands = tuple(map(self._operand, call.operands))
        settings, function = {}, call.function
        for name, value in call.settings.items():
            if value is None:
                continue
            if not has_length(value) or not self._varies(name, value, place):
                settings[name] = plain(value)
            elif function in ("reshape", "broadcast_to"):
                settings[name] = self._shape(call, value)
            else:
                settings[name] = self._ref(value)
        shape = settings.get("shape")
        if isinstance(shape, tuple) and 0 in shape and 0 not in plain(call.settings["shape"]):
            function = "reshape_keeping"
        names = tuple(self._named_result(call, number) for number in call.results)
        self._nodes.append(Node(function, operands, names, settings))

    def _named_result(self, call: Call, number: int) -> str:
        self._names[number] = self._fresh(f"{call.function}_{number}")
        return self._names[number]

    def _operand(self, operand: Any) -> Any:
        if isinstance(operand, Value):
            return self._name_of(operand.number)
        if isinstance(operand, Length):
            return self._size(operand.expression)
        return operand

    # --- sizes -----------------------------------------------------------------------------

    def _shape(self, call: Call, value: Sequence[Any]) -> Any:
        """Return a shape in which lengths are kept, or worked out, where that can be said."""
        given = call.operands[0]
        parts = [
            self._size(one.expression, emit=False) if isinstance(one, Length) else int(one)
            for one in value
        ]
        open_ = [at for at, one in enumerate(parts) if not isinstance(one, int)]
        if isinstance(given, Value) and call.function == "broadcast_to":
            lead = len(value) - self._recorder.tensors[given.number].ndim
            kept = {at for at in open_ if value[at].expression == Read(given.number, at - lead)}
            if set(open_) == kept:
                return tuple(-1 if at in kept else int(one) for at, one in enumerate(parts))
            return self._ref(value)
        if isinstance(given, Value) and 0 not in parts and -1 not in parts:
            kept = {at for at in open_ if value[at].expression == Read(given.number, at)}
            left = [at for at in open_ if at not in kept]
            if not left and len(kept) == 1:
                left, kept = list(kept), set()
            if len(left) <= 1:
                return tuple(
                    0 if at in kept else -1 if at in left else int(one)
                    for at, one in enumerate(parts)
                )
        return self._ref(value)

    def _ref(self, value: Any) -> Any:
        """Return what reads a setting from sizes."""
        if not isinstance(value, tuple | list):
            size = self._size(value.expression)
            return size if isinstance(size, int) else Ref(size)
        parts = [self._size(x.expression) if isinstance(x, Length) else int(x) for x in value]
        places = [at for at, one in enumerate(parts) if isinstance(one, str)]
        if len(parts) == 1:
            return Ref(str(parts[0]))
        name = self._fresh("row")
        template = tuple(0 if isinstance(one, str) else one for one in parts)
        values = tuple(str(parts[at]) for at in places)
        settings = {"places": tuple(places), "template": template}
        self._nodes.append(Node("row", values, (name,), settings))
        return Ref(name)

    def _size(self, expression: Expression, *, emit: bool = True) -> str | int:
        """Return the name of a length's value, or the length where it does not vary."""
        if isinstance(expression, int):
            return expression
        if expression in self._sizes:
            return self._sizes[expression]
        fixed = evaluated(expression, self._run)
        if all(evaluated(expression, run) == fixed for run in self._others):
            self._sizes[expression] = fixed
            return fixed
        if not emit:
            return ""
        if isinstance(expression, Read):
            node = Node("size", (self._name_of(expression.value),), (), {"dim": expression.dim})
        else:
            left, right = self._size(expression.left), self._size(expression.right)
            node = Node(expression.function, (left, right), ())
        name = self._fresh("size")
        self._nodes.append(Node(node.op, node.inputs, (name,), node.settings))
        self._sizes[expression] = name
        return name


def _read_ones(nodes: Sequence[Node], outputs: Sequence[str]) -> list[Node]:
    """Return the nodes of which something is read, with None for results that are not."""
    read, kept = set(outputs), []
    for node in reversed(nodes):
        names = [name for name in node.outputs if name in read]
        if names:
            read.update(node.reads())
            given = tuple(name if name in read else None for name in node.outputs)
            kept.append(Node(node.op, node.inputs, given, node.settings))
    return kept[::-1]
