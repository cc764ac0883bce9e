"""What a worker's process runs: it takes requests one by one, and answers each.

Requests and answers are tuples: ``("epoch", number, seed, plans)`` has no answer;
``("fetch", epoch, what, ..., blocks returned)`` is answered by ``(epoch, what, kind, content)``.
"""

from __future__ import annotations

import os
import pickle
import select
import signal
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import connection, parent_process
from typing import Any

import weft
from weft._backend.cpu import threads
from weft.data import _blocks
from weft.data._channel import WorkerEnd, close_inherited
from weft.data._failure import Failure, shown
from weft.data._fetching import Fetcher, Source
from weft.data._packing import pack
from weft.data._seeds import Seeds
from weft.data._streams import Plan, Stream
from weft.data.worker import WorkerInfo, set_worker_info

#: Kinds of answers.
DATA, END, FAILED = 0, 1, 2


@dataclass(frozen=True)
class Job:
    """What a worker is started with."""

    source: Source
    init: Callable[[int], Any] | None
    number: int
    count: int
    #: The loader's process.
    parent: int
    seed: int


def run(sock: socket.socket, job: Job) -> None:
    """Serve until the loader closes its end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the loader's to answer
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    close_inherited()
    _end_with(job.parent)
    threads.library()  # keeps NumPy's products off threads of their own too
    weft.set_num_threads(1)
    lender = _blocks.Lender() if _blocks.supported() else None
    _blocks.use(lender)
    _Worker(WorkerEnd(sock), job, lender).serve()


def _end_with(parent: int) -> None:
    """End this process when the loader's ends, whatever it is doing then."""
    try:
        watched = os.pidfd_open(parent)
    except ProcessLookupError:
        os._exit(1)
    except (AttributeError, OSError):  # no Linux, or an old one, or it is forbidden
        watched = -1
    threading.Thread(target=_watch, args=(watched, parent), name="weft-watch", daemon=True).start()


def _watch(watched: int, parent: int) -> None:
    if watched >= 0:
        poll = select.poll()
        poll.register(watched, select.POLLIN)
        poll.poll()
        os._exit(1)
    direct, above = os.getppid() == parent, parent_process()
    while above is None or not connection.wait([above.sentinel], timeout=2.0):
        if direct and os.getppid() != parent:
            break
    os._exit(1)


class _Worker:
    """The state of a worker between requests."""

    def __init__(self, end: WorkerEnd, job: Job, lender: _blocks.Lender | None) -> None:
        self._end, self._job, self._lender = end, job, lender
        self._who = f"in worker {job.number} (pid {os.getpid()}) of a DataLoader"
        self._epoch = -1
        self._seed = job.seed
        self._streams: dict[int, Stream] = {}
        self._plans: dict[int, Plan] = {}
        self._fetcher: Fetcher | None = None
        self._started = False

    def serve(self) -> None:
        """Answer requests until there are no more."""
        while (message := self._end.receive()) is not None:
            request = pickle.loads(message)
            if request[0] == "epoch":
                self._begin(*request[1:])
                continue
            _, epoch, what, arguments, returned = request
            if self._lender is not None:
                self._lender.returned(returned)
            if epoch != self._epoch:
                continue
            if not self._answer(epoch, what, arguments):
                return

    def _begin(self, epoch: int, seed: int, plans: list[Plan]) -> None:
        self._epoch, self._seed = epoch, seed
        self._streams = {}
        self._plans = {plan.number: plan for plan in plans}
        self._fetcher = None
        self._set_info()

    def _set_info(self) -> None:
        job = self._job
        info = WorkerInfo(job.number, job.count, self._seed + job.number, job.source.dataset)
        set_worker_info(info)

    def _start(self) -> None:
        """Prepare this worker's own copy of the data set, once in its life."""
        self._started = True
        if self._job.init is not None:
            # A purpose that no stream has, so that start and samples draw different numbers.
            Seeds(self._seed, -1 - self._job.number).set(-1)
            self._job.init(self._job.number)

    def _answer(self, epoch: int, what: int, arguments: Any) -> bool:
        try:
            if not self._started and (not self._plans or any(p.own for p in self._plans.values())):
                self._start()
            if self._job.source.iterable:
                kind, content = self._streamed(what)
            else:
                if self._fetcher is None:
                    self._fetcher = Fetcher(self._job.source, self._seed)
                kind, content = DATA, self._fetcher.fetch(*arguments)
            return self._send((epoch, what, kind, content))
        except Exception as error:
            doing = "while it iterated over its data set"
            if arguments is not None:
                one = "batch" if self._job.source.batched else "sample"
                doing = f"for {one} {what} of the epoch, indices {shown(arguments[0])}"
            return self._send((epoch, what, FAILED, Failure(error, f"{self._who}, {doing}")))

    def _streamed(self, what: int) -> tuple[int, Any]:
        if what not in self._streams:
            self._streams[what] = Stream(
                self._job.source, self._plans[what], self._seed, self._job.init
            )
        stream = self._streams[what]
        try:
            batch = stream.fetch()
        except StopIteration:
            return END, None
        return DATA, (batch, stream.samples, stream.state())

    def _send(self, message: Any) -> bool:
        lender = self._lender
        said, body, lent = pack(message, lender)
        files = [] if lender is None else lender.files
        there = self._end.send(said, body, files)
        if lender is not None:
            lender.sent(lent)
        return there
