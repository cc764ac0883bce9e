"""ONNX files: the bytes of protobuf, and models whose nodes, weights and shapes are damaged."""

from __future__ import annotations

import io
import pkgutil
import random
import struct
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper

import weft
import weft.ops
from tests.core.onnx.models import model_of
from tests.hub.fuzz.damage import EDGES, damaged
from tests.hub.fuzz.reader import ACCEPTED, refused, touch
from weft import nn
from weft.graph._allowed import FUNCTIONS
from weft.onnx._operators import OPERATORS

_NAMES = tuple(name for _, name in OPERATORS)
_TOKENS = (
    b"\x08", b"\x0a\x00", b"\x12\xff\xff\xff\xff\x0f", b"Conv", b"Loop", b"If", b"ai.onnx.ml",
    b"../x", b"\xff" * 10, b"\x00" * 8,
)  # fmt: skip
_TEXTS = ("", "x", "../x", "/etc/passwd", "a\nb", "\x1b[31m", "é", "x" * 5000, "a.b..c", "weight")


def sound() -> tuple[bytes, ...]:
    """Return files of weft's own export, and some by hand: arithmetic of shapes, blocks, data."""
    images = nn.Sequential(
        nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.AvgPool2d(2), nn.Flatten(),
        nn.Linear(2, 2), nn.Softmax(1),
    )  # fmt: skip
    return (
        _exported(images, weft.zeros(2, 1, 4, 4), {0: "batch"}),
        _exported(nn.LSTM(2, 2, batch_first=True), weft.zeros(2, 3, 2), {0: "batch", 1: "time"}),
        _shapes(),
        _blocks(),
        _outside(),
    )


def _exported(module: nn.Module, x: weft.Tensor, dims: dict[int, str]) -> bytes:
    file = io.BytesIO()
    weft.onnx.export(module, x, file, dynamic_shapes=(dims,))
    return file.getvalue()


def _shapes() -> bytes:
    x = np.zeros((2, 6), np.float32)
    two, axis = np.array([2, -1], np.int64), np.array([0], np.int64)
    nodes = [
        helper.make_node("Shape", ["x"], ["s"]),
        helper.make_node("Gather", ["s", "axis"], ["n"]),
        helper.make_node("Concat", ["n", "two"], ["t"], axis=0),
        helper.make_node("Reshape", ["x", "t"], ["r"]),
        helper.make_node("ConstantOfShape", ["t2"], ["c"]),
        helper.make_node("Expand", ["c", "t2"], ["e"]),
        helper.make_node("Tile", ["e", "t2"], ["y"]),
    ]
    given = {"x": x, "axis": axis, "two": two, "t2": np.array([2, 3], np.int64)}
    constant = ("axis", "two", "t2")
    return bytes(model_of(nodes, given, ["r", "y"], constant=constant).SerializeToString())


def _blocks() -> bytes:
    def branch(op: str) -> Any:
        ends = [helper.make_tensor_value_info("z", TensorProto.FLOAT, None)]
        return helper.make_graph([helper.make_node(op, ["x"], ["z"])], op, [], ends)

    body = helper.make_graph(
        [helper.make_node("Add", ["v", "x"], ["w"]), helper.make_node("Identity", ["c"], ["d"])],
        "body",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("c", TensorProto.BOOL, []),
            helper.make_tensor_value_info("v", TensorProto.FLOAT, None),
        ],
        [
            helper.make_tensor_value_info("d", TensorProto.BOOL, []),
            helper.make_tensor_value_info("w", TensorProto.FLOAT, None),
        ],
    )
    nodes = [
        helper.make_node("Loop", ["m", "", "x"], ["l"], body=body),
        helper.make_node("If", ["k"], ["y"], then_branch=branch("Relu"), else_branch=branch("Neg")),
    ]
    given = {"x": np.ones((2, 2), np.float32), "m": np.array(3), "k": np.array(True)}
    return bytes(model_of(nodes, given, ["l", "y"], constant=("m",)).SerializeToString())


