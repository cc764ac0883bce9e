"""How files are read: weights and their names, what is folded, control flow, functions, bounds."""

from __future__ import annotations

import io
import random
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import weft
from tests.core.onnx.models import agree, loaded, model_of, one_node, run
from weft.onnx import OnnxError

RNG = np.random.default_rng(1)
X = {"x": RNG.standard_normal((2, 3)).astype(np.float32)}


def ops(model: onnx.ModelProto) -> list[str]:
    return [node.op for node in loaded(model).graph.nodes]


def info(name: str, x: np.ndarray | None = None) -> Any:
    return helper.make_tensor_value_info(
        name, TensorProto.UNDEFINED if x is None else helper.np_dtype_to_tensor_dtype(x.dtype),
        None if x is None else x.shape,
    )  # fmt: skip


# ---- weights


def test_weights_keep_their_names_and_moments_are_buffers() -> None:
    w = RNG.standard_normal((3, 3)).astype(np.float32)
    inputs = {
        **X,
        "net.0.weight": w,
        "net.0.bias": w[0],
        "s": w[0],
        "b": w[1],
        "m": w[2],
        "v": w[0] ** 2,
    }
    nodes = [
        helper.make_node("Gemm", ["x", "net.0.weight", "net.0.bias"], ["h"], transB=1),
        helper.make_node("BatchNormalization", ["h", "s", "b", "m", "v"], ["y"]),
    ]
    model = loaded(model_of(nodes, inputs, ["y"], constant=list(inputs)[1:]))
    assert {name for name, _ in model.named_parameters()} == {
        "net.0.weight",
        "net.0.bias",
        "s",
        "b",
    }
    assert {name for name, _ in model.named_buffers()} == {"m", "v"}


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("onnx::MatMul_17", "onnx_MatMul_17"),
        ("/layer.0/Constant_output_0", "layer.0.Constant_output_0"),
        ("forward", "forward_"),
        ("a.training", "a.training_"),
        ("x", "x_2"),  # which an input is called
        ("ünï", "_n_"),
    ],
)
def test_names_that_a_module_cannot_have_are_respelled(given: str, name: str) -> None:
    nodes = [helper.make_node("Add", ["input", given], ["y"])]
    weight = np.ones((2, 3), np.float32)
    model = model_of(nodes, {"input": X["x"], given: weight}, ["y"], constant=[given])
    if given == "x":
        model.graph.input[0].name = model.graph.node[0].input[0] = "x_"
        model.graph.node[0].input[0] = "x_"
    state = loaded(model).state_dict()
    assert list(state) == [name if given != "x" else "x"]


def test_a_name_that_is_a_prefix_of_another_makes_way() -> None:
    nodes = [helper.make_node("Sum", ["x", "a", "a.b", "a.b.c"], ["y"])]
    one = np.ones((2, 3), np.float32)
    inputs = {**X, "a": one, "a.b": one, "a.b.c": one}
    model = model_of(nodes, inputs, ["y"], constant=["a", "a.b", "a.b.c"])
    assert len(loaded(model).state_dict()) == 3
    agree(run(model, inputs), [X["x"] + 3])


def test_a_weight_of_two_nodes_is_one_parameter_with_one_gradient() -> None:
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["h"]),
        helper.make_node("MatMul", ["h", "w"], ["y"]),
    ]
    w = RNG.standard_normal((3, 3)).astype(np.float32)
    model = loaded(model_of(nodes, {**X, "w": w}, ["y"], constant=["w"]))
    model(weft.from_numpy(X["x"])).sum().backward()
    (parameter,) = model.parameters()
    twin = weft.from_numpy(w.copy()).requires_grad_()
    (weft.from_numpy(X["x"]) @ twin @ twin).sum().backward()
    np.testing.assert_allclose(parameter.grad.numpy(), twin.grad.numpy(), rtol=1e-5)


# ---- folding


def shape_chain(shapes: bool) -> onnx.ModelProto:
    nodes = [
        helper.make_node("Shape", ["x"], ["s"]),
        helper.make_node("Gather", ["s", "zero"], ["n"]),
        helper.make_node("Unsqueeze", ["n", "first"], ["n1"]),
        helper.make_node("Concat", ["n1", "rest"], ["to"], axis=0),
        helper.make_node("Reshape", ["x", "to"], ["y"]),
    ]
    constants = {"zero": np.array(0), "first": np.array([0]), "rest": np.array([-1])}
    return model_of(nodes, {**X, **constants}, ["y"], constant=list(constants), shapes=shapes)


def test_where_shapes_are_fixed_their_arithmetic_is_folded() -> None:
    assert ops(shape_chain(True)) == ["reshape"]
    assert ops(shape_chain(False)) == ["shape", "lookup", "unsqueeze_all", "cat", "reshape_keeping"]


