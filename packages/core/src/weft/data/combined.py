"""Data sets made of tensors, of other data sets, and of parts of one."""

from __future__ import annotations

import bisect
import itertools
import math
import warnings
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Generic, TypeVar

import weft
from weft._core.errors import ShapeError
from weft._core.generator import Generator, default_generator
from weft.data.dataset import Dataset, IterableDataset

T = TypeVar("T")

__all__ = [
    "ChainDataset",
    "ConcatDataset",
    "StackDataset",
    "Subset",
    "TensorDataset",
    "random_split",
]


class TensorDataset(Dataset[tuple[Any, ...]]):
    """Samples that are the rows of tensors: sample i is ``tuple(t[i] for t in tensors)``.

    A :class:`DataLoader` with the default ``collate_fn`` takes the rows of a whole batch from each
    tensor at once; what it yields is the same.

    Args:
        tensors: each (n, ...), of any dtypes.

    Raises:
        ValueError: no tensor is given.
        ShapeError: their first lengths differ.
    """

    def __init__(self, *tensors: weft.Tensor) -> None:
        if not tensors:
            raise ValueError("TensorDataset: expected at least one tensor, got none")
        for i, x in enumerate(tensors):
            if len(x) != len(tensors[0]):
                raise ShapeError(
                    f"TensorDataset: all tensors must have the same first length; tensor 0 has "
                    f"{len(tensors[0])}, tensor {i} has {len(x)} (shape {tuple(x.shape)})"
                )
        self.tensors = tensors

    def __getitem__(self, index: Any) -> tuple[Any, ...]:
        return tuple([x[index] for x in self.tensors])

    def __len__(self) -> int:
        return len(self.tensors[0])


class StackDataset(Dataset[Any]):
    """Data sets side by side: sample i is the tuple, or the dict, of their samples i.

    Args:
        args: data sets of one length, for samples that are tuples.
        kwargs: data sets of one length by name, for samples that are dicts.

    Raises:
        ValueError: both forms are given, or none; or the lengths differ.
    """

    datasets: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if bool(args) == bool(kwargs):
            given = f"{len(args)} by position and {len(kwargs)} by name"
            raise ValueError(
                f"StackDataset: expected data sets by position, for tuples, or by name, for dicts; "
                f"got {given}"
            )
        self.datasets = kwargs or args
        named = kwargs.items() if kwargs else enumerate(args)
        lengths: dict[Any, int] = {name: len(dataset) for name, dataset in named}
        if len(set(lengths.values())) > 1:
            raise ValueError(f"StackDataset: the data sets must have one length, got {lengths}")
        self._length = next(iter(lengths.values()))

    def __getitem__(self, index: Any) -> Any:
        if isinstance(self.datasets, dict):
            return {name: dataset[index] for name, dataset in self.datasets.items()}
        return tuple([dataset[index] for dataset in self.datasets])

    def __getitems__(self, indices: list[Any]) -> list[Any]:
        if isinstance(self.datasets, dict):
            columns = [samples_of(dataset, indices) for dataset in self.datasets.values()]
            return [
                dict(zip(self.datasets, row, strict=True)) for row in zip(*columns, strict=True)
            ]
        return list(zip(*[samples_of(dataset, indices) for dataset in self.datasets], strict=True))

    def __len__(self) -> int:
        return self._length


class ConcatDataset(Dataset[T], Generic[T]):
    """Data sets one after another.

    Args:
        datasets: at least one; none an :class:`IterableDataset`.

    Raises:
        ValueError: there is none.
        TypeError: one is a stream, which has no indices; :class:`ChainDataset` takes those.
    """

    datasets: list[Any]
    cumulative_sizes: list[int]

    @staticmethod
    def cumsum(sequence: Iterable[Any]) -> list[int]:
        """Return where each of the data sets ends."""
        return list(itertools.accumulate(len(one) for one in sequence))

    def __init__(self, datasets: Iterable[Dataset[T]]) -> None:
        self.datasets = list(datasets)
        if not self.datasets:
            raise ValueError("ConcatDataset: expected at least one data set, got none")
        for i, one in enumerate(self.datasets):
            if isinstance(one, IterableDataset):
                raise TypeError(
                    f"ConcatDataset: data set {i} is an IterableDataset ({type(one).__name__}), "
                    f"which has no indices; weft.data.ChainDataset joins streams"
                )
        self.cumulative_sizes = self.cumsum(self.datasets)

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]

    def __getitem__(self, idx: int) -> T:
        if idx < 0:
            if -idx > len(self):
                raise IndexOutOfRange(
                    f"ConcatDataset: index {idx} is out of range for {len(self)} samples"
                )
            idx += len(self)
        which = bisect.bisect_right(self.cumulative_sizes, idx)
        if which == len(self.datasets):
            raise IndexError(f"ConcatDataset: index {idx} is out of range for {len(self)} samples")
        return self.datasets[which][idx - (self.cumulative_sizes[which - 1] if which else 0)]


