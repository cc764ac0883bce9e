"""Tracing: an ordinary module's graph computes the same, at other sizes and from a file too."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

import weft
from tests.core.graph.traced import assert_traces
from weft import Tensor, nn
from weft.graph import Dim, GraphError
from weft.nn import functional as F
from weft.nn.utils import parametrizations

BATCH = ({0: "batch"},)


class Does(nn.Module):
    """Does what a function says, with a linear layer, an attribute and a buffer at hand."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function = function
        self.layer = nn.Linear(4, 4)
        self.steps = weft.arange(4.0)
        self.register_buffer("order", weft.tensor([2, 0]))

    def forward(self, x: Tensor, *more: Tensor) -> Any:
        return self.function(self, x, *more)


@pytest.fixture(autouse=True)
def _seeded() -> None:
    weft.manual_seed(0)


def ops(module: nn.Module, args: Any, **settings: Any) -> list[str]:
    return [node.op for node in weft.graph.trace(module, args, **settings).graph.nodes]


# --- what is kept ---------------------------------------------------------------------------------


def test_weights_have_their_names_and_tied_ones_come_once() -> None:
    model = nn.Sequential(nn.Embedding(5, 4), nn.Linear(4, 5, bias=False), nn.BatchNorm1d(5))
    model[1].weight = model[0].weight
    graph = weft.graph.trace(model, weft.tensor([1, 2]))
    assert sorted(name for name, _ in graph.named_parameters()) == [
        "0.weight", "2.bias", "2.weight",
    ]  # fmt: skip
    assert sorted(name for name, _ in graph.named_buffers()) == ["2.running_mean", "2.running_var"]


def test_the_graph_has_weights_of_its_own() -> None:
    model = nn.Linear(2, 2)
    graph = weft.graph.trace(model, weft.ones(1, 2))
    with weft.no_grad():
        model.weight.zero_()
    assert graph.get_parameter("weight").abs().sum() > 0
    graph(weft.ones(1, 2)).sum().backward()
    assert graph.get_parameter("weight").grad is not None


def test_other_tensors_become_buffers_under_the_names_of_attributes() -> None:
    outside = weft.tensor([1.0, 2.0, 3.0, 4.0])
    graph = assert_traces(Does(lambda own, x: own.layer(x) * own.steps + outside), weft.ones(2, 4))
    assert sorted(name for name, _ in graph.named_buffers()) == ["constant_1", "steps"]


def test_inputs_and_outputs_are_named() -> None:
    class Named(nn.Module):
        def forward(
            self, first: Tensor, pair: tuple[Tensor, Tensor], scale: float, *, mask: Tensor
        ) -> dict[str, Any]:
            return {"sum": first + pair[0], "both": (pair[1] * scale, mask), "none": None}

    one = weft.ones(2)
    graph = weft.graph.trace(Named(), (one, (one, one), 3.0), {"mask": one > 0})
    assert graph.input_names == ("first", "pair_0", "pair_1", "mask")
    assert graph.output_names == ("sum", "both_0", "both_1")
    assert graph(one, one, one * 2, one > 0)[1].tolist() == [6.0, 6.0]


def test_what_nothing_reads_is_left_out() -> None:
    model = Does(lambda own, x: (own.layer(x).sin(), x.cos())[1])
    graph = weft.graph.trace(model, weft.ones(2, 4))
    assert [node.op for node in graph.graph.nodes] == ["cos"] and graph.state_dict() == {}


def test_the_module_and_its_mode_stay_as_they_were() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5), nn.BatchNorm1d(4)).train()
    model[2].eval()
    state = {name: x.clone() for name, x in model.state_dict().items()}
    assert ops(model, weft.ones(3, 4)) == ["linear", "batch_norm"]
    assert [one.training for one in model.modules()] == [True, True, True, False]
    assert all(weft.equal(state[name], x) for name, x in model.state_dict().items())
    assert type(model[0].weight) is nn.Parameter


def test_writes_into_what_is_the_functions_own_are_followed() -> None:
    def forward(own: Any, x: Tensor) -> Tensor:
        y = own.layer(x)
        y += 1
        y.mul_(2).clamp_(min=0)
        return F.relu(y, inplace=True)

    assert_traces(Does(forward), weft.randn(3, 4))


