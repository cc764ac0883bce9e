"""Parametrisations beside torch's: what is computed, its gradients, names, assignment, removal."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
import torch

import weft
from tests.parity.module_pairs import Pair, close, tensors
from weft.nn.utils import parametrizations, parametrize

X = np.random.default_rng(0).standard_normal((3, 4))


def symmetric(m: Any) -> Any:
    class Symmetric(m.nn.Module):
        def forward(self, x):
            return x.triu() + x.triu(1).mT

        def right_inverse(self, x):
            return x.triu()

    return Symmetric()


def product(m: Any) -> Any:
    class Product(m.nn.Module):
        def forward(self, a, b):
            return a @ b

        def right_inverse(self, x):
            return x.clone(), m.eye(x.shape[1], dtype=x.dtype)

    return Product()


def doubled(m: Any) -> Any:
    class Doubled(m.nn.Module):
        def forward(self, x):
            return 2 * x

    return Doubled()


def built(m: Any, *kinds: Any, size: int = 4) -> Any:
    layer = m.nn.Linear(size, size).double()
    for kind in kinds:
        m.nn.utils.parametrize.register_parametrization(layer, "weight", kind(m))
    return layer


@pytest.mark.parametrize(
    "kinds",
    [(symmetric,), (product,), (symmetric, doubled), (product, symmetric)],
    ids=lambda kinds: "+".join(k.__name__ for k in kinds),
)
def test_parametrised_layers_agree(kinds: Any) -> None:
    pair = Pair(lambda m: built(m, *kinds))
    pair.agree(X)
    names = [[n for n, _ in m.named_parameters()] for m in (pair.ours, pair.theirs)]
    assert names[0] == names[1]
    kept = [[n for n, _ in m.named_modules()] for m in (pair.ours, pair.theirs)]
    assert kept[0] == kept[1]
    assert (
        pair.ours.parametrizations.weight.ntensors == pair.theirs.parametrizations.weight.ntensors
    )


def test_the_value_is_kept_where_the_inverse_gives_it() -> None:
    layer = weft.nn.Linear(3, 3)
    with weft.no_grad():
        layer.weight.copy_(layer.weight.triu() + layer.weight.triu(1).mT)
    held, before = layer.weight, layer.weight.detach().clone()
    assert parametrize.register_parametrization(layer, "weight", symmetric(weft)) is layer
    assert weft.equal(layer.weight, before)
    assert layer.parametrizations.weight.original is held  # an optimizer made before still holds it


def test_buffers_are_parametrised_and_stay_buffers() -> None:
    for m in (weft, torch):
        norm = m.nn.BatchNorm1d(3)
        m.nn.utils.parametrize.register_parametrization(norm, "running_mean", doubled(m))
        assert "parametrizations.running_mean.original" in norm.state_dict()
        assert [n for n, _ in norm.named_parameters()] == ["weight", "bias"]
        norm(m.ones(4, 3))
        assert norm.running_mean.tolist() == pytest.approx([0.0] * 3)  # written to a passing value
        m.nn.utils.parametrize.remove_parametrizations(norm, "running_mean")
        assert "running_mean" in dict(norm.named_buffers())


def test_assigning_sets_what_is_learned() -> None:
    for m in (weft, torch):
        layer = built(m, symmetric)
        layer.weight = m.ones(4, 4, dtype=m.float64)
        assert layer.parametrizations.weight.original.tolist() == np.triu(np.ones((4, 4))).tolist()
        pair = built(m, product)
        pair.weight = m.ones(4, 4, dtype=m.float64)
        assert pair.weight.tolist() == np.ones((4, 4)).tolist()
    with pytest.raises(RuntimeError, match="Doubled has no right_inverse"):
        built(weft, doubled).weight = weft.ones(4, 4, dtype=weft.float64)


def test_within_cached_a_value_is_computed_once() -> None:
    for m in (weft, torch):
        layer = built(m, symmetric)
        assert layer.weight is not layer.weight
        with m.nn.utils.parametrize.cached():
            first = layer.weight
            with m.nn.utils.parametrize.cached():
                assert layer.weight is first
            assert layer.weight is first
        assert layer.weight is not first


@pytest.mark.parametrize("leave", [False, True])
def test_removal_restores_class_and_tensor(leave: bool) -> None:
    results = []
    for m in (weft, torch):
        tools = m.nn.utils.parametrize
        layer = built(m, symmetric, doubled)
        tools.register_parametrization(layer, "bias", doubled(m))
        assert tools.type_before_parametrizations(layer) is m.nn.Linear
        assert type(layer).__name__ == "ParametrizedLinear"
        assert isinstance(layer, m.nn.Linear)
        with m.no_grad():
            layer.parametrizations.weight.original.copy_(
                m.arange(16.0, dtype=m.float64).reshape(4, 4)
            )
        original = layer.parametrizations.weight.original
        assert tools.remove_parametrizations(layer, "weight", leave_parametrized=leave) is layer
        assert layer.weight is original
        assert tools.is_parametrized(layer, "bias")
        assert not tools.is_parametrized(layer, "weight")
        tools.remove_parametrizations(layer, "bias", leave_parametrized=leave)
        assert type(layer) is m.nn.Linear
        assert not hasattr(layer, "parametrizations")
        assert not tools.is_parametrized(layer)
        results.append([layer.weight.tolist(), list(layer.state_dict()), repr(layer)])
        other = tools.remove_parametrizations(built(m, product), "weight")
        assert type(other.weight) is m.nn.Parameter
    assert results[0] == results[1]


def test_a_removed_parametrisation_leaves_other_modules_of_the_class_alone() -> None:
    first, second = built(weft, symmetric), built(weft, symmetric)
    parametrize.remove_parametrizations(first, "weight")
    assert type(second.weight) is weft.Tensor
    assert type(weft.nn.Linear(2, 2).weight) is weft.nn.Parameter


def test_copies_compute_on_their_own_and_pickles_are_refused() -> None:
    layer = parametrizations.orthogonal(weft.nn.Linear(3, 3))
    again = copy.deepcopy(layer)
    assert repr(again) == repr(layer)
    assert weft.equal(again.weight, layer.weight)
    with weft.no_grad():
        again.parametrizations.weight.original.add_(1.0)
    assert not weft.equal(again.weight, layer.weight)
    assert again.parametrizations.weight[0].base is not layer.parametrizations.weight[0].base
    with pytest.raises(RuntimeError, match="save its state_dict"):
        pickle.dumps(layer)


def test_parametrisations_are_transferred() -> None:
    for m in (weft, torch):
        tools = m.nn.utils.parametrize
        source = built(m, symmetric, doubled)
        target = m.nn.Linear(4, 4).double()
        assert tools.transfer_parametrizations_and_params(source, target) is target
        assert target.weight.tolist() == source.weight.tolist()
        assert list(target.state_dict()) == list(source.state_dict())
        learned = target.parametrizations.weight.original
        assert learned is source.parametrizations.weight.original
        bare = tools.transfer_parametrizations_and_params(source, m.nn.Module(), "weight")
        assert bare.weight.tolist() == source.weight.tolist()
    with pytest.raises(ValueError, match="'bias' of ParametrizedLinear is not parametrised"):
        parametrize.transfer_parametrizations_and_params(
            built(weft, symmetric), weft.nn.Linear(4, 4), "bias"
        )


def test_optimizers_train_what_is_learned() -> None:
    layer = parametrizations.orthogonal(weft.nn.Linear(4, 4, bias=False).double())
    optimizer = weft.optim.SGD(layer.parameters(), lr=0.1)
    x, losses = weft.rand(16, 4, dtype=weft.float64), []
    for _ in range(5):
        optimizer.zero_grad()
        loss = ((layer(x) + x) ** 2).mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses == sorted(losses, reverse=True)
    assert weft.allclose(
        layer.weight @ layer.weight.mT, weft.eye(4, dtype=weft.float64), atol=1e-12
    )


def test_functional_call_takes_what_is_learned() -> None:
    for m in (weft, torch):
        layer = built(m, symmetric)
        call = m.nn.utils.stateless.functional_call if m is weft else m.func.functional_call
        given = {
            "parametrizations.weight.original": m.eye(4, dtype=m.float64),
            "bias": m.zeros(4, dtype=m.float64),
        }
        x = tensors(m, X, leaf=False)
        close(call(layer, given, x), tensors(torch, X, leaf=False))


def test_recurrent_weights_may_be_parametrised() -> None:
    """torch's LSTM reads a list of its own, and so overlooks them."""
    net = weft.nn.LSTM(3, 4).double()
    x = weft.rand(5, 2, 3, dtype=weft.float64)
    expected = net(x)[0]
    parametrizations.weight_norm(net, "weight_hh_l0")
    assert weft.allclose(net(x)[0], expected, atol=1e-12)
    with weft.no_grad():
        net.parametrizations.weight_hh_l0.original0.zero_()
    assert not weft.allclose(net(x)[0], expected)
    net(x)[0].sum().backward()
    assert net.parametrizations.weight_hh_l0.original1.grad is not None


