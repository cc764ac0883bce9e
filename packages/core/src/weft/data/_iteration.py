"""The iterators of a loader: in its own process, or over answers of its workers."""

from __future__ import annotations

import warnings
import weakref
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from weft.data._failure import shown
from weft.data._fetching import Fetcher, Source, draws_nothing
from weft.data._order import Order
from weft.data._pool import Pool
from weft.data._position import Epoch
from weft.data._process import END
from weft.data._seeds import Aside
from weft.data._streams import Stream, Turns


@dataclass(frozen=True)
class Settings:
    """What a loader's iterators need to know of it.

    They do not keep the loader, which may keep one of them: both would stay until Python looks for
    such circles, and workers with them.
    """

    source: Source
    sampler: Any
    workers: int
    ahead: int
    in_order: bool
    persistent: bool
    timeout: float
    init: Callable[[int], Any] | None
    context: Any
    #: What len() of an iterable data set said when len(loader) was asked; None if it was not.
    promised: int | None


class LoaderIterator:
    """Yields the batches of one epoch, from where it begins or goes on."""

    def __init__(self, settings: Settings, epoch: Epoch) -> None:
        self._begin_epoch(settings, epoch)

    def _begin_epoch(self, settings: Settings, epoch: Epoch) -> None:
        self._settings, self._source, self._epoch = settings, settings.source, epoch
        self._yielded = 0
        self._order: Order | None = None
        self._turns: Turns | None = epoch.turns
        if self._turns is None:
            self._order = Order(settings.sampler, self._source.batched, epoch.seed)
            for _ in range(epoch.batches):
                if not self._skip(self._order):
                    break

    @staticmethod
    def _skip(order: Order) -> bool:
        try:
            order.next()
        except StopIteration:
            return False
        return True

    def __iter__(self) -> LoaderIterator:
        return self

    def __len__(self) -> int:
        return len(self._settings.sampler)

    def __next__(self) -> Any:
        try:
            found = self._next()
        except StopIteration:
            self._epoch.end()
            self._finish()
            raise
        self._yielded += 1
        promised = self._settings.promised
        if promised is not None and self._source.iterable and self._yielded == promised + 1:
            warnings.warn(
                f"DataLoader: len() of the data set {type(self._source.dataset).__name__} was "
                f"{promised} when len(loader) was asked, but {self._yielded} batches have come; "
                f"a copy of it in each worker yields all of it unless its __iter__ asks "
                f"weft.data.get_worker_info()",
                stacklevel=2,
            )
        return found

    def _next(self) -> Any:
        raise NotImplementedError

    def _finish(self) -> None:
        """Free what an epoch needed."""

    def __getstate__(self) -> Any:
        raise TypeError(
            f"{type(self).__name__} cannot be pickled or copied; DataLoader.state_dict() says "
            f"where it is"
        )


class SerialIterator(LoaderIterator):
    """Loads in the loader's own process."""

    def _begin_epoch(self, settings: Settings, epoch: Epoch) -> None:
        super()._begin_epoch(settings, epoch)
        self._streams: dict[int, Stream] = {}
        self._fetcher: Fetcher | None = None
        self._quiet = draws_nothing(self._source)

    def _next(self) -> Any:
        return self._next_batch() if self._turns is None else self._next_of_stream(self._turns)

    def _next_batch(self) -> Any:
        assert self._order is not None
        while True:
            number, indices, start = self._order.next()
            if number not in self._epoch.skipped:
                break
        if self._fetcher is None:
            self._fetcher = Fetcher(self._source, self._epoch.seed)
        try:
            if self._quiet:
                batch = self._fetcher.fetch(indices, start)
            else:
                with Aside():
                    batch = self._fetcher.fetch(indices, start)
        except Exception as error:
            self._epoch.gave(number)  # who goes on nevertheless goes on behind it
            if not isinstance(error, StopIteration):
                raise
            raise RuntimeError(
                f"DataLoader: the data set raised StopIteration for indices {shown(indices)}; an "
                f"index without a sample is an IndexError"
            ) from error
        self._epoch.gave(number)
        return batch

    def _next_of_stream(self, turns: Turns) -> Any:
        while (number := turns.whose()) is not None:
            with Aside():
                stream = self._streams.get(number)
                if stream is None:
                    plan, init = turns.plans[number], self._settings.init
                    stream = Stream(self._source, plan, self._epoch.seed, init)
                    self._streams[number] = stream
                try:
                    batch = stream.fetch()
                except StopIteration:
                    turns.end(number)
                    continue
            turns.gave(number, stream.samples, stream.state)
            return batch
        raise StopIteration


