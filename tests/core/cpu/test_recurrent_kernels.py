"""The kernels of recurrent networks against the reference that runs on NumPy."""

from __future__ import annotations

import numpy as np
import pytest

import weft
import weft.ops.gru_steps
import weft.ops.gru_unit
import weft.ops.lstm_steps
import weft.ops.lstm_unit
import weft.ops.rnn_steps
import weft.ops.rnn_unit
from tests.core import needs
from weft import nn
from weft._backend.cpu import switches
from weft._core import catalogue

pytestmark = needs.codegen

SIZES = [(1, 1, 1), (1, 8, 64), (3, 2, 5), (7, 5, 16), (20, 9, 33), (4, 3, 260), (2, 70, 8)]
UNITS = [(1, 1, 1), (2, 3, 2), (8, 64, 64), (5, 17, 9), (33, 40, 70), (1, 33, 65)]


def both(monkeypatch, run):
    """Return what a function gives with generated code and without."""
    generated = run()
    with monkeypatch.context() as patch:
        patch.setattr(switches, "codegen", False)
        plain = run()
    return generated, plain


def agree(found, wanted, dtype):
    allowed = 5e-5 if dtype == "float32" else 1e-12
    for a, b in zip(found, wanted, strict=True):
        assert a.shape == b.shape
        assert a.dtype == b.dtype
        assert np.abs(a - b).max(initial=0) <= allowed * max(1.0, np.abs(b).max(initial=0))


#: Each kernel is compiled for each: a quarter of a second.
DTYPES = pytest.mark.parametrize(
    "dtype", ["float32", pytest.param("float64", marks=pytest.mark.slow)]
)


@pytest.mark.parametrize("reverse", [False, True])
@DTYPES
@pytest.mark.parametrize("size", SIZES)
def test_steps_and_slopes(monkeypatch, size, dtype, reverse):
    time, batch, hidden = size
    random = np.random.default_rng(0)

    def drawn(*shape):
        return random.standard_normal(shape).astype(dtype)

    steps, slopes = (
        catalogue.ops[name].kernels[np.ndarray] for name in ("lstm_steps", "lstm_slopes")
    )
    given = (
        drawn(time, batch, 4 * hidden), drawn(batch, hidden), drawn(batch, hidden),
        drawn(4 * hidden, hidden),
    )  # fmt: skip
    found, wanted = both(monkeypatch, lambda: steps(*given, reverse=reverse))
    agree(found, wanted, dtype)
    states, _, _, active, cells = wanted
    gs = drawn(time, batch, hidden), drawn(batch, hidden), drawn(batch, hidden)
    kept = [g.copy() for g in gs]
    found, wanted = both(
        monkeypatch,
        lambda: slopes(*gs, states, active, cells, *given[1:], reverse=reverse),
    )
    agree(found, wanted, dtype)
    assert all(map(np.array_equal, gs, kept))  # what came in is as it was


def test_arguments_with_gaps_and_in_other_orders(monkeypatch):
    random = np.random.default_rng(0)
    steps = catalogue.ops["lstm_steps"].kernels[np.ndarray]
    gates = random.standard_normal((8, 3, 6)).T.astype("f4")[:, :, :]  # (6, 3, 8), columns first
    h, c = (random.standard_normal((3, 4)).astype("f4")[:, ::2] for _ in "hc")
    weight = random.standard_normal((2, 8)).astype("f4").T
    found, wanted = both(monkeypatch, lambda: steps(gates, h, c, weight, reverse=False))
    agree(found, wanted, "float32")


def test_nan_stays_in_its_sequence():
    steps = catalogue.ops["lstm_steps"].kernels[np.ndarray]
    gates = np.zeros((3, 2, 8), np.float32)
    gates[1, 0, 0] = np.nan
    gates[0, 1, 4:] = [np.inf, -np.inf, 1e30, -1e30]
    states, *_ = steps(gates, *np.zeros((2, 2, 2), "f4"), np.ones((8, 2), "f4"), reverse=False)
    assert np.isnan(states[1, 0]).any()
    assert np.isnan(states[2, 0]).all()
    assert not np.isnan(states[:, 1]).any()


