"""What a running profile writes down: a span for each piece of work, on its thread's track."""

from __future__ import annotations

import sys
import threading
import time
from collections import deque
from contextlib import ContextDecorator
from types import CodeType, FrameType, TracebackType
from typing import Any

from weft._backend.libraries import is_array
from weft._core.callsite import is_ours
from weft._core.tensor import Tensor
from weft.profiler._memory import Memory

clock = time.perf_counter_ns

#: The kinds of spans.
OP = "op"  # one op, in dispatch
FUNCTION = "function"  # a function of weft that is made of ops, or makes a tensor
WRITE = "write"  # an in-place op's copy into the memory
BACKWARD = "backward"  # the rule of one recorded op
TAPE = "tape"  # what the backward pass does besides
USER = "user"  # a record_function
STEP = "step"  # from one step() of the profile to the next
MODULE = "module"  # a call of an nn.Module
COMPILE = "compile"  # a kernel that is made, or fetched from the disk, for new types
GARBAGE = "gc"  # Python's search for cycles


class Span:
    """One piece of work of one thread.

    Attributes:
        kind: one of the kinds above.
        name: what the tables call it.
        parent: the span of this thread in which it began.
        start: nanoseconds of the clock.
        end: likewise; 0 while it runs.
        sequence: the number of the node that it made, or whose rule it is; -1 if there is none.
        shapes: of the arguments that are tensors, () for others; None if they are not recorded.
        note: what the user wants to be told with it; may be empty.
        allocated: bytes of the results that are no views.
        flops: floating-point operations, of those ops that are products.
        stack: the user's lines, the innermost first.
        awaits: the op whose function this is, until it comes to dispatch.
    """

    parent: Span | None
    start: int
    # no slots: few spans have more than a name and a time, and the rest is found here
    end = 0
    sequence = -1
    shapes: list[Any] | None = None
    note = ""
    allocated = 0
    flops = 0
    stack: tuple[str, ...] = ()
    awaits: Any = None

    def __init__(self, kind: str, name: str) -> None:
        self.kind, self.name = kind, name


class Track:
    """The spans of one thread."""

    __slots__ = ("name", "spans", "thread", "top")

    def __init__(self) -> None:
        self.thread = threading.get_native_id()
        self.name = threading.current_thread().name
        self.spans: list[Span] = []
        self.top: Span | None = None


class Recorder:
    """One recording, of all threads.

    Args:
        shapes: whether spans note the shapes of arguments.
        memory: whether they note the memory of results.
        stack: whether they note the user's lines.
        flops: whether they note floating-point operations.
    """

    def __init__(self, *, shapes: bool, memory: bool, stack: bool, flops: bool) -> None:
        self.shapes, self.stack, self.flops = shapes, stack, flops
        self.memory = Memory() if memory else None
        self.tracks: deque[Track] = deque()  # its append is atomic
        self.start = clock()
        self.wall_start_ns = time.time_ns()
        self.end = 0
        self._local = threading.local()
        self._known: dict[tuple[CodeType, int], str] = {}  # lines as text, empty for weft's own

    def restart(self) -> None:
        """Count the time from now."""
        self.start = clock()
        self.wall_start_ns = time.time_ns()

    def stop(self) -> None:
        """End; spans that are still open end with it."""
        self.end = clock()
        if self.memory is not None:
            self.memory.stop()

    @property
    def track(self) -> Track:
        """This thread's track."""
        try:
            own: Track = self._local.track
        except AttributeError:
            own = self._local.track = Track()
            self.tracks.append(own)
        return own

    def begin(self, kind: str, name: str, sequence: int = -1) -> Span:
        """Begin a span in this thread."""
        track = self.track
        span = Span(kind, name)
        if sequence >= 0:
            span.sequence = sequence
        if self.stack:
            span.stack = self._lines()
        span.parent = track.top
        track.top = span
        track.spans.append(span)
        span.start = clock()
        return span

    def finish(self, span: Span) -> None:
        """End a span, and those within it that were left open."""
        span.end = clock()
        above = span.parent
        while above is not None and above.end:  # blocks of coroutines do not end in turn
            above = above.parent
        self.track.top = above

    def withdraw(self, span: Span) -> None:
        """End a span that turned out to be nothing, unless something happened in it."""
        self.finish(span)
        if self.track.spans[-1] is span:
            self.track.spans.pop()

    def note_result(self, span: Span, args: Any, result: Any) -> None:
        """Note the memory of what a span gave."""
        if self.memory is not None:
            for out in (result,) if isinstance(result, Tensor) else result:
                if isinstance(out, Tensor) and is_array(out._data):
                    span.allocated += self.memory.made(out._data, args)

    def _lines(self) -> tuple[str, ...]:
        """Return the user's lines that lead here, the innermost first; weft's own are left out."""
        frame: FrameType | None = sys._getframe(2)
        known = self._known
        lines = []
        while frame is not None:
            key = (frame.f_code, frame.f_lineno)
            line = known.get(key)
            if line is None:
                code = frame.f_code
                line = f"{code.co_filename}({frame.f_lineno}): {code.co_name}"
                line = known[key] = "" if is_ours(frame) else line
            if line:
                lines.append(line)
            frame = frame.f_back
        return tuple(lines)


#: The recording that runs, if one does.
active: Recorder | None = None


class record_function(ContextDecorator):
    """Give a block of code, or each call of a function, a name of its own in a profile.

    Without a running profile it does nothing.

    Args:
        name: what the profile calls it.
        args: a note that the trace shows with it.

    Example:
        >>> with weft.profiler.profile() as prof:
        ...     with weft.profiler.record_function("my block"):
        ...         y = weft.ones(2).exp()
        >>> [event.name for event in prof.events() if event.kind in ("user", "op")]
        ['my block', 'exp']
    """

    def __init__(self, name: str, args: str | None = None) -> None:
        self.name = name
        self.args = args
        self._open: list[tuple[Recorder, Span] | None] = []

    def _recreate_cm(self) -> record_function:
        # A decorated function has one for each call, in whichever thread.
        return type(self)(self.name, self.args)

    def __enter__(self) -> record_function:
        recorder = active
        if recorder is None:
            self._open.append(None)
        else:
            span = recorder.begin(USER, self.name)
            span.note = self.args or ""
            self._open.append((recorder, span))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        opened = self._open.pop()
        if opened is not None:
            recorder, span = opened
            recorder.finish(span)


def activate(recorder: Recorder | None) -> None:
    """Make a recording the one that runs; None for no one."""
    global active
    active = recorder
