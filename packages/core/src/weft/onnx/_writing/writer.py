"""The model that is written: nodes, constants, and what is known of each value of the graph."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import weft
from weft import Tensor
from weft.graph._allowed import FUNCTIONS
from weft.graph._program import call_of, read_value
from weft.graph.document import Graph, Node, Ref
from weft.onnx._library import library

__all__ = ["FORMS", "Call", "NoForm", "Writer", "form", "known"]

#: What writes a function: it emits nodes, and returns the names of what they give.
Form: TypeAlias = "Callable[[Writer, Call], str | Sequence[str]]"
FORMS: dict[str, Form] = {}


class NoForm(Exception):
    """A call has no ONNX form; the text says what of it."""


def form(names: str) -> Callable[[Form], Form]:
    """Enter what writes one or several functions (separated by spaces)."""

    def enter(write: Form) -> Form:
        for name in names.split():
            assert name in FUNCTIONS and name not in FORMS, name
            FORMS[name] = write
        return write

    return enter


class Call:
    """A node of the graph as its form sees it.

    Attributes:
        function: its name.
        operands: names of values, numbers or None.
        results: what it gives, None where nobody wants it.
    """

    def __init__(self, writer: Writer, node: Node) -> None:
        self.function, self.operands, self.results = node.op, node.inputs, node.outputs
        self._writer, self._settings = writer, node.settings

    def get(self, name: str, default: Any = None) -> Any:
        """Return a setting.

        Raises:
            NoForm: it is read from a value.
        """
        value = self._settings.get(name, default)
        if isinstance(value, Ref):
            raise NoForm(f"its setting {name} follows a size that varies")
        return value

    def ints(self, name: str) -> str:
        """Return the name of a row of integers that a setting is, whether known or not."""
        value = self._settings[name]
        if isinstance(value, Ref):
            return self._writer.row_of(value.value)
        return self._writer.numbers([value] if isinstance(value, int) else value)

    def fixed(self, name: str) -> bool:
        """Whether a setting is known."""
        return not isinstance(self._settings.get(name), Ref)

    def has(self, place: int) -> bool:
        """Whether an operand is there."""
        return place < len(self.operands) and self.operands[place] is not None

    def shape(self, place: int = 0) -> tuple[int, ...]:
        """Return the shape that an operand has in the example."""
        operand = self.operands[place]
        return self._writer.known[operand][0] if isinstance(operand, str) else ()

    def rank(self, place: int = 0) -> int:
        """Return how many dims an operand has."""
        return len(self.shape(place))

    def dim(self, name: str, default: int, place: int = 0) -> int:
        """Return a setting that is a dim, counted from the first."""
        dim = int(self.get(name, default))
        return dim + self.rank(place) if dim < 0 else dim

    def dims(self, name: str = "dim", place: int = 0) -> list[int]:
        """Return a setting of dims, counted from the first; all where it is absent."""
        value = self.get(name)
        rank = self.rank(place)
        if value is None:
            return list(range(rank))
        return [d + rank if d < 0 else d for d in ([value] if isinstance(value, int) else value)]

    def dtype(self, place: int = 0) -> weft.dtype:
        """Return the dtype of an operand that is a value."""
        return self._writer.known[self.operands[place]][1]

    def out_dtype(self, place: int = 0) -> weft.dtype:
        """Return the dtype of a result."""
        return self._writer.known[self.results[place]][1]

    def out_shape(self, place: int = 0) -> tuple[int, ...]:
        """Return the shape that a result has in the example."""
        return self._writer.known[self.results[place]][0]

    def value(self, place: int, dtype: weft.dtype | None = None) -> str:
        """Return an operand's name in the model, converted where another dtype is asked for."""
        operand = self.operands[place]
        if isinstance(operand, str):
            name = self._writer.names[operand]
            own = self._writer.known[operand][1]
            return name if dtype is None or own == dtype else self._writer.cast(name, dtype)
        if operand is None:
            raise NoForm(f"its operand {place + 1} is absent")
        return self._writer.number(operand, dtype or weft.float32)


