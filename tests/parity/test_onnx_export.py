"""Files that weft exports, in onnxruntime and read back by weft: the module's own results."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import onnxruntime
import pytest

import weft
import weft.text
from tests.core.graph.test_trace import Block
from tests.core.text.tiny_bert import SIZES
from weft import Tensor, nn
from weft._core.tree import flatten
from weft.graph import Dim
from weft.nn import functional as F
from weft_audio.models import crepe, silero_vad
from weft_vision.models import get_model
from weft_vision.models._table import OWN

onnxruntime.set_default_logger_severity(3)
BATCH = ({0: "batch"},)
TEXT = {0: "batch", 1: Dim("time", max=16)}


class Does(nn.Module):
    """Does what a function says."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function = function
        self.register_buffer("order", weft.tensor([2, 0]))

    def forward(self, *given: Tensor) -> Any:
        return self.function(self, *given)


def tensors_of(value: Any) -> list[Tensor]:
    return [x for x in flatten(value)[0] if isinstance(x, Tensor)]


def compare(
    module: nn.Module,
    args: Any,
    *others: Any,
    dynamic_shapes: Any = None,
    opset: int = 20,
    tolerance: float = 1e-5,
) -> None:
    """Hold a file to its module, on the example and on others."""
    file = io.BytesIO()
    weft.onnx.export(module.eval(), args, file, dynamic_shapes=dynamic_shapes, opset=opset)
    session = onnxruntime.InferenceSession(file.getvalue())
    file.seek(0)
    read = weft.onnx.load(file)
    names = [one.name for one in session.get_inputs()]
    for given in (args, *others):
        given = (given,) if isinstance(given, Tensor) else given
        inputs = tensors_of(list(given))
        with weft.no_grad():
            wanted, back = tensors_of(module(*given)), read(*inputs)
        got = session.run(None, {n: x.numpy() for n, x in zip(names, inputs, strict=True)})
        again = list(back) if isinstance(back, tuple) else [back]
        for want, theirs, ours in zip(wanted, got, again, strict=True):
            want = want.numpy()
            assert (want.dtype, want.shape) == (theirs.dtype, theirs.shape)
            scale = max(1.0, float(np.abs(want.astype(np.float64)).max(initial=0.0)))
            for one in (theirs, ours.detach().numpy()):
                np.testing.assert_allclose(one, want, rtol=tolerance, atol=tolerance * scale)


@pytest.fixture(autouse=True)
def _seeded() -> None:
    weft.manual_seed(0)


@pytest.mark.parametrize("name", OWN)
def test_models_of_images(name: str) -> None:
    size = {"mnist_cnn": (1, 28, 28), "cifar_resnet20": (3, 32, 32)}.get(name, (3, 64, 64))
    x, more = weft.rand(2, *size), weft.rand(3, *size)
    compare(get_model(name), x, more, dynamic_shapes=BATCH)


def test_models_of_sound() -> None:
    compare(crepe(), weft.randn(2, 1024), weft.randn(3, 1024), dynamic_shapes=BATCH)
    dims = ({0: "batch"}, {1: "batch"})
    given = (weft.randn(2, 576), weft.randn(2, 2, 128))
    other = (weft.randn(3, 576), weft.randn(2, 3, 128))
    compare(silero_vad(), given, other, dynamic_shapes=dims)


def test_an_encoder_of_text() -> None:
    ids, longer = weft.randint(0, 12, (2, 7)), weft.randint(0, 12, (3, 9))
    seen = weft.arange(7) < weft.tensor([[7], [4]])
    other = (longer, weft.ones(3, 9, dtype=weft.bool))
    compare(weft.text.bert(**SIZES), (ids, seen), other, dynamic_shapes=(TEXT, TEXT))


@pytest.mark.parametrize("opset", [18, 21, 23])
def test_a_gpt_block(opset: int) -> None:
    codes, other = weft.randint(0, 11, (2, 7)), weft.randint(0, 11, (3, 9))
    dims = ({0: "batch", 1: Dim("time", max=32)},)
    compare(Block(), codes, other, dynamic_shapes=dims, opset=opset)


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.RNN])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("layers", [1, 2])
def test_recurrent_networks(kind: Any, bidirectional: bool, layers: int) -> None:
    model = kind(4, 5, layers, bidirectional=bidirectional, batch_first=True, bias=layers == 2)
    dims = ({0: "batch", 1: "time"},)
    compare(model, weft.randn(3, 2, 4), weft.randn(6, 5, 4), dynamic_shapes=dims)


@pytest.mark.parametrize("kind", [nn.LSTMCell, nn.GRUCell])
def test_recurrent_cells(kind: Any) -> None:
    compare(kind(4, 3), weft.randn(2, 4), weft.randn(5, 4), dynamic_shapes=BATCH)