# --- families -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.RNN])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("batch_first", [False, True])
def test_recurrent_networks(kind: Any, bidirectional: bool, batch_first: bool) -> None:
    model = kind(4, 5, 2, bidirectional=bidirectional, batch_first=batch_first)
    dims = ({0: "a", 1: "b"},)
    assert_traces(model, weft.randn(3, 2, 4), weft.randn(6, 5, 4), dynamic_shapes=dims)


def test_a_recurrent_network_with_its_states_given() -> None:
    states = (weft.randn(1, 2, 5), weft.randn(1, 2, 5))
    graph = assert_traces(nn.LSTM(4, 5), (weft.randn(3, 2, 4), states))
    assert graph.input_names == ("input", "hx_0", "hx_1")


@pytest.mark.parametrize("kind", [nn.LSTMCell, nn.GRUCell])
def test_recurrent_cells(kind: Any) -> None:
    assert_traces(kind(4, 3), weft.randn(2, 4), weft.randn(5, 4), dynamic_shapes=BATCH)


def test_attention_and_transformers() -> None:
    x, longer = weft.randn(2, 6, 16), weft.randn(3, 4, 16)
    dims = {0: "batch", 1: "time"}
    layer = nn.TransformerEncoderLayer(16, 4, 32, batch_first=True)
    assert_traces(layer, x, longer, dynamic_shapes=(dims,))
    layer = nn.TransformerDecoderLayer(16, 4, 32, batch_first=True)
    memory = {0: "batch", 1: "length"}
    assert_traces(layer, (x, x[:, :5]), (longer, longer), dynamic_shapes=(dims, memory))
    attention = nn.MultiheadAttention(16, 4, batch_first=True)
    assert_traces(attention, (x, x, x), (longer,) * 3, dynamic_shapes=(dims,) * 3)


class Block(nn.Module):
    """A GPT as such models are written: views by sizes, a mask cut to the length, tied weights."""

    def __init__(self) -> None:
        super().__init__()
        self.token, self.place = nn.Embedding(11, 16), nn.Embedding(32, 16)
        self.norm, self.joined, self.out = nn.LayerNorm(16), nn.Linear(16, 48), nn.Linear(16, 16)
        self.head = nn.Linear(16, 11, bias=False)
        self.head.weight = self.token.weight
        self.register_buffer("mask", weft.ones(32, 32).tril())

    def forward(self, codes: Tensor) -> tuple[Tensor, ...]:
        b, t = codes.shape
        x = self.token(codes) + self.place(weft.arange(t))
        q, k, v = self.joined(self.norm(x)).split(16, dim=2)
        q, k, v = (y.view(b, t, 4, 4).transpose(1, 2) for y in (q, k, v))
        scores = (q @ k.transpose(-2, -1)) / math.sqrt(4)
        scores = scores.masked_fill(self.mask[:t, :t] == 0, float("-inf")).softmax(-1)
        x = x + self.out((scores @ v).transpose(1, 2).contiguous().view(b, t, 16))
        x += F.scaled_dot_product_attention(x, x, x, is_causal=True)
        return self.head(x[:, [-1], :]), x.max(1)[0], x.size(1) * x[:, -1]


def test_a_gpt_block_at_other_batches_and_lengths() -> None:
    codes = weft.randint(0, 11, (2, 7))
    other = weft.randint(0, 11, (3, 9))
    dims = ({0: "batch", 1: Dim("time", max=32)},)
    graph = assert_traces(Block(), codes, other, weft.randint(0, 11, (1, 1)), dynamic_shapes=dims)
    assert "head.weight" not in graph.state_dict()


def test_with_one_dim_that_varies_no_size_is_read() -> None:
    found = ops(Block(), weft.randint(0, 11, (2, 7)), dynamic_shapes=BATCH)
    assert "size" not in found and "row" not in found and "counted" not in found


