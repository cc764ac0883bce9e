"""A loader's worker processes: started, asked, watched and ended."""

from __future__ import annotations

import os
import pickle
import select
import socket
import time
import warnings
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from weft.data._blocks import Borrower
from weft.data._channel import LoaderEnd
from weft.data._failure import Failure, death, shown
from weft.data._fetching import Source
from weft.data._packing import unpack
from weft.data._process import FAILED, Job, run
from weft.data._streams import Plan

#: How long workers may take to end by themselves, and then to end when told by a signal.
_GRACE_S = 0.5


@dataclass
class Worker:
    """A worker from the outside."""

    number: int
    process: Any
    end: LoaderEnd
    blocks: Borrower
    #: What it has been asked and has not answered yet: the number, and the arguments.
    asked: deque[tuple[int, Any]]
    #: Whether it has answered yet.
    heard: bool = False


class Pool:
    """The workers of one iterator.

    Args:
        source: what they load.
        init: called in each with its number when it starts; or None.
        count: how many.
        context: multiprocessing's context.
        timeout: how many seconds an answer may take; 0 for any.
        seed: the seed of the first epoch.
    """

    def __init__(
        self,
        source: Source,
        init: Callable[[int], Any] | None,
        count: int,
        context: Any,
        timeout: float,
        seed: int,
    ) -> None:
        self._owner = os.getpid()
        self._timeout = timeout
        self.workers: list[Worker] = []
        self.closed = False
        #: Whose error was raised: the worker, and what it was asked for, as far as that is known.
        self.failed: tuple[int | None, int | None] = None, None
        try:
            for number in range(count):
                job = Job(source, init, number, count, self._owner, seed)
                self.workers.append(_started(context, job))
        except BaseException:
            self.close()
            raise

    def begin(self, epoch: int, seed: int, plans: list[Plan]) -> None:
        """Tell all that an epoch begins; worker i of n runs the streams i, i + n, i + 2 n, ..."""
        for worker in self.workers:
            own = [p for p in plans if p.number % len(self.workers) == worker.number]
            worker.end.post(pickle.dumps(("epoch", epoch, seed, own), 5))
            worker.asked.clear()

    def ask(self, number: int, epoch: int, what: int, arguments: Any) -> None:
        """Ask a worker for a batch.

        Args:
            number: the worker's.
            epoch: the epoch's.
            what: the number of the batch, or of the stream.
            arguments: the indices and the place of the first; None of a stream.
        """
        worker = self.workers[number]
        back = worker.blocks.back
        returned = [back.popleft() for _ in range(len(back))]
        message = pickle.dumps(("fetch", epoch, what, arguments, returned), 5)
        worker.end.post(message)
        worker.asked.append((what, arguments))

    def answer(self, numbers: Iterable[int], epoch: int) -> tuple[int, int, int, Any]:
        """Wait for an answer of one of some workers; return worker, what, kind and content.

        Raises:
            RuntimeError: a worker died, or no answer came in time.
            Exception: what was raised in the worker.
        """
        waited = [self.workers[number] for number in numbers]
        deadline = time.monotonic() + self._timeout if self._timeout else None
        try:
            while True:
                for worker in waited:
                    found = self._read(worker)
                    if found is None:
                        continue
                    of, what, kind, content = found
                    if of != epoch:
                        continue
                    worker.asked.popleft()
                    worker.heard = True
                    if kind == FAILED:
                        assert isinstance(content, Failure)
                        self.failed = worker.number, what
                        raise content.error()
                    return worker.number, what, kind, content
                self._wait(waited, deadline)
        except BaseException:  # KeyboardInterrupt too: nothing may be left behind
            self.close()
            raise

    def _read(self, worker: Worker) -> Any:
        while True:
            try:
                found = worker.end.read()
            except EOFError:
                raise self._death(worker) from None
            return None if found is None else unpack(*found, worker.blocks)

    def _wait(self, waited: list[Worker], deadline: float | None) -> None:
        """Wait until one of the workers may have said something; send what was kept meanwhile."""
        poll = select.poll() if hasattr(select, "poll") else None
        left = None if deadline is None else deadline - time.monotonic()
        if left is not None and left <= 0:
            who = ", ".join(f"{one.number} (pid {one.process.pid})" for one in waited)
            raise RuntimeError(
                f"DataLoader: timed out: no answer of worker {who} in timeout={self._timeout} "
                f"seconds; pass a longer timeout=, or 0 to wait as long as it takes"
            )
        pending = [one for one in self.workers if one.end.pending()]
        if poll is None:
            reading = [one.end for one in waited]
            select.select(reading, [one.end for one in pending], [], min(left or 1.0, 1.0))
        else:
            for one in waited:
                events = select.POLLIN | (select.POLLOUT if one.end.pending() else 0)
                poll.register(one.end, events)
                poll.register(one.process.sentinel, select.POLLIN)
            for one in pending:
                if one not in waited:
                    poll.register(one.end, select.POLLOUT)
            poll.poll(None if left is None else max(left * 1000, 1))
        for one in pending:
            one.end.flush()
        for one in waited:
            # Another process may keep its end of the socket open: then its death shows only here.
            if not one.process.is_alive():
                self._last_words(one)

    def _last_words(self, worker: Worker) -> None:
        """Raise that a worker is dead, unless it has said something first."""
        readable, _, _ = select.select([worker.end], [], [], 0)
        if not readable:
            raise self._death(worker)

    def _death(self, worker: Worker) -> RuntimeError:
        self.failed = worker.number, None
        worker.process.join(_GRACE_S)
        words = "while it had nothing to do"
        if worker.asked:
            what, arguments = worker.asked[0]
            words = "while it iterated over its data set"
            if arguments is not None:
                words = f"while it loaded batch {what} of the epoch, indices {shown(arguments[0])}"
        process = worker.process
        how = "" if worker.heard else getattr(process, "_start_method", "fork")
        return death(worker.number, process.pid, process.exitcode, words, how)

    def close(self) -> None:
        """End all workers, and wait until they have ended. Nothing if it was done."""
        if self.closed or os.getpid() != self._owner:
            return
        self.closed = True
        for worker in self.workers:
            worker.end.close()  # it ends by itself when it sees that
        processes = [worker.process for worker in self.workers]
        _join(processes)
        for way in ("terminate", "kill"):
            living = [one for one in processes if one.is_alive()]
            for one in living:
                getattr(one, way)()
            _join(living)
        for one in processes:
            if not one.is_alive():
                one.close()


def _join(processes: list[Any]) -> None:
    deadline = time.monotonic() + _GRACE_S
    for one in processes:
        one.join(max(deadline - time.monotonic(), 0))


def _started(context: Any, job: Job) -> Worker:
    here, there = socket.socketpair()
    try:
        process = context.Process(
            target=run, args=(there, job), name=f"weft-data-{job.number}", daemon=True
        )
        end = LoaderEnd(here)
        with warnings.catch_warnings():
            # Threads of libgomp are put away before a fork, and those of Python's own do nothing
            # in a worker: what the warning is about does not happen here.
            warnings.filterwarnings("ignore", ".*multi-threaded, use of fork.*", DeprecationWarning)
            process.start()
    except BaseException as error:
        here.close()
        how = context.get_start_method()
        if how != "fork" and isinstance(error, (TypeError, AttributeError, pickle.PicklingError)):
            error.add_note(
                f"DataLoader: the start method {how!r} pickles the data set, collate_fn and "
                f"worker_init_fn: define their classes and functions at the top of a module, or "
                f"pass multiprocessing_context='fork' where that is safe"
            )
        raise
    finally:
        there.close()
    return Worker(job.number, process, end, Borrower(), deque())
