"""What code in a worker may ask about the worker."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["WorkerInfo", "get_worker_info"]


@dataclass(frozen=True, slots=True)
class WorkerInfo:
    """A worker of a :class:`DataLoader`, seen from within.

    Attributes:
        id: its number, from 0.
        num_workers: how many there are.
        seed: the loader's seed for this epoch plus the id.
        dataset: its own copy of the data set.
        rng: None; in PyTorch, the generators of a worker that is a thread.
        worker_method: ``"multiprocessing"``.
    """

    id: int
    num_workers: int
    seed: int
    dataset: Any
    rng: Any = None
    worker_method: str | None = "multiprocessing"


class _State:
    """The worker that this process is."""

    info: WorkerInfo | None = None


_state = _State()


def get_worker_info() -> WorkerInfo | None:
    """Return what this worker is, or None outside of workers.

    Returns:
        WorkerInfo | None: with ``id``, ``num_workers``, ``seed`` and ``dataset``, the worker's own
        copy, which a ``worker_init_fn`` may change.
    """
    return _state.info


def set_worker_info(info: WorkerInfo | None) -> WorkerInfo | None:
    """Set what :func:`get_worker_info` answers; return what it answered before."""
    before, _state.info = _state.info, info
    return before
