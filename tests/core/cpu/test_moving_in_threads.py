"""Kernels that move data give the same in several threads, each with as little as can be."""

from __future__ import annotations

import numpy as np
import pytest

import weft
from tests.core import needs
from tests.core.cpu.beside import calls_of, compare
from weft._backend.cpu.launch import copying, cumulative, folding, gathering, pooling, sorting

pytestmark = needs.codegen

OPS = {
    "index": gathering,
    "index_add_into_zeros": gathering,
    "picked": gathering,
    "scatter_into_zeros": gathering,
    "placed": gathering,
    "scattered_extreme": gathering,
    "largest": pooling,
    "window_max": pooling,
    "into_places": pooling,
    "window_mean": pooling,
    "window_spread": pooling,
    "argsort": sorting,
    "top_places": sorting,
    "kth_place": sorting,
    "running_sum": cumulative,
    "running_places": cumulative,
    "recurrence": cumulative,
    "logcumsumexp": cumulative,
    "copied": copying,
    "joined": copying,
    "windows_added": folding,
}


@pytest.fixture
def three_threads(monkeypatch):
    for module in set(OPS.values()):
        monkeypatch.setattr(module, "GRAIN", 1)
    before = weft.get_num_threads()
    weft.set_num_threads(3)
    yield
    weft.set_num_threads(before)


@pytest.mark.parametrize("name", OPS)
def test_what_ops_are_given_is_parted_between_threads(name, three_threads):
    taken = [
        compare(name, getattr(OPS[name], name), arrays, params, 1e-5)
        for arrays, params in calls_of(tuple(OPS))[name]
        if all(a is None or a.dtype.kind != "c" for a in arrays)
    ]
    assert any(taken)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_large_sums_are_the_same_to_the_bit(dtype, three_threads):
    random = np.random.default_rng(0)
    x = random.standard_normal((700, 90)).astype(dtype)
    at = random.integers(0, 50, 700)
    places = random.integers(0, 50, (700, 90))
    where = {"dim": 0, "length": 50, "shape": (50, 90)}
    results = []
    for count in (1, 2, 3):
        weft.set_num_threads(count)
        results.append(
            (
                gathering.index_add_into_zeros(x, at, key=(Ellipsis, *_key()), shape=(50, 90)),
                gathering.scatter_into_zeros(x, places, **where),
                cumulative.running_sum(x.reshape(-1), dim=0),
                cumulative.running_sum(x, dim=0),
            )
        )
    for others in results[1:]:
        for one, other in zip(results[0], others, strict=True):
            assert one.tobytes() == other.tobytes()


def _key():
    from weft.ops.index_keys import ARRAY

    return (ARRAY, slice(None))
