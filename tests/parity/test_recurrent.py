"""Recurrent functions against PyTorch's: packed sequences, layers, directions, gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import weft

GATES = {"lstm": 4, "gru": 3, "rnn_tanh": 1, "rnn_relu": 1}


def parameters(
    rng: np.random.Generator, kind: str, features: int, hidden: int, layers: int, ways: int
) -> list[np.ndarray]:
    """Return the parameters of all layers and directions, with biases."""
    rows, arrays = GATES[kind] * hidden, []
    for layer in range(layers):
        columns = features if layer == 0 else hidden * ways
        for _ in range(ways):
            arrays += [rng.standard_normal(s) for s in ((rows, columns), (rows, hidden))]
            arrays += [rng.standard_normal(rows) for _ in range(2)]
    return arrays


def leaves(library: Any, arrays: list[np.ndarray]) -> list[Any]:
    return [library.from_numpy(a.copy()).requires_grad_() for a in arrays]


def run(
    library: Any,
    kind: str,
    data: np.ndarray,
    sizes: list[int] | None,
    states: list[np.ndarray],
    params: list[np.ndarray],
    settings: tuple[Any, ...],
) -> tuple[list[Any], list[Any]]:
    """Return the results and the gradients of their weighted sum."""
    (x,), hx, weights = (leaves(library, a) for a in ([data], states, params))
    given = hx if kind == "lstm" else hx[0]
    packed = () if sizes is None else (library.tensor(sizes),)
    results = list(getattr(library, kind)(x, *packed, given, weights, *settings))
    total = sum((r * (i + 1) * r).sum() for i, r in enumerate(results))
    return results, list(library.autograd.grad(total, [x, *hx, *weights]))


def agree(mine: tuple[list[Any], ...], other: tuple[list[Any], ...], allowed: float) -> None:
    """Compare results with results and gradients with gradients."""
    for part, expected in zip(mine, other, strict=True):
        for a, b in zip(part, expected, strict=True):
            np.testing.assert_allclose(
                a.detach().numpy(), b.detach().numpy(), rtol=allowed, atol=allowed
            )


@pytest.mark.parametrize("kind", GATES)
@pytest.mark.parametrize("ways", [1, 2])
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("sizes", [None, [3], [4, 4, 2, 1], [2, 2, 2]])
def test_results_and_gradients_are_torchs(
    kind: str, ways: int, layers: int, sizes: list[int] | None
) -> None:
    rng = np.random.default_rng(layers)
    features, hidden = 3, 2
    batch = 2 if sizes is None else sizes[0]
    shape = (4, batch, features) if sizes is None else (sum(sizes), features)
    data = rng.standard_normal(shape)
    count = 2 if kind == "lstm" else 1
    states = [rng.standard_normal((layers * ways, batch, hidden)) for _ in range(count)]
    params = parameters(rng, kind, features, hidden, layers, ways)
    settings: tuple[Any, ...] = (True, layers, 0.0, True, ways == 2)
    if sizes is None:
        settings += (False,)
    mine = run(weft, kind, data, sizes, states, params, settings)
    other = run(torch, kind, data, sizes, states, params, settings)
    agree(mine, other, 1e-9)


def test_dropout_acts_between_layers_in_training_only() -> None:
    rng = np.random.default_rng(0)
    x = weft.from_numpy(rng.standard_normal((3, 2, 3)))
    h = weft.zeros(2, 2, 2, dtype=weft.float64)
    params = [weft.from_numpy(p) for p in parameters(rng, "gru", 3, 2, 2, 1)]
    plain = weft.gru(x, h, params, True, 2, 0.0, True, False, False)[0]
    assert weft.gru(x, h, params, True, 2, 0.9, False, False, False)[0].tolist() == plain.tolist()
    weft.manual_seed(0)
    assert weft.gru(x, h, params, True, 2, 0.9, True, False, False)[0].tolist() != plain.tolist()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("biased", [True, False])
@pytest.mark.parametrize("sizes", [(1, 3, 2), (4, 5, 3), (9, 70, 45)])
@pytest.mark.parametrize("kind", GATES)
def test_a_step_and_its_gradients_are_torchs(
    kind: str, sizes: tuple[int, int, int], biased: bool, dtype: Any
) -> None:
    batch, features, hidden = sizes
    rng = np.random.default_rng(0)
    rows = GATES[kind] * hidden
    shapes = [(batch, features), *[(batch, hidden)] * (2 if kind == "lstm" else 1)]
    shapes += [(rows, features), (rows, hidden), *([(rows,)] * 2 if biased else [])]
    arrays = [rng.standard_normal(shape).astype(dtype) for shape in shapes]

    def step(library: Any) -> list[Any]:
        given = leaves(library, arrays)
        run = getattr(library, f"{kind}_cell")
        if kind == "lstm":
            x, h, c, *weights = given
            results = list(run(x, (h, c), *weights))
        else:
            results = [run(*given)]
        total = sum((r * (i + 1) * r).sum() for i, r in enumerate(results))
        return [*results, *library.autograd.grad(total, given)]

    allowed = 1e-9 if dtype is np.float64 else 2e-4
    for a, b in zip(step(weft), step(torch), strict=True):
        wanted = b.detach().numpy()
        np.testing.assert_allclose(
            a.detach().numpy(), wanted, rtol=allowed, atol=allowed * max(1, np.abs(wanted).max())
        )


@pytest.mark.parametrize("sizes", [None, [5, 5, 5, 3, 3, 1]])
@pytest.mark.parametrize("kind", GATES)
def test_wide_networks_both_ways_are_torchs(kind: str, sizes: list[int] | None) -> None:
    rng = np.random.default_rng(0)
    features, hidden = 20, 75
    shape = (7, 5, features) if sizes is None else (sum(sizes), features)
    data = rng.standard_normal(shape)
    states = [rng.standard_normal((4, 5, hidden)) for _ in range(2 if kind == "lstm" else 1)]
    params = [p * hidden**-0.5 for p in parameters(rng, kind, features, hidden, 2, 2)]
    settings: tuple[Any, ...] = (True, 2, 0.0, True, True)
    if sizes is None:
        settings += (False,)
    mine = run(weft, kind, data, sizes, states, params, settings)
    other = run(torch, kind, data, sizes, states, params, settings)
    agree(mine, other, 1e-8)


@pytest.mark.parametrize("sizes", [None, [5, 5, 3, 1]])
@pytest.mark.parametrize("state", [3, 12, 90])
@pytest.mark.parametrize("biased", [True, False])
def test_projected_states_are_torchs(biased: bool, state: int, sizes: list[int] | None) -> None:
    rng = np.random.default_rng(0)
    features, hidden = 6, 16 if state < 90 else 400
    shape = (4, 5, features) if sizes is None else (sum(sizes), features)
    data = rng.standard_normal(shape)
    states = [rng.standard_normal((4, 5, n)) for n in (state, hidden)]
    params = []
    for columns in (features, features, 2 * state, 2 * state):
        shapes = [(4 * hidden, columns), (4 * hidden, state)]
        shapes += [(4 * hidden,)] * 2 if biased else []
        params += [rng.standard_normal(s) * hidden**-0.5 for s in [*shapes, (state, hidden)]]
    settings: tuple[Any, ...] = (biased, 2, 0.0, True, True)
    if sizes is None:
        settings += (False,)
    mine = run(weft, "lstm", data, sizes, states, params, settings)
    other = run(torch, "lstm", data, sizes, states, params, settings)
    agree(mine, other, 1e-8)
