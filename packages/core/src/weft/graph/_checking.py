"""Whether a graph holds together: names defined once and before use, operands as required."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from weft._core.errors import did_you_mean
from weft.graph._allowed import FUNCTIONS
from weft.graph._kinds import BY_VALUE, read_setting, write_setting
from weft.graph.document import MOST_NAME, Block, Graph, Node, Ref, is_name
from weft.graph.errors import GraphError
from weft.io.errors import shown

__all__ = ["WEIGHT_NAME", "check_graph"]

#: A weight's name is its place in the module: parts that attributes may be called, with dots.
WEIGHT_NAME = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")
_TRAINED = ("float16", "bfloat16", "float32", "float64", "complex64", "complex128")


def check_graph(graph: Graph, weights: Mapping[str, str], origin: str) -> None:
    """Check a graph against its weights.

    Args:
        graph: what to check.
        weights: the dtype of each weight by name.
        origin: for messages.

    Raises:
        GraphError: a rule is broken; the message says which, where and with what value.
    """
    _Checker(graph, weights, origin).check()


class _Checker:
    def __init__(self, graph: Graph, weights: Mapping[str, str], origin: str) -> None:
        self._graph = graph
        self._weights = weights
        self._origin = origin
        #: Where each name is defined so far.
        self._defined: dict[str, str] = {}
        #: Names that can be read here, in the order of definition.
        self._visible: set[str] = set()
        self._used: set[str] = set()
        self._later: dict[str, str] = {}

    def _refuse(self, text: str) -> GraphError:
        return GraphError(f"{self._origin}: {text}")

    def check(self) -> None:
        graph = self._graph
        for name, dtype in self._weights.items():
            self._check_weight(name, dtype)
        for name in sorted(graph.parameters - self._weights.keys()):
            raise self._refuse(f"parameters names {shown(name)}, but there is no such tensor")
        for place, given in enumerate(graph.inputs):
            self._define(given.name, f"inputs[{place}]")
            for dim in given.shape or ():
                if dim is not None and not isinstance(dim, int):
                    self._check_name(dim, f"inputs[{place}].shape")
        for place, node in enumerate(graph.nodes):
            for name in node.defines():
                self._later.setdefault(name, f"nodes[{place}]")
        self._check_nodes(graph.nodes, "nodes")
        for place, output in enumerate(graph.outputs):
            self._read(output.value, f"outputs[{place}]")
            self._check_name(output.name, f"outputs[{place}]")
        names = [output.name for output in graph.outputs]
        if not names:
            raise self._refuse("a graph has at least one output, but this one has none")
        if len(set(names)) != len(names):
            raise self._refuse(f"two outputs have one name among {shown(names)}")
        unused = sorted(self._weights.keys() - self._used)
        if unused:
            raise self._refuse(
                f"{len(unused)} tensors are read by no node, {shown(unused[0])} for one; "
                "a graph's file holds its weights and nothing else"
            )

    def _check_weight(self, name: str, dtype: str) -> None:
        if not WEIGHT_NAME.fullmatch(name) or len(name) > 256:
            raise self._refuse(
                f"the name of a weight has letters, digits, _ and - in parts joined by dots, at "
                f"most 256 in all, but one is {shown(name)}"
            )
        if name in self._graph.parameters and dtype not in _TRAINED:
            raise self._refuse(
                f"parameters are of floating dtypes, but {shown(name)} is {dtype}; leave it out "
                "of parameters and it is a buffer"
            )
        self._define(name, "the weights")

    def _check_name(self, name: str, where: str) -> None:
        if not is_name(name):
            raise self._refuse(
                f"{where}: a name is a printable text of 1 to {MOST_NAME} characters, but one is "
                f"{shown(name)}"
            )

    def _define(self, name: str, where: str) -> None:
        self._check_name(name, where)
        before = self._defined.setdefault(name, where)
        if before != where or name in self._visible:
            raise self._refuse(
                f"{where} defines {shown(name)}, which {before} defines too; each name is "
                "defined once"
            )
        self._visible.add(name)

    def _read(self, name: str, where: str) -> None:
        if name in self._visible:
            self._used.add(name)
            return
        if name in self._defined:
            why = f"{self._defined[name]} defines it within a block, where it stays"
        elif name in self._later:
            why = (
                f"it is defined by {self._later[name]}, which stands later: nodes stand in the "
                "order in which they run, and values in a circle have none"
            )
        else:
            near = did_you_mean(name, self._visible)
            why = f"nothing before defines it{near}"
        raise self._refuse(f"{where} reads {shown(name)}, but {why}")

    def _check_nodes(self, nodes: Iterable[Node], where: str) -> None:
        for place, node in enumerate(nodes):
            here = f"{where}[{place}] ({node.op})"
            for operand in node.inputs:
                if isinstance(operand, str):
                    self._read(operand, here)
            for value in node.settings.values():
                if isinstance(value, Ref):
                    self._read(value.value, here)
            if node.op in _BLOCK_RULES:
                _BLOCK_RULES[node.op](self, node, here)
            else:
                self._check_call(node, here)
            for name in node.outputs:
                if name is not None:
                    self._define(name, here)

    def _check_call(self, node: Node, where: str) -> None:
        function = FUNCTIONS[node.op]
        if function.variadic:
            wrong = [x for x in node.inputs if not isinstance(x, str)]
            if wrong or not node.inputs:
                what = shown(wrong[0]) if wrong else "none"
                raise self._refuse(f"{where} takes one or more values, but one is {what}")
        else:
            self._check_operands(node, where)
        self._check_settings(node, where)
        if function.outputs is not None and len(node.outputs) != function.outputs:
            raise self._refuse(
                f"{where} gives {function.outputs} values, but {len(node.outputs)} names are there"
            )

    def _check_operands(self, node: Node, where: str) -> None:
        function = FUNCTIONS[node.op]
        if not function.fewest <= len(node.inputs) <= len(function.operands):
            names = ", ".join(name + mark for name, mark in function.operands) or "none"
            raise self._refuse(
                f"{where} takes {function.fewest} to {len(function.operands)} operands "
                f"({names}), but {len(node.inputs)} are there"
            )
        for (name, mark), given in zip(function.operands, node.inputs, strict=False):
            if given is None and mark != "?":
                raise self._refuse(f"{where}: {name} must be there, but is null")
            if given is not None and not isinstance(given, str) and mark != "~":
                raise self._refuse(f"{where}: {name} must be a value, but is {shown(given)}")
        if function.operands and not any(isinstance(x, str) for x in node.inputs):
            raise self._refuse(f"{where} takes at least one value, but all operands are numbers")

    def _check_settings(self, node: Node, where: str) -> None:
        known = FUNCTIONS[node.op].settings
        for name, setting in known.items():
            if setting.required and name not in node.settings:
                raise self._refuse(f"{where} lacks the setting {name!r}")
        for name, value in node.settings.items():
            if name not in known:
                raise self._refuse(
                    f"{where} has no setting {shown(name)}{did_you_mean(name, known)}"
                )
            kind = known[name].kind
            if isinstance(value, Ref):
                if kind not in BY_VALUE:
                    raise self._refuse(f"{where}.set.{name}, a {kind}, cannot be read from a value")
                continue
            try:
                read_setting(kind, write_setting(value))
            except ValueError as error:
                raise self._refuse(f"{where}.set.{name} {error}") from None

    def _check_block(self, block: Block, where: str) -> None:
        outside = set(self._visible)
        for name in block.inputs:
            self._define(name, where)
        self._check_nodes(block.nodes, f"{where}.nodes")
        for name in block.outputs:
            self._read(name, f"{where}.out")
        self._visible = outside

    def check_if(self, node: Node, where: str) -> None:
        if len(node.inputs) != 1 or not isinstance(node.inputs[0], str):
            raise self._refuse(
                f"{where} takes one value, the condition, but has {shown(node.inputs)}"
            )
        for name, block in node.blocks.items():
            if block.inputs:
                raise self._refuse(
                    f"{where}.{name} takes nothing in: a branch reads what is around"
                )
            if len(block.outputs) != len(node.outputs):
                raise self._refuse(
                    f"{where} gives {len(node.outputs)} values, but {name} gives "
                    f"{len(block.outputs)}"
                )
            self._check_block(block, f"{where}.{name}")

    def check_loop(self, node: Node, where: str) -> None:
        if len(node.inputs) < 2 or any(not isinstance(x, str) for x in node.inputs[2:]):
            raise self._refuse(
                f"{where} takes how often (a value or null), a condition (likewise) and the first "
                f"of each carried value, but has {shown(node.inputs)}"
            )
        if any(isinstance(x, int | float) for x in node.inputs):
            raise self._refuse(f"{where} takes values or null, but has {shown(node.inputs)}")
        if node.inputs[0] is None and node.inputs[1] is None:
            raise self._refuse(f"{where} would never end: it has neither a number nor a condition")
        carried = len(node.inputs) - 2
        body = node.blocks["body"]
        if len(body.inputs) != carried + 2:
            raise self._refuse(
                f"{where}.body takes the count, the condition and {carried} carried values, but "
                f"has {len(body.inputs)} inputs"
            )
        if len(body.outputs) < carried + 1:
            raise self._refuse(
                f"{where}.body gives a condition and {carried} carried values, but has "
                f"{len(body.outputs)} outputs"
            )
        if len(node.outputs) != len(body.outputs) - 1:
            raise self._refuse(
                f"{where} gives {len(body.outputs) - 1} values, but {len(node.outputs)} names "
                "are there"
            )
        self._check_block(body, f"{where}.body")


_BLOCK_RULES: dict[str, Any] = {"if": _Checker.check_if, "loop": _Checker.check_loop}