class IndexOutOfRange(IndexError, ValueError):
    """An index beyond a data set's samples. Also a ``ValueError``, which PyTorch raises for it."""


class ChainDataset(IterableDataset[Any]):
    """Streams one after another.

    Args:
        datasets: each an :class:`IterableDataset`; taken one by one while it is iterated.
    """

    def __init__(self, datasets: Iterable[Dataset[Any]]) -> None:
        self.datasets = datasets

    def _streams(self) -> Iterator[Any]:
        for i, one in enumerate(self.datasets):
            if not isinstance(one, IterableDataset):
                raise TypeError(
                    f"ChainDataset: data set {i} is a {type(one).__name__}, expected an "
                    f"IterableDataset; weft.data.ConcatDataset joins data sets with indices"
                )
            yield one

    def __iter__(self) -> Iterator[Any]:
        for one in self._streams():
            yield from one

    def __len__(self) -> int:
        return sum(len(one) for one in self._streams())


class Subset(Dataset[T], Generic[T]):
    """The samples of a data set at some indices.

    A subclass that defines ``__getitem__`` is asked sample by sample, without a ``__getitems__`` of
    its own (PyTorch refuses such a class).

    Args:
        dataset: the whole.
        indices: which of its samples, in this order.
    """

    def __init__(self, dataset: Dataset[T], indices: Sequence[int]) -> None:
        self.dataset = dataset
        self.indices = indices

    def __getitem__(self, idx: Any) -> Any:
        whole: Any = self.dataset
        if isinstance(idx, list):
            return whole[[self.indices[i] for i in idx]]
        return whole[self.indices[idx]]

    def __getitems__(self, indices: list[int]) -> list[T]:
        if type(self).__getitem__ is not Subset.__getitem__:
            return [self[i] for i in indices]
        return samples_of(self.dataset, [self.indices[i] for i in indices])

    def __len__(self) -> int:
        return len(self.indices)


def samples_of(dataset: Any, indices: list[Any]) -> list[Any]:
    """Return the samples of some indices, at once where the data set can.

    Raises:
        ValueError: its ``__getitems__`` returned another number of samples.
    """
    if not callable(getattr(dataset, "__getitems__", None)):
        return [dataset[i] for i in indices]
    samples = dataset.__getitems__(indices)
    if len(samples) != len(indices):
        raise ValueError(
            f"{type(dataset).__name__}.__getitems__ returned {len(samples)} samples for "
            f"{len(indices)} indices"
        )
    return samples


def random_split(
    dataset: Dataset[T],
    lengths: Sequence[int | float],
    generator: Generator | None = default_generator,
) -> list[Subset[T]]:
    """Split a data set at random into parts that share no sample.

    Args:
        dataset: the whole, which has a length.
        lengths: the parts' lengths; or fractions of sum 1, of which each part gets the floor, and
            the first parts one sample more until none is left.
        generator: where the permutation is drawn from; the default generator if None.

    Returns:
        list[Subset]: one for each length.

    Raises:
        ValueError: the lengths do not add up to that of the data set, or a fraction is outside
            [0, 1].

    Example:
        >>> [len(part) for part in weft.data.random_split(range(10), [0.7, 0.3])]
        [7, 3]
    """
    total = len(dataset)  # type: ignore[arg-type]  # a Dataset need not have a length; this one must
    counts = _counts(total, list(lengths))
    if sum(counts) != total:
        raise ValueError(
            f"random_split: the lengths {list(lengths)} add up to {sum(lengths)}, but the data set "
            f"has {total} samples"
        )
    order = weft.randperm(total, generator=generator).tolist()
    ends = itertools.accumulate(counts)
    return [Subset(dataset, order[end - n : end]) for end, n in zip(ends, counts, strict=True)]


def _counts(total: int, lengths: list[Any]) -> list[int]:
    if not (math.isclose(sum(lengths), 1) and sum(lengths) <= 1):
        return lengths
    for i, fraction in enumerate(lengths):
        if not 0 <= fraction <= 1:
            raise ValueError(f"random_split: fraction {i} must be in [0, 1], got {fraction}")
    counts = [math.floor(total * fraction) for fraction in lengths]
    for i in range(total - sum(counts)):
        counts[i % len(counts)] += 1
    for i, n in enumerate(counts):
        if n == 0:
            warnings.warn(
                f"random_split: part {i} gets no sample: {lengths[i]} of {total}", stacklevel=3
            )
    return counts