# --- those that are there to be used -------------------------------------------------------------


@pytest.mark.parametrize("trivialised", [False, True])
@pytest.mark.parametrize("mapped", ["matrix_exp", "cayley", "householder", None])
@pytest.mark.parametrize("shape", [(4, 4), (4, 3), (3, 4)], ids=str)
def test_orthogonal_weights_agree(shape: tuple[int, int], mapped: Any, trivialised: bool) -> None:
    rows, columns = shape

    def build(m: Any) -> Any:
        layer = m.nn.Linear(columns, rows).double()
        m.nn.utils.parametrizations.orthogonal(
            layer, orthogonal_map=mapped, use_trivialization=trivialised
        )
        return layer

    pair = Pair.__new__(Pair)  # its noise would move the signs on the diagonal
    torch.manual_seed(0)
    pair.theirs, pair.ours = build(torch), build(weft)
    for module in (pair.ours, pair.theirs):
        w = module.weight.detach().numpy()
        chosen = module.parametrizations.weight[0].orthogonal_map
        if not trivialised and getattr(chosen, "name", chosen) != "householder":
            with pytest.raises(NotImplementedError, match="use_trivialization=False"):
                module.weight = module.weight.detach()
        gram = w.T @ w if rows >= columns else w @ w.T
        np.testing.assert_allclose(gram, np.eye(len(gram)), atol=1e-12)
    with torch.no_grad():
        noise = torch.randn(rows, columns, dtype=torch.float64).tril(-1)
        pair.theirs.parametrizations.weight.original.add_(0.3 * noise)
    pair.load()
    (x,) = (np.random.default_rng(3).standard_normal((5, columns)),)
    pair.agree(x)


