"""nn.functional: what it offers, and the derivatives of what is composed here."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import weft
import weft.nn.functional as F
from weft._core import catalogue
from weft.ops import load_all

Function = Callable[..., weft.Tensor]


INPLACE = (
    "relu", "relu6", "silu", "mish", "selu", "hardswish", "hardsigmoid", "celu", "elu",
    "leaky_relu", "hardtanh", "threshold", "dropout", "rrelu", "alpha_dropout",
    "feature_alpha_dropout",
)  # fmt: skip


def test_every_functional_op_of_the_catalogue_is_offered() -> None:
    load_all()
    listed = {
        entry.name: entry.function
        for entry in catalogue.public.values()
        if "weft.nn.functional" in entry.namespaces
    }
    assert listed
    assert set(listed) - set(F.__all__) == set()
    extended = {name for name, function in listed.items() if getattr(F, name) is not function}
    assert extended == {function.__name__ for function in F.REPLACED}
    assert extended == {*INPLACE, "linear_cross_entropy"}


@pytest.mark.parametrize("name", INPLACE)
def test_inplace_writes_the_result_into_the_input(name: str) -> None:
    settings = {"threshold": (0.1, 5.0), "dropout": (0.0,)}.get(name, ())
    expected = getattr(F, name)(point(), *settings)
    x = point()
    assert getattr(F, name)(x, *settings, inplace=True) is x
    assert x.tolist() == expected.tolist()


@pytest.mark.parametrize("name", INPLACE)
def test_inplace_changes_no_gradient(name: str) -> None:
    settings = {"threshold": (0.1, 5.0), "dropout": (0.0,)}.get(name, ())
    function = getattr(F, name)
    plain = gradient(lambda x: function(x * 1.5, *settings), point())
    written = gradient(lambda x: function(x * 1.5, *settings, inplace=True), point())
    assert written.tolist() == plain.tolist()


def test_inplace_on_a_leaf_that_wants_a_gradient_is_refused() -> None:
    with pytest.raises(weft.GradError, match=r"a leaf tensor that requires grad"):
        F.relu(point().requires_grad_(True), inplace=True)


def test_all_names_what_is_there() -> None:
    assert len(set(F.__all__)) == len(F.__all__)
    assert all(callable(getattr(F, name)) for name in F.__all__)


OTHER = weft.tensor([[0.3, -1.0, 0.7, 0.2], [1.1, -0.4, 0.6, -0.9]], dtype=weft.float64)
COMPOSED: dict[str, Function] = {
    "softmin": lambda x: F.softmin(x, -1),
    "bilinear": lambda x: F.bilinear(x, x * 2, x.reshape(1, 2, 4)[:, [0, 1, 0, 1]]),
    "cosine_similarity": lambda x: F.cosine_similarity(x, OTHER),
    "cosine_similarity with the limit in force": lambda x: F.cosine_similarity(
        x, OTHER, dim=0, eps=2.0
    ),
    "normalize": F.normalize,
    "normalize by another norm": lambda x: F.normalize(x, p=3.0, dim=0),
    "pairwise_distance": lambda x: F.pairwise_distance(x, OTHER),
    "rms_norm": lambda x: F.rms_norm(x, (4,), x[0]),
    "pixel_shuffle": lambda x: F.pixel_shuffle(x.reshape(4, 1, 2), 2),
    "pixel_unshuffle": lambda x: F.pixel_unshuffle(x.reshape(1, 2, 4), 2),
    "channel_shuffle": lambda x: F.channel_shuffle(x.reshape(1, 4, 2), 2),
    "embedding": lambda w: F.embedding(weft.tensor([0, 1, 1, 0]), w, padding_idx=None),
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
    (first,) = weft.autograd.grad(weighted(function(x)), (x,), create_graph=True)
    if first.requires_grad:
        (second,) = weft.autograd.grad((first * OTHER).sum(), (x,))
    else:  # linear: the first derivative does not depend on the input
        second = weft.zeros_like(first)
    ends = [gradient(function, x + sign * step * OTHER) for sign in (1, -1)]
    measured = ((ends[0] - ends[1]) / (2 * step)).reshape(-1).tolist()
    assert second.reshape(-1).tolist() == pytest.approx(measured, abs=1e-6, rel=1e-5)