def test_what_nobody_needs_is_left_out() -> None:
    nodes = [helper.make_node("Exp", ["x"], ["z"]), helper.make_node("Neg", ["x"], ["y"])]
    assert ops(model_of(nodes, X, ["y"])) == ["neg"]


@pytest.mark.parametrize("size", [1 << 40, (1 << 22) + 1])
def test_a_small_file_cannot_ask_for_a_large_constant(size: int) -> None:
    nodes = [
        helper.make_node("ConstantOfShape", ["n"], ["c"]),
        helper.make_node("Range", ["zero", "end", "one"], ["r"]),
        helper.make_node("Gather", ["c", "zero"], ["a"]),
        helper.make_node("Gather", ["r", "zero"], ["b"]),
        helper.make_node("Cast", ["b"], ["b1"], to=1),
        helper.make_node("Sum", ["x", "a", "b1"], ["y"]),
    ]
    constants = {
        "n": np.array([size]), "end": np.array(size), "zero": np.array(0), "one": np.array(1),
    }  # fmt: skip
    model = loaded(model_of(nodes, {**X, **constants}, ["y"], constant=list(constants)))
    assert sum(x.numel() for x in model.state_dict().values()) < 20
    assert "filled" in [node.op for node in model.graph.nodes]


def test_a_long_chain_of_constants_is_folded_only_so_far(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("weft.onnx._builder._FOLDED_TOGETHER", 100)
    nodes = [helper.make_node("Exp", [f"c{k}"], [f"c{k + 1}"]) for k in range(30)]
    nodes.append(helper.make_node("Add", ["x", "c30"], ["y"]))
    model = model_of(nodes, {**X, "c0": X["x"] / 9}, ["y"], constant=["c0"])
    count = ops(model).count("exp")
    assert 0 < count < 30


@pytest.mark.parametrize("dtype", [np.float64, np.int32])
def test_a_number_of_the_file_keeps_its_dtype(dtype: type) -> None:
    inputs = {"c": np.array([True, False]), "a": np.array(2, dtype), "b": np.array(3, dtype)}
    model = one_node("Where", inputs, constant=["a", "b"])
    agree(run(model, inputs), [np.array([2, 3], dtype)])


def test_a_whole_number_divided_by_whole_numbers_is_whole() -> None:
    inputs = {"a": np.array(7), "b": np.array([2, -2, 3])}
    agree(run(one_node("Div", inputs, constant=["a"]), inputs), [np.array([3, -3, 2])])


# ---- control flow


def branch(op: str, name: str) -> Any:
    return helper.make_graph([helper.make_node(op, ["x"], [name])], name, [], [info(name)])


def test_a_condition_chooses_as_the_model_runs() -> None:
    node = helper.make_node(
        "If", ["c"], ["y"], then_branch=branch("Exp", "a"), else_branch=branch("Neg", "b")
    )
    for truth in (True, False):
        inputs = {**X, "c": np.array(truth)}
        model = model_of([node], inputs, ["y"])
        agree(run(model, inputs), [np.exp(X["x"]) if truth else -X["x"]])
    assert ops(model) == ["if"]


@pytest.mark.parametrize("truth", [True, False])
def test_a_constant_condition_chooses_when_the_file_is_read(truth: bool) -> None:
    node = helper.make_node(
        "If", ["c"], ["y"], then_branch=branch("Exp", "a"), else_branch=branch("Neg", "b")
    )
    model = model_of([node], {**X, "c": np.array(truth)}, ["y"], constant=["c"])
    assert ops(model) == ["exp" if truth else "neg"]


def test_a_loop_sums_and_collects() -> None:
    body = helper.make_graph(
        [
            helper.make_node("Add", ["state", "x"], ["next"]),
            helper.make_node("Identity", ["going"], ["again"]),
            helper.make_node("Neg", ["next"], ["row"]),
        ],
        "body",
        [info("i", np.array(0)), info("going", np.array(True)), info("state", X["x"])],
        [info("again", np.array(True)), info("next", X["x"]), info("row", X["x"])],
    )
    inputs = {**X, "n": np.array(3), "c": np.array(True), "start": X["x"] * 0}
    model = model_of(
        [helper.make_node("Loop", ["n", "c", "start"], ["y", "rows"], body=body)],
        inputs,
        ["y", "rows"],
    )
    steps = np.stack([X["x"] * k for k in (1, 2, 3)])
    agree(run(model, inputs), [steps[2], -steps])


def test_a_scan_goes_backwards_too() -> None:
    body = helper.make_graph(
        [
            helper.make_node("Add", ["state", "row"], ["next"]),
            helper.make_node("Identity", ["next"], ["out"]),
        ],
        "body",
        [info("state", X["x"][0]), info("row", X["x"][0])],
        [info("next", X["x"][0]), info("out", X["x"][0])],
    )
    inputs = {"start": X["x"][0] * 0, **X}
    node = helper.make_node(
        "Scan",
        ["start", "x"],
        ["last", "all"],
        body=body,
        num_scan_inputs=1,
        scan_input_directions=[1],
    )
    got = run(model_of([node], inputs, ["last", "all"]), inputs)
    agree(got, [X["x"].sum(0), np.cumsum(X["x"][::-1], 0)])


# ---- functions


def test_functions_of_the_model_are_read_with_their_attributes() -> None:
    scale = helper.make_node("LeakyRelu", ["a"], ["b"])
    scale.attribute.add(name="alpha", ref_attr_name="slope", type=onnx.AttributeProto.FLOAT)
    function = helper.make_function(
        "local", "Slope", ["a"], ["b"], [scale], [helper.make_opsetid("", 21)], ["slope"]
    )
    nodes = [helper.make_node("Slope", ["x"], ["y"], domain="local", slope=0.5)]
    agree(
        run(model_of(nodes, X, ["y"], functions=[function]), X),
        [np.where(X["x"] < 0, X["x"] / 2, X["x"])],
    )


def test_functions_that_call_themselves_are_refused() -> None:
    inner = helper.make_node("Again", ["a"], ["b"], domain="local")
    function = helper.make_function(
        "local", "Again", ["a"], ["b"], [inner], [helper.make_opsetid("local", 1)]
    )
    model = model_of(
        [helper.make_node("Again", ["x"], ["y"], domain="local")], X, ["y"], functions=[function]
    )
    with pytest.raises(OnnxError, match="nested more than 12 deep"):
        loaded(model)


# ---- what is refused


def changed(**changes: Any) -> onnx.ModelProto:
    model = one_node("Gather", {"x": X["x"], "i": np.array([1])}, constant=["i"], axis=0)
    for name, change in changes.items():
        change(getattr(model.graph, name))
    return model


REFUSED = {
    "an undefined input": (
        changed(node=lambda n: n[0].input.__setitem__(0, "q")),
        r"node 0 \(Gather\) reads 'q', which nothing before it defines",
    ),
    "an undefined output": (
        changed(output=lambda o: o[0].MergeFrom(helper.make_tensor_value_info("q", 1, None))),
        r"an output reads 'q', which nothing",
    ),
    "a missing input": (
        changed(node=lambda n: n[0].input.pop()),
        r"\(Gather\): input 1 is missing",
    ),
    "data too short": (
        changed(initializer=lambda i: i[0].__setattr__("raw_data", b"\0")),
        r"tensor 'i': 1 elements of weft.int64 need 8 bytes, but there are 1",
    ),
    "a negative size": (
        changed(initializer=lambda i: i[0].dims.__setitem__(0, -1)),
        r"tensor 'i': its shape must be at most 64 sizes",
    ),
    "a huge shape": (
        changed(initializer=lambda i: i[0].dims.extend([1 << 40, 1 << 40])),
        r"tensor 'i': its shape must be at most 64 sizes",
    ),
    "texts": (
        changed(initializer=lambda i: i[0].CopyFrom(helper.make_tensor("i", 8, [1], [b"a"]))),
        r"tensor 'i': the dtype STRING is none of those that weft computes with: float32",
    ),
    "a name that is no text": (
        None,
        r"a name must be UTF-8, but one is b'Gath\\xffr'",
    ),
    "an input that is no tensor": (
        changed(
            input=lambda i: i[0].CopyFrom(helper.make_tensor_sequence_value_info("x", 1, None))
        ),
        r"input 'x' must be a tensor, but is a sequence_type",
    ),
    "sparse weights": (
        changed(sparse_initializer=lambda s: s.add()),
        r"sparse weights are not among what weft.onnx reads",
    ),
    "a wrong attribute": (
        changed(
            node=lambda n: n[0].attribute[0].CopyFrom(helper.make_attribute("axis", "a"))
        ),
        r"\(Gather\): an integer of 64 bits",
    ),
    "an old opset": (one_node("Relu", X, opset=6), r"opset 7 or newer was required.* opset 6"),
    "training": (
        one_node("Dropout", {**X, "": X["x"], "t": np.array(True)}, constant=["t"]),
        r"training_mode must be false",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_a_broken_file_is_one_typed_error(case: str) -> None:
    model, message = REFUSED[case]
    data = changed().SerializeToString() if model is None else model.SerializeToString()
    if model is None:
        data = data.replace(b"Gather", b"Gath\xffr")
    with pytest.raises(OnnxError, match=message) as caught:
        weft.onnx.load(io.BytesIO(data))
    assert "\n" not in str(caught.value)


def test_a_message_shows_odd_names_escaped() -> None:
    model = one_node("Relu", X)
    model.graph.node[0].op_type = "Re\x1b[2J\nlu"
    with pytest.raises(OnnxError, match=r"'Re\\x1b\[2J\\nlu' \(1\)"):
        loaded(model)


def test_an_error_of_a_node_has_its_cause() -> None:
    model = one_node("Einsum", {"a": X["x"]}, equation="ij->jj!")
    with pytest.raises(ValueError) as caught:
        run(model, {"a": X["x"]})
    assert any("einsum(a)" in note for note in caught.value.__notes__)


def test_damage_by_the_thousand_ends_in_a_model_or_a_typed_error() -> None:
    rng = random.Random(3)
    whole = shape_chain(False).SerializeToString()
    node = helper.make_node(
        "If", ["c"], ["y"], then_branch=branch("Exp", "a"), else_branch=branch("Neg", "b")
    )
    seeds = [
        whole,
        changed().SerializeToString(),
        model_of([node], {**X, "c": np.array(True)}, ["y"]).SerializeToString(),
    ]
    outcomes = set()
    for _ in range(3000):
        data = bytearray(rng.choice(seeds))
        for _ in range(rng.randrange(1, 4)):
            at = rng.randrange(len(data))
            kind = rng.randrange(3)
            if kind == 0:
                data[at] = rng.randrange(256)
            elif kind == 1:
                del data[at : at + rng.randrange(1, 6)]
            else:
                data[at:at] = bytes(rng.randrange(256) for _ in range(rng.randrange(1, 4)))
        try:
            weft.onnx.load(io.BytesIO(bytes(data)))
            outcomes.add("read")
        except OnnxError:
            outcomes.add("refused")
    assert outcomes == {"read", "refused"}


def test_a_graph_made_of_a_file_is_the_same_model(tmp_path: Any) -> None:
    model = loaded(shape_chain(False))
    weft.graph.save(model, tmp_path / "a.safetensors")
    again = weft.graph.load(tmp_path / "a.safetensors")
    assert again.graph == model.graph
    x = weft.from_numpy(X["x"])
    assert weft.equal(again(x), model(x))


def test_a_weight_by_its_own_bytes_is_a_copy() -> None:
    array = np.ones((2, 3), np.float32)
    model = model_of(
        [helper.make_node("Add", ["x", "w"], ["y"])], {**X, "w": array}, ["y"], constant=["w"]
    )
    module = loaded(model)
    with weft.no_grad():
        module.get_parameter("w").mul_(2.0)
    assert numpy_helper.to_array(model.graph.initializer[0]).max() == 1.0


@pytest.mark.parametrize("shape", [np.array([1.5], np.float32), np.array([True])])
def test_numbers_of_another_kind_than_a_setting_takes_are_refused(shape: np.ndarray) -> None:
    """A graph with them could be made, but its file not be read again; the fuzz found that."""
    model = one_node("Reshape", {"x": np.ones(1, np.float32), "s": shape}, constant=("s",))
    with pytest.raises(OnnxError, match="an integer of 64 bits, but is"):
        loaded(model)


def test_names_that_are_no_text_are_refused() -> None:
    """Protobuf leaves what is no UTF-8 as bytes; the fuzz found two places."""
    model = one_node("Abs", {"x": np.ones((1, 2), np.float32)})
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_param = "batch"
    data = model.SerializeToString()
    with pytest.raises(OnnxError, match="a name is a printable text"):
        weft.onnx.load(io.BytesIO(data.replace(b"batch", b"ba\xa0ch")))
    weight = model_of(
        [helper.make_node("Add", ["x", "w"], ["y"])], {**X, "w": X["x"]}, ["y"], constant=("w",)
    )
    (one,) = weight.graph.initializer
    one.ClearField("raw_data")
    one.data_location = TensorProto.EXTERNAL
    one.external_data.add(key="location", value="data.bin")
    data = weight.SerializeToString().replace(b"data.bin", b"da\xa0a.bin")
    with pytest.raises(OnnxError, match="the path of its data must be text"):
        weft.onnx.load(io.BytesIO(data))


def test_a_setting_that_a_node_does_not_say_as_it_must_is_refused() -> None:
    model = one_node("Softmax", {"x": np.ones((2, 3), np.float32)}, axis=1)
    model.graph.node[0].attribute[0].type = 0
    with pytest.raises(OnnxError, match="softmax needs dim"):
        loaded(model)
