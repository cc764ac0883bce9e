"""A model's graph, read node by node into a graph of weft's functions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from weft.graph.document import Node
from weft.io.errors import shown
from weft.onnx._builder import Builder, Value
from weft.onnx._call import Call
from weft.onnx._file import ExternalData, opsets_of
from weft.onnx._library import library
from weft.onnx._operators import reader_of
from weft.onnx._tensors import dtype_named, read_tensor
from weft.onnx.errors import OnnxError, UnsupportedOperatorsError, plain

__all__ = ["Lowering"]

_OURS = ("", "ai.onnx")
#: What reading a node with wrong attributes or shapes can end in; a file may hold any.
_OF_A_NODE = (
    ValueError, TypeError, IndexError, KeyError, AttributeError, ArithmeticError, RuntimeError,
)  # fmt: skip
#: Functions that call functions, and graphs within graphs, go no deeper.
MOST_DEPTH = 12
#: A file may become so many nodes: functions that call functions can multiply without end.
MOST_NODES = 200_000


class Lowering:
    """Reads one model.

    Args:
        model: its `ModelProto`.
        external: where data of other files comes from.
        origin: the file's name for messages.
    """

    def __init__(self, model: Any, external: ExternalData, origin: str) -> None:
        self.builder = Builder()
        self._model = model
        self._external = external
        self._origin = origin
        self._opsets = opsets_of(model.opset_import, origin)
        self._functions = {(one.domain, one.name): one for one in model.functions}
        self._depth = 0
        self._read = 0

    def run(self) -> list[tuple[str, Value]]:
        """Read the whole model and return its outputs by name.

        Raises:
            UnsupportedOperatorsError: it has operators that weft does not know.
            OnnxError: it breaks a rule of the format, or a node asks for what weft has not.
        """
        self._require_operators()
        graph = self._model.graph
        scope: dict[str, Value] = {}
        held = {one.name for one in graph.initializer}
        for given in graph.input:
            if given.name not in held:
                scope[given.name] = self._input(given)
        return [
            (output.name, value)
            for output, value in zip(graph.output, self.graph(graph, scope), strict=True)
        ]

    def _input(self, given: Any) -> Value:
        who = f"{self._origin}: input {shown(given.name)}"
        if not given.type.HasField("tensor_type"):
            raise OnnxError(
                f"{who} must be a tensor, but is a {given.type.WhichOneof('value') or 'nothing'}"
            )
        kind = given.type.tensor_type
        shape: tuple[int | str | None, ...] | None = None
        if kind.HasField("shape"):
            shape = tuple(map(_dim, kind.shape.dim))
        return self.builder.input(given.name, dtype_named(kind.elem_type, who), shape)

    def graph(self, graph: Any, scope: dict[str, Value]) -> list[Value]:
        """Read a graph into the builder, and return its outputs.

        Args:
            graph: a `GraphProto`.
            scope: the values that can be read, its inputs among them; it is filled.
        """
        if graph.sparse_initializer:
            raise OnnxError(f"{self._origin}: sparse weights are not among what weft.onnx reads")
        for one in graph.initializer:
            if one.name in scope:
                raise OnnxError(f"{self._origin}: {shown(one.name)} is defined twice")
            tensor = read_tensor(one, self._external, self._origin)
            self.builder.held(tensor.numel())
            scope[one.name] = Value(one.name, constant=tensor, trained=tensor.ndim > 0)
        self._nodes(graph.node, scope, self._opsets, {})
        return [self._found(scope, one.name, f"{self._origin}: an output") for one in graph.output]

    def _nodes(
        self,
        nodes: Iterable[Any],
        scope: dict[str, Value],
        opsets: Mapping[str, int],
        attributes: Mapping[str, Any],
    ) -> None:
        self._depth += 1
        if self._depth > MOST_DEPTH:
            raise OnnxError(f"{self._origin}: graphs are nested more than {MOST_DEPTH} deep")
        for place, node in enumerate(nodes):
            self._read += 1
            if self._read > MOST_NODES:
                raise OnnxError(f"{self._origin}: the model has more than {MOST_NODES} nodes")
            who = f"{self._origin}: node {shown(node.name or place)} ({plain(node.op_type)})"
            results = self._node(node, scope, opsets, attributes, who)
            if len(results) < len(node.output):
                results = [*results, *[None] * (len(node.output) - len(results))]
            for name, value in zip(node.output, results, strict=False):
                if not name:
                    continue
                if name in scope:
                    raise OnnxError(f"{who} defines {shown(name)}, which is defined before")
                if value is None:
                    raise OnnxError(f"{who}: its output {shown(name)} is none that weft.onnx reads")
                scope[name] = value
        self._depth -= 1

    def _node(
        self,
        node: Any,
        scope: dict[str, Value],
        opsets: Mapping[str, int],
        outer: Mapping[str, Any],
        who: str,
    ) -> Sequence[Value | None]:
        inputs = [self._found(scope, name, who) if name else None for name in node.input]
        attributes = self._attributes(node, outer)
        domain = "" if node.domain in _OURS else node.domain
        function = self._functions.get((node.domain, node.op_type))
        if function is None:
            lower = reader_of(domain, node.op_type, opsets.get(domain, 1))
            if lower is not None:
                call = Call(
                    node.op_type, opsets.get(domain, 1), inputs, attributes, node.output, who,
                    scope, self,
                )  # fmt: skip
                return _several(self._lowered(lower, call))
            function = _body_of(domain, node.op_type, opsets.get(domain, 1))
            assert function is not None, "all operators were looked for before"
            attributes = _defaults(domain, node.op_type, opsets.get(domain, 1)) | attributes
        return self._called(function, inputs, attributes)

    def _lowered(self, lower: Any, call: Call) -> Any:
        try:
            return lower(call)
        except OnnxError:
            raise
        except _OF_A_NODE as error:
            raise OnnxError(f"{call.who}: {' '.join(str(error).split())}") from error

    def _called(
        self, function: Any, inputs: Sequence[Value | None], attributes: Mapping[str, Any]
    ) -> list[Value | None]:
        """Read the body of a function in the place of a call of it."""
        inner: dict[str, Value] = {}
        for name, value in zip(function.input, inputs, strict=False):
            if value is not None:
                inner[name] = value
        given = {one.name: self._attribute(one) for one in function.attribute_proto} | dict(
            attributes
        )
        opsets = opsets_of(function.opset_import, self._origin)
        absent = set(function.input) - inner.keys()
        self._nodes(_without(function.node, absent), inner, opsets, given)
        return [inner.get(name) for name in function.output]

    def _found(self, scope: Mapping[str, Value], name: str, who: str) -> Value:
        if name not in scope:
            raise OnnxError(f"{who} reads {shown(name)}, which nothing before it defines")
        return scope[name]

    def _attributes(self, node: Any, outer: Mapping[str, Any]) -> dict[str, Any]:
        found = {}
        for one in node.attribute:
            if one.ref_attr_name:  # within a function: an attribute of its call
                if one.ref_attr_name in outer:
                    found[one.name] = outer[one.ref_attr_name]
                continue
            found[one.name] = self._attribute(one)
        return found

    def _attribute(self, one: Any) -> Any:
        value = library().helper.get_attribute_value(one)
        if isinstance(value, bytes):
            return value.decode("utf-8", "replace")
        if hasattr(value, "data_type") and hasattr(value, "dims"):
            return read_tensor(value, self._external, self._origin)
        if hasattr(value, "node"):
            return value
        if isinstance(value, int | float | str):
            return value
        try:
            return [x.decode("utf-8", "replace") if isinstance(x, bytes) else x for x in value]
        except TypeError:
            return value  # an operator that takes such says that it cannot be read

    def block(
        self, graph: Any, call: Call, inputs: Sequence[Value]
    ) -> tuple[list[Node], list[Value]]:
        """Read a graph within a graph as a block: its nodes and its outputs."""
        scope = dict(call.scope)
        for given, value in zip(graph.input, inputs, strict=True):
            scope[given.name] = value
        with self.builder.block() as nodes:
            outputs = self.graph(graph, scope)
        return nodes, outputs

    def _require_operators(self) -> None:
        missing: Counter[str] = Counter()
        self._count(self._model.graph.node, self._opsets, missing)
        for function in self._model.functions:
            self._count(function.node, opsets_of(function.opset_import, self._origin), missing)
        if missing:
            raise UnsupportedOperatorsError(self._origin, missing)

    def _count(
        self, nodes: Iterable[Any], opsets: Mapping[str, int], missing: Counter[str], depth: int = 0
    ) -> None:
        if depth > MOST_DEPTH:
            raise OnnxError(f"{self._origin}: graphs are nested more than {MOST_DEPTH} deep")
        for node in nodes:
            domain = "" if node.domain in _OURS else node.domain
            opset = opsets.get(domain, 1)
            if (
                (node.domain, node.op_type) not in self._functions
                and reader_of(domain, node.op_type, opset) is None
                and _body_of(domain, node.op_type, opset) is None
            ):
                missing[f"{domain}.{node.op_type}" if domain else node.op_type] += 1
            for one in node.attribute:
                if one.HasField("g"):
                    self._count(one.g.node, opsets, missing, depth + 1)


def _dim(dim: Any) -> int | str | None:
    if dim.HasField("dim_value"):
        return int(dim.dim_value) if dim.dim_value >= 0 else None
    return dim.dim_param or None


def _several(results: Any) -> list[Value | None]:
    return [results] if isinstance(results, Value) else list(results)


def _without(nodes: Iterable[Any], absent: set[str]) -> Iterable[Any]:
    """Yield nodes with inputs left out that the function was not given."""
    for node in nodes:
        if absent.isdisjoint(node.input):
            yield node
            continue
        copy = type(node)()
        copy.CopyFrom(node)
        copy.ClearField("input")
        copy.input.extend("" if name in absent else name for name in node.input)
        yield copy


def _defaults(domain: str, name: str, opset: int) -> dict[str, Any]:
    """Return the attributes that an operator of ONNX has where a node does not state them."""
    onnx = library()
    stated = onnx.defs.get_schema(name, opset, domain).attributes.values()
    defaults = [one.default_value for one in stated if one.default_value.name]
    values = {one.name: onnx.helper.get_attribute_value(one) for one in defaults}
    return {
        name: value.decode("utf-8") if isinstance(value, bytes) else value
        for name, value in values.items()
    }


def _body_of(domain: str, name: str, opset: int) -> Any:
    """Return how ONNX itself writes an operator in others that weft reads, or None."""
    onnx = library()
    try:
        schema = onnx.defs.get_schema(name, opset, domain)
    except Exception:  # its own SchemaError, and others where the name is no text that it takes
        return None
    if not schema.has_function:
        return None
    body = schema.function_body
    opsets = opsets_of(body.opset_import, name)
    for node in body.node:
        inner = "" if node.domain in _OURS else node.domain
        if reader_of(inner, node.op_type, opsets.get(inner, opset)) is None:
            return None
    return body