@pytest.mark.parametrize("layer", [nn.LSTM, nn.GRU, nn.RNN])
def test_a_layer_learns_the_same_either_way(monkeypatch, layer):
    weft.manual_seed(0)
    net = layer(5, 7, 2, bidirectional=True)
    x = weft.randn(6, 3, 5)

    def run():
        net.zero_grad()
        out = net(x)[0]
        out.square().sum().backward()
        return [out.detach().numpy(), *(p.grad.numpy().copy() for p in net.parameters())]

    for _ in range(4):
        found, wanted = both(monkeypatch, run)
        agree(found, wanted, "float32")


@pytest.mark.parametrize("biased", [True, False])
@DTYPES
@pytest.mark.parametrize("size", UNITS)
def test_one_step_and_its_slopes(monkeypatch, size, dtype, biased):
    batch, features, hidden = size
    random = np.random.default_rng(0)

    def drawn(*shape):
        return random.standard_normal(shape).astype(dtype)

    step, slopes = (
        catalogue.ops[name].kernels[np.ndarray] for name in ("lstm_unit", "lstm_unit_slopes")
    )
    given = (
        drawn(batch, features), drawn(batch, hidden), drawn(batch, hidden),
        drawn(4 * hidden, features), drawn(4 * hidden, hidden),
    )  # fmt: skip
    biases = (drawn(4 * hidden), drawn(4 * hidden)) if biased else (None, None)
    found, wanted = both(monkeypatch, lambda: step(*given, *biases))
    agree(found, wanted, dtype)
    _, cell, active = wanted
    gs = drawn(batch, hidden), drawn(batch, hidden)
    found, wanted = both(monkeypatch, lambda: slopes(*gs, active, cell, *given))
    agree(found, wanted, dtype)


@pytest.mark.parametrize("biased", [True, False])
@DTYPES
@pytest.mark.parametrize("kind", ["gru", "tanh", "relu"])
@pytest.mark.parametrize("size", UNITS)
def test_one_step_of_other_networks_and_its_slopes(monkeypatch, size, kind, dtype, biased):
    batch, features, hidden = size
    random = np.random.default_rng(0)

    def drawn(*shape):
        return random.standard_normal(shape).astype(dtype)

    name = "gru_unit" if kind == "gru" else "rnn_unit"
    settings = {} if kind == "gru" else {"relu": kind == "relu"}
    step, slopes = (catalogue.ops[n].kernels[np.ndarray] for n in (name, f"{name}_slopes"))
    rows = (3 if kind == "gru" else 1) * hidden
    given = drawn(batch, features), drawn(batch, hidden), drawn(rows, features), drawn(rows, hidden)
    biases = (drawn(rows), drawn(rows)) if biased else (None, None)
    found, wanted = both(monkeypatch, lambda: step(*given, *biases, **settings))
    if kind != "gru":
        found, wanted = (found,), (wanted,)
    agree(found, wanted, dtype)
    g = drawn(batch, hidden)
    found, wanted = both(monkeypatch, lambda: slopes(g, wanted[-1], *given, **settings))
    agree(found, wanted, dtype)


def test_threads_share_a_step_and_a_network():
    def run():
        weft.manual_seed(0)
        cell, net = nn.LSTMCell(130, 200), nn.LSTM(130, 200)
        x = weft.randn(6, 9, 130)
        h, _ = cell(x[0])
        out, _ = net(x)
        (h.sum() + out.square().sum()).backward()
        learned = (*cell.parameters(), *net.parameters())
        return [a.detach().numpy() for a in (h, out)] + [p.grad.numpy() for p in learned]

    before = weft.get_num_threads()
    try:
        weft.set_num_threads(1)
        wanted = run()
        for count in (2, 3):
            weft.set_num_threads(count)
            agree(run(), wanted, "float32")
    finally:
        weft.set_num_threads(before)


