"""Data sets of tensors, of other data sets, and of parts of one."""

from __future__ import annotations

import pytest

import weft
from weft.data import (
    ChainDataset,
    ConcatDataset,
    Dataset,
    IterableDataset,
    StackDataset,
    Subset,
    TensorDataset,
    random_split,
)


class Letters(IterableDataset):
    def __init__(self, text: str) -> None:
        self.text = text

    def __iter__(self):
        return iter(self.text)

    def __len__(self) -> int:
        return len(self.text)


def test_rows_of_tensors_are_samples():
    data = TensorDataset(weft.arange(6).reshape(3, 2), weft.arange(3))
    x, y = data[1]
    assert x.tolist() == [2, 3]
    assert y.item() == 1
    assert len(data) == 3
    assert [t.tolist() for t in data[-1]] == [[4, 5], 2]


def test_tensors_of_several_lengths_are_refused():
    with pytest.raises(weft.ShapeError, match=r"tensor 0 has 3, tensor 1 has 2 \(shape \(2, 5\)\)"):
        TensorDataset(weft.zeros(3), weft.zeros(2, 5))
    with pytest.raises(ValueError, match="at least one tensor"):
        TensorDataset()


def test_stacked_data_sets_give_tuples_or_dicts():
    assert StackDataset([1, 2], "ab")[1] == (2, "b")
    assert StackDataset(n=[1, 2], c="ab")[0] == {"n": 1, "c": "a"}
    assert StackDataset([1, 2], "ab").__getitems__([1, 0]) == [(2, "b"), (1, "a")]
    assert StackDataset(n=[1, 2]).__getitems__([1]) == [{"n": 2}]
    assert len(StackDataset([1, 2])) == 2


@pytest.mark.parametrize(
    ("args", "kwargs", "said"),
    [
        ((), {}, "got 0 by position and 0 by name"),
        (([1],), {"a": [2]}, "got 1 by position and 1 by name"),
        (([1], [2, 3]), {}, r"one length, got \{0: 1, 1: 2\}"),
    ],
)
def test_data_sets_that_cannot_be_stacked_are_refused(args, kwargs, said):
    with pytest.raises(ValueError, match=said):
        StackDataset(*args, **kwargs)


def test_joined_data_sets_count_on_from_each_other():
    data = ConcatDataset([[0, 1], [], [2, 3, 4]])
    assert [data[i] for i in range(5)] == [0, 1, 2, 3, 4]
    assert data[-1] == 4
    assert data[-5] == 0
    assert data.cumulative_sizes == [2, 2, 5]
    for index in (5, -6):
        with pytest.raises(IndexError, match=f"index {index} is out of range for 5 samples"):
            data[index]


def test_adding_joins_data_sets_and_chains_streams():
    both = TensorDataset(weft.arange(2)) + TensorDataset(weft.arange(3))
    assert isinstance(both, ConcatDataset)
    assert len(both) == 5
    chain = Letters("ab") + Letters("c")
    assert isinstance(chain, ChainDataset)
    assert list(chain) == ["a", "b", "c"]
    assert len(chain) == 3


def test_streams_and_indexed_data_sets_are_not_mixed():
    with pytest.raises(TypeError, match="data set 1 is an IterableDataset"):
        ConcatDataset([[1], Letters("a")])
    with pytest.raises(TypeError, match="data set 0 is a list"):
        list(ChainDataset([[1]]))
    with pytest.raises(ValueError, match="at least one"):
        ConcatDataset([])


def test_a_class_without_its_method_says_which():
    with pytest.raises(NotImplementedError, match="Dataset defines no __getitem__"):
        Dataset()[0]
    with pytest.raises(NotImplementedError, match="IterableDataset defines no __iter__"):
        iter(IterableDataset())


def test_a_subset_of_a_subset_reads_through_both():
    inner = Subset(range(100, 200), [5, 6, 7])
    assert Subset(inner, [2, 0]).__getitems__([0, 1]) == [107, 105]
    assert Subset(inner, [2, 0])[1] == 105


def test_a_subset_with_its_own_getitem_is_asked_for_each_sample():
    class Doubled(Subset):
        def __getitem__(self, index):
            return 2 * super().__getitem__(index)

    assert Doubled(range(10), [3, 4]).__getitems__([1, 0]) == [8, 6]


def test_getitems_of_another_length_is_refused():
    class Short(Dataset):
        def __getitems__(self, indices):
            return indices[1:]

    with pytest.raises(ValueError, match=r"Short\.__getitems__ returned 1 samples for 2 indices"):
        Subset(Short(), [0, 1]).__getitems__([0, 1])


def test_a_random_split_gives_each_sample_once():
    parts = random_split(range(10), [3, 7], generator=weft.Generator(1))
    assert [len(part) for part in parts] == [3, 7]
    assert sorted(x for part in parts for x in part) == list(range(10))
    again = random_split(range(10), [3, 7], generator=weft.Generator(1))
    assert [part.indices for part in parts] == [part.indices for part in again]


def test_fractions_give_what_remains_to_the_first_parts():
    assert [len(p) for p in random_split(range(17), [0.25, 0.25, 0.5])] == [5, 4, 8]
    with pytest.warns(UserWarning, match="part 1 gets no sample: 0.1 of 3"):
        random_split(range(3), [0.9, 0.1])


@pytest.mark.parametrize(
    ("lengths", "said"),
    [
        ([3, 3], r"\[3, 3\] add up to 6, but the data set has 10 samples"),
        ([1.5, -0.5], r"fraction 0 must be in \[0, 1\], got 1.5"),
    ],
)
def test_lengths_that_do_not_fit_are_refused(lengths, said):
    with pytest.raises(ValueError, match=said):
        random_split(range(10), lengths)
