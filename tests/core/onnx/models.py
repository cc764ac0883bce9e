"""ONNX models for tests, made by the package `onnx`, and what its reference evaluator says."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

import weft

NEWEST = 21


def one_node(
    op: str,
    inputs: Mapping[str, np.ndarray],
    *,
    outputs: int | Sequence[str] = 1,
    opset: int = NEWEST,
    constant: Sequence[str] = (),
    domain: str = "",
    **attributes: Any,
) -> onnx.ModelProto:
    """Return a model of one node.

    Args:
        op: the operator.
        inputs: the node's inputs in order; one whose name is empty is left out.
        outputs: how many there are, or their names.
        opset: the version of ONNX's operators.
        constant: inputs that are weights of the file.
        domain: the operator's.
        attributes: of the node.
    """
    names = [f"y{k}" for k in range(outputs)] if isinstance(outputs, int) else list(outputs)
    node = helper.make_node(op, list(inputs), names, domain=domain, **attributes)
    return model_of([node], inputs, [n for n in names if n], opset=opset, constant=constant)


def model_of(
    nodes: Sequence[Any],
    inputs: Mapping[str, np.ndarray],
    outputs: Sequence[str],
    *,
    opset: int = NEWEST,
    constant: Sequence[str] = (),
    shapes: bool = True,
    functions: Sequence[Any] = (),
) -> onnx.ModelProto:
    """Return a model of some nodes; without `shapes` the dims of its inputs are open."""
    given = [
        helper.make_tensor_value_info(
            name,
            helper.np_dtype_to_tensor_dtype(x.dtype),
            list(x.shape) if shapes else [None] * x.ndim,
        )
        for name, x in inputs.items()
        if name and name not in constant
    ]
    results = [helper.make_tensor_value_info(name, TensorProto.UNDEFINED, None) for name in outputs]
    weights = [numpy_helper.from_array(inputs[name], name) for name in constant]
    graph = helper.make_graph(list(nodes), "test", given, results, weights)
    imports = [helper.make_opsetid("", opset), helper.make_opsetid("local", 1)]
    return helper.make_model(graph, opset_imports=imports, functions=list(functions))


def loaded(model: onnx.ModelProto) -> weft.graph.GraphModule:
    """Return what weft makes of a model."""
    return weft.onnx.load(io.BytesIO(model.SerializeToString()))


def run(model: onnx.ModelProto, inputs: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    """Return what weft's module gives for the inputs that are no weights."""
    module = loaded(model)
    given = {name: weft.from_numpy(inputs[name].copy()) for name in module.input_names}
    with weft.no_grad():
        got = module(**given)
    return [y.detach().numpy() for y in (got if isinstance(got, tuple) else (got,))]


def reference(model: onnx.ModelProto, inputs: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    """Return what ONNX's own evaluator gives."""
    names = {one.name for one in model.graph.input}
    given = {name: x for name, x in inputs.items() if name in names}
    return [np.asarray(y) for y in ReferenceEvaluator(model).run(None, given)]


def agree(got: Sequence[np.ndarray], wanted: Sequence[np.ndarray], tolerance: float = 1e-5) -> None:
    """Compare results, dtypes and shapes included."""
    assert len(got) == len(wanted)
    for g, w in zip(got, wanted, strict=True):
        assert (g.dtype, g.shape) == (w.dtype, w.shape)
        if g.dtype.kind == "f":
            np.testing.assert_allclose(g, w, rtol=tolerance, atol=tolerance)
        else:
            np.testing.assert_array_equal(g, w)
