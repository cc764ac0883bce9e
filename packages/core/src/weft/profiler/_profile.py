"""The profiler itself: what is recorded, in which steps, and what becomes of it."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
import warnings
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any

from weft.profiler import _recording
from weft.profiler._events import EventList, FunctionEventAvg, events_of
from weft.profiler._flame import write_flame
from weft.profiler._hooks import Hooks
from weft.profiler._recording import STEP, Recorder, Span
from weft.profiler._schedule import ProfilerAction, ProfilerActivity, every_step
from weft.profiler._trace import write_trace

_RECORDS = (ProfilerAction.RECORD, ProfilerAction.RECORD_AND_SAVE)
_lock = threading.Lock()
_running: profile | None = None


class profile:
    """Record where the time and the memory of a program go, op by op, forward and backward.

    Used in ``with``, or between :meth:`start` and :meth:`stop`. It records all threads of the
    process; while none runs, ops cost what they always cost. Ops and functions of weft, backward
    rules, in-place writes, blocks named by :class:`record_function` and Python's garbage
    collection become events, nested as they happened.

    Args:
        activities: the CPU's, and there is no other; a GPU's is the time in which work is launched.
        schedule: what to do in each step, see :func:`schedule`; by default all is recorded. The
            program calls :meth:`step` at the end of each step.
        on_trace_ready: called with the profile when a recording is complete.
        record_shapes: whether events keep the shapes of arguments.
        profile_memory: whether they keep the bytes that they allocate.
        with_stack: whether they keep the lines of your code that led to them.
        with_flops: whether products and convolutions keep their floating-point operations.
        with_modules: whether calls of ``nn.Module`` are events, under their path in the network.
        acc_events: whether the events of several cycles are gathered; else the latest count.

    Raises:
        RuntimeError: on entry, another profile is running.
        ValueError: the CPU is not among the activities.

    Example:
        >>> x = weft.ones(8, 8, requires_grad=True)
        >>> with weft.profiler.profile() as prof:
        ...     (x @ x).sum().backward()
        >>> [event.name for event in prof.events() if event.kind == "backward"]
        ['sum backward', 'matmul backward']
    """

    def __init__(
        self,
        *,
        activities: Iterable[ProfilerActivity] | None = None,
        schedule: Callable[[int], ProfilerAction] | None = None,
        on_trace_ready: Callable[[profile], Any] | None = None,
        record_shapes: bool = False,
        profile_memory: bool = False,
        with_stack: bool = False,
        with_flops: bool = False,
        with_modules: bool = False,
        acc_events: bool = False,
    ) -> None:
        self.activities = _checked_activities(activities)
        self.schedule = every_step if schedule is None else schedule
        self.on_trace_ready = on_trace_ready
        self.record_shapes, self.profile_memory = record_shapes, profile_memory
        self.with_stack, self.with_flops = with_stack, with_flops
        self.with_modules, self.acc_events = with_modules, acc_events
        self.step_num = 0
        self.current_action = ProfilerAction.NONE
        self._names_steps = schedule is not None
        self._metadata: dict[str, Any] = {}
        self._is_running = False
        self._recorder: Recorder | None = None  # the one that hooks tell
        self._hooks: Hooks | None = None
        self._step: Span | None = None
        self._recorded: Recorder | None = None  # the latest complete one
        self._events: EventList | None = None

    # --- running ----------------------------------------------------------------------------

    def __enter__(self) -> profile:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Begin with the first step."""
        global _running
        with _lock:
            if _running is not None:
                raise RuntimeError(
                    "profile: another profile is running in this process; stop it first, or name "
                    "parts of it with record_function"
                )
            _running = self
        self._is_running = True
        self._events = self._recorded = None
        self.current_action = ProfilerAction.NONE
        try:
            self._turn(self.schedule(self.step_num))
        except BaseException:
            self._abandon()
            raise

    def step(self) -> None:
        """Say that a step of the program has ended and the next one begins.

        Raises:
            RuntimeError: the profile is not running.
        """
        if not self._is_running:
            raise RuntimeError("profile.step: the profile is not running; call it within `with`")
        try:
            action = self.schedule(self.step_num + 1)
            self.step_num += 1
            self._turn(action)
        except BaseException:
            self._abandon()
            raise

    def stop(self) -> None:
        """End, and hand over what is recorded."""
        if not self._is_running:
            return
        records = self.current_action in _RECORDS
        self._abandon(keep=records)
        if records:
            self._hand_over()

    def _turn(self, action: ProfilerAction) -> None:
        """Go from one step to the next: from what is done now to what is to be done."""
        if not isinstance(action, ProfilerAction):
            raise TypeError(
                f"profile: schedule must return a ProfilerAction, it returned {action!r} for step "
                f"{self.step_num}"
            )
        before, self.current_action = self.current_action, action
        if self._step is not None and self._recorder is not None:
            self._recorder.finish(self._step)
        self._step = None
        if before in _RECORDS:
            saves = before is ProfilerAction.RECORD_AND_SAVE
            if saves or action not in _RECORDS:
                self._end(keep=True)
                if saves:
                    self._hand_over()
                else:
                    warnings.warn(
                        f"profile: the schedule goes from {before.name} to {action.name}; the last "
                        f"step of a recording should be RECORD_AND_SAVE, or nobody is told of it",
                        stacklevel=3,
                    )
        if action is ProfilerAction.NONE:
            self._end(keep=False)
        elif self._recorder is None:
            self._begin()
        elif before is ProfilerAction.WARMUP and action in _RECORDS:
            self._end(keep=False)
            self._begin()
        if self._names_steps and self._recorder is not None:
            self._step = self._recorder.begin(STEP, f"ProfilerStep#{self.step_num}")

    def _begin(self) -> None:
        recorder = Recorder(
            shapes=self.record_shapes,
            memory=self.profile_memory,
            stack=self.with_stack,
            flops=self.with_flops,
        )
        hooks = Hooks(recorder, modules=self.with_modules)
        hooks.enter()
        self._recorder, self._hooks = recorder, hooks
        recorder.restart()
        _recording.activate(recorder)

    def _end(self, *, keep: bool) -> None:
        recorder, hooks = self._recorder, self._hooks
        if recorder is None or hooks is None:
            return
        recorder.stop()
        _recording.activate(None)
        self._recorder = self._hooks = None
        hooks.leave()
        if keep:
            self._recorded = recorder
            events = events_of(recorder)
            if self.acc_events and self._events is not None:
                self._events.extend(events)
            else:
                self._events = events

    def _abandon(self, *, keep: bool = False) -> None:
        global _running
        try:
            self._end(keep=keep)
        finally:
            self._is_running = False
            self._step = None
            with _lock:
                _running = None

    def _hand_over(self) -> None:
        if self.on_trace_ready is not None:
            self.on_trace_ready(self)

    # --- results ----------------------------------------------------------------------------

    def events(self) -> EventList:
        """Return all events of the latest recording, in the order in which they began.

        Raises:
            RuntimeError: nothing is recorded yet.
        """
        return self._complete("events")

    def key_averages(
        self, group_by_input_shape: bool = False, group_by_stack_n: int = 0
    ) -> EventList:
        """Return the sums of the events of each name.

        Args:
            group_by_input_shape: whether calls with other shapes count apart; needs
                ``record_shapes=True``.
            group_by_stack_n: how many of your lines tell calls apart; needs ``with_stack=True``.

        Raises:
            RuntimeError: nothing is recorded yet.
            ValueError: what they are to be grouped by was not recorded.
        """
        events = self._complete("key_averages")
        if group_by_input_shape and not self.record_shapes:
            raise ValueError("key_averages: shapes were not recorded; pass record_shapes=True")
        if group_by_stack_n and not self.with_stack:
            raise ValueError("key_averages: stacks were not recorded; pass with_stack=True")
        return events.key_averages(group_by_input_shape, group_by_stack_n)

    def export_chrome_trace(self, path: str | os.PathLike[str]) -> None:
        """Write the latest recording for ``chrome://tracing``, Perfetto or TensorBoard.

        Args:
            path: the file; one that ends in ``.gz`` is compressed.

        Raises:
            RuntimeError: nothing is recorded yet.
        """
        events = self._complete("export_chrome_trace")
        assert self._recorded is not None
        write_trace(path, events, self._recorded, self._metadata)

    def export_stacks(
        self, path: str | os.PathLike[str], metric: str = "self_cpu_time_total"
    ) -> None:
        """Write your lines with the time spent in each; see :meth:`EventList.export_stacks`."""
        self._complete("export_stacks").export_stacks(path, metric)

    def export_flame_graph(self, path: str | os.PathLike[str], title: str = "") -> None:
        """Draw the latest recording as an SVG picture: each event as wide as it took long.

        Events of one name with the same events above them are one box, the longest first. It is
        legible on light and on dark, and each box has a tooltip.

        Args:
            path: the file.
            title: what the picture is called.

        Raises:
            RuntimeError: nothing is recorded yet.
        """
        write_flame(path, self._complete("export_flame_graph"), title)

    def table(self, **options: Any) -> str:
        """Return the events as a table; see :meth:`EventList.table`."""
        return self._complete("table").table(**options)

    def total_average(self) -> FunctionEventAvg:
        """Return the sum of all events; see :meth:`EventList.total_average`."""
        return self._complete("total_average").total_average()

    @property
    def self_cpu_time_total(self) -> float:
        """How long all events took, in microseconds, each moment of a thread counted once."""
        return self._complete("self_cpu_time_total").self_cpu_time_total

    @property
    def peak_memory(self) -> int:
        """The most bytes that the results of ops held at once; needs ``profile_memory=True``."""
        self._complete("peak_memory")
        assert self._recorded is not None
        if self._recorded.memory is None:
            raise RuntimeError("peak_memory: pass profile_memory=True to the profile")
        return self._recorded.memory.peak

    def add_metadata(self, key: str, value: str) -> None:
        """Put a text into the traces that are written."""
        self._metadata[key] = str(value)

    def add_metadata_json(self, key: str, value: str) -> None:
        """Put a value, given as JSON, into the traces that are written.

        Raises:
            ValueError: it is no JSON.
        """
        self._metadata[key] = json.loads(value)

    def _complete(self, asked: str) -> EventList:
        if self._events is None:
            raise RuntimeError(
                f"{asked}: nothing is recorded yet; ask after the `with` block, or in "
                f"on_trace_ready"
            )
        return self._events


