"""Autocast beside PyTorch's: the dtype of each function's result, a model's loss and gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import weft

_random = np.random.default_rng(0)
_A = _random.standard_normal((4, 4)).astype(np.float32)
_V = _random.standard_normal((2, 3, 8)).astype(np.float32)
_IMAGE = _random.standard_normal((2, 3, 6, 6)).astype(np.float32)
_VOLUME = _random.standard_normal((1, 2, 4, 4, 4)).astype(np.float32)

#: What is called, with the library and a maker of tensors, in float32 and in bfloat16.
CALLS: dict[str, Callable[[Any, Callable[[Any], Any]], Any]] = {
    "matmul": lambda t, of: t.matmul(of(_A), of(_A)),
    "operator": lambda t, of: of(_A) @ of(_A),
    "mm": lambda t, of: t.mm(of(_A), of(_A)),
    "mv": lambda t, of: t.mv(of(_A), of(_A[0])),
    "bmm": lambda t, of: t.bmm(of(_A[None]), of(_A[None])),
    "addmm": lambda t, of: t.addmm(of(_A), of(_A), of(_A)),
    "baddbmm": lambda t, of: t.baddbmm(of(_A[None]), of(_A[None]), of(_A[None])),
    "addbmm": lambda t, of: t.addbmm(of(_A), of(_A[None]), of(_A[None])),
    "einsum": lambda t, of: t.einsum("ij,jk->ik", of(_A), of(_A)),
    "multi_dot": lambda t, of: t.linalg.multi_dot([of(_A), of(_A), of(_A)]),
    "vecdot": lambda t, of: t.linalg.vecdot(of(_A), of(_A)),
    "linear": lambda t, of: t.nn.functional.linear(of(_A), of(_A), of(_A[0])),
    "prelu": lambda t, of: t.nn.functional.prelu(of(_A), of(_A[0])),
    "attention": lambda t, of: t.nn.functional.scaled_dot_product_attention(
        of(_A[None, None]), of(_A[None, None]), of(_A[None, None])
    ),
    "conv1d": lambda t, of: t.nn.functional.conv1d(of(_V), of(_V[:, :, :3])),
    "conv2d": lambda t, of: t.nn.functional.conv2d(of(_IMAGE), of(_IMAGE[:, :, :3, :3])),
    "conv3d": lambda t, of: t.nn.functional.conv3d(of(_VOLUME), of(_VOLUME[..., :2])),
    "conv_transpose2d": lambda t, of: t.nn.functional.conv_transpose2d(
        of(_IMAGE), of(_IMAGE[0].transpose(1, 0, 2)[:3, :, :, None])
    ),
    "cat": lambda t, of: t.cat([of(_A), t.tensor(_A)]),
    "cat of one dtype": lambda t, of: t.cat([of(_A), of(_A)]),
    "stack": lambda t, of: t.stack([of(_A), t.tensor(_A)]),
    "prod": lambda t, of: t.prod(of(_A)),
    "cdist": lambda t, of: t.cdist(of(_A), of(_A)),
    "trace": lambda t, of: t.trace(of(_A)),
    "quantile": lambda t, of: t.quantile(of(_A), t.tensor(0.5)),
    "inverse": lambda t, of: t.inverse(of(_A)),
    "qr": lambda t, of: t.linalg.qr(of(_A))[0],
    "svdvals": lambda t, of: t.linalg.svdvals(of(_A)),
    "fft": lambda t, of: t.fft.fft(of(_A)),
    "irfft": lambda t, of: t.fft.irfft(of(_A)),
    "mse_loss": lambda t, of: t.nn.functional.mse_loss(of(_A), of(_A)),
    "l1_loss": lambda t, of: t.nn.functional.l1_loss(of(_A), of(_A)),
    "huber_loss": lambda t, of: t.nn.functional.huber_loss(of(_A), of(_A)),
    "cross_entropy": lambda t, of: t.nn.functional.cross_entropy(of(_A), t.tensor([0, 1, 2, 3])),
    "nll_loss": lambda t, of: t.nn.functional.nll_loss(of(_A), t.tensor([0, 1, 2, 3])),
    "kl_div": lambda t, of: t.nn.functional.kl_div(of(_A), of(np.abs(_A)), reduction="sum"),
    "binary_cross_entropy_with_logits": (
        lambda t, of: t.nn.functional.binary_cross_entropy_with_logits(of(_A), of(np.abs(_A)))
    ),
    "avg_pool3d": lambda t, of: t.nn.functional.avg_pool3d(of(_VOLUME), 2),
    "avg_pool2d": lambda t, of: t.nn.functional.avg_pool2d(of(_IMAGE), 2),
    "max_pool2d": lambda t, of: t.nn.functional.max_pool2d(of(_IMAGE), 2),
    "adaptive_avg_pool3d": lambda t, of: t.nn.functional.adaptive_avg_pool3d(of(_VOLUME), 2),
    "softmax": lambda t, of: t.softmax(of(_A), 0),
    "layer_norm": lambda t, of: t.nn.functional.layer_norm(of(_A), (4,)),
    "sum": lambda t, of: of(_A).sum(),
    "exp": lambda t, of: t.exp(of(_A)),
    "add": lambda t, of: of(_A) + of(_A),
    "relu": lambda t, of: t.relu(of(_A)),
}


@pytest.mark.parametrize("given", ["float32", "bfloat16", "float64"])
@pytest.mark.parametrize("name", CALLS)
def test_results_have_pytorchs_dtype(name: str, given: str) -> None:
    def run(library: Any) -> str:
        def of(values: Any) -> Any:
            return library.tensor(values).to(getattr(library, given))

        with library.autocast("cpu"):
            return str(CALLS[name](library, of).dtype).partition(".")[2]

    try:
        wanted = run(torch)
    except RuntimeError:
        pytest.skip("PyTorch refuses this dtype here")
    assert run(weft) == wanted


def test_a_training_step_gives_the_same_to_half_precision() -> None:
    def step(library: Any) -> list[Any]:
        nn = library.nn
        model = nn.Sequential(
            nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(),
            nn.Linear(144, 8), nn.LayerNorm(8), nn.GELU(), nn.Linear(8, 5),
        )  # fmt: skip
        random = np.random.default_rng(1)
        with library.no_grad():
            for parameter in model.parameters():
                parameter.copy_(
                    library.tensor(random.standard_normal(tuple(parameter.shape)) * 0.2)
                )
        scaler = library.amp.GradScaler("cpu", init_scale=1024.0)
        optimizer = library.optim.SGD(model.parameters(), lr=0.1)
        with library.autocast("cpu"):
            scores = model(library.tensor(_IMAGE))
            loss = library.nn.functional.cross_entropy(scores, library.tensor([1, 4]))
        scaler.scale(loss).backward()
        scaler.unscale_(optimizer)
        gradients = [parameter.grad.numpy().copy() for parameter in model.parameters()]
        scaler.step(optimizer)
        scaler.update()
        return [
            loss.detach().numpy(),
            *gradients,
            *(p.detach().numpy() for p in model.parameters()),
        ]

    for ours, theirs in zip(step(weft), step(torch), strict=True):
        scale = max(1e-2, float(np.abs(theirs).max()))
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=0.03 * scale)


def test_the_factors_state_is_pytorchs() -> None:
    ours, theirs = weft.GradScaler("cpu", init_scale=8.0), torch.GradScaler("cpu", init_scale=8.0)
    assert ours.state_dict() == theirs.state_dict()
    ours.load_state_dict(theirs.state_dict())
    theirs.load_state_dict(ours.state_dict())
    assert theirs.get_scale() == 8.0
