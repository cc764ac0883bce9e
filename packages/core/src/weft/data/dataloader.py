"""The loader: batches of a data set, in this process or by workers, resumable at any batch."""

from __future__ import annotations

import multiprocessing
import multiprocessing.context
import os
import warnings
from collections.abc import Callable, Iterable
from typing import Any, Generic, TypeVar

from weft._core.errors import did_you_mean
from weft._core.generator import Generator
from weft.data import _position
from weft.data._fetching import Source
from weft.data._iteration import LoaderIterator, ParallelIterator, Settings, iterated
from weft.data._seeds import drawn_seed
from weft.data._streams import begun
from weft.data.collate import default_collate, default_convert
from weft.data.dataset import Dataset, IterableDataset
from weft.data.sampler import BatchSampler, RandomSampler, Sampler, SequentialSampler
from weft.data.worker import get_worker_info

T_co = TypeVar("T_co", covariant=True)

__all__ = ["DataLoader", "default_collate", "default_convert", "get_worker_info"]

#: What decides what an epoch consists of, and so stays as it was given.
_FIXED = frozenset(
    ("batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers")
)


class _Endless(Sampler[None]):
    """The sampler of a data set without indices."""

    def __iter__(self) -> Any:
        while True:
            yield None


class DataLoader(Generic[T_co]):
    """Iterates over a data set in batches, loaded here or ahead of time by worker processes.

    **Random draws.** Before each sample, ``weft``'s default generator, ``random`` and
    ``numpy.random`` are set from the epoch's seed, the sample's place in the epoch and its index;
    here in this process they are put back afterwards. So the same seed gives the same batches with
    any number of workers, no two samples draw the same numbers, and loading changes nothing that
    the program draws elsewhere. The epoch's seed is drawn from ``generator``, or the default one.

    **Resuming.** ``state_dict()`` says after which batch the loop is; a loader made alike that gets
    it by ``load_state_dict`` goes on with the next one, bit for bit, also with another number of
    workers.

    **Workers.** Tensors of at least 16 KiB come from them in shared memory, which is not copied
    here. An error in one is raised here, with a note of where it came from; one that is killed
    raises ``RuntimeError``. Either ends all workers. They end too when the iterator is gone, at
    Ctrl-C, and when this process ends, however it does.

    Args:
        dataset: samples by index, with a length; or an :class:`IterableDataset`.
        batch_size: the samples of a batch; None yields samples.
        shuffle: whether the order is random, another in each epoch.
        sampler: what yields the indices, in place of shuffle.
        batch_sampler: what yields lists of them, in place of batch_size, shuffle, sampler and
            drop_last.
        num_workers: how many processes load; 0 is this one alone.
        collate_fn: what makes a batch of the list of its samples; :func:`default_collate`, or
            :func:`default_convert` where there are no batches.
        pin_memory: taken for PyTorch's callers: memory of the CPU is not pinned.
        drop_last: whether to leave out a last batch that is smaller.
        timeout: how many seconds a batch of the workers may take; 0 is any time.
        worker_init_fn: called in each worker with its number, before it loads.
        multiprocessing_context: ``"fork"``, ``"spawn"`` or ``"forkserver"``, or a context of
            ``multiprocessing``; Python's default if None.
        generator: where the epoch's seed and, with shuffle, its order are drawn from; the default
            generator if None.
        prefetch_factor: how many batches each worker loads ahead; 2 if None.
        persistent_workers: whether workers stay for the next epoch.
        pin_memory_device: taken likewise.
        in_order: whether batches come in the sampler's order. Otherwise as they are ready.

    Raises:
        ValueError: arguments that do not fit, as the message says.
        TypeError: multiprocessing_context is neither a name nor a context.

    Example:
        >>> data = weft.data.TensorDataset(weft.arange(5), weft.arange(5) * 10)
        >>> for x, y in weft.data.DataLoader(data, batch_size=2):
        ...     print(x.tolist(), y.tolist())
        [0, 1] [0, 10]
        [2, 3] [20, 30]
        [4] [40]
    """

    _ready = False

    def __init__(
        self,
        dataset: Dataset[T_co],
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Sampler[Any] | Iterable[Any] | None = None,
        batch_sampler: Sampler[list[Any]] | Iterable[list[Any]] | None = None,
        num_workers: int = 0,
        collate_fn: Callable[[Any], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable[[int], Any] | None = None,
        multiprocessing_context: Any = None,
        generator: Generator | None = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
    ) -> None:
        if num_workers < 0:
            raise ValueError(
                f"DataLoader: num_workers must be at least 0, which loads in this process; got "
                f"{num_workers}"
            )
        if timeout < 0:
            raise ValueError(f"DataLoader: timeout must be at least 0 seconds, got {timeout}")
        if prefetch_factor is not None and num_workers == 0:
            raise ValueError(
                f"DataLoader: prefetch_factor={prefetch_factor} needs workers; pass num_workers= "
                f"too, or leave it None"
            )
        if prefetch_factor is not None and prefetch_factor < 1:
            raise ValueError(
                f"DataLoader: prefetch_factor must be at least 1, got {prefetch_factor}"
            )
        if persistent_workers and num_workers == 0:
            raise ValueError("DataLoader: persistent_workers=True needs num_workers > 0, got 0")
        self.dataset = dataset
        self.num_workers = num_workers
        self.prefetch_factor = 2 if num_workers and prefetch_factor is None else prefetch_factor
        self.pin_memory = pin_memory
        self.pin_memory_device = pin_memory_device
        self.timeout = timeout
        self.worker_init_fn = worker_init_fn
        self.multiprocessing_context = multiprocessing_context
        self.in_order = in_order
        self.generator = generator
        self.persistent_workers = persistent_workers
        self._iterable = isinstance(dataset, IterableDataset)
        self._choose(batch_size, shuffle, sampler, batch_sampler, drop_last)
        default = default_collate if self._auto_collation else default_convert
        self.collate_fn: Callable[[Any], Any] = default if collate_fn is None else collate_fn
        self._len_called: int | None = None
        self._iterator: ParallelIterator | None = None
        #: The epoch that was begun last, and a state that the next one goes on from.
        self._epoch: _position.Epoch | None = None
        self._resumed: dict[str, Any] | None = None
        self._ready = True
        self.check_worker_number_rationality()

    def _choose(
        self, batch_size: Any, shuffle: Any, sampler: Any, batch_sampler: Any, drop_last: Any
    ) -> None:
        """Check and set what says which samples make which batch."""
        if self._iterable:
            given = {"shuffle": shuffle, "sampler": sampler, "batch_sampler": batch_sampler}
            for name, value in given.items():
                if value is not None and not (name == "shuffle" and value is False):
                    raise ValueError(
                        f"DataLoader: an IterableDataset ({type(self.dataset).__name__}) gives its "
                        f"samples in its own order; {name} must be left out, got {value!r}"
                    )
        if sampler is not None and shuffle:
            raise ValueError(
                f"DataLoader: sampler and shuffle exclude each other: the sampler "
                f"{type(sampler).__name__} decides the order, got shuffle={shuffle}"
            )
        if batch_sampler is not None:
            if batch_size != 1 or shuffle or sampler is not None or drop_last:
                raise ValueError(
                    f"DataLoader: batch_sampler excludes batch_size, shuffle, sampler and "
                    f"drop_last, which it decides itself; got batch_size={batch_size}, "
                    f"shuffle={shuffle}, sampler={sampler!r}, drop_last={drop_last}"
                )
            batch_size = None
        elif batch_size is None and drop_last:
            raise ValueError(
                "DataLoader: batch_size=None yields samples, so there is no last batch for "
                "drop_last=True to leave out"
            )
        if sampler is None:
            if self._iterable:
                sampler = _Endless()
            elif shuffle:
                sampler = RandomSampler(self.dataset, generator=self.generator)  # type: ignore[arg-type]  # a Dataset that is shuffled has a length
            else:
                sampler = SequentialSampler(self.dataset)  # type: ignore[arg-type]  # likewise
        if batch_size is not None and batch_sampler is None:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        self.batch_size = batch_size
        self.drop_last = bool(drop_last)
        self.sampler = sampler
        self.batch_sampler = batch_sampler

    def __setattr__(self, name: str, value: Any) -> None:
        if self._ready and name in _FIXED:
            raise ValueError(
                f"DataLoader: {name} cannot be set after the loader was made; make another one"
            )
        super().__setattr__(name, value)

    @property
    def multiprocessing_context(self) -> Any:
        """The context that starts workers, or None for Python's default."""
        return self._chosen_context

    @multiprocessing_context.setter
    def multiprocessing_context(self, wanted: Any) -> None:
        if wanted is not None:
            if not self.num_workers:
                raise ValueError(
                    f"DataLoader: multiprocessing_context={wanted!r} needs num_workers > 0, got 0"
                )
            if isinstance(wanted, str):
                known = multiprocessing.get_all_start_methods()
                if wanted not in known:
                    raise ValueError(
                        f"DataLoader: multiprocessing_context must be one of {', '.join(known)}, "
                        f"got {wanted!r}{did_you_mean(wanted, known)}"
                    )
                wanted = multiprocessing.get_context(wanted)
            if not isinstance(wanted, multiprocessing.context.BaseContext):
                raise TypeError(
                    f"DataLoader: multiprocessing_context must be a start method's name or a "
                    f"context of multiprocessing, got {type(wanted).__name__} {wanted!r}"
                )
        self._chosen_context = wanted

    def _context(self) -> Any:
        chosen = self._chosen_context
        return multiprocessing.get_context() if chosen is None else chosen

    @property
    def _auto_collation(self) -> bool:
        return self.batch_sampler is not None

    @property
    def _index_sampler(self) -> Any:
        return self.batch_sampler if self._auto_collation else self.sampler

    def _settings(self) -> Settings:
        source = Source(
            self.dataset,
            self._iterable,
            self._auto_collation,
            self.batch_size,
            self.drop_last,
            self.collate_fn,
        )
        return Settings(
            source,
            self._index_sampler,
            self.num_workers,
            self.prefetch_factor or 1,
            self.in_order,
            self.persistent_workers,
            self.timeout,
            self.worker_init_fn,
            self._context(),
            self._len_called,
        )

    def __iter__(self) -> LoaderIterator:
        epoch = self._next_epoch()
        self._epoch = epoch
        if not self.persistent_workers:
            return iterated(self._settings(), epoch)
        if self._iterator is None:
            self._iterator = ParallelIterator(self._settings(), epoch)
        else:
            self._iterator.restart(self._settings(), epoch)
        return self._iterator

    def __getstate__(self) -> dict[str, Any]:
        # Workers stay where they are; a copy begins with no epoch.
        return {**self.__dict__, "_iterator": None, "_epoch": None}

    def _next_epoch(self) -> _position.Epoch:
        number = 0 if self._epoch is None else self._epoch.number + 1
        begin = self._states()
        state, self._resumed = self._resumed, None
        seed = drawn_seed(self.generator) if state is None or self.generator is not None else 0
        saved = None
        if state is not None:
            number = state["epoch"]
            if state["seed"] is not None:
                seed, saved = state["seed"], state["streams"]
            elif self.generator is None:
                seed = drawn_seed(None)
        turns = begun(self.num_workers, saved, self.num_workers) if self._iterable else None
        epoch = _position.Epoch(number, seed, begin, turns)
        if state is not None:
            epoch.batches, epoch.beyond = state["batches"], set(state["beyond"])
            epoch.skipped = frozenset(epoch.beyond)
        return epoch

    def _states(self) -> dict[str, Any]:
        """Return the states of what the order of the next epoch is drawn from."""
        inner = getattr(self._index_sampler, "state_dict", None)
        sized = hasattr(type(self.dataset), "__len__")
        return {
            "generator": None if self.generator is None else self.generator.get_state(),
            "sampler": inner() if callable(inner) and not self._iterable else None,
            "batch_size": self.batch_size,
            "length": len(self.dataset) if sized and not self._iterable else None,  # type: ignore[arg-type]  # sized says that it has one
        }

    def state_dict(self) -> dict[str, Any]:
        """Return where the loop over this loader is: which batches the latest iterator has given.

        Between epochs it is the beginning of the next. It holds numbers, tensors of random states
        and what the data set's or the sampler's own ``state_dict`` returned.

        Returns:
            dict: for :meth:`load_state_dict`.
        """
        if self._resumed is not None:
            return dict(self._resumed)
        if self._epoch is None or self._epoch.ended:
            number = 0 if self._epoch is None else self._epoch.number + 1
            return _position.between(number, self._states())
        return self._epoch.state_dict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Have the next iterator go on from where another loader was.

        The loader must have been made as the other was; ``num_workers``, the start method and what
        else decides only how batches are loaded may differ. Without a ``generator`` of its own, a
        loader draws the seeds of later epochs from the default generator: restore that too.

        Args:
            state_dict: what :meth:`state_dict` returned.

        Raises:
            ValueError: it is no such state; or batch size, length or kind of the data set differ.
        """
        _position.check(state_dict)
        own = self._states()
        for name in ("batch_size", "length"):
            if state_dict[name] != own[name]:
                raise ValueError(
                    f"DataLoader.load_state_dict: the state was saved with {name}="
                    f"{state_dict[name]}, but this loader has {name}={own[name]}; its batches "
                    f"would be others"
                )
        if state_dict["seed"] is not None and (state_dict["streams"] is None) is self._iterable:
            kinds = ("an iterable data set", "a data set with indices")
            saved, here = kinds if self._iterable is False else kinds[::-1]
            raise ValueError(
                f"DataLoader.load_state_dict: the state was saved with {saved}, but this loader "
                f"has {here}"
            )
        if state_dict["sampler"] is not None:
            load = getattr(self._index_sampler, "load_state_dict", None)
            if callable(load):
                load(state_dict["sampler"])
        if state_dict["generator"] is not None and self.generator is not None:
            self.generator.set_state(state_dict["generator"])
        self._resumed = dict(state_dict)

    def __len__(self) -> int:
        if not self._iterable:
            return len(self._index_sampler)
        length = self._len_called = len(self.dataset)  # type: ignore[arg-type]  # if the data set knows it
        if self.batch_size is None:
            return length
        return length // self.batch_size if self.drop_last else -(-length // self.batch_size)

    def check_worker_number_rationality(self) -> None:
        """Warn if there are to be more workers than processors for them."""
        if hasattr(os, "sched_getaffinity"):
            usable = len(os.sched_getaffinity(0))
        else:
            usable = os.cpu_count() or 1
        if self.num_workers > usable:
            warnings.warn(
                f"DataLoader: num_workers={self.num_workers}, but this process may use {usable} "
                f"processors; more workers than that wait for each other",
                stacklevel=3,
            )