def test_an_orthogonal_weight_stays_as_it_was_and_can_be_assigned() -> None:
    for shape in ((4, 4), (5, 3), (3, 5)):
        for m in (weft, torch):
            layer = m.nn.Linear(shape[1], shape[0]).double()
            m.nn.init.orthogonal_(layer.weight)
            before = layer.weight.detach().clone()
            m.nn.utils.parametrizations.orthogonal(layer)
            close(layer.weight, torch.from_numpy(before.numpy()), within=1e-9)
            new = m.nn.init.orthogonal_(m.empty(*shape, dtype=m.float64))
            layer.weight = new
            close(layer.weight, torch.from_numpy(new.numpy()), within=1e-9)


def test_householder_without_a_base_is_inverted() -> None:
    for m in (weft, torch):
        layer = m.nn.Linear(3, 5).double()
        m.nn.init.orthogonal_(layer.weight)
        before = layer.weight.detach().clone()
        m.nn.utils.parametrizations.orthogonal(layer, use_trivialization=False)
        close(layer.weight, torch.from_numpy(before.numpy()), within=1e-9)


@pytest.mark.parametrize("dim", [0, 1, None, -2])
def test_weight_norms_agree(dim: Any) -> None:
    def new(m: Any) -> Any:
        return m.nn.utils.parametrizations.weight_norm(m.nn.Linear(4, 3), dim=dim)

    def old(m: Any) -> Any:
        return m.nn.utils.weight_norm(m.nn.Linear(4, 3), dim=dim)

    Pair(new).agree(X)
    with pytest.warns(FutureWarning, match="weight_norm"):
        pair = Pair(old)
    pair.agree(X)
    target = new(weft).double()
    target.load_state_dict(pair.ours.state_dict())  # what the older way saved
    close(target(tensors(weft, X)), pair.theirs(tensors(torch, X)))


