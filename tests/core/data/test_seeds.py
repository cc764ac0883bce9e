"""Seeds by sample: the global generators, set in place, draw as if set by their own functions."""

from __future__ import annotations

import random

import numpy as np
import pytest

import weft
from tests.core import needs
from weft._backend.cpu import switches
from weft._backend.cpu.twisters import NUMPYS, PYTHONS, WORDS, Twisters, mixed, twisters
from weft.data._seeds import Aside, Seeds


@pytest.fixture(autouse=True)
def generators_stay():
    with Aside():
        yield


def draws():
    return (
        [random.random() for _ in range(700)],
        [random.gauss(0, 1) for _ in range(3)],
        random.randrange(10**20),
        np.random.rand(700).tolist(),
        np.random.randn(3).tolist(),
        weft.rand(3).tolist(),
    )


def test_their_state_is_found_where_it_is():
    found = twisters()
    assert found.python and found.numpy and found.gauss


@needs.codegen
def test_a_kernel_sets_them_where_kernels_are_to_be_had():
    assert twisters()._by_kernel(weft.Generator()) is not None


def test_the_state_that_is_put_is_the_one_they_say():
    (row,) = twisters().states(np.array([12345], np.uint64))
    twisters().put(row)
    _, state, gauss = random.getstate()
    assert state == (*row[PYTHONS][1:].tolist(), WORDS)
    assert gauss is None
    numpys = np.random.get_state(legacy=False)
    assert numpys["state"]["key"].tolist() == row[NUMPYS][:-1].tolist()
    assert numpys["state"]["pos"] == WORDS
    assert numpys["has_gauss"] == 0


@pytest.mark.parametrize("absent", ["python", "numpy"])
def test_by_their_own_functions_they_get_the_same_state(absent):
    slow, row = Twisters(), twisters().states(np.array([7], np.uint64))[0]
    setattr(slow, absent, 0)
    twisters().put(row)
    expected = draws()
    for _ in range(2):
        slow.put(row)
        assert draws()[:-1] == expected[:-1]
        saved = slow.saved()
        after = draws()[:-1]
        slow.restore(saved)
        assert draws()[:-1] == after


@pytest.mark.parametrize("how", ["kernel", "NumPy", "their own functions"])
def test_a_key_gives_the_state_of_a_table_however_it_is_set(how):
    keys = np.arange(1, 40, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    some = Twisters()
    if how != "kernel":
        some._by_kernel = lambda other: None
    if how == "their own functions":
        some.python = some.numpy = 0
    put = some.setter(weft.Generator())
    for key, row in zip(keys.tolist(), twisters().states(keys), strict=True):
        put(key)
        found = draws()[:-1]
        twisters().put(row)
        assert draws()[:-1] == found


def test_a_kept_normal_does_not_come_in_the_next_sample():
    seeds = Seeds(1, 2)
    seeds.set(0)
    expected = draws()
    np.random.randn(), random.gauss(0, 1)
    seeds.set(0)
    assert draws() == expected


def test_a_batch_is_seeded_as_its_samples_are():
    seeds = Seeds(3, 2)
    indices = list(range(50, 90))
    expected = []
    for i, index in enumerate(indices):
        seeds.set(7 + i, index)
        expected.append(draws())
    found = []
    for key in seeds.keys(7, indices):
        seeds.put(key)
        found.append(draws())
    assert found == expected
    assert len({str(one) for one in found}) == len(found)


@pytest.mark.parametrize("kernels", [True, False])
@pytest.mark.parametrize("count", [1, 5, 40])
def test_keys_of_a_batch_are_those_of_its_samples_however_they_are_made(
    monkeypatch, kernels, count
):
    monkeypatch.setattr(switches, "codegen", kernels)
    for seed in (0, 7, 2**62):
        seeds = Seeds(seed, 2)
        for indices in (range(count), range(-3, count - 3), ["a"] * count, [2**63 - 1] * count):
            wanted = [seeds.key(9 + i, index) for i, index in enumerate(indices)]
            assert seeds.keys(9, list(indices)) == wanted


def test_place_index_purpose_and_seed_all_count():
    def drawn(seed, purpose, place, index):
        Seeds(seed, purpose).set(place, index)
        return weft.rand(1).item(), random.random(), np.random.rand()

    cases = [(1, 2, 3, 4), (2, 2, 3, 4), (1, 3, 3, 4), (1, 2, 4, 4), (1, 2, 3, 5), (1, 2, -1, 4)]
    values = [value for case in cases for value in drawn(*case)]
    assert len(set(values)) == len(values)


@pytest.mark.parametrize("index", ["a", (1, 2), None, 2.5, [1]])
def test_what_is_no_whole_number_is_a_sample_too(index):
    seeds = Seeds(1, 2)
    seeds.set(3, index)
    one = random.random()
    seeds.put(seeds.keys(3, [index] * 5)[0])
    assert random.random() == one


def test_numbers_drawn_for_samples_are_uniform_and_independent():
    seeds, values = Seeds(5, 2), []
    for key in seeds.keys(0, [0] * 4000):
        seeds.put(key)
        values.append((random.random(), random.random(), np.random.rand(), weft.rand(1).item()))
    x = np.array(values)
    assert np.abs(x.mean(0) - 0.5).max() < 0.02
    assert np.abs(np.corrcoef(x.T) - np.eye(4)).max() < 0.06
    assert abs(np.corrcoef(x[1:, 0], x[:-1, 0])[0, 1]) < 0.06


def test_mixing_is_that_of_splitmix():
    # the third number of SplitMix64 seeded with 0: state 3 * 0x9E3779B97F4A7C15
    state = np.array([3 * 0x9E3779B97F4A7C15 & (2**64 - 1)], np.uint64)
    assert mixed(state).tolist() == [0x06C45D188009454F]
