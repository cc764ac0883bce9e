"""Module, containers and initial values against PyTorch's: structure, hooks, state, statistics."""

from __future__ import annotations

import copy
import io
import pickle
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import weft
import weft.nn

LIBRARIES = (weft, torch)


def plain(library: Any) -> Any:
    nn = library.nn
    return nn.Sequential(
        OrderedDict(
            stem=nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU6(inplace=True)),
            blocks=nn.ModuleList([nn.Linear(4, 4), nn.Linear(4, 4), nn.Dropout(0.2)]),
            heads=nn.ModuleDict({"a": nn.Linear(4, 2), "b": nn.Identity()}),
            free=nn.ParameterList([nn.Parameter(library.zeros(2, 3))]),
            named=nn.ParameterDict({"scale": nn.Parameter(library.ones(3))}),
            lstm=nn.LSTM(3, 4, num_layers=2, bidirectional=True),
        )
    )


def tied(library: Any) -> Any:
    nn = library.nn
    net = nn.Module()
    net.embedding = nn.Embedding(5, 3, padding_idx=0)
    net.head = nn.Linear(3, 5, bias=False)
    net.head.weight = net.embedding.weight
    net.again = net.embedding
    net.nothing = None
    net.register_parameter("reserved", None)
    net.register_buffer("kept", library.zeros(2))
    net.register_buffer("lost", library.zeros(2), persistent=False)
    return net


NETS: list[Callable[[Any], Any]] = [plain, tied]


@pytest.mark.parametrize("build", NETS)
def test_structure_is_the_same_under_every_iterator(build: Callable[[Any], Any]) -> None:
    ours, theirs = (build(library) for library in LIBRARIES)
    for listing in (
        lambda m: [n for n, _ in m.named_modules()],
        lambda m: [n for n, _ in m.named_modules(remove_duplicate=False)],
        lambda m: [n for n, _ in m.named_modules(prefix="x")],
        lambda m: [n for n, _ in m.named_children()],
        lambda m: [n for n, _ in m.named_parameters()],
        lambda m: [n for n, _ in m.named_parameters(remove_duplicate=False)],
        lambda m: [n for n, _ in m.named_parameters(prefix="x", recurse=False)],
        lambda m: [n for n, _ in m.named_buffers()],
        lambda m: [tuple(p.shape) for p in m.parameters()],
        lambda m: [type(c).__name__ for c in m.modules()],
        lambda m: list(m.state_dict()),
        lambda m: list(m.state_dict(prefix="x.")),
        lambda m: {k: dict(v) for k, v in m.state_dict()._metadata.items()},
    ):
        assert listing(ours) == listing(theirs)


@pytest.mark.parametrize("build", NETS)
def test_repr_is_the_same(build: Callable[[Any], Any]) -> None:
    ours, theirs = (repr(build(library)) for library in LIBRARIES)
    # ParameterDict names the tensor class of PyTorch's old type system, which weft has not.
    theirs = theirs.replace("torch.FloatTensor", "torch.float32")
    assert ours.replace("weft.float32", "torch.float32") == theirs


def test_repr_of_a_slice_and_of_nested_lists_is_the_same() -> None:
    def build(nn: Any) -> Any:
        return nn.ModuleList([nn.Sequential(nn.ReLU(), nn.Tanh())[1:], nn.ModuleList(), nn.Tanh()])

    assert repr(build(weft.nn)) == repr(build(torch.nn))


def drawn(theirs: Any) -> dict[str, np.ndarray[Any, Any]]:
    """Other values for every entry, in the shapes and dtypes of PyTorch's."""
    rng = np.random.default_rng(4)
    return {
        name: np.asarray(rng.normal(size=tuple(v.shape)) * 9).astype(v.numpy().dtype)
        for name, v in theirs.state_dict().items()
    }