def _outside() -> bytes:
    """Return a model that keeps a weight in another file."""
    nodes = [helper.make_node("Mul", ["x", "w"], ["y"])]
    x = np.ones(4, np.float32)
    model = model_of(nodes, {"x": x, "w": x}, ["y"], constant=("w",))
    (weight,) = model.graph.initializer
    weight.ClearField("raw_data")
    weight.ClearField("float_data")
    weight.data_location = TensorProto.EXTERNAL
    for key, value in (("location", "data.bin"), ("offset", "4"), ("length", "16")):
        weight.external_data.add(key=key, value=value)
    return bytes(model.SerializeToString())


class OnnxFiles:
    """`weft.onnx.load`: what it takes is a graph, which can be written."""

    name = "onnx"

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "onnx"
        self._folder.mkdir()
        self._data = self._folder / "data.bin"
        self._data.write_bytes(bytes(range(64)))
        (folder / "outside.bin").write_bytes(bytes(64))
        self._sound = sound()
        for function in FUNCTIONS.values():
            assert function.call  # the modules behind the list are loaded now, not in a case
        x = weft.ones(4)  # and what those load when they first compute: scipy, and other ops
        for info in pkgutil.iter_modules(weft.ops.__path__, "weft.ops."):
            import_module(info.name)
        for compute in (weft.erf, weft.fft.fft, weft.fft.ifft, weft.fft.rfft, weft.fft.irfft):
            compute(x)
        weft.linalg.det(weft.eye(2))

    def make(self, draw: random.Random) -> bytes:
        """Return a damaged file."""
        content = draw.choice(self._sound)
        if draw.random() < 0.3:
            return damaged(content, draw, _TOKENS, self._sound)
        model = onnx.load_model_from_string(content)
        for _ in range(draw.choice((1, 1, 2, 4))):
            _DAMAGES[draw.randrange(len(_DAMAGES))](model, draw)
        return bytes(model.SerializeToString())

    def ready(self, content: bytes, draw: random.Random) -> Callable[[], str]:
        """Return what reads it: a file beside its data, or an open one with its data named."""
        named = {"data.bin": self._data}
        if draw.random() < 0.5:
            return lambda: self._read(io.BytesIO(content), named)
        path = self._folder / "model.onnx"
        path.write_bytes(content)
        return lambda: self._read(path, draw.choice((None, {}, named)))

    def _read(self, source: Any, external_data: Any) -> str:
        try:
            # Machine code for what is folded would be written to a cache, once and in any case.
            with weft.backends.codegen.flags(enabled=False):
                module = weft.onnx.load(source, external_data=external_data)
        except weft.io.WeightsError as error:
            return refused(error)
        for tensor in module.weights().values():
            touch(tensor)
        file = io.BytesIO()
        weft.graph.save(module, file)
        file.seek(0)
        assert weft.graph.load(file).graph.outputs == module.graph.outputs
        return ACCEPTED


def _node(model: Any, draw: random.Random) -> Any:
    nodes = list(model.graph.node)
    for node in model.graph.node:
        for attribute in node.attribute:
            nodes += attribute.g.node
    return draw.choice(nodes or [onnx.NodeProto()])


def _operator(model: Any, draw: random.Random) -> None:
    node = _node(model, draw)
    node.op_type = draw.choice((*_NAMES, *_NAMES, "", "Magic"))
    if draw.random() < 0.1:
        node.domain = draw.choice(("ai.onnx.ml", "", "com.microsoft", "x" * 3000))


def _wires(model: Any, draw: random.Random) -> None:
    names = [name for node in model.graph.node for name in (*node.input, *node.output)] or [""]
    node = _node(model, draw)
    side = draw.choice((node.input, node.output))
    how = draw.randrange(3)
    if how == 0 or not side:
        side.append(draw.choice((*names, *_TEXTS)))
    elif how == 1:
        side[draw.randrange(len(side))] = draw.choice((*names, *_TEXTS))
    else:
        del side[draw.randrange(len(side))]