@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("reverse", [False, True])
@DTYPES
@pytest.mark.parametrize("size", SIZES)
def test_steps_of_elmans_network_and_their_slopes(monkeypatch, size, dtype, reverse, relu):
    time, batch, hidden = size
    random = np.random.default_rng(0)

    def drawn(*shape):
        return random.standard_normal(shape).astype(dtype)

    steps, slopes = (
        catalogue.ops[name].kernels[np.ndarray] for name in ("rnn_steps", "rnn_slopes")
    )
    given = (
        drawn(time, batch, hidden), drawn(batch, hidden),
        drawn(hidden, hidden) * np.dtype(dtype).type(hidden**-0.5),
    )  # fmt: skip
    settings = {"relu": relu, "reverse": reverse}
    found, wanted = both(monkeypatch, lambda: steps(*given, **settings))
    agree(found, wanted, dtype)
    states, _ = wanted
    gs = drawn(time, batch, hidden), drawn(batch, hidden)
    found, wanted = both(monkeypatch, lambda: slopes(*gs, states, *given[1:], **settings))
    agree(found, wanted, dtype)


@pytest.mark.parametrize("reverse", [False, True])
@DTYPES
@pytest.mark.parametrize("size", SIZES)
def test_gated_steps_and_their_slopes(monkeypatch, size, dtype, reverse):
    time, batch, hidden = size
    random = np.random.default_rng(0)

    def drawn(*shape):
        return random.standard_normal(shape).astype(dtype)

    steps, slopes = (
        catalogue.ops[name].kernels[np.ndarray] for name in ("gru_steps", "gru_slopes")
    )
    given = (
        drawn(time, batch, 3 * hidden), drawn(batch, hidden),
        drawn(3 * hidden, hidden) * np.dtype(dtype).type(hidden**-0.5),  # or steps would diverge
        drawn(3 * hidden),
    )  # fmt: skip
    found, wanted = both(monkeypatch, lambda: steps(*given, reverse=reverse))
    agree(found, wanted, dtype)
    states, _, active = wanted
    gs = drawn(time, batch, hidden), drawn(batch, hidden)
    kept = [g.copy() for g in gs]
    found, wanted = both(
        monkeypatch, lambda: slopes(*gs, states, active, *given[1:3], reverse=reverse)
    )
    agree(found, wanted, dtype)
    assert all(map(np.array_equal, gs, kept))


@pytest.mark.parametrize("batched_weights", [False, True])
def test_gated_steps_are_differentiated_twice_and_batched(batched_weights):
    weft.manual_seed(0)
    shapes = (3, 2, 6), (2, 2), (6, 2), (6,)
    given = [weft.randn(*shape, dtype=weft.float64, requires_grad=True) for shape in shapes]

    def run(*tensors):
        return weft.ops.gru_steps.gru_steps(*tensors, reverse=True)[:2]

    assert weft.autograd.gradcheck(run, given, check_forward_ad=True)
    assert weft.autograd.gradgradcheck(run, given)
    many = [weft.stack([x.detach(), 2 * x.detach()]) for x in given]
    dims = (0, 0, 0, 0) if batched_weights else (0, 0, None, None)
    chosen = [x if d == 0 else x[0] for x, d in zip(many, dims, strict=True)]
    outs = weft.func.vmap(run, in_dims=dims)(*chosen)
    for i in range(2):
        own = run(*(x[i] if d == 0 else x for x, d in zip(chosen, dims, strict=True)))
        for a, b in zip(outs, own, strict=True):
            assert np.allclose(a[i].numpy(), b.numpy())


def test_gradients_of_a_step_lie_in_memory_of_their_own():
    """Several results of one kernel are handed on as they are; what two leaves share is copied."""
    cell = nn.LSTMCell(5, 7)
    x, h, c = weft.randn(3, 5), weft.randn(3, 7), weft.randn(3, 7)
    for _ in range(12):  # noted, then planned
        cell.zero_grad()
        sum(cell(x, (h, c))).sum().backward()
        grads = [p.grad.numpy() for p in cell.parameters()]
        assert (grads[2] == grads[3]).all()  # those of the biases
        for i, a in enumerate(grads):
            assert not any(np.shares_memory(a, b) for b in grads[i + 1 :])