@pytest.mark.parametrize("build", NETS)
def test_state_dicts_go_both_ways(build: Callable[[Any], Any]) -> None:
    ours, theirs = (build(library) for library in LIBRARIES)
    values = drawn(theirs)
    theirs.load_state_dict({name: torch.from_numpy(a) for name, a in values.items()})
    ours.load_state_dict(
        {name: weft.from_numpy(t.numpy()) for name, t in theirs.state_dict().items()}
    )
    fresh = build(torch)
    fresh.load_state_dict(
        {name: torch.from_numpy(t.numpy()) for name, t in ours.state_dict().items()}
    )
    for name, expected in theirs.state_dict().items():
        np.testing.assert_array_equal(fresh.state_dict()[name].numpy(), expected.numpy(), name)


@pytest.mark.parametrize(
    "change",
    [
        lambda state: state.pop("stem.0.bias"),
        lambda state: state.update(extra=next(iter(state.values()))),
        lambda state: state.update({"stem.0.bias.deeper": next(iter(state.values()))}),
        lambda state: state.update({"stem.9.weight": next(iter(state.values()))}),
    ],
)
def test_missing_and_unexpected_keys_are_the_same(change: Callable[[Any], Any]) -> None:
    found = []
    for library in LIBRARIES:
        net = plain(library)
        state = OrderedDict(net.state_dict())
        change(state)
        found.append(tuple(net.load_state_dict(state, strict=False)))
        with pytest.raises(RuntimeError):
            net.load_state_dict(state)
    assert found[0] == found[1]


def test_hooks_run_in_the_same_order_with_the_same_arguments() -> None:
    logs = []
    for library in LIBRARIES:
        log: list[Any] = []
        module = library.nn.Identity()
        module.register_forward_hook(lambda m, a, out, log=log: log.append(("f", len(a))))
        module.register_forward_pre_hook(lambda m, a, log=log: log.append(("p", len(a))))
        module.register_forward_pre_hook(
            lambda m, a, k, log=log: log.append(("pk", len(a), dict(k))), with_kwargs=True
        )
        module.register_forward_hook(
            lambda m, a, k, out, log=log: log.append(("fk", dict(k))),
            with_kwargs=True,
            prepend=True,
        )
        handle = module.register_forward_hook(lambda m, a, out, log=log: out + 1)
        log.append(module(1))
        handle.remove()
        log.append(module(input=2))
        logs.append(log)
    assert logs[0] == logs[1]


def test_copies_and_pickles_keep_what_pytorchs_keep() -> None:
    for copied in (copy.deepcopy, lambda m: pickle.load(io.BytesIO(pickle.dumps(m)))):
        ours, theirs = (copied(tied(library)) for library in LIBRARIES)
        assert list(ours.state_dict()) == list(theirs.state_dict())
        assert (ours.head.weight is ours.embedding.weight) == (
            theirs.head.weight is theirs.embedding.weight
        )
        assert (ours.again is ours.embedding) == (theirs.again is theirs.embedding)


def test_loading_with_assign_leaves_the_same_kinds_behind() -> None:
    for strict in (True, False):
        kinds = []
        for library in LIBRARIES:
            layer = library.nn.BatchNorm1d(2)
            layer.weight.requires_grad_(False)
            state = {k: v.double() for k, v in library.nn.BatchNorm1d(2).state_dict().items()}
            layer.load_state_dict(state, strict=strict, assign=True)
            kinds.append(
                [
                    (name, type(t).__name__, str(t.dtype).split(".")[1], t.requires_grad)
                    for name, t in [*layer.named_parameters(), *layer.named_buffers()]
                ]
            )
        assert kinds[0] == kinds[1]


@pytest.mark.parametrize("name", ["float", "double", "half", "bfloat16"])
def test_conversions_touch_the_same_tensors(name: str) -> None:
    kinds = []
    for library in LIBRARIES:
        net = getattr(plain(library), name)()
        kinds.append({k: str(v.dtype).split(".")[1] for k, v in net.state_dict().items()})
    assert kinds[0] == kinds[1]


# --- initial values ------------------------------------------------------------------------------

LAYERS: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
    ("Linear", (300, 200), {}),
    ("Bilinear", (30, 20, 40), {}),
    ("Conv1d", (40, 60, 7), {}),
    ("Conv2d", (24, 40, 5), {"groups": 4}),
    ("Conv3d", (8, 16, 3), {}),
    ("Embedding", (300, 50), {}),
    ("LSTM", (60, 80), {}),
    ("GRU", (60, 80), {}),
    ("RNN", (90, 80), {}),
    ("LSTMCell", (60, 80), {}),
    ("BatchNorm2d", (500,), {}),
    ("LayerNorm", (500,), {}),
    ("GroupNorm", (5, 500), {}),
    ("PReLU", (500,), {}),
]


