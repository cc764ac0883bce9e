"""Streams: the iterators over an iterable data set, one for each worker that an epoch began with.

An epoch keeps the streams with which it began, even if it goes on with another number of workers:
each process then runs several, or none. So what comes out stays the same.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from weft.data._fetching import SAMPLES, Source
from weft.data._seeds import Seeds
from weft.data.worker import WorkerInfo, set_worker_info


@dataclass(frozen=True)
class Plan:
    """A stream as it is to begin.

    Attributes:
        number: its number among the epoch's streams.
        count: how many workers they were; 0 if there was none, and so one stream.
        samples: how many samples it has given already.
        state: what it said of its state then, or a function that asks it; None if it says nothing.
        own: whether the process runs it as its own worker, on its own copy of the data set.
    """

    number: int
    count: int
    samples: int = 0
    state: Any = None
    own: bool = True


class Stream:
    """A running stream.

    Attributes:
        samples: how many samples it has given, those of earlier processes included.
    """

    def __init__(
        self, source: Source, plan: Plan, seed: int, init: Callable[[int], Any] | None
    ) -> None:
        self._source = source
        self.samples = 0
        self._ended = False
        dataset = source.dataset if plan.own else copy.deepcopy(source.dataset)
        self._seeds = Seeds(seed, SAMPLES + plan.number)
        self._info: WorkerInfo | None = None
        if plan.count:
            self._info = WorkerInfo(plan.number, plan.count, seed + plan.number, dataset)
        before = set_worker_info(self._info)
        try:
            self._seeds.set(-1)
            if init is not None and plan.count and not plan.own:
                init(plan.number)
                self._seeds.set(-1)
            self._begin(dataset, plan)
        finally:
            set_worker_info(before)

    def _begin(self, dataset: Any, plan: Plan) -> None:
        state = plan.state
        if state is not None and state["of"] == "dataset":
            dataset.load_state_dict(state["state"])
        self._iterator = iter(dataset)
        self._stateful: Any = None
        self._of = ""
        for of, one in (("iterator", self._iterator), ("dataset", dataset)):
            if callable(getattr(one, "state_dict", None)) and callable(
                getattr(one, "load_state_dict", None)
            ):
                self._stateful, self._of = one, of
                break
        if state is not None and state["of"] == "iterator":
            self._iterator.load_state_dict(state["state"])
        if state is not None:
            self.samples = plan.samples
            return
        for place in range(plan.samples):
            self._seeds.set(place)
            if next(self._iterator, self) is self:
                self._ended = True
        self.samples = plan.samples

    def fetch(self) -> Any:
        """Return the next batch, or sample where there are none.

        Raises:
            StopIteration: there is no more.
        """
        before = set_worker_info(self._info)
        try:
            return self._source.collate_fn(self._taken())
        finally:
            set_worker_info(before)

    def _taken(self) -> Any:
        if self._ended:
            raise StopIteration
        source = self._source
        if not source.batched:
            self._seeds.set(self.samples)
            sample = next(self._iterator)
            self.samples += 1
            return sample
        size = source.batch_size or 1
        samples = []
        for key in self._seeds.keys(self.samples, [0] * size):
            self._seeds.put(key)
            try:
                samples.append(next(self._iterator))
            except StopIteration:
                self._ended = True
                break
        if not samples or (source.drop_last and len(samples) < size):
            raise StopIteration
        self.samples += len(samples)
        return samples

    def state(self) -> dict[str, Any] | None:
        """Return what the stream says of its state, or None."""
        if self._stateful is None:
            return None
        return {"of": self._of, "state": self._stateful.state_dict()}


class Turns:
    """Whose turn it is: the streams give a batch each, in a circle that those leave who end.

    Args:
        plans: the streams as they begin.
        ended: the numbers of those that have ended.
        turn: the place in the circle.
    """

    def __init__(self, plans: list[Plan], ended: list[int], turn: int) -> None:
        self.plans = {plan.number: plan for plan in plans}
        self.ended = list(ended)
        self.active = [plan.number for plan in plans if plan.number not in ended]
        self.turn = turn

    def whose(self) -> int | None:
        """Return the number of the stream whose turn it is; None if all have ended."""
        if not self.active:
            return None
        self.turn %= len(self.active)
        return self.active[self.turn]

    def gave(self, number: int, samples: int, state: Any) -> None:
        """Note that a stream gave a batch, and where it is now.

        Args:
            number: the stream's.
            samples: how many samples it has given.
            state: what it says of its state, or a function that asks it.
        """
        before = self.plans[number]
        self.plans[number] = Plan(number, before.count, samples, state, before.own)
        self.turn = self.active.index(number) + 1

    def end(self, number: int) -> None:
        """Note that a stream has ended."""
        place = self.active.index(number)
        del self.active[place]
        self.ended.append(number)
        if place < self.turn:
            self.turn -= 1

    def state_dict(self) -> dict[str, Any]:
        """Return where each stream is."""
        plans = [self.plans[number] for number in sorted(self.plans)]
        return {
            "workers": plans[0].count,
            "samples": [plan.samples for plan in plans],
            "states": [
                copy.deepcopy(plan.state() if callable(plan.state) else plan.state)
                for plan in plans
            ],
            "ended": list(self.ended),
            "turn": self.turn,
        }


def begun(count: int, saved: dict[str, Any] | None, processes: int) -> Turns:
    """Return the turns of an epoch.

    Args:
        count: the workers of an epoch that begins.
        saved: where an epoch goes on that was begun before, as ``Turns.state_dict`` said; or None.
        processes: the worker processes that there are now.
    """
    if saved is None:
        return Turns([Plan(i, count) for i in range(max(count, 1))], [], 0)
    count = saved["workers"]
    own = count == processes
    each = zip(itertools.count(), saved["samples"], saved["states"], strict=False)
    plans = [Plan(i, count, samples, state, own) for i, samples, state in each]
    return Turns(plans, list(saved["ended"]), saved["turn"])