def _attribute(model: Any, draw: random.Random) -> None:
    node = _node(model, draw)
    number = draw.choice((-1, 0, 1, 2, 3, *EDGES[:-2], -(2**63)))
    if not node.attribute or draw.random() < 0.3:
        names = ("axis", "axes", "perm", "pads", "kernel_shape", "strides", "group", "to", "value",
                 "mode", "hidden_size", "direction", "num_outputs", "blocksize")  # fmt: skip
        value = draw.choice((number, [number] * draw.choice((1, 2, 65)), 1.5, "x", "SAME_UPPER"))
        node.attribute.append(helper.make_attribute(draw.choice(names), value))
        return
    one = draw.choice(list(node.attribute))
    if one.ints and draw.random() < 0.7:
        one.ints[draw.randrange(len(one.ints))] = number
    elif draw.random() < 0.3:
        one.type = draw.randrange(15)
    else:
        one.i, one.f = number, draw.choice((0.0, -1.0, 1e30, float("nan"), float("inf")))


def _weight(model: Any, draw: random.Random) -> None:
    if not model.graph.initializer:
        return
    one = draw.choice(list(model.graph.initializer))
    how = draw.randrange(6)
    if how == 0:
        one.data_type = draw.randrange(24)
    elif how == 1:
        dims = draw.choice(([], [0], [2**40], [2**31, 2**31], [-1], [1] * 70, [1, 1, *one.dims]))
        del one.dims[:]
        one.dims.extend(dims)
    elif how == 2:
        one.name = draw.choice(_TEXTS)
    elif how == 3:
        one.data_location = TensorProto.EXTERNAL
        place = draw.choice(("data.bin", "../outside.bin", "/etc/passwd", "", "no.bin", "a\x00b"))
        values = {"location": place, "offset": str(draw.choice(EDGES)), "length": "16"}
        for key, value in values.items():
            one.external_data.add(key=key, value=value)
    elif one.data_type == TensorProto.INT64 and len(one.raw_data) >= 8:
        at = 8 * draw.randrange(len(one.raw_data) // 8)
        number = struct.pack("<q", draw.choice((-1, 0, 5, 2**20, 2**31, 2**62, -(2**63))))
        one.raw_data = one.raw_data[:at] + number + one.raw_data[at + 8 :]
    else:
        one.raw_data = one.raw_data[: draw.randrange(len(one.raw_data) + 1)]


def _interface(model: Any, draw: random.Random) -> None:
    ends = [*model.graph.input, *model.graph.output]
    one = draw.choice(ends or [onnx.ValueInfoProto()])
    how = draw.randrange(4)
    if how == 0:
        one.type.tensor_type.elem_type = draw.randrange(24)
    elif how == 1 and one.type.tensor_type.shape.dim:
        dim = draw.choice(list(one.type.tensor_type.shape.dim))
        dim.dim_value = draw.choice((-1, 0, 2**40, 2**62, 3))
    elif how == 2:
        one.name = draw.choice(_TEXTS)
    else:
        one.type.Clear()


def _whole(model: Any, draw: random.Random) -> None:
    how = draw.randrange(5)
    nodes = model.graph.node
    if how == 0 and nodes:
        del nodes[draw.randrange(len(nodes))]
    elif how == 1 and nodes:
        nodes.append(draw.choice(list(nodes)))
    elif how == 2:
        for opset in model.opset_import:
            opset.version = draw.choice((0, 1, 6, 7, 9, 11, 13, 17, 99, 2**40))
    elif how == 3 and nodes:
        first = onnx.NodeProto()
        first.CopyFrom(nodes[0])
        del nodes[0]
        nodes.append(first)
    else:
        model.ir_version = draw.choice((0, 1, 3, 10, 99, 2**40))


_DAMAGES = (_operator, _operator, _wires, _wires, _attribute, _attribute, _weight, _weight,
            _interface, _whole)  # fmt: skip