def test_older_weight_norms_are_removed_with_their_value() -> None:
    layer = weft.nn.Linear(4, 3)
    x = weft.rand(2, 4)
    expected = layer(x)
    assert weft.nn.utils.weight_norm(layer) is layer
    assert weft.allclose(layer(x), expected, atol=1e-6)
    assert weft.nn.utils.remove_weight_norm(layer) is layer
    assert weft.allclose(layer(x), expected, atol=1e-6)
    assert set(layer.state_dict()) == {"weight", "bias"}
    assert layer._call_hooks is None  # calls are as quick as before


SPECTRAL: list[tuple[str, Any, tuple[int, ...], dict[str, Any]]] = [
    ("Linear", lambda m: m.nn.Linear(4, 3), (3, 4), {}),
    ("Linear, twice", lambda m: m.nn.Linear(4, 3), (3, 4), {"n_power_iterations": 2, "dim": 1}),
    ("Conv2d", lambda m: m.nn.Conv2d(2, 3, 2), (1, 2, 4, 4), {"eps": 1e-6}),
    ("ConvTranspose2d", lambda m: m.nn.ConvTranspose2d(2, 3, 2), (1, 2, 4, 4), {}),
]


@pytest.mark.parametrize("train", [True, False])
@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize(
    ("name", "layer", "shape", "options"), SPECTRAL, ids=[s[0] for s in SPECTRAL]
)
@pytest.mark.filterwarnings("ignore:`torch.nn.utils.spectral_norm` is:FutureWarning")
def test_spectral_norms_agree(
    name: str, layer: Any, shape: tuple[int, ...], options: dict[str, Any], old: bool, train: bool
) -> None:
    def build(m: Any) -> Any:
        tools = m.nn.utils if old else m.nn.utils.parametrizations
        return tools.spectral_norm(layer(m), **options)

    pair = Pair(build, train=train)
    (x,) = (np.random.default_rng(4).standard_normal(shape),)
    for _ in range(3):  # in training the vectors go on each time
        pair.agree(x)
    for (key, mine), (_, other) in zip(
        pair.ours.named_buffers(), pair.theirs.named_buffers(), strict=True
    ):
        close(mine, other, key)


def test_a_vector_is_divided_by_its_norm() -> None:
    for m in (weft, torch):
        layer = m.nn.Linear(4, 3)
        m.nn.utils.parametrizations.spectral_norm(layer, "bias")
        assert (layer.bias**2).sum().item() == pytest.approx(1, abs=1e-6)


def test_the_largest_singular_value_becomes_one() -> None:
    weft.manual_seed(0)
    for tools in (weft.nn.utils, parametrizations):
        layer = tools.spectral_norm(weft.nn.Linear(8, 6).double(), n_power_iterations=50)
        layer(weft.zeros(1, 8, dtype=weft.float64))
        assert weft.linalg.svdvals(layer.weight)[0].item() == pytest.approx(1, abs=1e-5)


@pytest.mark.filterwarnings("ignore:`torch.nn.utils.spectral_norm` is:FutureWarning")
def test_older_spectral_norms_save_their_version_and_are_removed() -> None:
    layers = [m.nn.utils.spectral_norm(m.nn.Linear(4, 3)) for m in (weft, torch)]
    metadata = [dict(layer.state_dict()._metadata[""]) for layer in layers]
    assert metadata[0] == metadata[1]
    layer = layers[0].eval()
    expected = layer(weft.ones(4))
    assert weft.nn.utils.remove_spectral_norm(layer) is layer
    assert weft.allclose(layer(weft.ones(4)), expected, atol=1e-6)
    assert set(layer.state_dict()) == {"weight", "bias"}
    assert "spectral_norm" not in layer.state_dict()._metadata[""]


@pytest.mark.filterwarnings("ignore:`torch.nn.utils.spectral_norm` is:FutureWarning")
def test_older_spectral_norms_load_what_was_saved_before_version_1() -> None:
    results = []
    for m in (weft, torch):
        layer = m.nn.utils.spectral_norm(m.nn.Linear(4, 3).double()).eval()
        rng = np.random.default_rng(0)
        learned, u = rng.standard_normal((3, 4)), rng.standard_normal(3)
        state = {"weight_orig": learned, "weight": learned / 1.7, "weight_u": u, "bias": u}
        layer.load_state_dict({k: m.from_numpy(v.copy()) for k, v in state.items()})
        results.append(layer(tensors(m, X)))
        close(layer.weight, torch.from_numpy(learned / 1.7))
    close(*results)