def tensorboard_trace_handler(
    dir_name: str, worker_name: str | None = None, use_gzip: bool = False
) -> Callable[[profile], None]:
    """Return an ``on_trace_ready`` that writes each recording into a folder TensorBoard reads.

    Args:
        dir_name: the folder; it is made if need be.
        worker_name: the file's name begins with it; by default with the machine and the process.
        use_gzip: whether to compress.
    """

    def handler(prof: profile) -> None:
        os.makedirs(dir_name, exist_ok=True)
        worker = worker_name or f"{socket.gethostname()}_{os.getpid()}"
        name = f"{worker}.{time.time_ns()}.pt.trace.json{'.gz' if use_gzip else ''}"
        prof.export_chrome_trace(os.path.join(dir_name, name))

    return handler


def _checked_activities(activities: Iterable[ProfilerActivity] | None) -> set[ProfilerActivity]:
    if activities is None:
        return {ProfilerActivity.CPU}
    chosen = set(activities)
    strange = [one for one in chosen if not isinstance(one, ProfilerActivity)]
    if strange:
        raise TypeError(f"profile: activities must be ProfilerActivity, got {strange[0]!r}")
    if ProfilerActivity.CPU not in chosen:
        raise ValueError(
            f"profile: the CPU's activity is the only one that is recorded; activities was "
            f"{sorted(one.name for one in chosen)}"
        )
    return chosen
