"""The share of one process among several that train together."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sized
from typing import Any

import weft
from weft._core.generator import Generator
from weft.data.sampler import Sampler

__all__ = ["DistributedSampler"]


class DistributedSampler(Sampler[int]):
    """Every ``num_replicas``-th index of one order that all processes draw alike.

    Call :meth:`set_epoch` before each epoch; otherwise each has the same order.

    Args:
        dataset: what has the length n, the same in all processes.
        num_replicas: how many processes there are. PyTorch asks its process group if it is None;
            weft has none, so it must be given.
        rank: the number of this one, likewise.
        shuffle: whether the order is random.
        seed: what it is drawn from, together with the epoch; the same in all processes.
        drop_last: whether to leave out the last indices that do not go round; otherwise the first
            are taken again.

    Raises:
        RuntimeError: num_replicas or rank is None.
        ValueError: rank is not in [0, num_replicas).
    """

    def __init__(
        self,
        dataset: Sized,
        num_replicas: int | None = None,
        rank: int | None = None,
        shuffle: bool = True,
        seed: int = 0,
        drop_last: bool = False,
    ) -> None:
        if num_replicas is None or rank is None:
            raise RuntimeError(
                f"DistributedSampler: there is no group of processes to ask, pass num_replicas= "
                f"and rank=; got num_replicas={num_replicas}, rank={rank}"
            )
        if not 0 <= rank < num_replicas:
            raise ValueError(
                f"DistributedSampler: rank must be in [0, {num_replicas - 1}] for "
                f"num_replicas={num_replicas}, got {rank}"
            )
        self.dataset = dataset
        self.num_replicas = num_replicas
        self.rank = rank
        self.epoch = 0
        self.drop_last = drop_last
        n = len(dataset)
        self.num_samples = n // num_replicas if drop_last else math.ceil(n / num_replicas)
        self.total_size = self.num_samples * num_replicas
        self.shuffle = shuffle
        self.seed = seed

    def __iter__(self) -> Iterator[int]:
        n = len(self.dataset)
        if self.shuffle:
            order = weft.randperm(n, generator=Generator(seed=self.seed + self.epoch)).tolist()
        else:
            order = list(range(n))
        if self.total_size > n:
            order = (order * math.ceil(self.total_size / max(n, 1)))[: self.total_size]
        return iter(order[self.rank : self.total_size : self.num_replicas])

    def __len__(self) -> int:
        return self.num_samples

    def set_epoch(self, epoch: int) -> None:
        """Set which epoch comes next: the order is drawn from ``seed + epoch``."""
        self.epoch = epoch

    def state_dict(self) -> dict[str, Any]:
        """Return the epoch."""
        return {"epoch": self.epoch}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a state that ``state_dict`` returned."""
        self.epoch = state_dict["epoch"]
