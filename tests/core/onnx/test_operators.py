"""Each family of operators beside ONNX's own evaluator, in the opsets that differ."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onnx import helper

from tests.core.onnx.models import agree, model_of, one_node, reference, run

RNG = np.random.default_rng(0)


def x(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape).astype(np.float32)


def ints(*values: Any) -> np.ndarray:
    return np.array(values, dtype=np.int64)


def case(op: str, inputs: dict[str, np.ndarray], **more: Any) -> tuple[str, Any, Any]:
    return op, inputs, more


IMAGE = {"x": x(2, 3, 7, 6)}
GATES = {"x": x(5, 2, 3)}

CASES = {
    "relu": case("Relu", {"x": x(3, 4)}),
    "erf": case("Erf", {"x": x(3, 4)}),
    "selu of other numbers": case("Selu", {"x": x(5)}, alpha=2.0, gamma=3.0),
    "hard sigmoid": case("HardSigmoid", {"x": x(9)}, alpha=0.5, beta=0.6),
    "gelu by tanh": case("Gelu", {"x": x(9)}, approximate="tanh"),
    "prelu": case("PRelu", {"x": x(2, 3, 4), "s": x(3, 1)}),
    "shrink": case("Shrink", {"x": x(9)}, lambd=0.4, bias=0.1),
    "is inf one side": case(
        "IsInf", {"x": np.array([np.inf, -np.inf, np.nan, 1], np.float32)}, detect_negative=0
    ),
    "is inf no side": case(
        "IsInf", {"x": np.array([np.inf, -np.inf], np.float32)}, detect_negative=0,
        detect_positive=0,
    ),
    "integer division": case("Div", {"a": ints(-7, 7, 5), "b": ints(2, -2, 5)}),
    "power of integers": case("Pow", {"a": x(4) ** 2, "b": ints(0, 1, 2, 3)}),
    "modulo": case("Mod", {"a": ints(-7, 7, 5), "b": ints(3, -3, 5)}),
    "modulo of floats": case("Mod", {"a": x(5), "b": x(5)}, fmod=1),
    "clip by attributes": case("Clip", {"x": x(9)}, opset=10, min=-0.5, max=0.5),
    "clip by inputs": case("Clip", {"x": x(9), "lo": np.array(-0.5, np.float32)}),
    "maximum of three": case("Max", {"a": x(3, 1), "b": x(4), "c": x(3, 4)}),
    "mean of two": case("Mean", {"a": x(3, 4), "b": x(4)}),
    "where": case("Where", {"c": np.array([True, False]), "a": x(2), "b": x(2)}),
    "einsum": case("Einsum", {"a": x(2, 3), "b": x(3, 4)}, equation="ij,jk->ki"),
    "cumulative sum": case("CumSum", {"x": x(3, 4), "d": np.array(1)}, exclusive=1, reverse=1),
    "softmax": case("Softmax", {"x": x(2, 3, 4)}, axis=1),
    "hardmax": case("Hardmax", {"x": x(2, 3, 4)}, axis=1),
    "reduce by attribute": case("ReduceMean", {"x": x(2, 3, 4)}, opset=11, axes=[0, -1]),
    "reduce by input": case("ReduceMean", {"x": x(2, 3, 4), "d": ints(0, -1)}, keepdims=0),
    "reduce all": case("ReduceL2", {"x": x(2, 3, 4)}, keepdims=0),
    "reduce none": case("ReduceSum", {"x": x(2, 3), "d": ints()}, noop_with_empty_axes=1),
    "reduce by constant": case("ReduceProd", {"x": x(2, 3), "d": ints(1)}, constant=["d"]),
    "arg max last": case(
        "ArgMax", {"x": np.array([[1, 2, 2], [3, 3, 1]], np.float32)}, axis=1, select_last_index=1
    ),
    "top": case("TopK", {"x": x(3, 5), "k": ints(2)}, outputs=2, axis=1, largest=0),
    "top by attribute": case("TopK", {"x": x(3, 5)}, outputs=2, opset=9, k=2),
    "shape of a part": case("Shape", {"x": x(2, 3, 4, 5)}, start=1, end=-1),
    "reshape with zero": case("Reshape", {"x": x(2, 6), "s": ints(0, 2, -1)}),
    "reshape to zero": case("Reshape", {"x": x(0, 6), "s": ints(3, 0)}, allowzero=1),
    "flatten": case("Flatten", {"x": x(2, 3, 4)}, axis=2),
    "transpose": case("Transpose", {"x": x(2, 3, 4)}),
    "squeeze by attribute": case("Squeeze", {"x": x(2, 1, 3, 1)}, opset=11, axes=[1]),
    "squeeze all": case("Squeeze", {"x": x(2, 1, 3, 1)}),
    "unsqueeze": case("Unsqueeze", {"x": x(2, 3), "d": ints(-1, 1)}),
    "unsqueeze by attribute": case("Unsqueeze", {"x": x(2, 3)}, opset=11, axes=[0, 3]),
    "expand both ways": case("Expand", {"x": x(3, 1), "s": ints(2, 1, 4)}),
    "tile": case("Tile", {"x": x(2, 3), "r": ints(2, 1)}),
    "cast": case("Cast", {"x": x(5) * 3}, to=7),
    "split evenly": case("Split", {"x": x(7)}, outputs=3, opset=18, num_outputs=3),
    "split by attribute": case("Split", {"x": x(2, 6)}, outputs=2, opset=11, axis=1, split=[2, 4]),
    "split by input": case("Split", {"x": x(2, 6), "s": ints(1, 5)}, outputs=2, axis=-1),
    "slice by attribute": case("Slice", {"x": x(4, 5)}, opset=9, starts=[1], ends=[-1], axes=[1]),
    "slice backwards": case(
        "Slice",
        {"x": x(4, 7), "a": ints(-1, 5), "b": ints(-100, 0), "d": ints(0, 1), "s": ints(-2, -3)},
    ),
    "slice beyond": case("Slice", {"x": x(4), "a": ints(2), "b": ints(2**62)}),
    "slice of nothing": case("Slice", {"x": x(4), "a": ints(3), "b": ints(1)}),
    "gather from the end": case("Gather", {"x": x(4, 5), "i": ints([0, -1], [2, -4])}),
    "gather one": case("Gather", {"x": x(4, 5), "i": np.array(-2)}, axis=1),
    "gather elements": case(
        "GatherElements", {"x": x(3, 4), "i": ints([0, -1], [1, 1], [-4, 3])}, axis=1
    ),
    "gather nd": case("GatherND", {"x": x(2, 3, 4), "i": ints([[1]], [[0]])}, batch_dims=1),
    "scatter elements": case(
        "ScatterElements", {"x": x(3, 3), "i": ints([1, -1]), "u": x(1, 2)}, reduction="add"
    ),
    "scatter nd": case("ScatterND", {"x": x(4, 2), "i": ints([1], [3]), "u": x(2, 2)}),
    "scatter nd maximum": case(
        "ScatterND", {"x": x(4), "i": ints([1], [1]), "u": x(2)}, reduction="max"
    ),
    "one hot": case(
        "OneHot", {"i": ints(1, -1, 7), "n": np.array(4), "v": np.array([2.0, 5.0], np.float32)},
        axis=0,
    ),
    "compress": case("Compress", {"x": x(3, 4), "c": np.array([True, False, True])}, axis=0),
    "nonzero": case("NonZero", {"x": np.array([[1, 0], [2, 3]], np.float32)}),
    "triangle": case("Trilu", {"x": x(3, 4), "k": np.array(1)}, upper=0),
    "range": case("Range", {"a": np.array(3), "b": np.array(-4), "s": np.array(-2)}),
    "constant of shape": case("ConstantOfShape", {"s": ints(2, 3)}),
    "depth to space": case("DepthToSpace", {"x": x(1, 8, 2, 3)}, blocksize=2, mode="CRD"),
    "space to depth": case("SpaceToDepth", {"x": x(1, 2, 4, 6)}, blocksize=2),
    "pad": case("Pad", {"x": x(2, 3), "p": ints(0, 1, 2, 0), "v": np.array(3, np.float32)}),
    "pad by attribute": case("Pad", {"x": x(2, 3)}, opset=10, pads=[0, 1, 1, 0], mode="edge"),
    "pad some dims": case(
        "Pad", {"x": x(2, 3, 5), "p": ints(2, 3), "": ints(), "d": ints(-1)}, mode="reflect"
    ),
    "convolution": case(
        "Conv", {**IMAGE, "w": x(4, 3, 3, 3), "b": x(4)}, strides=[2, 1], pads=[1, 1, 1, 1]
    ),
    "convolution with uneven pads": case(
        "Conv", {**IMAGE, "w": x(6, 1, 3, 2)}, group=3, pads=[0, 1, 2, 0], dilations=[1, 2]
    ),
    "convolution padded by itself": case(
        "Conv", {**IMAGE, "w": x(4, 3, 3, 4)}, auto_pad="SAME_LOWER", strides=[2, 2]
    ),
    "convolution of one dim": case("Conv", {"x": x(1, 2, 9), "w": x(3, 2, 4)}, constant=["w"]),
    "transposed convolution": case(
        "ConvTranspose", {"x": x(1, 3, 4, 5), "w": x(3, 2, 3, 3), "b": x(2)}, strides=[2, 3],
        pads=[1, 0, 0, 2], output_padding=[1, 2],
    ),
    "transposed convolution to a shape": case(
        "ConvTranspose", {"x": x(1, 1, 3, 3), "w": x(1, 2, 3, 3)}, strides=[3, 2],
        output_shape=[10, 8],
    ),
    "largest": case(
        "MaxPool", IMAGE, kernel_shape=[3, 2], strides=[2, 2], pads=[1, 0, 0, 1], ceil_mode=1
    ),
    "largest with places": case("MaxPool", IMAGE, outputs=2, kernel_shape=[2, 2], strides=[2, 2]),
    "mean": case("AveragePool", IMAGE, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]),
    "mean with pads": case(
        "AveragePool", IMAGE, kernel_shape=[3, 3], pads=[2, 1, 0, 1], count_include_pad=1
    ),
    "mean of everything": case("GlobalAveragePool", IMAGE),
    "batch normalisation": case(
        "BatchNormalization",
        {**IMAGE, "s": x(3), "b": x(3), "m": x(3), "v": x(3) ** 2}, epsilon=1e-3,
    ),
    "instance normalisation": case("InstanceNormalization", {**IMAGE, "s": x(3), "b": x(3)}),
    "layer normalisation": case(
        "LayerNormalization", {"x": x(2, 3, 4), "s": x(3, 4), "b": x(3, 4)}, axis=1
    ),
    "layer normalisation with moments": case(
        "LayerNormalization", {"x": x(2, 3, 4), "s": x(4)}, outputs=3
    ),
    "group normalisation": case(
        "GroupNormalization", {"x": x(2, 4, 3), "s": x(4), "b": x(4)}, num_groups=2
    ),
    "group normalisation by group": case(
        "GroupNormalization", {"x": x(2, 4, 3), "s": x(2), "b": x(2)}, opset=18, num_groups=2
    ),
    "response of neighbours": case("LRN", {"x": x(6, 6, 3, 3)}, size=3),
    "matrices": case("MatMul", {"a": x(2, 1, 3, 4), "b": x(5, 4, 2)}),
    "gemm": case(
        "Gemm", {"a": x(4, 3), "b": x(5, 4), "c": x(5)}, transA=1, transB=1, alpha=0.5, beta=2.0
    ),
    "gemm as a layer": case("Gemm", {"a": x(2, 4), "b": x(5, 4), "c": x(5)}, transB=1),
    "lstm": case(
        "LSTM", {**GATES, "w": x(2, 16, 3), "r": x(2, 16, 4), "b": x(2, 32)}, outputs=3,
        hidden_size=4, direction="bidirectional",
    ),
    "gru": case(
        "GRU", {**GATES, "w": x(1, 12, 3), "r": x(1, 12, 4), "b": x(1, 24)}, outputs=2,
        hidden_size=4, linear_before_reset=1,
    ),
    "gru with reset before": case(
        "GRU", {**GATES, "w": x(1, 12, 3), "r": x(1, 12, 4)}, outputs=2, hidden_size=4
    ),
    "rnn": case(
        "RNN", {**GATES, "w": x(1, 4, 3), "r": x(1, 4, 4)}, outputs=2, hidden_size=4,
    ),
    "quantise": case(
        "QuantizeLinear",
        {"x": x(2, 3) * 9, "s": np.array([0.1, 0.2, 0.5], np.float32),
         "z": np.array([1, 2, 3], np.uint8)}, constant=["s", "z"],
    ),
    "dequantise": case(
        "DequantizeLinear",
        {"x": np.arange(6, dtype=np.int8).reshape(2, 3), "s": np.array(0.5, np.float32)},
    ),
    "integer product": case(
        "MatMulInteger",
        {"a": np.arange(6, dtype=np.uint8).reshape(2, 3),
         "b": np.arange(6, dtype=np.int8).reshape(3, 2), "z": np.array(3, np.uint8)},
    ),
    "fourier": case("DFT", {"x": x(2, 8, 1)}, opset=19, onesided=1),
    "fourier along an input": case("DFT", {"x": x(2, 8, 1), "n": np.array(6), "d": np.array(1)}),
    "mean and variance": case("MeanVarianceNormalization", IMAGE),
    "upsample": case(
        "Upsample", {**IMAGE, "s": np.array([1, 1, 2, 3], np.float32)}, opset=9
    ),
    "resize to sizes": case(
        "Resize", {**IMAGE, "": ints(), " ": ints(), "z": ints(2, 3, 9, 4)}, mode="cubic"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_an_operator_agrees_with_the_reference(name: str) -> None:
    op, inputs, more = CASES[name]
    model = one_node(op, inputs, **more)
    for node in model.graph.node:  # a blank name stands for one that is left out, twice
        node.input[:] = [one.strip() for one in node.input]
    given = [one for one in model.graph.input if one.name.strip()]
    del model.graph.input[:]
    model.graph.input.extend(given)
    agree(run(model, inputs), reference(model, inputs))


@pytest.mark.parametrize("op", ["Softmax", "LogSoftmax"])
def test_softmax_of_older_opsets_joins_the_dims_from_its_axis_on(op: str) -> None:
    """The reference evaluator has the newer rule for all opsets; onnxruntime has this one."""
    inputs = {"x": x(2, 3, 4)}
    (got,) = run(one_node(op, inputs, opset=11), inputs)
    rows = np.exp(inputs["x"].reshape(2, 12))
    wanted = (rows / rows.sum(1, keepdims=True)).reshape(2, 3, 4)
    np.testing.assert_allclose(np.exp(got) if op == "LogSoftmax" else got, wanted, rtol=1e-5)


def test_a_negative_pad_crops() -> None:
    inputs = {"x": x(3, 4), "p": ints(-1, 1, 0, -2)}
    (got,) = run(one_node("Pad", inputs), inputs)
    np.testing.assert_array_equal(got, np.pad(inputs["x"][1:, :2], ((0, 0), (1, 0))))


def test_shapes_that_a_file_leaves_open_come_with_the_input() -> None:
    """The chain that exporters write for `x.view(x.size(0), -1)`."""
    nodes = [
        helper.make_node("Shape", ["x"], ["s"]),
        helper.make_node("Gather", ["s", "zero"], ["n"]),
        helper.make_node("Unsqueeze", ["n", "first"], ["n1"]),
        helper.make_node("Concat", ["n1", "rest"], ["to"], axis=0),
        helper.make_node("Reshape", ["x", "to"], ["y"]),
    ]
    constants = {"zero": np.array(0), "first": ints(0), "rest": ints(-1)}
    for rows in (1, 4):
        inputs = {"x": x(rows, 2, 3), **constants}
        model = model_of(nodes, inputs, ["y"], constant=list(constants), shapes=False)
        (y,) = run(model, inputs)
        np.testing.assert_array_equal(y, inputs["x"].reshape(rows, 6))
