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


def loader(lib: Any, dataset: Any, order: Order, workers: int = 0) -> Any:
    """Return a ``DataLoader`` of whole batches: ``dataset[place]`` gives one, as arrays.

    Taking a batch at once costs one indexing of an array. Where samples are files, take them one by
    one: ``DataLoader(dataset, batch_size=..., shuffle=True)``.

    Args:
        lib: weft or PyTorch.
        dataset: anything with ``__getitem__`` and ``__len__``.
        order: of the batches; its place is what the data set is asked for.
        workers: processes that load; the batches do not depend on it.
    """
    # A loader draws a number when an epoch begins, and again when it is resumed within one. Drawn
    # from the program's generator, that would change all it draws later: dropout, noise.
    return lib.utils.data.DataLoader(
        dataset,
        sampler=order,
        batch_size=None,
        num_workers=workers,
        generator=lib.Generator().manual_seed(order.seed),
    )
