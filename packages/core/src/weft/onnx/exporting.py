"""Writing ONNX files: of graphs, and of modules, which are traced into them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import weft
from weft import Tensor
from weft.graph import Graph, GraphModule, trace
from weft.graph._trace.examples import example_of
from weft.io._sources import FileLike, opened_for_writing
from weft.nn import Module
from weft.onnx._library import library
from weft.onnx._writing import FORMS, Writer
from weft.onnx._writing.writer import NoForm, known
from weft.onnx.errors import OnnxError, UnsupportedFunctionsError

__all__ = ["NEWEST_OPSET", "OLDEST_OPSET", "export", "functions"]

OLDEST_OPSET, NEWEST_OPSET = 18, 23
#: The version of the format that goes with the oldest opset: readers refuse newer ones.
_FORMAT = 9


def export(
    model: Module,
    args: Tensor | Sequence[Any],
    path: FileLike,
    kwargs: Mapping[str, Any] | None = None,
    *,
    dynamic_shapes: Any = None,
    input_names: Sequence[str] | None = None,
    output_names: Sequence[str] | None = None,
    opset: int = 20,
) -> GraphModule:
    """Write a module as an ONNX file.

    The module is traced (:func:`weft.graph.trace` says what that can and cannot), and each function
    of its graph becomes operators. Weights keep their names. The model is checked by the package
    `onnx` before anything is written.

    Args:
        model: a module; or a graph, which is written as it is.
        args: the arguments of an example, as for :func:`weft.graph.trace`.
        path: the file to write, or a file object; an older file is replaced in one step once the
            new one is on disk.
        kwargs: the example's keyword arguments.
        dynamic_shapes: which dims may vary, as for :func:`weft.graph.trace`; a graph says so.
        input_names: what the inputs are called, in order; the graph's names by default.
        output_names: what the outputs are called, in order; likewise.
        opset: of ONNX's operators, 18 to 23.

    Returns:
        The graph that was written.

    Raises:
        ImportError: the package `onnx` is not installed.
        weft.graph.GraphError: the module does what no graph says.
        weft.onnx.UnsupportedFunctionsError: the graph calls functions without an ONNX form; all are
            listed.
        weft.onnx.OnnxError: the model breaks a rule of ONNX, or is larger than its 2 GB.
        ValueError: names are not as many as inputs or outputs, or the opset is none of those.
        OSError: the file cannot be written.

    Source: the arguments are those of PyTorch's `torch.onnx.export`.

    Example:
        >>> import io, weft
        >>> file = io.BytesIO()
        >>> dims = ({0: "batch"},)
        >>> _ = weft.onnx.export(weft.nn.Linear(2, 3), weft.ones(1, 2), file, dynamic_shapes=dims)
        >>> _ = file.seek(0)
        >>> weft.onnx.load(file)(weft.ones(4, 2)).shape
        weft.Size([4, 3])
    """
    onnx = library()
    if not OLDEST_OPSET <= opset <= NEWEST_OPSET:
        raise ValueError(
            f"weft.onnx.export: opset must be from {OLDEST_OPSET} to {NEWEST_OPSET}, but is {opset}"
        )
    example = example_of(model, args, kwargs, None)
    if isinstance(model, GraphModule):
        module = model
        if dynamic_shapes is not None:
            raise ValueError(
                "weft.onnx.export: a graph says itself which dims vary; trace the module with these"
            )
    else:
        module = trace(model, args, kwargs, dynamic_shapes=dynamic_shapes)
    graph = module.graph
    inputs = _names("input_names", input_names, module.input_names)
    outputs = _names("output_names", output_names, module.output_names)
    _refuse_unsupported(graph, Counter())
    with weft.no_grad():
        writer = Writer(opset, known(graph, module.weights(), list(example.tensors.values())))
    writer.taken.update(inputs, outputs, module.weights())
    proto = _model(onnx, module, writer, inputs, outputs)
    try:
        onnx.checker.check_model(proto, full_check=True)
        data = proto.SerializeToString()
    except (
        Exception
    ) as error:  # the checker's, protobuf's beyond 2 GB: neither has a base of its own
        raise OnnxError(f"weft.onnx.export: the model is refused by onnx: {error}") from error
    with opened_for_writing(path) as file:
        file.write(data)
    return module


def functions() -> list[str]:
    """Return the functions of graphs that have an ONNX form.

    Example:
        >>> import weft
        >>> "conv2d" in weft.onnx.functions()
        True
    """
    return sorted(FORMS)


def _names(what: str, given: Sequence[str] | None, own: Sequence[str]) -> list[str]:
    chosen = list(own) if given is None else list(given)
    if len(chosen) != len(own) or len(set(chosen)) != len(chosen):
        raise ValueError(
            f"weft.onnx.export: {what} must be {len(own)} different names, for {', '.join(own)}, "
            f"but are {chosen}"
        )
    return chosen


def _refuse_unsupported(graph: Graph, counts: Counter[str]) -> None:
    counts.update(node.op for node in graph.nodes if node.op not in FORMS)
    if counts:
        raise UnsupportedFunctionsError(counts)


def _model(
    onnx: Any, module: GraphModule, writer: Writer, inputs: list[str], outputs: list[str]
) -> Any:
    graph = module.graph
    for name, x in module.weights().items():
        writer.names[name] = writer.weight(name, x)
    for one, name in zip(graph.inputs, inputs, strict=True):
        writer.names[one.name] = name
    counts: Counter[str] = Counter()
    for node in graph.nodes:
        try:
            writer.write(node)
        except NoForm as error:
            counts[f"{node.op}: {error}"] += 1
            writer.names.update((name, "") for name in node.outputs if name is not None)
    if counts:
        raise UnsupportedFunctionsError(counts)
    for result, name in zip(graph.outputs, outputs, strict=True):
        end = onnx.helper.make_node("Identity", [writer.names[result.value]], [name])
        writer.nodes.append(end)
    given = [
        _info(onnx, writer, name, one.name, one.shape)
        for one, name in zip(graph.inputs, inputs, strict=True)
    ]
    results = [
        _info(onnx, writer, name, result.value, _open(writer, result.value, graph))
        for result, name in zip(graph.outputs, outputs, strict=True)
    ]
    body = onnx.helper.make_graph(writer.nodes, "weft", given, results, writer.initializers)
    opsets = [onnx.helper.make_opsetid("", writer.opset)]
    return onnx.helper.make_model(
        body, opset_imports=opsets, ir_version=_FORMAT if writer.opset < 21 else 10,
        producer_name="weft", producer_version=weft.__version__,
    )  # fmt: skip


def _open(writer: Writer, value: str, graph: Graph) -> tuple[Any, ...]:
    """Return the shape of an output: open, unless all inputs are fixed."""
    sizes = writer.known[value][0]
    fixed = all(one.shape and all(isinstance(n, int) for n in one.shape) for one in graph.inputs)
    return sizes if fixed else (None,) * len(sizes)


def _info(onnx: Any, writer: Writer, name: str, value: str, shape: Any) -> Any:
    number = writer.number_of(writer.known[value][1])
    return onnx.helper.make_tensor_value_info(name, number, None if shape is None else list(shape))