BAD: list[tuple[str, Any, type[Exception], str]] = [
    (
        "name",
        lambda: parametrize.register_parametrization(weft.nn.Linear(3, 3), "foo", symmetric(weft)),
        ValueError,
        "'foo'",
    ),
    (
        "dtype",
        lambda: parametrize.register_parametrization(
            weft.nn.Linear(3, 3), "weight", _As(lambda x: x.double())
        ),
        ValueError,
        "keep the dtype .*float32, got .*float64",
    ),
    (
        "shape",
        lambda: parametrize.register_parametrization(
            weft.nn.Linear(3, 3), "weight", _As(lambda x: x[:1])
        ),
        ValueError,
        r"keep the shape \(3, 3\), got \(1, 3\)",
    ),
    (
        "second",
        lambda: parametrize.register_parametrization(
            built(weft, symmetric), "weight", _As(lambda x: x[:1])
        ),
        ValueError,
        "_As computes must keep the shape",
    ),
    (
        "remove",
        lambda: parametrize.remove_parametrizations(weft.nn.Linear(3, 3), "weight"),
        ValueError,
        "'weight' of Linear is not parametrised",
    ),
    (
        "several",
        lambda: parametrize.remove_parametrizations(built(weft, product), "weight", False),
        ValueError,
        "computed from 2 tensors",
    ),
    (
        "map",
        lambda: parametrizations.orthogonal(weft.nn.Linear(3, 3), orthogonal_map="cayly"),
        ValueError,
        "'cayly'.*'cayley'",
    ),
    (
        "vector",
        lambda: parametrizations.orthogonal(weft.nn.Linear(3, 3), "bias"),
        ValueError,
        "must be a matrix",
    ),
    (
        "absent",
        lambda: parametrizations.spectral_norm(weft.nn.Linear(3, 3), "wieght"),
        ValueError,
        "'wieght'.*'weight'",
    ),
    (
        "iterations",
        lambda: parametrizations.spectral_norm(weft.nn.Linear(3, 3), n_power_iterations=0),
        ValueError,
        "must be positive, got 0",
    ),
    (
        "dim",
        lambda: parametrizations.spectral_norm(weft.nn.Linear(3, 3), dim=2),
        IndexError,
        r"\[-2, 1\], got 2",
    ),
    (
        "twice",
        lambda: weft.nn.utils.weight_norm(weft.nn.utils.weight_norm(weft.nn.Linear(3, 3))),
        RuntimeError,
        "normalised already",
    ),
    (
        "twice, spectral",
        lambda: weft.nn.utils.spectral_norm(weft.nn.utils.spectral_norm(weft.nn.Linear(3, 3))),
        RuntimeError,
        "normalised already",
    ),
    (
        "no weight norm",
        lambda: weft.nn.utils.remove_weight_norm(weft.nn.Linear(3, 3)),
        ValueError,
        "'weight' of Linear",
    ),
    (
        "no spectral norm",
        lambda: weft.nn.utils.remove_spectral_norm(weft.nn.Linear(3, 3)),
        ValueError,
        "'weight' of Linear",
    ),
]


class _As(weft.nn.Module):
    def __init__(self, function: Any) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Any) -> Any:
        return self.function(x)


@pytest.mark.parametrize(("what", "call", "error", "message"), BAD, ids=[b[0] for b in BAD])
def test_mistakes_are_named(what: str, call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()


def test_unsafe_allows_another_shape_and_dtype() -> None:
    for m in (weft, torch):
        layer = m.nn.Linear(3, 3)

        class Shorter(m.nn.Module):
            def forward(self, x):
                return x[:2].double()

        m.nn.utils.parametrize.register_parametrization(layer, "weight", Shorter(), unsafe=True)
        assert tuple(layer.weight.shape) == (2, 3)
        assert str(layer.weight.dtype).endswith("float64")