class ParallelIterator(LoaderIterator):
    """Has workers load, some batches ahead.

    If something goes wrong in a worker, all of them end and the error is raised. Who asks for the
    next batch nevertheless gets new ones, which go on behind the batch that failed.
    """

    def __init__(self, settings: Settings, epoch: Epoch) -> None:
        self._pool: Pool | None = None
        self._number = 0
        super().__init__(settings, epoch)

    def restart(self, settings: Settings, epoch: Epoch) -> None:
        """Begin another epoch with the same workers."""
        self._begin_epoch(settings, epoch)

    def _begin_epoch(self, settings: Settings, epoch: Epoch) -> None:
        super()._begin_epoch(settings, epoch)
        self._count = settings.workers
        #: Batches that were asked for and have not come: number, indices, place, worker.
        self._asked: dict[int, tuple[Any, int, int]] = {}
        self._next_worker = 0
        #: For each stream how many of its batches were asked for, and what has come of them.
        self._wanted: dict[int, int] = {}
        self._came: dict[int, deque[Any]] = {}
        self._over = False
        self._begin()

    def _begin(self) -> None:
        """Tell the workers of the epoch, or start them, and ask for the first batches."""
        epoch = self._epoch
        if self._pool is None or self._pool.closed:
            settings = self._settings
            self._pool = Pool(
                self._source,
                settings.init,
                self._count,
                settings.context,
                settings.timeout,
                epoch.seed,
            )
            weakref.finalize(self, self._pool.close)
        self._number += 1
        plans = [] if self._turns is None else list(self._turns.plans.values())
        self._pool.begin(self._number, epoch.seed, plans)
        if self._turns is None:
            unfinished = sorted(self._asked.items())
            self._asked = {}
            for number, (indices, start, _) in unfinished:
                self._ask(number, indices, start)
            while len(self._asked) < self._settings.ahead * self._count and self._ask_next():
                pass
        else:
            for _ in range(self._settings.ahead):
                for number in list(self._turns.active):
                    self._ask_stream(number)

    def _next(self) -> Any:
        if self._over:
            raise StopIteration
        assert self._pool is not None
        if self._pool.closed:
            if self._turns is not None:
                raise StopIteration  # what an iterator would do after an error, nobody knows
            self._begin()
        return self._next_batch() if self._turns is None else self._next_of_stream(self._turns)

    def _next_batch(self) -> Any:
        assert self._pool is not None
        if not self._asked:
            raise StopIteration
        first = next(iter(self._asked))
        if self._settings.in_order:
            waited = {self._asked[first][2]}
        else:
            waited = {worker for _, _, worker in self._asked.values()}
        try:
            _, number, _, batch = self._pool.answer(waited, self._number)
        except Exception:
            failed = self._failed(first)
            del self._asked[failed]
            self._epoch.gave(failed)
            raise
        del self._asked[number]
        self._epoch.gave(number)
        self._ask_next()
        return batch

    def _failed(self, first: int) -> int:
        """Return the number of the batch that an error is about."""
        assert self._pool is not None
        worker, what = self._pool.failed
        if what is not None:
            return what
        asked = [number for number, (_, _, of) in self._asked.items() if of == worker]
        return asked[0] if asked else first

    def _ask_next(self) -> bool:
        assert self._order is not None
        while True:
            try:
                number, indices, start = self._order.next()
            except StopIteration:
                return False
            if number not in self._epoch.skipped:
                self._ask(number, indices, start)
                return True

    def _ask(self, number: int, indices: Any, start: int) -> None:
        assert self._pool is not None
        if self._settings.in_order:
            worker = self._next_worker
            self._next_worker = (worker + 1) % self._count
        else:
            load = [0] * self._count
            for _, _, busy in self._asked.values():
                load[busy] += 1
            worker = load.index(min(load))
        self._asked[number] = indices, start, worker
        self._pool.ask(worker, self._number, number, (indices, start))

    def _ask_stream(self, number: int) -> None:
        assert self._pool is not None
        self._wanted[number] = self._wanted.get(number, 0) + 1
        self._came.setdefault(number, deque())
        self._pool.ask(number % self._count, self._number, number, None)

    def _next_of_stream(self, turns: Turns) -> Any:
        assert self._pool is not None
        while (number := turns.whose()) is not None:
            if not self._settings.in_order:
                number = next((n for n in turns.active if self._came[n]), number)
            while not self._came[number]:
                if self._settings.in_order:
                    waited = {number % self._count}
                else:
                    waited = {n % self._count for n in turns.active if self._wanted[n]}
                _, other, kind, content = self._pool.answer(waited, self._number)
                self._wanted[other] -= 1
                self._came[other].append((kind, content))
                if not self._settings.in_order:
                    number = other
            kind, content = self._came[number].popleft()
            if kind == END:
                if number in turns.active:
                    turns.end(number)
                continue
            batch, samples, state = content
            turns.gave(number, samples, state)
            self._ask_stream(number)
            return batch
        raise StopIteration

    def _finish(self) -> None:
        self._over = True
        if not self._settings.persistent and self._pool is not None:
            self._pool.close()


def iterated(settings: Settings, epoch: Epoch) -> LoaderIterator:
    """Return a new iterator over an epoch."""
    return (ParallelIterator if settings.workers else SerialIterator)(settings, epoch)