def test_transformers() -> None:
    x, longer = weft.randn(2, 6, 16), weft.randn(3, 4, 16)
    layer = nn.TransformerEncoderLayer(16, 4, 32, batch_first=True, activation="gelu")
    compare(layer, x, longer, dynamic_shapes=({0: "batch", 1: "time"},))
    dims = ({0: "batch", 1: "time"}, {0: "batch", 1: "length"})
    layer = nn.TransformerDecoderLayer(16, 4, 32, batch_first=True)
    compare(layer, (x, x[:, :5]), (longer, longer), dynamic_shapes=dims)


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "arithmetic": lambda own, x: (
        x.abs() ** 2, 2**x, 1 - x, 1 / x, -x, x % 2, x // 2, x @ x.T, (x > 0) & ~(x < 1),
        x.double(), x.long(), x.long() * 2.5, x.long() / 2, x.int() + 1, x.round(), x.trunc(),
        x.sigmoid().log1p(), x.expm1(), x.square(), x.exp().log2(), x.abs().rsqrt(),
        weft.where(x > 0, x, 0.5).clamp(min=0.1), x.clamp(0.2, 0.8), x.long().clamp(0, 1),
        x.masked_fill(x > 0, -1.0), weft.zeros_like(x) + weft.full_like(x, 2.0), x.ne(0),
    ),
    "shapes": lambda own, x: (
        x.repeat(1, 2), x.repeat(2, 1, 1), x.unsqueeze(0).expand(3, -1, -1), x.flip(0),
        x.roll(1, 0), x.chunk(2, 1), x.unbind(0), x.tril(), x.permute(1, 0), x.mT, x.squeeze(),
        x[::-1, ..., None], x[:, own.order], x[-1, 1:3], x[weft.arange(2), own.order[:2] // 2],
        weft.einsum("ij,kj->ik", x, x), x.flatten(), x.unflatten(1, (2, 2)), x.movedim(1, 0),
    ),
    "reductions": lambda own, x: (
        x.std(dim=1), x.var(1, unbiased=False), x.norm(dim=1), x.prod(1), x.logsumexp(1),
        x.topk(2), x.sort(), x.max(), x.min(1), x.max(1, keepdim=True), x.cumsum(1), x.sum(),
        x.mean(0, keepdim=True), (x > 0).sum(1), (x > 0).any(1), (x > 0).all(), x.argmin(),
    ),
    "activations": lambda own, x: (
        F.gelu(x), F.gelu(x, approximate="tanh"), F.silu(x), F.softplus(x, beta=2), F.mish(x),
        F.leaky_relu(x, 0.1), F.elu(x), F.selu(x), F.celu(x, 2.0), F.hardswish(x), F.relu6(x),
        F.hardsigmoid(x), F.hardtanh(x), F.glu(x), F.log_softmax(x, -1), F.softmin(x, -1),
        F.normalize(x, dim=1), F.logsigmoid(x), F.softsign(x), F.hardshrink(x), F.softshrink(x),
        F.tanhshrink(x), F.one_hot(x.long().abs() % 3, 3), F.rms_norm(x, (4,)),
    ),
}  # fmt: skip


@pytest.mark.parametrize("opset", [18, 20])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(name: str, opset: int) -> None:
    compare(Does(FUNCTIONS[name]), weft.randn(2, 4), opset=opset)


def test_functions_of_images() -> None:
    model = Does(
        lambda own, x: (
            F.interpolate(x, scale_factor=2), F.interpolate(x, size=(4, 4), mode="bilinear"),
            F.interpolate(x, scale_factor=2, mode="bicubic", align_corners=True),
            F.avg_pool2d(x, 3, 2, 1), F.avg_pool2d(x, 3, 2, 1, count_include_pad=False),
            F.max_pool2d(x, 3, 2, 1, ceil_mode=True), F.adaptive_avg_pool2d(x, (4, 2)),
            F.adaptive_max_pool2d(x, 1), F.pixel_shuffle(weft.cat([x, x], 1), 2),
            F.group_norm(x, 2), F.instance_norm(x), F.layer_norm(x, (8, 8)),
            F.pad(x, (1, 2), value=3.0), F.pad(x, (1, 2), mode="reflect"),
            F.pad(x, (1, 2, 0, 1), mode="replicate"), F.prelu(x, weft.tensor([0.1, 0.2])),
            F.conv2d(x, weft.ones(3, 2, 4, 3), padding="same"),
            F.conv_transpose2d(x, weft.ones(2, 3, 2, 2), stride=2),
            F.grid_sample(x, weft.zeros(2, 4, 4, 2), align_corners=False), x.flatten(1, 2),
        )
    )  # fmt: skip
    compare(model, weft.randn(2, 2, 8, 8))


def test_sizes_that_vary() -> None:
    model = Does(
        lambda own, x: (
            x.sum(1, keepdim=True) / x.size(1),
            x[:, x.size(1) // 2 : x.size(1) - 1],
            weft.full((x.shape[0], 2 * x.shape[1] + 1), 3.0) + weft.arange(2 * x.shape[1] + 1),
            x.reshape(x.shape[1], x.shape[0]),
            x.new_ones(x.shape[1] % 3 + 1) * x.numel(),
        )
    )
    x, more = weft.randn(2, 4), weft.randn(5, 7)
    compare(model, x, more, dynamic_shapes={"given_0": {0: "n", 1: "t"}})
