"""Results that a program writes over before the backward pass, as ``loss /= steps`` does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import weft
import weft.nn.functional as F

LOSSES: dict[str, Callable[[Any, Any], Any]] = {
    "mse_loss": F.mse_loss,
    "l1_loss": F.l1_loss,
    "smooth_l1_loss": F.smooth_l1_loss,
    "huber_loss": F.huber_loss,
    "binary_cross_entropy": lambda x, y: F.binary_cross_entropy(x.sigmoid(), y.sigmoid()),
    "binary_cross_entropy_with_logits": F.binary_cross_entropy_with_logits,
    "kl_div": lambda x, y: F.kl_div(x.log_softmax(1), y.softmax(1), reduction="batchmean"),
    "cross_entropy": lambda x, y: F.cross_entropy(x, y.argmax(1)),
    "cross_entropy, weighted": lambda x, y: F.cross_entropy(x, y.argmax(1), y[0].exp()),
    "cross_entropy of shares": lambda x, y: F.cross_entropy(x, y.softmax(1)),
    "nll_loss": lambda x, y: F.nll_loss(x.log_softmax(1), y.argmax(1)),
    "linear_cross_entropy": lambda x, y: F.linear_cross_entropy(x, y.detach(), y[:, 0].argsort()),
    "cosine_embedding_loss": lambda x, y: F.cosine_embedding_loss(x, y, y[:, 0].sign()),
    "quotient": lambda x, y: x / y,
    "sinc": lambda x, y: weft.sinc(x),
    "abs": lambda x, y: weft.abs(weft.complex(x, y)),
    "erfinv": lambda x, y: weft.erfinv(x / 4),
    "normalize": lambda x, y: F.normalize(x * y),
    "layer_norm": lambda x, y: F.layer_norm(x * y, (3,)),
    "linear": F.linear,
    "roll by nothing": lambda x, y: weft.roll(x * 1, 0, 0),
}


@pytest.mark.parametrize("name", LOSSES)
def test_a_result_is_divided_in_place(name: str) -> None:
    gradients = []
    for in_place in (False, True):
        draw = np.random.default_rng(0)
        x, y = (weft.tensor(draw.uniform(0.2, 1, (3, 3)), requires_grad=True) for _ in range(2))
        result = LOSSES[name](x, y)
        if in_place:
            result /= 4
        else:
            result = result / 4
        result.sum().backward()
        gradients.append([None if one.grad is None else one.grad.numpy() for one in (x, y)])
    for plain, written in zip(*gradients, strict=True):
        assert (plain is None) == (written is None)
        if plain is not None:
            np.testing.assert_allclose(written, plain, rtol=1e-12, atol=1e-15)


def test_a_result_that_a_rule_reads_is_still_refused() -> None:
    x = weft.tensor([0.5], requires_grad=True)
    y = x.exp()
    y /= 4
    with pytest.raises(weft.GradError, match="exp needs a tensor that was since overwritten"):
        y.backward()


@pytest.mark.parametrize("drop", [F.dropout, F.dropout1d, F.alpha_dropout, F.feature_alpha_dropout])
@pytest.mark.parametrize(("p", "training"), [(0.0, True), (0.5, False)])
def test_a_dropout_in_place_that_drops_nothing_writes_nothing(
    drop: Callable[..., Any], p: float, training: bool
) -> None:
    x = weft.tensor([[0.5, 1.0], [2.0, 0.0]], requires_grad=True)
    y = x.softmax(-1)
    out = drop(y, p, training, inplace=True)
    assert out is y
    (out * weft.tensor([1.0, 3.0])).sum().backward()
    kept = x.detach().requires_grad_()
    (kept.softmax(-1) * weft.tensor([1.0, 3.0])).sum().backward()
    assert x.grad.tolist() == kept.grad.tolist()
