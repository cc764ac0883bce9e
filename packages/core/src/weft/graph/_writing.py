"""The JSON text of a graph, which `_reading` reads."""

from __future__ import annotations

import json
from typing import Any

from weft.graph._kinds import write_setting
from weft.graph._reading import FORMAT, VERSION
from weft.graph.document import Block, Graph, Node, Ref

__all__ = ["write_graph"]


def write_graph(graph: Graph) -> str:
    """Return a graph as text; the same graph gives the same text."""
    document = {
        "format": FORMAT,
        "version": VERSION,
        "inputs": [
            {"name": one.name, "dtype": one.dtype, "shape": _plain(one.shape)}
            for one in graph.inputs
        ],
        "outputs": [{"name": one.name, "value": one.value} for one in graph.outputs],
        "parameters": sorted(graph.parameters),
        "nodes": [_node(node) for node in graph.nodes],
    }
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _plain(shape: tuple[int | str | None, ...] | None) -> Any:
    return None if shape is None else list(shape)


def _node(node: Node) -> dict[str, Any]:
    data: dict[str, Any] = {
        "op": node.op,
        "in": [x if isinstance(x, str) else write_setting(x) for x in node.inputs],
        "out": list(node.outputs),
    }
    if node.settings:
        data["set"] = {
            name: {"value": value.value} if isinstance(value, Ref) else write_setting(value)
            for name, value in sorted(node.settings.items())
        }
    return data | {name: _block(block) for name, block in node.blocks.items()}


def _block(block: Block) -> dict[str, Any]:
    return {
        "in": list(block.inputs),
        "nodes": [_node(node) for node in block.nodes],
        "out": list(block.outputs),
    }
