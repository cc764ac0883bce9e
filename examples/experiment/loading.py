"""Which samples make which batch, the same for every library, and from wherever a run stopped."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np


class Place(NamedTuple):
    """One batch of an epoch: its number, and the indices of its samples, (batch,) int64."""

    epoch: int
    number: int
    samples: np.ndarray[Any, Any]

    def random(self, seed: int) -> np.random.Generator:
        """Return a generator for what is drawn while this batch is made, such as crops."""
        return np.random.default_rng([seed, self.epoch, self.number])


class Order:
    """A sampler of batches: an epoch's order follows from the seed and the epoch alone.

    So both libraries see the same batches, and a run that was stopped in mid-epoch goes on with the
    batch that would have come next.

    Args:
        count: samples there are.
        batch_size: samples a batch; what is left over at the end of an epoch is left out.
        seed: of the orders.
    """

    def __init__(self, count: int, batch_size: int, seed: int = 0) -> None:
        if batch_size > count:
            raise ValueError(
                f"a batch of {batch_size} needs as many samples, but there are {count}"
            )
        self.count, self.batch_size, self.seed = count, batch_size, seed
        self.epoch = self.done = 0

    def begin(self, epoch: int, done: int = 0) -> Order:
        """Choose the epoch, and how many of its batches to leave out because they are done."""
        self.epoch, self.done = epoch, done
        return self

    @property
    def steps(self) -> int:
        """How many batches an epoch has."""
        return self.count // self.batch_size

    def __len__(self) -> int:
        """Return how many batches are still to come."""
        return self.steps - self.done

    def __iter__(self) -> Iterator[Place]:
        """Yield them."""
        order = np.random.default_rng([self.seed, self.epoch]).permutation(self.count)
        for number in range(self.done, self.steps):
            start = number * self.batch_size
            yield Place(self.epoch, number, order[start : start + self.batch_size])


class Batches:
    """The batches of a data set in an order, as tensors; as many as ``len`` says.

    Taking a batch at once costs one indexing of an array.

    Args:
        lib: whose tensors.
        dataset: ``dataset[place]`` gives a batch: an array, or several.
        order: of the batches.
    """

    def __init__(self, lib: Any, dataset: Any, order: Order) -> None:
        self.lib, self.dataset, self.order = lib, dataset, order

    def __len__(self) -> int:
        return len(self.order)

    def __iter__(self) -> Iterator[Any]:
        for place in self.order:
            arrays = self.dataset[place]
            if isinstance(arrays, tuple):
                yield tuple(self.lib.from_numpy(one) for one in arrays)
            else:
                yield self.lib.from_numpy(arrays)