def test_a_vision_transformer() -> None:
    class Transformer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.patches = nn.Conv2d(3, 16, 8, 8)
            self.first = nn.Parameter(weft.randn(1, 1, 16))
            self.places = nn.Parameter(weft.randn(1, 17, 16))
            self.block = nn.TransformerEncoderLayer(
                16, 4, 32, batch_first=True, activation="gelu", norm_first=True
            )
            self.head = nn.Linear(16, 5)

        def forward(self, x: Tensor) -> dict[str, Tensor]:
            x = self.patches(x).flatten(2).transpose(1, 2)
            first = self.first.expand(x.shape[0], -1, -1)
            x = self.block(weft.cat([first, x], dim=1) + self.places)
            return {"logits": self.head(x[:, 0])}

    x, more = weft.randn(2, 3, 32, 32), weft.randn(3, 3, 32, 32)
    graph = assert_traces(Transformer(), x, more, dynamic_shapes=BATCH)
    assert graph.output_names == ("logits",)


def test_parametrised_weights() -> None:
    model = nn.Sequential(
        parametrizations.weight_norm(nn.Linear(4, 3)),
        parametrizations.spectral_norm(nn.Linear(3, 2)),
    )
    graph = assert_traces(model, weft.randn(2, 4), weft.randn(5, 4), dynamic_shapes=BATCH)
    assert "0.parametrizations.weight.original0" in dict(graph.named_parameters())


