"""The module that a graph is: weights as parameters and buffers, and a forward that follows it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import weft
from weft import Tensor
from weft._core.errors import DTypeError, ShapeError, did_you_mean
from weft.graph._checking import check_graph
from weft.graph._program import Program
from weft.graph.document import Graph, Input
from weft.graph.errors import GraphError
from weft.nn import Module, Parameter

__all__ = ["GraphModule", "Weights", "is_free"]


class Weights(Module):
    """Holds the weights of one prefix: `layer1.0.weight` is `weight` of `0` of `layer1`."""

    def extra_repr(self) -> str:
        """Name its weights with their shapes."""
        own = {**self._parameters, **self._buffers}
        return ", ".join(f"{name}: {tuple(x.shape)}" for name, x in own.items() if x is not None)


class GraphModule(Module):
    """A model without code: what it computes stands in a graph, which it follows node by node.

    Its weights have the names of the file, with dots for submodules that only hold them; so
    `state_dict`, `to`, optimizers and everything else about modules work. It is made in evaluation
    mode, and gradients flow as through any module. Nothing in a graph depends on the mode.

    Called with the inputs in order or by name, it returns the one output, or a tuple of several in
    the order of `output_names`.

    Args:
        graph: what is computed.
        weights: the tensor of each weight by name.

    Raises:
        GraphError: the graph breaks a rule, or does not fit the weights.

    Example:
        >>> from weft.graph import Graph, GraphModule, Input, Node, Output
        >>> graph = Graph(
        ...     inputs=(Input("x", "float32", ("batch", 2)),),
        ...     nodes=(Node("linear", ("x", "w"), ("h",)), Node("relu", ("h",), ("y",))),
        ...     outputs=(Output("y", "y"),),
        ...     parameters=frozenset({"w"}),
        ... )
        >>> model = GraphModule(graph, {"w": weft.tensor([[1.0, -1.0]])})
        >>> model(weft.tensor([[3.0, 1.0], [1.0, 3.0]])).tolist()
        [[2.0], [0.0]]
    """

    def __init__(self, graph: Graph, weights: Mapping[str, Tensor]) -> None:
        super().__init__()
        names = list(weights)
        check_graph(graph, {name: weights[name].dtype.name for name in names}, "the graph")
        self._graph = graph
        self._names = tuple(names)
        self._paths = tuple(tuple(name.split(".")) for name in names)
        for name in names:
            self._hold(name, weights[name], trained=name in graph.parameters)
        self._program: Program | None = None
        self.eval()

    def _hold(self, name: str, value: Tensor, *, trained: bool) -> None:
        *parts, last = name.split(".")
        holder: Module = self
        try:
            for part in parts:
                if part not in holder._modules:
                    holder.add_module(part, Weights())
                inner = holder._modules[part]
                assert inner is not None
                holder = inner
            if trained:
                given = value if isinstance(value, Parameter) else Parameter(value.detach())
                holder.register_parameter(last, given)
            else:
                holder.register_buffer(last, value.detach())
        except KeyError as error:
            raise GraphError(
                f"the graph: no weight can be called {name!r}: {error.args[0]}; rename it"
            ) from None

    @property
    def graph(self) -> Graph:
        """What is computed."""
        return self._graph

    @property
    def input_names(self) -> tuple[str, ...]:
        """The names of the inputs, in the order in which they are given."""
        return tuple(one.name for one in self._graph.inputs)

    @property
    def output_names(self) -> tuple[str, ...]:
        """The names of the outputs, in the order in which they are returned."""
        return tuple(one.name for one in self._graph.outputs)

    def weights(self) -> dict[str, Tensor]:
        """Return the weights by name, in the order of the file."""
        return dict(zip(self._names, self._held(), strict=True))

    def _held(self) -> Iterator[Tensor]:
        for *parts, last in self._paths:
            holder: Any = self
            for part in parts:
                holder = holder._modules[part]
            yield holder._parameters[last] if last in holder._parameters else holder._buffers[last]

    def forward(self, *args: Tensor, **named: Tensor) -> Any:
        given = self._given(args, named)
        _check_inputs(self._graph.inputs, given)
        if self._program is None:
            self._program = Program(self._graph, self._names)
        out = self._program([*given, *self._held()])
        return out[0] if len(out) == 1 else tuple(out)

    def _given(self, args: tuple[Tensor, ...], named: dict[str, Tensor]) -> list[Tensor]:
        inputs = self._graph.inputs
        if len(args) > len(inputs):
            raise TypeError(
                f"the graph takes {len(inputs)} inputs ({', '.join(self.input_names)}), but was "
                f"given {len(args)}"
            )
        found = list(args)
        for one in inputs[len(args) :]:
            if one.name not in named:
                raise TypeError(
                    f"the graph needs the input {one.name!r}; its inputs are "
                    f"{', '.join(self.input_names)}"
                )
            found.append(named[one.name])
        left = named.keys() - {one.name for one in inputs[len(args) :]}
        for name in sorted(left):
            twice = name in self.input_names
            why = "comes twice" if twice else f"is none{did_you_mean(name, self.input_names)}"
            raise TypeError(
                f"the graph's input {name!r} {why}; they are {', '.join(self.input_names)}"
            )
        return found

    def extra_repr(self) -> str:
        """Say what goes in and out."""
        graph = self._graph
        into = ", ".join(f"{one.name}: {_shape_text(one)}" for one in graph.inputs)
        return f"({into}) -> ({', '.join(self.output_names)}), {len(graph.nodes)} nodes"

    def __getstate__(self) -> dict[str, Any]:
        # A program is closures, which neither pickle nor copy; it is made anew.
        return {**super().__getstate__(), "_program": None}


def is_free(part: str) -> bool:
    """Whether a weight, or a part of its name, may be called so in a module."""
    return not hasattr(_NOBODY, part)


_NOBODY = GraphModule.__new__(GraphModule)
Module.__init__(_NOBODY)


def _shape_text(one: Input) -> str:
    if one.shape is None:
        return f"{one.dtype} of any shape"
    return f"{one.dtype}[{', '.join('?' if dim is None else str(dim) for dim in one.shape)}]"


def _check_inputs(inputs: tuple[Input, ...], given: list[Tensor]) -> None:
    """Refuse inputs of other dtypes or shapes than the graph states.

    Raises:
        TypeError: one is no tensor.
        DTypeError: a dtype is of another kind; floating ones may differ, as the module may have
            been converted.
        ShapeError: a dim has another size, or another than the dim of the same name.
    """
    sizes: dict[str, tuple[int, str]] = {}
    for one, x in zip(inputs, given, strict=True):
        if not isinstance(x, Tensor):
            raise TypeError(
                f"the graph's input {one.name!r} must be a tensor, {_shape_text(one)}, but is "
                f"{type(x).__name__}"
            )
        wanted = getattr(weft, one.dtype)
        if x.dtype != wanted and not (x.is_floating_point() and wanted.is_floating_point):
            raise DTypeError(
                f"the graph's input {one.name!r} must be {_shape_text(one)}, but is {x.dtype}; "
                f"convert it with .to(weft.{one.dtype})"
            )
        if one.shape is None:
            continue
        if x.ndim != len(one.shape):
            raise ShapeError(
                f"the graph's input {one.name!r} must be {_shape_text(one)}, but its shape is "
                f"{tuple(x.shape)}"
            )
        for place, (dim, size) in enumerate(zip(one.shape, x.shape, strict=True)):
            if isinstance(dim, int) and dim != size:
                raise ShapeError(
                    f"the graph's input {one.name!r} must be {_shape_text(one)}, but its dim "
                    f"{place} has size {size} (shape {tuple(x.shape)})"
                )
            if isinstance(dim, str):
                before = sizes.setdefault(dim, (size, one.name))
                if before[0] != size:
                    raise ShapeError(
                        f"the graph's inputs have one size {dim!r}, but it is {before[0]} in "
                        f"{before[1]!r} and {size} in {one.name!r}"
                    )
