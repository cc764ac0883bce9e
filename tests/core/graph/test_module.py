"""A graph as a module: gradients, conversion, copies, inputs that are checked, blocks."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from types import MappingProxyType

import pytest

import weft
from tests.core.graph.documents import WEIGHTS, write
from weft.graph import Block, Graph, GraphError, GraphModule, Input, Node, Output, Ref


@pytest.fixture
def model(tmp_path: Path) -> GraphModule:
    return weft.graph.load(write(tmp_path / "a.safetensors"))


def graph_of(
    *nodes: Node, inputs: tuple[Input, ...] = (Input("x", "float32", None),), out: str = "y"
) -> GraphModule:
    return GraphModule(Graph(inputs, nodes, (Output(out, out),), frozenset()), {})


def test_gradients_reach_weights_and_inputs(model: GraphModule) -> None:
    x = weft.tensor([[1.0, 2.0]], requires_grad=True)
    model(x)[1].sum().backward()
    h = x.detach() @ WEIGHTS["first.weight"].t() + WEIGHTS["first.bias"]
    live = (h > 0).float()
    assert model.get_parameter("first.bias").grad.tolist() == live[0].tolist()
    assert x.grad is not None
    assert x.grad.tolist() == (live @ WEIGHTS["first.weight"]).tolist()


def test_it_trains(model: GraphModule) -> None:
    optimizer = weft.optim.SGD(model.parameters(), lr=0.05)
    x = weft.tensor([[1.0, 2.0], [2.0, 1.0]])
    losses = []
    for _ in range(20):
        optimizer.zero_grad()
        loss = (model(x)[1] - 1.0).square().mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.1 * losses[0]


def test_weights_are_read_at_each_call(model: GraphModule) -> None:
    x = weft.ones(1, 2)
    before = model(x)[1].item()
    state = model.state_dict()
    state["first.bias"] = state["first.bias"] + 1
    model.load_state_dict(state)
    assert model(x)[1].item() > before


def test_it_converts_copies_and_pickles(model: GraphModule) -> None:
    x = weft.ones(1, 2)
    wanted = model(x)[1].tolist()
    assert copy.deepcopy(model)(x)[1].tolist() == wanted
    assert pickle.loads(pickle.dumps(model))(x)[1].tolist() == wanted
    assert model.double()(x.double())[1].dtype == weft.float64


def test_it_can_be_fused_and_mapped(model: GraphModule) -> None:
    x = weft.tensor([[1.0, 2.0], [3.0, -1.0]])
    fused = weft.nn.utils.fusion.fuse_for_inference(model)
    assert fused(x)[1].tolist() == model(x)[1].tolist()
    rows = weft.vmap(lambda row: model(row.unsqueeze(0))[1])(x)
    assert rows.reshape(-1).tolist() == model(x)[1].reshape(-1).tolist()


def test_inputs_may_be_named(model: GraphModule) -> None:
    x = weft.ones(1, 2)
    assert model(x=x)[1].tolist() == model(x)[1].tolist()


@pytest.mark.parametrize(
    ("args", "named", "error", "message"),
    [
        ((), {}, TypeError, r"needs the input 'x'; its inputs are x"),
        ((weft.ones(1, 2),) * 2, {}, TypeError, r"takes 1 inputs \(x\), but was given 2"),
        ((weft.ones(1, 2),), {"x": weft.ones(1, 2)}, TypeError, r"'x' comes twice"),
        ((weft.ones(1, 2),), {"y": weft.ones(1, 2)}, TypeError, r"'y' is none; they are x"),
        (([1.0],), {}, TypeError, r"must be a tensor, float32\[batch, 2\], but is list"),
        ((weft.ones(2),), {}, weft.ShapeError, r"float32\[batch, 2\], but its shape is \(2,\)"),
        ((weft.ones(1, 3),), {}, weft.ShapeError, r"dim 1 has size 3"),
        ((weft.ones(1, 2).long(),), {}, weft.DTypeError, r"is weft.int64.*\.to\(weft.float32\)"),
    ],
)
def test_other_inputs_are_refused(
    model: GraphModule, args: tuple, named: dict, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        model(*args, **named)


def test_dims_of_one_name_have_one_size() -> None:
    inputs = (Input("a", "float32", ("n",)), Input("b", "float32", ("n",)))
    model = graph_of(Node("add", ("a", "b"), ("y",)), inputs=inputs)
    assert model(weft.ones(3), weft.ones(3)).tolist() == [2.0, 2.0, 2.0]
    with pytest.raises(weft.ShapeError, match="one size 'n', but it is 3 in 'a' and 1 in 'b'"):
        model(weft.ones(3), weft.ones(1))


def test_a_setting_can_be_a_value() -> None:
    shape = (Input("x", "float32", None), Input("size", "int64", (None,)))
    reshape = Node("reshape", ("x",), ("y",), MappingProxyType({"shape": Ref("size")}))
    model = graph_of(reshape, inputs=shape)
    assert model(weft.arange(6.0), weft.tensor([3, 2])).shape == (3, 2)
    with pytest.raises(RuntimeError, match="reshape"):
        model(weft.arange(6.0), weft.tensor([4, 2]))


def test_an_error_while_it_runs_names_the_node(model: GraphModule) -> None:
    broken = graph_of(Node("matmul", ("x", "x"), ("y",)))
    with pytest.raises(ValueError) as caught:
        broken(weft.ones(2, 3))
    assert caught.value.__notes__ == ["in the graph: y = matmul(x, x)"]


BRANCHES = {
    "then": Block((), (Node("neg", ("x",), ("a",)),), ("a",)),
    "else": Block((), (Node("exp", ("x",), ("b",)),), ("b",)),
}


def test_a_condition_chooses_a_branch() -> None:
    inputs = (Input("x", "float32", None), Input("c", "bool", ()))
    model = graph_of(Node("if", ("c",), ("y",), blocks=MappingProxyType(BRANCHES)), inputs=inputs)
    assert model(weft.tensor([0.0]), weft.tensor(True)).tolist() == [0.0]
    assert model(weft.tensor([0.0]), weft.tensor(False)).tolist() == [1.0]


def loop(*, again: str = "going") -> Node:
    body = Block(
        ("count", "going", "state"),
        (Node("mul", ("state", 2.0), ("next",)), Node("neg", ("state",), ("row",))),
        (again, "next", "row"),
    )
    return Node(
        "loop", ("times", None, "x"), ("y", "rows"), blocks=MappingProxyType({"body": body})
    )


def test_a_loop_carries_and_collects() -> None:
    inputs = (Input("x", "float32", ()), Input("times", "int64", ()))
    graph = Graph(inputs, (loop(),), (Output("y", "y"), Output("rows", "rows")), frozenset())
    last, rows = GraphModule(graph, {})(weft.tensor(1.0), weft.tensor(3))
    assert last.item() == 8.0
    assert rows.tolist() == [-1.0, -2.0, -4.0]


def test_a_loop_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("weft.graph._program.MOST_ROUNDS", 10)
    inputs = (Input("x", "float32", ()), Input("times", "int64", ()))
    graph = Graph(inputs, (loop(),), (Output("y", "y"),), frozenset())
    with pytest.raises(RuntimeError, match="went round 10 times and would go on"):
        GraphModule(graph, {})(weft.tensor(1.0), weft.tensor(2**62))


def test_a_value_of_a_block_stays_there() -> None:
    inputs = (Input("x", "float32", None), Input("c", "bool", ()))
    branch = Node("if", ("c",), ("y",), blocks=MappingProxyType(BRANCHES))
    with pytest.raises(GraphError, match=r"reads 'a', but .* defines it within a block"):
        graph_of(branch, Node("neg", ("a",), ("z",)), inputs=inputs, out="z")


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({}, "lacks the setting 'dim'"),
        ({"dim": 1.5}, "dim must be an integer of 64 bits, but is 1.5"),
        ({"dim": 1, "dims": 1}, "has no setting 'dims'; did you mean"),
    ],
)
def test_settings_that_no_file_could_have_are_refused(
    settings: dict[str, object], text: str
) -> None:
    with pytest.raises(GraphError, match=text):
        graph_of(Node("softmax", ("x",), ("y",), settings))
