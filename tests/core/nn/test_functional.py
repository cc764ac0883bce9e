"""nn.functional: what it offers, and the derivatives of what is composed here."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import weft
import weft.nn.functional as F
from weft._core import catalogue

Function = Callable[..., weft.Tensor]


def test_every_functional_op_of_the_catalogue_is_offered() -> None:
    listed = {
        name for name, entry in catalogue.public.items() if "weft.nn.functional" in entry.namespaces
    }
    assert listed
    assert listed - set(F.__all__) == set()
    for name in listed:
        assert getattr(F, name) is catalogue.public[name].function


def test_all_names_what_is_there() -> None:
    assert len(set(F.__all__)) == len(F.__all__)
    assert all(callable(getattr(F, name)) for name in F.__all__)


def target(x: weft.Tensor) -> weft.Tensor:
    return weft.full_like(x, 0.3)


COMPOSED: dict[str, Function] = {
    "celu": lambda x: F.celu(x, 0.7),
    "glu": F.glu,
    "hardshrink": F.hardshrink,
    "hardsigmoid": F.hardsigmoid,
    "hardswish": F.hardswish,
    "logsigmoid": F.logsigmoid,
    "mish": F.mish,
    "selu": F.selu,
    "softmin": lambda x: F.softmin(x, -1),
    "softshrink": F.softshrink,
    "softsign": F.softsign,
    "tanhshrink": F.tanhshrink,
    "threshold": lambda x: F.threshold(x, 0.1, 5.0),
    "prelu by input": lambda x: F.prelu(x, weft.tensor([0.2, 0.3], dtype=weft.float64)),
    "prelu by weight": lambda w: F.prelu(weft.full((2, 4), -1.5, dtype=weft.float64), w[0]),
    "binary_cross_entropy": lambda x: F.binary_cross_entropy(F.sigmoid(x), target(x)),
    "huber_loss": lambda x: F.huber_loss(x, target(x), delta=0.5),
    "kl_div": lambda x: F.kl_div(x, target(x), reduction="batchmean"),
    "kl_div by target": lambda x: F.kl_div(target(x), F.sigmoid(x), reduction="sum"),
    "smooth_l1_loss": lambda x: F.smooth_l1_loss(x, target(x), beta=0.5),
    "bilinear": lambda x: F.bilinear(x, x * 2, x.reshape(1, 2, 4)[:, [0, 1, 0, 1]]),
    "cosine_similarity": lambda x: F.cosine_similarity(x, target(x)),
    "group_norm": lambda x: F.group_norm(x.reshape(1, 2, 4), 2, x[:, 0], x[:, 1]),
    "normalize": F.normalize,
    "normalize by another norm": lambda x: F.normalize(x, p=3.0, dim=0),
    "pairwise_distance": lambda x: F.pairwise_distance(x, target(x)),
    "rms_norm": lambda x: F.rms_norm(x, (4,), x[0]),
    "pixel_shuffle": lambda x: F.pixel_shuffle(x.reshape(4, 1, 2), 2),
    "pixel_unshuffle": lambda x: F.pixel_unshuffle(x.reshape(1, 2, 4), 2),
    "channel_shuffle": lambda x: F.channel_shuffle(x.reshape(1, 4, 2), 2),
}


def point() -> weft.Tensor:
    """(2, 4) numbers away from every kink."""
    values = [[-2.1, -0.8, -0.22, 0.17], [0.35, 0.91, 1.4, 4.2]]
    return weft.tensor(values, dtype=weft.float64)


def weighted(out: weft.Tensor) -> weft.Tensor:
    weights = weft.linspace(0.5, 1.5, out.numel(), dtype=weft.float64)
    return (out.reshape(-1) * weights).sum()


def gradient(function: Function, x: weft.Tensor) -> weft.Tensor:
    x = x.detach().clone().requires_grad_(True)
    weighted(function(x)).backward()
    assert x.grad is not None
    return x.grad


@pytest.mark.parametrize("name", COMPOSED)
def test_first_derivatives_agree_with_finite_differences(name: str) -> None:
    function, x, step = COMPOSED[name], point(), 1e-6
    measured = []
    for i in range(2):
        for j in range(4):
            ends = []
            for sign in (1, -1):
                moved = x.clone()
                moved[i, j] = moved[i, j] + sign * step
                ends.append(weighted(function(moved)).item())
            measured.append((ends[0] - ends[1]) / (2 * step))
    assert gradient(function, x).reshape(-1).tolist() == pytest.approx(measured, abs=1e-7, rel=1e-6)


@pytest.mark.parametrize("name", COMPOSED)
def test_second_derivatives_agree_with_differences_of_the_first(name: str) -> None:
    function, step = COMPOSED[name], 1e-6
    x = point().requires_grad_(True)
    direction = weft.tensor([[0.3, -1.0, 0.7, 0.2], [1.1, -0.4, 0.6, -0.9]], dtype=weft.float64)
    (first,) = weft.autograd.grad(weighted(function(x)), (x,), create_graph=True)
    if not first.requires_grad:
        pytest.skip(f"{name} is linear: its first derivative does not depend on the input")
    (second,) = weft.autograd.grad((first * direction).sum(), (x,))
    ends = [gradient(function, x + sign * step * direction) for sign in (1, -1)]
    measured = ((ends[0] - ends[1]) / (2 * step)).reshape(-1).tolist()
    assert second.reshape(-1).tolist() == pytest.approx(measured, abs=1e-6, rel=1e-5)


@pytest.mark.parametrize("name", ["celu", "mish", "selu", "logsigmoid", "softsign"])
@pytest.mark.parametrize("value", [-1e4, 1e4])
def test_far_from_zero_values_and_gradients_stay_finite(name: str, value: float) -> None:
    x = weft.tensor([value], requires_grad=True)
    y = COMPOSED[name](x)
    y.sum().backward()
    assert bool(weft.isfinite(y).all())
    assert bool(weft.isfinite(x.grad).all())
