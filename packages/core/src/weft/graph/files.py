"""Graphs in files: one safetensors file with the weights, and the graph in its metadata."""

from __future__ import annotations

from collections.abc import Mapping

from weft.graph._reading import read_graph
from weft.graph._writing import write_graph
from weft.graph.errors import GraphError
from weft.graph.module import GraphModule
from weft.io import open_safetensors, save_safetensors
from weft.io._sources import FileLike, name_of

__all__ = ["KEY", "load", "save"]

#: The key of the metadata under which the graph stands.
KEY = "weft.graph"


def load(path: FileLike, *, mmap: bool = True) -> GraphModule:
    """Return the model that a graph file holds, in evaluation mode.

    Nothing in the file can run code: nodes name functions of an allow-list
    (:func:`weft.graph.functions`), everything else is data, and all of it is checked before the
    first tensor is made. What a graph computes may still be large or slow, as with any model.

    Args:
        path: the file, or a file object open for reading in binary mode.
        mmap: as in :func:`weft.io.open_safetensors`.

    Raises:
        OSError: the file does not exist or may not be read.
        FormatError: it is no safetensors file.
        GraphError: it has no graph, or one that breaks a rule; the message says which and where.

    Example:
        >>> import io, weft
        >>> from weft.graph import Graph, GraphModule, Input, Node, Output, load, save
        >>> twice = Graph(
        ...     (Input("x", "float32", None),),
        ...     (Node("mul", ("x", 2.0), ("y",)),),
        ...     (Output("y", "y"),),
        ...     frozenset(),
        ... )
        >>> file = io.BytesIO()
        >>> save(GraphModule(twice, {}), file)
        >>> _ = file.seek(0)
        >>> load(file)(weft.tensor([1.0, 2.0])).tolist()
        [2.0, 4.0]
    """
    origin = name_of(path)
    with open_safetensors(path, mmap=mmap) as file:
        text = file.metadata.get(KEY)
        if text is None:
            raise GraphError(
                f"{origin}: the metadata has no {KEY!r}, so that this is no graph but only "
                "weights; weft.io.load_safetensors reads those"
            )
        graph = read_graph(text, origin)
        weights = dict(file)
    try:
        return GraphModule(graph, weights)
    except GraphError as error:
        raise GraphError(f"{origin}: {error}") from None


def save(module: GraphModule, path: FileLike, *, metadata: Mapping[str, str] | None = None) -> None:
    """Write a graph and its weights, as they are now, to a file, whole or not at all.

    Args:
        module: what `load`, :func:`weft.onnx.load` or :func:`weft.graph.GraphModule` made.
        path: the file to write, or a file object; an older file is replaced in one step once the
            new one is on disk.
        metadata: further notes for the header.

    Raises:
        TypeError: `module` is no `GraphModule`.
        weft.io.WeightsError: a note is no text, or the graph is too large for the format's header.
        OSError: the disk is full, the folder does not exist or may not be written to.
    """
    if not isinstance(module, GraphModule):
        raise TypeError(
            f"weft.graph.save: a GraphModule was required, but this is {type(module).__name__}; "
            "save the state_dict of other modules with weft.save"
        )
    notes = dict(metadata or {})
    if KEY in notes:
        raise GraphError(f"weft.graph.save: the note {KEY!r} is the graph's own; rename yours")
    weights = {name: x.detach() for name, x in module.weights().items()}
    save_safetensors(weights, path, {**notes, KEY: write_graph(module.graph)})
