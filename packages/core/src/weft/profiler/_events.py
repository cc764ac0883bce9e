"""Events: what a recording shows of each span, and their sums by name."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable
from typing import Any, NamedTuple

from weft.profiler import _recording as kinds
from weft.profiler._recording import Recorder, Span
from weft.profiler._stacks import write_stacks
from weft.profiler._table import text_of

#: PyTorch's numbers for where an event comes from.
_SCOPES = {kinds.BACKWARD: 1, kinds.USER: 7, kinds.STEP: 7}


class Interval(NamedTuple):
    """Two moments, in microseconds from the start of the profile."""

    start: float
    end: float

    def elapsed_us(self) -> float:
        """Return how long it is between them."""
        return self.end - self.start


class FunctionEvent:
    """One piece of work of one thread: an op, a function, a backward rule, a block of the user's.

    Attributes:
        id: its number, in the order in which they began.
        name: what it is called. All steps of a schedule have one name, ``"ProfilerStep*"``.
        trace_name: likewise, with the number of the step.
        kind: ``"op"``, ``"function"`` (made of ops, or making a tensor), ``"write"`` (an in-place
            op's copy into its tensor), ``"backward"`` (an op's rule), ``"tape"`` (the rest of a
            backward pass), ``"user"`` (a ``record_function``), ``"step"``, ``"module"``,
            ``"compile"`` (a kernel that is made for new types), ``"gc"``.
        scope: PyTorch's number: 1 for a backward rule, 7 for the user's, otherwise 0.
        time_range: when.
        thread: the system's number of the thread.
        fwd_thread: of a backward rule, the thread of the forward call; None if it is not known.
        sequence_nr: what a forward call and its backward rule have in common; -1 if there is none.
        forward: of a backward rule, the event of the forward call; None if it was not recorded.
        cpu_parent: the event in which it happened, of the same thread.
        cpu_children: those that happened in it, in order.
        input_shapes: of the arguments, as lists; [] for what has none. Empty if not recorded.
        stack: the user's lines, the innermost first; of a backward rule, those of the forward call.
        cpu_memory_usage: bytes of the results that it and its children allocated.
        flops: floating-point operations, its children's not counted.
        note: what the user gave to ``record_function`` besides the name.
    """

    def __init__(self, number: int, span: Span, thread: int, time_range: Interval) -> None:
        self.id = number
        self.trace_name = span.name
        self.name = self.key = "ProfilerStep*" if span.kind == kinds.STEP else span.name
        self.kind = span.kind
        self.scope = _SCOPES.get(span.kind, 0)
        self.time_range = time_range
        self.thread = thread
        self.fwd_thread: int | None = None
        self.sequence_nr = span.sequence
        self.forward: FunctionEvent | None = None
        self.cpu_parent: FunctionEvent | None = None
        self.cpu_children: list[FunctionEvent] = []
        self.input_shapes = [list(shape) for shape in span.shapes or ()]
        self.stack = list(span.stack)
        self.self_cpu_memory_usage = span.allocated
        self.cpu_memory_usage = span.allocated
        self.flops = span.flops
        self.note = span.note
        self.count = 1

    @property
    def is_user_annotation(self) -> bool:
        """Whether the user named it."""
        return self.kind in (kinds.USER, kinds.STEP)

    @property
    def cpu_time_total(self) -> float:
        """How long it took, in microseconds."""
        return self.time_range.elapsed_us()

    cpu_time = cpu_time_total

    @property
    def self_cpu_time_total(self) -> float:
        """How long it took without its children, in microseconds."""
        return self.cpu_time_total - sum(child.cpu_time_total for child in self.cpu_children)

    def __repr__(self) -> str:
        return (
            f"<FunctionEvent {self.name!r} ({self.kind}) {self.cpu_time_total:.1f} us from "
            f"{self.time_range.start:.1f} us, thread {self.thread}>"
        )


class FunctionEventAvg:
    """The sum of all events of one name.

    Attributes:
        key: their name.
        kind: their kind, see :class:`FunctionEvent`.
        count: how many there are.
        cpu_time_total: how long they took together, in microseconds. What happened within another
            event of the same name is counted once.
        self_cpu_time_total: likewise without their children.
        cpu_memory_usage: bytes allocated in them; ``self_cpu_memory_usage`` without their children.
        flops: floating-point operations.
        input_shapes: where they are grouped by them.
        stack: the lines by which they are grouped.
        cpu_parent: None if one of them happened within no other event.
    """

    def __init__(self, key: str, kind: str) -> None:
        self.key = self.name = key
        self.kind = kind
        self.count = 0
        self.cpu_time_total = self.self_cpu_time_total = 0.0
        self.cpu_memory_usage = self.self_cpu_memory_usage = 0
        self.flops = 0
        self.input_shapes: list[list[int]] = []
        self.stack: list[str] = []
        self.cpu_parent: FunctionEvent | None = None

    @property
    def cpu_time(self) -> float:
        """How long one took on average, in microseconds."""
        return self.cpu_time_total / self.count if self.count else 0.0

    def add(self, other: FunctionEvent) -> None:
        """Count one more event."""
        above = other.cpu_parent
        while above is not None and (above.key, above.kind) != (other.key, other.kind):
            above = above.cpu_parent
        if above is None:
            self.cpu_time_total += other.cpu_time_total
            self.cpu_memory_usage += other.cpu_memory_usage
        if self.count == 0 or other.cpu_parent is None:
            self.cpu_parent = other.cpu_parent
        self.count += 1
        self.self_cpu_time_total += other.self_cpu_time_total
        self.self_cpu_memory_usage += other.self_cpu_memory_usage
        self.flops += other.flops

    def __repr__(self) -> str:
        return (
            f"<FunctionEventAvg {self.key!r} {self.count} calls, {self.cpu_time_total:.1f} us, "
            f"self {self.self_cpu_time_total:.1f} us>"
        )


class EventList(list[Any]):
    """Events of a profile, or their sums by name.

    Args:
        events: the events.
        profile_memory: whether tables show memory.
        with_flops: whether tables show floating-point operations.
        wall_us: how long the profile ran, in microseconds; 0 if that is not known.
    """

    def __init__(
        self,
        events: Iterable[Any] = (),
        *,
        profile_memory: bool = False,
        with_flops: bool = False,
        wall_us: float = 0.0,
    ) -> None:
        super().__init__(events)
        self._profile_memory, self._with_flops = profile_memory, with_flops
        self._wall_us = wall_us

    @property
    def self_cpu_time_total(self) -> float:
        """How long all of it took, in microseconds, each moment of a thread counted once."""
        return float(sum(event.self_cpu_time_total for event in self))

    def table(
        self,
        sort_by: str | None = None,
        row_limit: int = 100,
        max_src_column_width: int = 75,
        max_name_column_width: int = 55,
        max_shapes_column_width: int = 80,
        header: str | None = None,
        top_level_events_only: bool = False,
        time_unit: str | None = None,
    ) -> str:
        """Return the events as a table.

        Args:
            sort_by: an attribute of the events such as ``"self_cpu_time_total"``, the largest
                first; None keeps their order.
            row_limit: the most rows; -1 for all.
            max_src_column_width: the most characters of a line of the user's.
            max_name_column_width: the most characters of a name.
            max_shapes_column_width: the most characters of shapes.
            header: what to say above it.
            top_level_events_only: whether to leave out what happened within another event.
            time_unit: ``"s"``, ``"ms"`` or ``"us"``; by default each time has its own.

        Raises:
            ValueError: there is no such attribute or unit.
        """
        return text_of(
            self,
            sort_by=sort_by,
            row_limit=row_limit,
            widths=(max_name_column_width, max_shapes_column_width, max_src_column_width),
            header=header,
            top_level_events_only=top_level_events_only,
            time_unit=time_unit,
            memory=self._profile_memory,
            flops=self._with_flops,
            wall_us=self._wall_us,
        )

    def key_averages(
        self, group_by_input_shapes: bool = False, group_by_stack_n: int = 0
    ) -> EventList:
        """Return the sum of the events of each name, in the order in which the names first came.

        Args:
            group_by_input_shapes: whether events of different shapes are different.
            group_by_stack_n: how many of the user's lines, the innermost first, tell them apart.
        """
        sums: dict[Any, FunctionEventAvg] = {}
        for event in self:
            lines = event.stack[:group_by_stack_n]
            shapes = event.input_shapes if group_by_input_shapes else []
            key = (event.key, event.kind, str(shapes), *lines)
            if key not in sums:
                sums[key] = FunctionEventAvg(event.key, event.kind)
                sums[key].stack, sums[key].input_shapes = lines, shapes
            sums[key].add(event)
        return self._like(sums.values())

    def total_average(self) -> FunctionEventAvg:
        """Return the sum of all events: total times count each of them."""
        total = FunctionEventAvg("Total", "")
        for event in self:
            total.count += event.count
            total.cpu_time_total += event.cpu_time_total
            total.self_cpu_time_total += event.self_cpu_time_total
            total.self_cpu_memory_usage += event.self_cpu_memory_usage
            total.flops += event.flops
        total.cpu_memory_usage = total.self_cpu_memory_usage
        return total

    def supported_export_stacks_metrics(self) -> list[str]:
        """Return what :meth:`export_stacks` can weigh stacks by."""
        return ["self_cpu_time_total"]

    def export_stacks(
        self, path: str | os.PathLike[str], metric: str = "self_cpu_time_total"
    ) -> None:
        """Write the user's lines with the microseconds spent in each, for flame graph programs.

        Args:
            path: the file. Each of its lines is ``outermost;...;innermost microseconds``.
            metric: ``"self_cpu_time_total"``.

        Raises:
            ValueError: there is no such metric, or the events have no stacks.
        """
        if metric not in self.supported_export_stacks_metrics():
            raise ValueError(
                f"export_stacks: metric must be one of {self.supported_export_stacks_metrics()}, "
                f"got {metric!r}"
            )
        write_stacks(self, path, metric)

    def _like(self, events: Iterable[Any]) -> EventList:
        return EventList(
            events,
            profile_memory=self._profile_memory,
            with_flops=self._with_flops,
            wall_us=self._wall_us,
        )

    def __str__(self) -> str:
        return self.table()


def events_of(recorder: Recorder) -> EventList:
    """Return the events of a recording that has ended, in the order in which they began."""
    found: list[FunctionEvent] = []
    for track in list(recorder.tracks):
        made: dict[int, FunctionEvent] = {}
        for span in sorted(track.spans, key=lambda span: span.start):
            above = None if span.parent is None else made.get(id(span.parent))
            end = _us(recorder, min(span.end or recorder.end, recorder.end))
            while above is not None and span.end and above.time_range.end < end:
                above = above.cpu_parent  # it outlived its parent, as blocks of coroutines can
            if above is not None:
                end = min(end, above.time_range.end)  # one that was left open ends with its parent
            # garbage collection may begin a moment before what it interrupts has read the clock
            first = 0.0 if above is None else above.time_range.start
            start = min(max(_us(recorder, span.start), first), end)
            event = FunctionEvent(0, span, track.thread, Interval(start, end))
            made[id(span)] = event
            if above is not None:
                event.cpu_parent = above
                above.cpu_children.append(event)
            found.append(event)
    found = [event for event in found if not _is_all_of_its_parent(event)]
    found.sort(key=lambda event: event.time_range.start)
    for number, event in enumerate(found):
        event.id = number
    for event in reversed(found):  # children come after their parents
        if event.cpu_parent is not None:
            event.cpu_parent.cpu_memory_usage += event.cpu_memory_usage
    _link(found)
    return EventList(
        found,
        profile_memory=recorder.memory is not None,
        with_flops=recorder.flops,
        wall_us=_us(recorder, recorder.end),
    )


def _is_all_of_its_parent(event: FunctionEvent) -> bool:
    """Whether an op is nothing but the function of its own name, which then takes its place."""
    above = event.cpu_parent
    if above is None or above.kind != kinds.FUNCTION or event.kind != kinds.OP:
        return False
    others = [child for child in above.cpu_children if child.kind != kinds.GARBAGE]
    if above.name != event.name or len(others) != 1:
        return False
    above.kind = kinds.OP
    at = above.cpu_children.index(event)
    above.cpu_children[at : at + 1] = event.cpu_children
    for child in event.cpu_children:
        child.cpu_parent = above
    above.sequence_nr, above.input_shapes = event.sequence_nr, event.input_shapes
    above.flops = event.flops
    above.self_cpu_memory_usage += event.self_cpu_memory_usage
    above.cpu_memory_usage += event.cpu_memory_usage
    return True


def _us(recorder: Recorder, at_ns: int) -> float:
    return (at_ns - recorder.start) / 1000


def _link(events: Iterable[FunctionEvent]) -> None:
    """Tell each backward rule the forward call that made its node, and the lines of that call."""
    makers: dict[int, list[FunctionEvent]] = defaultdict(list)
    rules = []
    for event in events:
        if event.kind == kinds.BACKWARD:
            rules.append(event)
        elif event.sequence_nr >= 0:
            makers[event.sequence_nr].append(event)
    for rule in rules:
        made = makers.get(rule.sequence_nr)
        if made:
            # functions that end in the op, or hand the tensor on, have seen the node too
            rule.forward = forward = min(made, key=lambda event: event.time_range.end)
            rule.fwd_thread, rule.stack = forward.thread, forward.stack
            within = list(rule.cpu_children)
            while within:
                event = within.pop()
                event.stack = forward.stack
                within += event.cpu_children
