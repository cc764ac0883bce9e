"""Data sets that tests load: their classes are here so that spawned workers find them."""

from __future__ import annotations

import os
import random
import signal
import time

import numpy as np

import weft
from weft.data import Dataset, IterableDataset, get_worker_info


class Drawing(Dataset):
    """Samples that are an index and draws of every generator."""

    def __init__(self, length: int = 23) -> None:
        self.length = length

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int):
        if not 0 <= index < self.length:
            raise IndexError(index)
        count = index % 3 + 1  # another number of draws in each, normals in pairs among them
        return {
            "index": index,
            "weft": weft.rand(2),
            "numpy": np.random.randn(count).sum() + np.random.rand(),
            "python": random.gauss(0, 1) + random.random(),
            "large": weft.full((70, 70), float(index)) + weft.rand(1),
        }


class Counting(IterableDataset):
    """The numbers below a limit with a draw each, shared among workers."""

    def __init__(self, limit: int = 23) -> None:
        self.limit = limit

    def __iter__(self):
        info = get_worker_info()
        first, step = (0, 1) if info is None else (info.id, info.num_workers)
        for value in range(first, self.limit, step):
            yield value, random.random(), weft.rand(3)


class Remembering(Counting):
    """The same, with a state of its own: it is never asked for what was seen before."""

    def __init__(self, limit: int = 23) -> None:
        super().__init__(limit)
        self.seen = 0

    def __iter__(self):
        info = get_worker_info()
        first, step = (0, 1) if info is None else (info.id, info.num_workers)
        mine = range(first, self.limit, step)
        while self.seen < len(mine):
            self.seen += 1
            yield mine[self.seen - 1], random.random(), weft.rand(3)
        self.seen = 0

    def state_dict(self):
        return {"seen": self.seen}

    def load_state_dict(self, state):
        self.seen = state["seen"]


class _Iterator:
    """An iterator that says its own state."""

    def __init__(self, limit: int) -> None:
        self.limit, self.next = limit, 0

    def __iter__(self):
        return self

    def __next__(self):
        if self.next >= self.limit:
            raise StopIteration
        self.next += 1
        return self.next - 1, np.random.rand()

    def state_dict(self):
        return {"next": self.next}

    def load_state_dict(self, state):
        self.next = state["next"]


class WithIterator(IterableDataset):
    """A stream whose iterator says its state."""

    def __iter__(self):
        return _Iterator(17)


class Failing(Dataset):
    """Samples of which one goes wrong, in one of several ways."""

    def __init__(self, how: str, bad: int = 5) -> None:
        self.how, self.bad = how, bad

    def __len__(self) -> int:
        return 12

    def __getitem__(self, index: int):
        if index == self.bad:
            if self.how == "raise":
                raise ValueError(f"no sample {index}")
            if self.how == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            if self.how == "exit":
                os._exit(3)
            if self.how == "sleep":
                time.sleep(600)
            if self.how == "stop":
                raise StopIteration
            if self.how == "odd":
                raise Odd(1, 2)
        return weft.full((80, 80), float(index))


class Odd(Exception):
    """An exception that cannot be made of its message alone."""

    def __init__(self, first: int, second: int) -> None:
        super().__init__(f"{first} is not {second}")


class Where(Dataset):
    """Samples that say which process made them, with how many threads."""

    def __len__(self) -> int:
        return 8

    def __getitem__(self, index: int):
        info = get_worker_info()
        assert info is not None
        return info.id, info.num_workers, os.getpid(), weft.get_num_threads()


class Large(Dataset):
    """Samples of 40 kB."""

    def __len__(self) -> int:
        return 40

    def __getitem__(self, index: int):
        return weft.full((10000,), float(index)), index


def shift(worker: int) -> None:
    """A worker_init_fn that changes the worker's copy of the data set."""
    info = get_worker_info()
    assert info is not None and info.id == worker
    info.dataset.length = 4 + worker


def doubled(samples):
    """A collate_fn of a module."""
    return weft.stack([sample[0] for sample in samples]) * 2
