"""Reading ONNX files as graphs."""

from __future__ import annotations

import os
from collections.abc import Mapping

from weft.graph import GraphError, GraphModule
from weft.io._sources import FileLike
from weft.onnx._file import ExternalData, read_model
from weft.onnx._lowering import Lowering
from weft.onnx.errors import OnnxError

__all__ = ["load"]


def load(
    path: FileLike, *, external_data: Mapping[str, str | os.PathLike[str]] | None = None
) -> GraphModule:
    """Return the model that an ONNX file holds, in evaluation mode.

    Each node becomes calls of weft's functions, in a :class:`weft.graph.GraphModule`: a module like
    any other, whose weights are parameters, through which gradients flow, and which
    :func:`weft.graph.save` writes so that nobody needs the package `onnx` again. What depends on
    constants alone is computed at once.

    Nothing in the file is run. Data that it keeps in other files is read from its own folder and
    from nowhere else.

    Args:
        path: the file, or a file object open for reading in binary mode.
        external_data: where other files of the model lie, by the names that it has for them, and
            then none but these; by default they lie beside it.

    Raises:
        ImportError: the package `onnx` is not installed.
        OSError: the file does not exist or may not be read.
        UnsupportedOperatorsError: it has operators that weft does not know; all are listed.
        OnnxError: it is no ONNX model, breaks a rule, or asks for what weft has not.
    """
    model, origin = read_model(path)
    lowering = Lowering(model, ExternalData(path, external_data), origin)
    outputs = lowering.run()
    graph, weights = lowering.builder.finish(outputs)
    try:
        return GraphModule(graph, weights)
    except GraphError as error:
        raise OnnxError(f"{origin}: {error}") from error
