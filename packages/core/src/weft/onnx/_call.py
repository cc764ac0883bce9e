"""One node of a file as the operators see it: inputs, attributes, and a way to write nodes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import weft
from weft.onnx._builder import Builder, Value
from weft.onnx._tensors import dtype_of
from weft.onnx.errors import OnnxError

if TYPE_CHECKING:
    from weft.onnx._lowering import Lowering

__all__ = ["Call", "Lower", "Results"]

Results = Value | Sequence[Value]
Lower = Callable[["Call"], "Results"]


class Call:
    """A node.

    Attributes:
        op: the name of its operator.
        opset: the version of the set of operators that it is written in.
        inputs: its inputs; None for one that is left out.
        attributes: by name: numbers, texts, lists, tensors, graphs.
        wanted: for each output whether the file names it.
        builder: where nodes are entered.
        lowering: what reads graphs within graphs.
        scope: the values that can be read here, by their names in the file.
        who: the node in messages.
    """

    def __init__(
        self,
        op: str,
        opset: int,
        inputs: Sequence[Value | None],
        attributes: Mapping[str, Any],
        outputs: Sequence[str],
        who: str,
        scope: Mapping[str, Value],
        lowering: Lowering,
    ) -> None:
        self.op = op
        self.opset = opset
        self.inputs = list(inputs)
        self.attributes = attributes
        self.names = list(outputs)
        self.wanted = [bool(name) for name in outputs]
        self.builder: Builder = lowering.builder
        self.lowering = lowering
        self.scope = scope
        self.who = who

    @property
    def hint(self) -> str:
        """What its first output is called, or the operator where none has a name."""
        return next((name for name in self.names if name), self.op)

    def __getitem__(self, place: int) -> Value:
        """Return an input that the node must have."""
        value = self.get(place)
        if value is None:
            raise OnnxError(f"{self.who}: input {place} is missing")
        return value

    def get(self, place: int) -> Value | None:
        """Return an input, or None where it is left out."""
        return self.inputs[place] if place < len(self.inputs) else None

    def given(self) -> list[Value]:
        """Return the inputs of an operator that takes any number of them."""
        found = [value for value in self.inputs if value is not None]
        if not found:
            raise OnnxError(f"{self.who}: at least one input is required, but there is none")
        return found

    def attribute(self, name: str, default: Any = None) -> Any:
        """Return an attribute, or `default` where the node has it not."""
        return self.attributes.get(name, default)

    def required(self, name: str) -> Any:
        """Return an attribute that the node must have."""
        if name not in self.attributes:
            raise OnnxError(f"{self.who}: the attribute {name} is missing")
        return self.attributes[name]

    def graph(self, name: str) -> Any:
        """Return an attribute that is a graph, which the node must have."""
        value = self.required(name)
        if not hasattr(value, "node"):
            raise OnnxError(f"{self.who}: the attribute {name} must be a graph")
        return value

    def flag(self, name: str, default: bool = False) -> bool:
        """Return an attribute that is 0 or 1."""
        return bool(self.attributes.get(name, default))

    def dtype(self, name: str) -> weft.dtype | None:
        """Return an attribute that is a dtype, or None where the node has it not."""
        number = self.attributes.get(name)
        return None if number is None else dtype_of(int(number), self.who)

    def refused(self, text: str) -> OnnxError:
        """Return an error about this node."""
        return OnnxError(f"{self.who}: {text}")

    def want(self, place: int) -> bool:
        """Whether the file names an output."""
        return place < len(self.wanted) and self.wanted[place]

    def emit(self, op: str, *operands: Value | float | None, **settings: Any) -> Value:
        """Enter a node of one result; settings that are None are left out."""
        return self.emit_many(op, 1, *operands, **settings)[0]

    def emit_many(
        self, op: str, outputs: int, *operands: Value | float | None, **settings: Any
    ) -> tuple[Value, ...]:
        """Enter a node of several results."""
        return self.builder.emit(op, operands, outputs=outputs, hint=self.hint, settings=settings)

    def emit_late(self, op: str, *operands: Value | float | None, **settings: Any) -> Value:
        """Enter a node whose result is too large to be computed before it is needed."""
        (value,) = self.builder.emit(
            op, operands, outputs=1, hint=self.hint, settings=settings, late=True
        )
        return value

    def constant(self, values: Any, dtype: weft.dtype | None = None) -> Value:
        """Return a constant of the operator's own."""
        return Value(f"{self.hint}.constant", constant=weft.tensor(values, dtype=dtype))
