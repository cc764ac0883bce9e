"""The order of an epoch: what its sampler yields, under seeds that follow from the epoch's."""

from __future__ import annotations

from typing import Any

from weft.data._fetching import ORDER
from weft.data._seeds import Aside, Seeds
from weft.data.distributed import DistributedSampler
from weft.data.sampler import (
    BatchSampler,
    RandomSampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)

#: What draws from the default generator when the first index is asked for, and not later.
_DRAW_FIRST = (
    SequentialSampler, RandomSampler, SubsetRandomSampler, WeightedRandomSampler,
    DistributedSampler, list, tuple, range,
)  # fmt: skip


class Order:
    """The batches of an epoch, or its indices where there are none.

    A sampler runs in the loader's process, with the program's own generators laid aside and seeded
    anew for each batch: so the same epoch seed gives the same order, whatever else is drawn.

    Args:
        sampler: what yields them.
        batched: whether it yields lists of indices.
        seed: the epoch's.
    """

    def __init__(self, sampler: Any, batched: bool, seed: int) -> None:
        self._seeds = Seeds(seed, ORDER)
        self._batched = batched
        self._number = 0
        self._start = 0
        inner = sampler.sampler if type(sampler) is BatchSampler else sampler
        self._draws_first = type(inner) in _DRAW_FIRST
        with Aside():
            self._seeds.set(-1)
            self._indices = iter(sampler)

    def next(self) -> tuple[int, Any, int]:
        """Return the next batch: its number, its indices, the place of the first in the epoch.

        Raises:
            StopIteration: there is none.
        """
        number = self._number
        if number and self._draws_first:
            indices = next(self._indices)
        else:
            with Aside():
                self._seeds.set(number)
                indices = next(self._indices)
        start = self._start
        if self._batched and not isinstance(indices, (list, tuple)):
            indices = list(indices)
        self._start += len(indices) if self._batched else 1
        self._number += 1
        return number, indices, start
