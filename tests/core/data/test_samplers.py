"""Samplers: which indices come, how often, and what fixes their order."""

from __future__ import annotations

import pytest

import weft
from weft.data import (
    BatchSampler,
    DistributedSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)


def test_the_sequential_sampler_counts():
    assert list(SequentialSampler("abc")) == [0, 1, 2]
    assert len(SequentialSampler("abc")) == 3


def test_a_permutation_has_each_index_once():
    sampler = RandomSampler(range(50))
    first = list(sampler)
    assert sorted(first) == list(range(50))
    assert list(sampler) != first


def test_a_generator_fixes_the_order():
    def drawn(**settings):
        return list(RandomSampler(range(9), generator=weft.Generator(3), **settings))

    assert drawn() == drawn()
    assert drawn(replacement=True, num_samples=40) == drawn(replacement=True, num_samples=40)


def test_more_samples_than_indices_are_several_permutations():
    drawn = list(RandomSampler(range(4), num_samples=10))
    assert sorted(drawn[:4]) == sorted(drawn[4:8]) == [0, 1, 2, 3]
    assert len(drawn) == 10
    assert len(set(drawn[8:])) == 2


def test_with_replacement_indices_repeat():
    sampler = RandomSampler(range(3), replacement=True, num_samples=100)
    drawn = list(sampler)
    assert len(drawn) == len(sampler) == 100
    assert set(drawn) == {0, 1, 2}


def test_a_subset_is_permuted():
    assert sorted(SubsetRandomSampler([7, 5, 9])) == [5, 7, 9]
    assert len(SubsetRandomSampler([7, 5, 9])) == 3


def test_weights_say_how_often_an_index_comes():
    drawn = list(WeightedRandomSampler([0.0, 1.0, 3.0], 4000, generator=weft.Generator(0)))
    assert set(drawn) == {1, 2}
    assert 2850 < drawn.count(2) < 3150
    once = list(WeightedRandomSampler([1.0, 1.0, 3.0], 3, replacement=False))
    assert sorted(once) == [0, 1, 2]


@pytest.mark.parametrize(
    ("make", "error", "said"),
    [
        (lambda: RandomSampler(range(3), replacement=1), TypeError, "must be a bool, got 1"),
        (lambda: RandomSampler(range(3), num_samples=0), ValueError, "positive int, got 0"),
        (lambda: RandomSampler([]), ValueError, "num_samples must be a positive int, got 0"),
        (lambda: WeightedRandomSampler([1.0], True), ValueError, "positive int, got True"),
        (lambda: WeightedRandomSampler([[1.0]], 1), ValueError, r"1-d, got shape \(1, 1\)"),
        (lambda: WeightedRandomSampler([1.0], 1, None), ValueError, "must be a bool, got None"),
        (lambda: BatchSampler([1], 2.0, False), ValueError, "batch_size must be .* got 2.0"),
        (lambda: BatchSampler([1], 2, 0), ValueError, "drop_last must be a bool, got 0"),
        (lambda: iter(Sampler()), NotImplementedError, "Sampler defines no __iter__"),
        (lambda: DistributedSampler(range(3)), RuntimeError, "pass num_replicas= and rank="),
        (lambda: DistributedSampler(range(3), 2, 2), ValueError, r"in \[0, 1\] .* got 2"),
    ],
)
def test_wrong_arguments_are_named(make, error, said):
    with pytest.raises(error, match=said):
        make()


def test_batches_are_full_but_the_last():
    assert list(BatchSampler(range(5), 2, False)) == [[0, 1], [2, 3], [4]]
    assert list(BatchSampler(range(5), 2, True)) == [[0, 1], [2, 3]]
    assert len(BatchSampler(range(5), 2, False)) == 3
    assert len(BatchSampler(range(5), 2, True)) == 2
    assert list(BatchSampler([], 2, False)) == []


@pytest.mark.parametrize("n", [1, 7, 8])
def test_the_shares_of_all_processes_are_all_indices(n):
    shares = [list(DistributedSampler(range(n), 4, rank)) for rank in range(4)]
    assert len({len(share) for share in shares}) == 1
    assert {i for share in shares for i in share} == set(range(n))
    dropped = [list(DistributedSampler(range(n), 4, r, drop_last=True)) for r in range(4)]
    assert sum(map(len, dropped)) == n // 4 * 4


def test_another_epoch_has_another_order():
    sampler = DistributedSampler(range(40), 2, 0)
    first = list(sampler)
    assert list(sampler) == first
    sampler.set_epoch(1)
    assert list(sampler) != first
    assert list(DistributedSampler(range(4), 2, 1, shuffle=False)) == [1, 3]