class Writer:
    """What is written.

    Args:
        opset: of ONNX's operators.
        known: the shape and the dtype of each value of the graph, by name.

    Attributes:
        names: what the graph's values are called in the model.
        nodes: the model's nodes.
        initializers: its constants and weights.
        taken: names that no new value may have.
    """

    def __init__(self, opset: int, known: Mapping[Any, tuple[tuple[int, ...], weft.dtype]]) -> None:
        self.opset, self.known = opset, known
        self.names: dict[str, str] = {}
        self.nodes: list[Any] = []
        self.initializers: list[Any] = []
        self._constants: dict[Any, str] = {}
        self.taken: set[str] = set()
        self._onnx = library()
        self._count = 0

    def fresh(self, name: str) -> str:
        """Return a name that nothing has."""
        while True:
            self._count += 1
            if f"{name}_{self._count}" not in self.taken:
                return f"{name}_{self._count}"

    def emit(
        self, operator: str, inputs: Sequence[str], outputs: int = 1, **attributes: Any
    ) -> Any:
        """Add a node; return the name of its result, or a list of several."""
        given = [self.fresh(operator.lower()) for _ in range(outputs)]
        used = {name: value for name, value in attributes.items() if value is not None}
        node = self._onnx.helper.make_node(operator, list(inputs), given, **used)
        self.nodes.append(node)
        return given[0] if outputs == 1 else given

    def weight(self, name: str, x: Tensor) -> str:
        """Add a tensor under a name."""
        self.initializers.append(self._onnx.numpy_helper.from_array(x.detach().cpu().numpy(), name))
        return name

    def constant(self, x: Tensor) -> str:
        """Return the name of a constant; equal ones are one."""
        key = x.dtype.name, tuple(x.shape), x.numpy().tobytes()
        if key not in self._constants:
            self._constants[key] = self.weight(self.fresh("constant"), x)
        return self._constants[key]

    def numbers(self, values: Sequence[int]) -> str:
        """Return the name of a row of integers."""
        return self.constant(weft.tensor([int(n) for n in values], dtype=weft.int64))

    def number(self, value: float, dtype: weft.dtype) -> str:
        """Return the name of a number without dims."""
        return self.constant(weft.tensor(value, dtype=dtype))

    def cast(self, name: str, dtype: weft.dtype) -> str:
        """Convert to a dtype."""
        out: str = self.emit("Cast", [name], to=self.number_of(dtype))
        return out

    def number_of(self, dtype: weft.dtype) -> int:
        """Return ONNX's number of a dtype."""
        names = {"float32": "FLOAT", "float64": "DOUBLE"}
        return int(getattr(self._onnx.TensorProto, names.get(dtype.name, dtype.name.upper())))

    def row_of(self, value: str) -> str:
        """Return a value of the graph, of one element or a row of them, as a row of int64."""
        shape, dtype = self.known[value]
        name = self.names[value]
        name = name if dtype == weft.int64 else self.cast(name, weft.int64)
        return name if len(shape) == 1 else str(self.emit("Reshape", [name, self.numbers([-1])]))

    def write(self, node: Node) -> None:
        """Write a node of the graph.

        Raises:
            NoForm: it has none.
        """
        if node.op not in FORMS:
            raise NoForm("")
        given = FORMS[node.op](self, Call(self, node))
        results = [given] if isinstance(given, str) else list(given)
        for name, result in zip(node.outputs, results, strict=True):
            if name is not None:
                self.names[name] = result


def known(
    graph: Graph, weights: Mapping[str, Tensor], inputs: Sequence[Tensor]
) -> dict[Any, tuple[tuple[int, ...], weft.dtype]]:
    """Return the shape and dtype of each value, as running the graph on an example gives them."""
    values: dict[str, Any] = {**weights}
    values.update({one.name: x for one, x in zip(graph.inputs, inputs, strict=True)})
    last = {name: at for at, node in enumerate(graph.nodes) for name in node.reads()}
    found = {name: (tuple(x.shape), x.dtype) for name, x in values.items()}
    for at, node in enumerate(graph.nodes):
        for name, x in zip(node.outputs, _run(node, values), strict=True):
            if name is not None:
                values[name] = x
                found[name] = tuple(x.shape), x.dtype
        for name in {*node.reads()}:
            if last[name] == at and name not in weights:
                del values[name]
    return found


def _run(node: Node, values: Mapping[str, Any]) -> Iterator[Tensor]:
    if node.blocks:
        raise NoForm(node.op)
    function = FUNCTIONS[node.op]
    fixed = {n: v for n, v in node.settings.items() if not isinstance(v, Ref)}
    read = {
        name: read_value(values[value.value], function.settings[name].kind, name)
        for name, value in node.settings.items()
        if isinstance(value, Ref)
    }
    operands = [values[x] if isinstance(x, str) else x for x in node.inputs]
    got = call_of(node.op, fixed)(operands, read)
    yield from [got] if isinstance(got, Tensor) else got
