"""The functions of networks at weft's top level: in-place forms, out=, vmap and meta tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import weft
import weft.nn.functional as F

Call = Callable[[Any], weft.Tensor]

WRITING: dict[str, tuple[Any, ...]] = {
    "celu_": (0.7,),
    "selu_": (),
    "relu_": (),
    "threshold_": (0.1, 5.0),
    "rrelu_": (0.2, 0.2, True),
    "dropout_": (0.4, True),
    "alpha_dropout_": (0.4, True),
    "feature_dropout_": (0.4, True),
    "feature_alpha_dropout_": (0.4, True),
}


def point() -> weft.Tensor:
    return weft.tensor([[-1.5, 0.5, 2.0], [0.3, -0.2, -3.0]], dtype=weft.float64)


@pytest.mark.parametrize("name", WRITING)
def test_a_form_that_writes_gives_what_the_function_gives(name: str) -> None:
    settings = WRITING[name]
    weft.manual_seed(1)
    expected = getattr(weft, name.removesuffix("_"))(point(), *settings)
    x = point()
    weft.manual_seed(1)
    assert getattr(weft, name)(x, *settings) is x
    assert x.tolist() == expected.tolist()


@pytest.mark.parametrize("name", WRITING)
def test_a_form_that_writes_has_the_functions_gradient(name: str) -> None:
    gradients = []
    for written in (False, True):
        x = point().requires_grad_()
        weft.manual_seed(1)
        function = getattr(weft, name if written else name.removesuffix("_"))
        (gradient,) = weft.autograd.grad(function(x * 1.5, *WRITING[name]).sum(), [x])
        gradients.append(gradient.tolist())
    assert gradients[0] == gradients[1]


@pytest.mark.parametrize("name", ["celu_", "elu_", "hardtanh_", "leaky_relu_", "rrelu_", "selu_"])
def test_functional_has_the_forms_that_write(name: str) -> None:
    x = point()
    assert getattr(F, name)(x) is x


def test_results_go_where_out_says() -> None:
    for call in (
        lambda out: weft.threshold(point(), 0.1, 2.0, out=out),
        lambda out: weft.hardshrink(point(), out=out),
        lambda out: F.softplus(point(), out=out),
        lambda out: F.normalize(point(), out=out),
    ):
        out = weft.empty(0, dtype=weft.float64)
        assert call(out) is out
        assert out.shape == (2, 3)


MAPPED: dict[str, Call] = {
    "conv_transpose2d": lambda x: weft.conv_transpose2d(x, weft.ones(2, 1, 2, 2), stride=2),
    "interpolate": lambda x: F.interpolate(x, (3, 5), mode="bilinear"),
    "attention": lambda x: F.scaled_dot_product_attention(x, x, x, is_causal=True),
    "lp_pool2d": lambda x: F.lp_pool2d(x, 2, 2),
    "unfold": lambda x: F.unfold(x, 2),
    "instance_norm": lambda x: F.instance_norm(x),
}


@pytest.mark.parametrize("name", MAPPED)
def test_an_axis_in_front_is_mapped_over_with_gradients(name: str) -> None:
    weft.manual_seed(3)
    x = weft.rand(3, 1, 2, 4, 4)

    def total(one: weft.Tensor) -> weft.Tensor:
        return (MAPPED[name](one) ** 2).sum()

    together = weft.func.vmap(weft.func.grad(total))(x)
    for i in range(3):
        apart = weft.func.grad(total)(x[i])
        assert together[i].reshape(-1).tolist() == pytest.approx(
            apart.reshape(-1).tolist(), rel=1e-4, abs=1e-5
        )


@pytest.mark.parametrize(
    ("call", "shape"),
    [
        (lambda x: weft.dropout(x, 0.5, True), (2, 4, 6)),
        (lambda x: weft.feature_alpha_dropout(x, 0.5, True), (2, 4, 6)),
        (lambda x: F.gumbel_softmax(x, hard=True), (2, 4, 6)),
        (lambda x: weft.rrelu(x, training=True), (2, 4, 6)),
        (lambda x: F.fractional_max_pool2d(x, 2, (3, 4)), (2, 3, 4)),
    ],
)
def test_random_functions_answer_on_meta(call: Call, shape: tuple[int, ...]) -> None:
    out = call(weft.empty(2, 4, 6, device="meta"))
    assert out.device.type == "meta"
    assert out.shape == shape


def test_hard_choices_are_one_hot_and_have_the_soft_ones_gradient() -> None:
    x = point().requires_grad_()
    weft.manual_seed(5)
    hard = F.gumbel_softmax(x, hard=True)
    weft.manual_seed(5)
    soft = F.gumbel_softmax(x)
    assert hard.round().tolist() == (soft == soft.amax(-1, True)).to(x.dtype).tolist()
    weights = weft.arange(6, dtype=x.dtype).reshape(2, 3)
    (of_hard,) = weft.autograd.grad((hard * weights).sum(), [x])
    (of_soft,) = weft.autograd.grad((soft * weights).sum(), [x])
    assert of_hard.tolist() == of_soft.tolist()


def test_gumbel_noise_draws_with_the_softmax_probabilities() -> None:
    weft.manual_seed(0)
    probabilities = weft.tensor([0.1, 0.2, 0.7])
    chosen = F.gumbel_softmax(probabilities.log().expand(20000, 3), hard=True).mean(0)
    assert chosen.tolist() == pytest.approx([0.1, 0.2, 0.7], abs=0.015)


def test_alpha_dropout_keeps_mean_and_variance() -> None:
    weft.manual_seed(0)
    x = weft.randn(100000)
    for p in (0.1, 0.5):
        out = weft.alpha_dropout(x, p, True)
        assert out.mean().item() == pytest.approx(0.0, abs=0.03)
        assert out.var().item() == pytest.approx(1.0, abs=0.05)


def test_feature_dropout_drops_whole_channels() -> None:
    weft.manual_seed(0)
    out = weft.feature_dropout(weft.ones(50, 8, 5), 0.5, True)
    assert set(out.sum(-1).reshape(-1).tolist()) == {0.0, 10.0}