def quantiles(tensor: Any) -> np.ndarray[Any, Any]:
    return np.quantile(tensor.detach().numpy(), [0.05, 0.25, 0.5, 0.75, 0.95])


@pytest.mark.parametrize(("name", "args", "options"), LAYERS, ids=[layer[0] for layer in LAYERS])
def test_layers_draw_from_the_same_distributions(
    name: str, args: tuple[Any, ...], options: dict[str, Any]
) -> None:
    weft.manual_seed(0)
    torch.manual_seed(0)
    ours = getattr(weft.nn, name)(*args, **options).state_dict()
    theirs = getattr(torch.nn, name)(*args, **options).state_dict()
    for key, expected in theirs.items():
        if key == "num_batches_tracked":
            continue
        spread = expected.std().item() if expected.numel() > 1 else 0.0
        # the deviation of a sample's quantile is below 2.2 / √n of the distribution's for all five
        margin = 6 * 2.2 * spread / np.sqrt(expected.numel()) + 1e-12
        np.testing.assert_allclose(
            quantiles(ours[key]), quantiles(expected), atol=margin, err_msg=key
        )


INITIALISERS: list[tuple[str, dict[str, Any]]] = [
    ("uniform_", {"a": -2.0, "b": 5.0}),
    ("normal_", {"mean": 1.0, "std": 3.0}),
    ("trunc_normal_", {"std": 0.7, "a": -0.5, "b": 2.0}),
    ("trunc_normal_", {"mean": 3.0, "std": 2.0}),
    ("xavier_uniform_", {"gain": 1.5}),
    ("xavier_normal_", {}),
    ("kaiming_uniform_", {"a": 0.3, "mode": "fan_out"}),
    ("kaiming_uniform_", {"nonlinearity": "tanh"}),
    ("kaiming_normal_", {"nonlinearity": "relu"}),
    ("kaiming_normal_", {"mode": "fan_out", "nonlinearity": "selu"}),
    ("constant_", {"val": 2.5}),
    ("ones_", {}),
    ("zeros_", {}),
    ("dirac_", {"groups": 2}),
]


@pytest.mark.parametrize(("name", "options"), INITIALISERS)
def test_initialisers_draw_from_the_same_distributions(name: str, options: dict[str, Any]) -> None:
    weft.manual_seed(0)
    torch.manual_seed(0)
    shape = (60, 40, 7)
    ours = getattr(weft.nn.init, name)(weft.empty(shape), **options)
    theirs = getattr(torch.nn.init, name)(torch.empty(shape), **options)
    if name in ("constant_", "ones_", "zeros_", "dirac_"):
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())
        return
    margin = 6 * 2.2 * theirs.std().item() / np.sqrt(theirs.numel())
    np.testing.assert_allclose(quantiles(ours), quantiles(theirs), atol=margin)


@pytest.mark.parametrize("shape", [(3, 4), (4, 3), (5, 2, 3), (2, 3, 4, 5)])
def test_fans_are_the_same(shape: tuple[int, ...]) -> None:
    ours = weft.nn.init._calculate_fan_in_and_fan_out(weft.empty(shape))
    assert ours == torch.nn.init._calculate_fan_in_and_fan_out(torch.empty(shape))


@pytest.mark.parametrize(
    ("name", "param"),
    [
        ("linear", None), ("conv1d", None), ("conv_transpose3d", None), ("sigmoid", None),
        ("tanh", None), ("relu", None), ("leaky_relu", None), ("leaky_relu", 0.3), ("selu", None),
    ],
)  # fmt: skip
def test_gains_are_the_same(name: str, param: float | None) -> None:
    ours = weft.nn.init.calculate_gain(name, param)
    assert ours == pytest.approx(torch.nn.init.calculate_gain(name, param), rel=1e-12)
