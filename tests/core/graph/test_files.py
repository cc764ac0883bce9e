"""Graph files: what is saved comes back, and what breaks a rule is refused with the place."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import weft
from tests.core.graph.documents import SOUND, WEIGHTS, document, write
from weft.graph import GraphError

X = weft.tensor([[1.0, 2.0], [3.0, -1.0], [0.0, 0.0]])


def expected(x: weft.Tensor) -> tuple[weft.Tensor, weft.Tensor]:
    h = weft.relu(x @ WEIGHTS["first.weight"].t() + WEIGHTS["first.bias"])
    return h[:, [2, 0]], h.sum(1, keepdim=True)


def test_a_graph_computes_what_it_says(tmp_path: Path) -> None:
    model = weft.graph.load(write(tmp_path / "a.safetensors"))
    for got, wanted in zip(model(X), expected(X), strict=True):
        assert got.tolist() == wanted.tolist()
    assert not model.training
    assert (model.input_names, model.output_names) == (("x",), ("chosen", "total"))


def test_weights_are_parameters_and_buffers_of_their_names(tmp_path: Path) -> None:
    model = weft.graph.load(write(tmp_path / "a.safetensors"))
    assert {name for name, _ in model.named_parameters()} == {"first.weight", "first.bias"}
    assert {name for name, _ in model.named_buffers()} == {"order"}
    assert set(model.state_dict()) == set(WEIGHTS)


def test_what_is_saved_comes_back_and_gives_the_same_bytes(tmp_path: Path) -> None:
    model = weft.graph.load(write(tmp_path / "a.safetensors"))
    with weft.no_grad():
        model.get_parameter("first.bias").add_(1.0)
    weft.graph.save(model, tmp_path / "b.safetensors")
    again = weft.graph.load(tmp_path / "b.safetensors")
    assert again.graph == model.graph
    assert [y.tolist() for y in again(X)] == [y.tolist() for y in model(X)]
    weft.graph.save(again, tmp_path / "c.safetensors")
    first, second = (tmp_path / f"{name}.safetensors" for name in "bc")
    assert first.read_bytes() == second.read_bytes()


def test_a_file_object_serves_as_well() -> None:
    model = weft.graph.GraphModule(
        weft.graph.Graph(
            (weft.graph.Input("x", "float32", None),),
            (weft.graph.Node("neg", ("x",), ("y",)),),
            (weft.graph.Output("y", "y"),),
            frozenset(),
        ),
        {},
    )
    file = io.BytesIO()
    weft.graph.save(model, file, metadata={"author": "me"})
    file.seek(0)
    assert weft.graph.load(file)(weft.tensor([1.0])).tolist() == [-1.0]


def test_a_failed_save_leaves_the_old_file(tmp_path: Path) -> None:
    path = write(tmp_path / "a.safetensors")
    before = path.read_bytes()
    model = weft.graph.load(path)
    with pytest.raises(GraphError, match="the graph's own; rename yours"):
        weft.graph.save(model, path, metadata={"weft.graph": "{}"})
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["a.safetensors"]


def test_other_modules_are_not_saved() -> None:
    with pytest.raises(TypeError, match="a GraphModule was required, but this is Linear"):
        weft.graph.save(weft.nn.Linear(2, 2), io.BytesIO())  # type: ignore[arg-type]  # the claim


def test_weights_without_a_graph_are_told_apart(tmp_path: Path) -> None:
    weft.io.save_safetensors(WEIGHTS, tmp_path / "w.safetensors")
    with pytest.raises(GraphError, match=r"no 'weft.graph'.*load_safetensors reads those"):
        weft.graph.load(tmp_path / "w.safetensors")


def node(place: int, **changes: Any) -> Callable[[dict[str, Any]], None]:
    def change(data: dict[str, Any]) -> None:
        data["nodes"][place].update(changes)

    return change


def top(**changes: Any) -> Callable[[dict[str, Any]], None]:
    return lambda data: data.update(changes)


def deep(data: dict[str, Any]) -> None:
    inner: Any = {"in": [], "nodes": [], "out": ["x"]}
    plain = inner
    for _ in range(20):
        inner = {
            "in": [],
            "nodes": [{"op": "if", "in": ["x"], "out": ["q"], "then": inner, "else": plain}],
            "out": ["x"],
        }
    data["nodes"] = inner["nodes"]


BROKEN: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "unknown op": (node(1, op="rleu"), r"nodes\[1\]\.op must be a function.*'rleu'.*'relu'"),
    "op that is code": (node(1, op="os.system"), r"nodes\[1\]\.op must be .*'os.system'"),
    "dunder": (node(1, op="__import__"), r"nodes\[1\]\.op must be"),
    "random op": (node(1, op="dropout"), r"nodes\[1\]\.op must be .*'dropout'"),
    "op no text": (node(1, op=["relu"]), r"nodes\[1\]\.op must be .*\['relu'\]"),
    "unknown setting": (
        node(2, set={"dimm": 1}),
        r"nodes\[2\] \(index_select\) has no setting 'dimm'; its settings are: dim",
    ),
    "out= of an op": (node(1, set={"out": "x"}), r"\(relu\) has no setting 'out'.*none"),
    "setting lacking": (node(2, set={}), r"\(index_select\) lacks the setting 'dim'"),
    "setting of another kind": (
        node(2, set={"dim": "1"}),
        r"set\.dim must be an integer of 64 bits, but is '1'",
    ),
    "truth for a number": (node(2, set={"dim": True}), r"integer of 64 bits, but is True"),
    "number too large": (node(2, set={"dim": 2**63}), r"integer of 64 bits, but is 9223"),
    "list too long": (node(3, set={"dim": [0] * 5000}), r"a list of at most 4096 integers"),
    "undefined": (node(0, **{"in": ["y", "first.weight"]}), r"reads 'y', but nothing before"),
    "misspelt": (
        node(0, **{"in": ["x", "first.weigth"]}),
        r"reads 'first.weigth', but nothing before defines it; did you mean 'first.weight'",
    ),
    "later": (node(0, **{"in": ["r", "first.weight"]}), r"defined by nodes\[1\].*circle"),
    "itself": (node(1, **{"in": ["r"]}), r"reads 'r', but it is defined by nodes\[1\].*circle"),
    "twice": (node(1, out=["h"]), r"defines 'h', which nodes\[0\].* defines too"),
    "an input again": (node(1, out=["x"]), r"defines 'x', which inputs\[0\] defines too"),
    "a weight again": (node(1, out=["order"]), r"defines 'order', which the weights defines too"),
    "too few operands": (node(0, **{"in": ["x"]}), r"takes 2 to 3 operands.*but 1 are there"),
    "too many operands": (node(1, **{"in": ["h", "h"]}), r"takes 1 to 1 operands"),
    "null operand": (node(1, **{"in": [None]}), r"input must be there, but is null"),
    "number operand": (node(1, **{"in": [2.0]}), r"input must be a value, but is 2.0"),
    "operand of another kind": (node(1, **{"in": [{}]}), r"name of a value, a number, or null"),
    "results": (node(1, out=["r", "s"]), r"gives 1 values, but 2 names are there"),
    "a key more": (node(1, code="x"), r"nodes\[1\] has 'code'; its keys are op in out set"),
    "a key less": (lambda data: data["nodes"][1].pop("out"), r"nodes\[1\] lacks 'out'"),
    "format": (top(format="onnx"), r"format must be 'weft.graph', but is 'onnx'"),
    "version": (top(version=2), r"reads version 1 .* has version 2; a newer weft"),
    "version true": (top(version=True), r"has version True"),
    "no outputs": (top(outputs=[]), r"at least one output"),
    "output undefined": (
        top(outputs=[{"name": "y", "value": "zz"}]),
        r"outputs\[0\] reads 'zz', but nothing",
    ),
    "unused weight": (
        lambda data: data["nodes"].pop(2) and data["outputs"].pop(0),
        r"1 tensors are read by no node, 'order' for one",
    ),
    "parameter without a tensor": (top(parameters=["nope"]), r"'nope', but there is no such"),
    "parameter of integers": (
        top(parameters=["order"]),
        r"parameters are of floating dtypes, but 'order' is int64",
    ),
    "dtype": (
        lambda data: data["inputs"][0].update(dtype="object"),
        r"inputs\[0\]\.dtype must be one of bool uint8.*'object'",
    ),
    "dim": (
        lambda data: data["inputs"][0].update(shape=[-1]),
        r"shape\[0\] must be a size, the name of one, or null, but is -1",
    ),
    "name": (
        lambda data: data["inputs"][0].update(name="a\x1b[2J"),
        r"inputs\[0\]\.name must be a printable text",
    ),
    "blocks too deep": (deep, r"nested more than 16 deep"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_rule_is_one_error_with_its_place(tmp_path: Path, case: str) -> None:
    change, message = BROKEN[case]
    data = document()
    change(data)
    path = write(tmp_path / "broken.safetensors", data)
    with pytest.raises(GraphError, match=message) as caught:
        weft.graph.load(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the graph is JSON, but"),
        ("[]", "format must be 'weft.graph'"),
        ('{"format": "weft.graph", "format": "weft.graph"}', "a key stands twice"),
        ('{"format": NaN}', "NaN stands in it"),
        ('{"version": ' + "1" * 30 + "}", "more than 64 bits"),
        ("[" * 100_000, "the graph is JSON, but"),
    ],
)
def test_text_that_is_no_document_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(GraphError, match=message):
        weft.graph.load(write(tmp_path / "broken.safetensors", text))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("forward", "has an attribute 'forward' already"),
        ("__class__", "has an attribute '__class__' already"),
        ("first", "has an attribute 'first' already"),
        ("a b", "letters, digits, _ and -"),
        ("..", "letters, digits, _ and -"),
    ],
)
def test_a_weight_cannot_take_what_a_module_has(tmp_path: Path, name: str, message: str) -> None:
    data = json.loads(json.dumps(SOUND).replace('"order"', json.dumps(name)))
    weights = {name if key == "order" else key: value for key, value in WEIGHTS.items()}
    with pytest.raises(GraphError, match=message):
        weft.graph.load(write(tmp_path / "broken.safetensors", data, weights))


def test_damage_by_the_hundred_ends_in_a_value_or_a_typed_error(tmp_path: Path) -> None:
    import random

    rng = random.Random(7)
    text = json.dumps(SOUND)
    outcomes = set()
    for _ in range(600):
        mark = list(text)
        for _ in range(rng.randrange(1, 4)):
            at = rng.randrange(len(mark))
            mark[at] = rng.choice('{}[]":,0123456789abcdefx_- ')
        path = write(tmp_path / "damaged.safetensors", "".join(mark))
        try:
            weft.graph.load(path)
            outcomes.add("read")
        except weft.io.WeightsError:
            outcomes.add("refused")
    assert outcomes == {"read", "refused"}
