"""Batches of a data set with indices: its samples, each under its own seed, put together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from weft._backend import ndarray, np
from weft._core.tensor import Tensor, wrap
from weft.data import collate
from weft.data._blocks import room
from weft.data._seeds import Seeds
from weft.data.combined import Subset, TensorDataset, samples_of

#: Purposes of seeds; a stream of an iterable data set has SAMPLES plus its number.
ORDER, SAMPLES = 1, 2


@dataclass(frozen=True)
class Source:
    """What a loader loads, as its workers need to know it."""

    dataset: Any
    iterable: bool
    batched: bool
    batch_size: int | None
    drop_last: bool
    collate_fn: Callable[[Any], Any]


class Fetcher:
    """Makes batches of one epoch.

    Args:
        source: what is loaded, by index.
        seed: the epoch's.
    """

    def __init__(self, source: Source, seed: int) -> None:
        self._source = source
        self._seeds = Seeds(seed, SAMPLES)

    def fetch(self, indices: Any, start: int) -> Any:
        """Return a batch, or a sample where there are none.

        Args:
            indices: a list of them, or one.
            start: the place of the first in the epoch.
        """
        source = self._source
        dataset = source.dataset
        if not source.batched:
            self._seeds.set(start, indices)
            return source.collate_fn(dataset[indices])
        if source.collate_fn is collate.default_collate:
            rows = _rows(dataset, indices)
            if rows is not None:
                return rows
        if not indices:
            return source.collate_fn([])
        if callable(getattr(dataset, "__getitems__", None)):
            self._seeds.set(start, indices[0])
            return source.collate_fn(samples_of(dataset, indices))
        put, samples = self._seeds.put, []
        for key, index in zip(self._seeds.keys(start, indices), indices, strict=True):
            put(key)
            samples.append(dataset[index])
        return source.collate_fn(samples)


def draws_nothing(source: Source) -> bool:
    """Whether nothing of the user's runs when a batch is made, so nothing can be drawn."""
    if source.iterable or source.collate_fn is not collate.default_collate or not source.batched:
        return False
    dataset = source.dataset
    while type(dataset) is Subset:
        dataset = dataset.dataset
    return type(dataset) is TensorDataset and _plain(dataset)


def _plain(dataset: TensorDataset) -> bool:
    own = collate.default_collate_fn_map.get(Tensor) is collate.collate_tensor_fn
    return own and all(
        type(x) is Tensor and x._node is None and type(x._data) is ndarray for x in dataset.tensors
    )


def _rows(dataset: Any, indices: Any) -> Any:
    """Return a batch of a TensorDataset, gathered at once; None if it must be made by samples."""
    try:
        while type(dataset) is Subset:
            indices = [dataset.indices[i] for i in indices]
            dataset = dataset.dataset
        if type(dataset) is not TensorDataset or not _plain(dataset):
            return None
        where = np.array(indices)
    except (TypeError, ValueError, IndexError):  # what is wrong is said sample by sample
        return None
    n = len(dataset)
    if where.ndim != 1 or where.dtype.kind not in "iu" or not len(where):
        return None
    low, high = int(where.min()), int(where.max())
    if low < -n or high >= n:
        return None
    if low < 0:
        where = np.where(where < 0, where + n, where)
    out = []
    for x in dataset.tensors:
        data = x._data
        batch = room((len(where), *data.shape[1:]), data.dtype)
        if data.flags.c_contiguous:
            np.take(data, where, axis=0, out=batch, mode="clip")  # "raise" would copy once more
        else:
            batch[...] = data[where]
        out.append(wrap(batch))
    return out