def test_methods_and_operators_of_tensors() -> None:
    def forward(own: Any, x: Tensor) -> Any:
        return (
            x**2, 2**x, 1 - x, 1 / x, -x, abs(x), x % 2, x // 2, x @ x.T, (x > 0) & ~(x < 1),
            x.double(), x.long(), x.repeat(1, 2), x.unsqueeze(0).expand(3, -1, -1), x.flip(0),
            x.roll(1, 0), x.chunk(2, 1), x.unbind(0), x.tril(), x.permute(1, 0), x.mT,
            x.unfold(1, 2, 1), x.squeeze(), x[::-1, ..., None], x[:, own.order], x[-1, 1:3],
            x[weft.arange(2), own.order[:2] // 2], weft.einsum("ij,kj->ik", x, x),
            x.std(dim=1), x.var(1, unbiased=False), x.norm(dim=1), x.prod(1), x.logsumexp(1),
            x.topk(2), x.sort(), x.max(), x.min(1), x.max(1, keepdim=True), x.cumsum(1),
            weft.where(x > 0, x, 0.5).clamp(min=0.1), x.clamp(0.2, 0.8), x.masked_fill(x > 0, -1.0),
            x.new_zeros(2, 4) + weft.zeros_like(x) + weft.full_like(x, 2.0),
        )  # fmt: skip

    assert_traces(Does(forward), weft.randn(2, 4))


def test_functions_of_images() -> None:
    model = Does(
        lambda own, x: (
            F.interpolate(x, scale_factor=2),
            F.interpolate(x, size=(4, 4), mode="bilinear", align_corners=False),
            F.avg_pool2d(x, 2), F.max_pool2d(x, 3, 2, 1), F.adaptive_avg_pool2d(x, 1),
            F.pixel_shuffle(weft.cat([x, x], 1), 2), F.group_norm(x, 2), F.instance_norm(x),
            F.layer_norm(x, (8, 8)), F.pad(x, (1, 2)), F.prelu(x, weft.tensor([0.1, 0.2])),
            F.conv2d(x, own.steps[:2].reshape(1, 2, 1, 1)),
            F.conv2d(x, weft.ones(3, 2, 4, 3), padding="same"),
            F.conv_transpose2d(x, weft.ones(2, 3, 2, 2), stride=2),
        )
    )  # fmt: skip
    assert_traces(model, weft.randn(2, 2, 8, 8), weft.randn(3, 2, 8, 8), dynamic_shapes=BATCH)


# --- sizes that vary ------------------------------------------------------------------------------


def test_sizes_are_read_wherever_a_setting_or_a_number_needs_them() -> None:
    def forward(own: Any, x: Tensor) -> Any:
        n, t = x.shape[0], x.size(1)
        mean = x.sum(1, keepdim=True) / t
        late = x[:, t // 2 : t - 1]
        filled = weft.full((n, 2 * t + 1), 3.0) + weft.arange(2 * t + 1)
        return mean, late, filled, x.reshape(t, n), x.new_ones(t % 3 + 1) * x.numel()

    dims = ({0: "n", 1: "t"},)
    graph = assert_traces(
        Does(forward), weft.randn(2, 4), weft.randn(5, 7), weft.randn(1, 1), dynamic_shapes=dims
    )
    assert graph.graph.inputs[0].shape == ("n", "t")


def test_sizes_that_do_not_vary_are_fixed() -> None:
    graph = weft.graph.trace(nn.Linear(4, 3), weft.ones(2, 4), dynamic_shapes=BATCH)
    assert graph.graph.inputs[0].shape == ("batch", 4)
    with pytest.raises(weft.ShapeError, match="dim 1 has size 5"):
        graph(weft.ones(2, 5))


@pytest.mark.parametrize(
    ("spec", "shape"),
    [
        (({0: "n"},), ("n", 4)),
        ({"x": {0: Dim("n", min=1, max=9)}}, ("n", 4)),
        (((True, None),), ("x_0", 4)),
        ({"x": {-2: "n"}}, ("n", 4)),
        (None, (2, 4)),
        ((None,), (2, 4)),
    ],
)
def test_dims_may_be_said_as_for_torch_export(spec: Any, shape: Any) -> None:
    class Plain(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x + 1

    graph = weft.graph.trace(Plain(), weft.ones(2, 4), dynamic_shapes=spec)
    assert graph.graph.inputs[0].shape == shape


@pytest.mark.parametrize(
    ("spec", "error", "text"),
    [
        ({"y": {0: "n"}}, ValueError, "names 'y', which is no argument"),
        (({2: "n"},), ValueError, "there is no dim 2"),
        (({0: 7},), TypeError, "is 7"),
        (({0: "n"},) * 2, ValueError, "2 entries for 1 arguments"),
        (({0: "n", 1: "n"},), GraphError, "2 in 'x' and 4 in 'x'"),
        (({0: Dim("n", min=3)},), GraphError, "from 3 to None, but the example's size is 2"),
        (3, TypeError, "must be a dict"),
    ],
)
def test_dims_that_do_not_fit_are_refused(spec: Any, error: Any, text: str) -> None:
    class Plain(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x + 1

    with pytest.raises(error, match=text):
        weft.graph.trace(Plain(), weft.ones(2, 4), dynamic_shapes=spec)


@pytest.mark.parametrize(
    ("forward", "text"),
    [
        (lambda own, x: x * 2 if x.shape[0] > 3 else x + 2, "calls add at one size .* mul at"),
        (lambda own, x: x / math.sqrt(x.shape[0]), "operand of div is 1.41.* 2.0 at another"),
        (lambda own, x: x.reshape(len(x), 2, 2), "shape of reshape is 2 .* and 4 at .*len"),
        (lambda own, x: sum(row for row in x), "calls 4 functions at one size and 8"),
        (lambda own, x: x[: min(x.shape[0], 3)], "plain number|another way"),
        (lambda own, x: x if x.shape[0] > 1 else -x, "compares sizes of which one varies"),
        (lambda own, x: x[: min(x.shape[0], 1)], "compares sizes of which one varies"),
        (lambda own, x: x + weft.tensor([float(x.shape[0])]), r"shape \(1,\) that add"),
    ],
)
def test_what_python_decides_by_a_size_that_varies_is_refused(forward: Any, text: str) -> None:
    with pytest.raises(GraphError, match=text) as caught:
        weft.graph.trace(Does(forward), weft.ones(2, 4), dynamic_shapes={"x": {0: "n"}})
    assert "test_trace.py" in str(caught.value)


def test_a_size_with_bounds_may_be_compared() -> None:
    def forward(own: Any, x: Tensor) -> Tensor:
        assert x.shape[0] <= 9
        return x + 1 if x.shape[1] > 3 else x

    dims = ({0: Dim("n", min=1, max=9)},)
    assert_traces(Does(forward), weft.ones(2, 4), weft.ones(9, 4), dynamic_shapes=dims)
    late = {"x": {0: Dim("n", max=10)}}
    with pytest.raises(AssertionError):
        weft.graph.trace(Does(forward), weft.ones(2, 4), dynamic_shapes=late)


# --- what cannot be recorded ----------------------------------------------------------------------


def _part(own: Any, x: Tensor) -> Tensor:
    y = x * 2
    y[0] = 1
    return y


def _through_a_view(own: Any, x: Tensor) -> Tensor:
    y = x * 2
    y[0].mul_(3)
    return y


def _under_a_view(own: Any, x: Tensor) -> Tensor:
    y = x * 2
    turned = y.t()
    y.mul_(3)
    return turned


def _into_a_constant(own: Any, x: Tensor) -> Tensor:
    out = weft.zeros(2, 4)
    return out.copy_(x)


@pytest.mark.parametrize(
    ("forward", "text"),
    [
        (lambda own, x: x * x.sum().item(), "item reads numbers"),
        (lambda own, x: x if x.sum() > 0 else -x, "bool reads numbers"),
        (lambda own, x: weft.tensor(x.numpy()), "numpy reads numbers"),
        (lambda own, x: x[x > 0], "reads numbers"),
        (lambda own, x: x * float(own.layer.bias.sum()), "float reads numbers"),
        (lambda own, x: x.add_(1), "add_ writes into the input 'x'"),
        (lambda own, x: own.layer.weight.mul_(2), "mul_ writes into the weight 'layer.weight'"),
        (_part, r"x\[...\] = value writes into a part"),
        (_through_a_view, "mul_ writes into a view"),
        (_under_a_view, "mul_ writes into a view"),
        (_into_a_constant, "copy_ writes into a tensor of shape"),
        (lambda own, x: x + weft.rand(4), "rand draws random numbers"),
        (lambda own, x: weft.bernoulli(x.sigmoid()), "bernoulli draws random numbers"),
        (lambda own, x: F.dropout(x, 0.5, True), "dropout draws random numbers"),
        (lambda own, x: weft.linalg.svd(x)[0], "svd .* has no function among"),
        (lambda own, x: F.batch_norm(x, None, None, training=True), "moments of the batch"),
    ],
)
def test_what_no_graph_says_is_refused_with_its_line(forward: Any, text: str) -> None:
    with pytest.raises(GraphError, match=text) as caught:
        weft.graph.trace(nn.Sequential(Does(forward)), weft.ones(2, 4))
    message = str(caught.value)
    assert "the module '0'" in message and "test_trace.py:" in message


@pytest.mark.parametrize("result", [("x", 1), {"a": object()}, "text"])
def test_results_that_are_no_tensors_are_refused(result: Any) -> None:
    with pytest.raises(GraphError, match="a graph returns tensors"):
        weft.graph.trace(Does(lambda own, x: result), weft.ones(2, 4))


def test_a_module_that_keeps_something_from_call_to_call_is_found_out() -> None:
    calls: list[int] = []

    def forward(own: Any, x: Tensor) -> Tensor:
        calls.append(1)
        return x * len(calls)

    with pytest.raises(GraphError, match="is not what the module gives"):
        weft.graph.trace(Does(forward), weft.ones(2, 4))


def test_arguments_that_do_not_fit_are_refused() -> None:
    with pytest.raises(TypeError, match=r"Linear\.forward"):
        weft.graph.trace(nn.Linear(2, 2), (weft.ones(2), weft.ones(2)))
    with pytest.raises(TypeError, match="no tensor among"):
        weft.graph.trace(Does(lambda own, x: x), (3,))
    with pytest.raises(TypeError, match=r"weft\.nn\.Module was required"):
        weft.graph.trace(lambda x: x, weft.ones(2))  # type: ignore[arg-type]  # what is refused


def test_after_a_refusal_functions_run_as_before() -> None:
    with pytest.raises(GraphError):
        weft.graph.trace(Does(lambda own, x: own.layer(x).item()), weft.ones(2, 4))
    model = Does(lambda own, x: own.layer(x).sum())
    assert isinstance(model(weft.ones(2, 4)).item(), float)
    weft.rand(3)
