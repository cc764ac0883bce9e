"""Graphs in safetensors files: their JSON, their header and their weights, damaged."""

from __future__ import annotations

import io
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import weft
from tests.hub.fuzz.damage import damaged
from tests.hub.fuzz.json_trees import Written, dump, mutate
from tests.hub.fuzz.reader import ACCEPTED, given, refused, touch
from tests.hub.fuzz.safetensors_files import TOKENS, header_damaged, joined, parted
from weft import nn
from weft.graph import Block, Graph, GraphModule, Input, Node, Output, Ref
from weft.graph._allowed import FUNCTIONS
from weft.graph.files import KEY

_TOKENS = (
    *TOKENS, b'\\"op\\":', b'\\"in\\":[', b'\\"set\\":{', b'{\\"value\\":', b"matmul", b"loop",
    b"if", b"eval", b"\\u2028",
)  # fmt: skip


def sound() -> tuple[bytes, ...]:
    """Return the files of a graph by hand, of one with blocks, and of two that are traced."""
    images = nn.Sequential(
        nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.Flatten(), nn.Linear(8, 2)
    )
    words = nn.GRU(3, 2, batch_first=True, bidirectional=True)
    open_ = ({0: "batch", 1: "time"},)
    return tuple(
        map(
            _file,
            (
                _blocks(),
                _pair(),
                weft.graph.trace(images, weft.zeros(2, 1, 4, 4), dynamic_shapes=({0: "batch"},)),
                weft.graph.trace(words, weft.zeros(2, 3, 3), dynamic_shapes=open_),
            ),
        )
    )


def _pair() -> GraphModule:
    nodes = (
        Node("linear", ("x", "w", "b"), ("h",)),
        Node("shape", ("h",), ("s",), {"start": 0, "end": 1}),
        Node("hardtanh", ("h",), ("y",), {"min_val": float("-inf"), "max_val": 2}),
        Node("topk", ("y",), ("v", None), {"k": Ref("s"), "dim": -1}),
    )
    outputs = (Output("values", "v"), Output("all", "y"))
    inputs = (Input("x", "float32", ("batch", 2)),)
    weights = {"w": weft.ones(3, 2), "b": weft.zeros(3)}
    return GraphModule(Graph(inputs, nodes, outputs, frozenset(weights)), weights)


def _blocks() -> GraphModule:
    body = Block(("i", "c", "s"), (Node("add", ("s", "x"), ("t",)),), ("c", "t", "t"))
    then = Block((), (Node("neg", ("last",), ("n",)),), ("n",))
    nodes = (
        Node("loop", ("times", None, "x"), ("last", "rows"), {}, {"body": body}),
        Node("gt", ("times", 2), ("many",)),
        Node("if", ("many",), ("y",), {}, {"then": then, "else": Block((), (), ("last",))}),
    )
    outputs = (Output("y", "y"), Output("rows", "rows"))
    graph = Graph((Input("x", "float32", (None, 3)),), nodes, outputs, frozenset())
    return GraphModule(graph, {"times": weft.tensor(3)})


def _file(module: GraphModule) -> bytes:
    file = io.BytesIO()
    weft.graph.save(module, file)
    return file.getvalue()


class GraphFiles:
    """`weft.graph.load`: what it takes can be written again, and is read as the same graph."""

    name = "graph"

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._sound = sound()
        for function in FUNCTIONS.values():
            assert function.call  # the modules behind the list are loaded now, not in a case

    def make(self, draw: random.Random) -> bytes:
        """Return a damaged file."""
        content = draw.choice(self._sound)
        how = draw.random()
        if how < 0.7:
            return _document_damaged(content, draw)
        if how < 0.85:
            return header_damaged(content, draw)
        return damaged(content, draw, _TOKENS, self._sound)

    def ready(self, content: bytes, draw: random.Random) -> Callable[[], str]:
        """Return what reads it."""
        source, how = given(self._folder, content, draw)
        return lambda: self._read(source, how)

    def _read(self, source: Any, how: Any) -> str:
        try:
            module = weft.graph.load(source, **how)
        except weft.io.WeightsError as error:
            return refused(error)
        for tensor in module.weights().values():
            touch(tensor)
        again = weft.graph.load(io.BytesIO(_file(module)))
        assert again.graph == module.graph
        assert again.weights().keys() == module.weights().keys()
        return ACCEPTED


def _document_damaged(content: bytes, draw: random.Random) -> bytes:
    header, data = parted(content)
    graph = json.loads(header["__metadata__"][KEY])
    if draw.random() < 0.4:
        _rewired(graph, draw)
    else:
        mutate(graph, draw)
    text = dump(graph)
    if draw.random() < 0.05:
        text = damaged(text.encode("utf-8", "replace"), draw, _TOKENS).decode("utf-8", "replace")
    header["__metadata__"][KEY] = text
    return joined(header, data)


def _rewired(graph: Any, draw: random.Random) -> None:
    """Let nodes call, read, set and give something else, which a graph may have somewhere."""
    nodes = list(_nodes(graph["nodes"]))
    names = [name for node in nodes for name in (*node["in"], *node["out"]) if name is not None]
    for _ in range(draw.choice((1, 1, 2, 4))):
        node = draw.choice(nodes)
        how = draw.randrange(6)
        if how == 0:
            node["op"] = draw.choice((*FUNCTIONS, "if", "loop", "eval", "__init__"))
        elif how == 1 and node["in"]:
            place = draw.randrange(len(node["in"]))
            node["in"][place] = draw.choice((*names, None, 0, 1.5, Written("1e400")))
        elif how == 2:
            node["in"] = node["in"] * draw.choice((0, 2, 3, 100))
        elif how == 3 and node["out"]:
            node["out"][draw.randrange(len(node["out"]))] = draw.choice((*names, None, "new"))
        elif how == 4:
            settings = node.setdefault("set", {})
            name = draw.choice((*settings, "dim", "size", "shape", "dtype", "kernel_size"))
            values = (0, -1, 2**62, [1] * 5000, "inf", True, {"value": draw.choice(names)}, [[1]])
            settings[name] = draw.choice(values)
        else:
            at = draw.randrange(len(graph["nodes"]))
            graph["nodes"].insert(draw.randrange(len(graph["nodes"])), graph["nodes"].pop(at))


def _nodes(nodes: list[Any]) -> Any:
    for node in nodes:
        yield node
        for name in ("then", "else", "body"):
            if name in node:
                yield from _nodes(node[name]["nodes"])
