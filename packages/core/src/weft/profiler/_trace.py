"""A profile as a Chrome trace: what chrome://tracing, Perfetto and TensorBoard show."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from weft.io._atomic import written_atomically
from weft.profiler import _recording as kinds
from weft.profiler._events import FunctionEvent
from weft.profiler._recording import Recorder

#: What the programs colour and filter by, PyTorch's words.
_CATEGORIES = {kinds.USER: "user_annotation", kinds.STEP: "user_annotation"} | {
    kinds.MODULE: "python_function",
    kinds.GARBAGE: "python_function",
}


def write_trace(
    path: str | os.PathLike[str],
    events: Sequence[FunctionEvent],
    recorder: Recorder,
    metadata: Mapping[str, Any],
) -> None:
    """Write the trace, whole or not at all; compressed if the name ends in ``.gz``."""
    head = {
        "schemaVersion": 1,
        "deviceProperties": [],
        "displayTimeUnit": "ms",
        "baseTimeNanoseconds": recorder.wall_start_ns,
        "traceName": os.fspath(path),
        **metadata,
    }
    with _opened(path) as file:
        file.write(json.dumps(head)[:-1])
        file.write(', "traceEvents": [\n')
        first = True
        for entry in _entries(events, recorder):
            file.write(("" if first else ",\n") + json.dumps(entry))
            first = False
        file.write("\n]}\n")


@contextlib.contextmanager
def _opened(path: str | os.PathLike[str]) -> Iterator[io.TextIOWrapper]:
    with written_atomically(path) as raw, contextlib.ExitStack() as stack:
        binary: Any = raw
        if os.fspath(path).endswith(".gz"):
            binary = stack.enter_context(gzip.GzipFile(fileobj=raw, mode="wb"))
        text = io.TextIOWrapper(binary, encoding="utf-8")
        yield text
        text.flush()
        text.detach()  # who opened the file closes it


def _entries(events: Sequence[FunctionEvent], recorder: Recorder) -> Iterator[dict[str, Any]]:
    pid = os.getpid()
    yield _meta("process_name", pid, 0, {"name": "weft"})
    for order, track in enumerate(recorder.tracks):
        name = f"{track.name} ({track.thread})"
        yield _meta("thread_name", pid, track.thread, {"name": name})
        yield _meta("thread_sort_index", pid, track.thread, {"sort_index": order})
    for event in events:
        place = {"pid": pid, "tid": event.thread}
        yield {
            "ph": "X",
            "cat": _CATEGORIES.get(event.kind, "cpu_op"),
            "name": event.trace_name,
            **place,
            "ts": event.time_range.start,
            "dur": event.cpu_time_total,
            "args": _facts(event),
        }
        if event.forward is not None:
            flow = {"cat": "fwdbwd", "name": "fwdbwd", "id": event.id}
            source = event.forward
            start = {"pid": pid, "tid": source.thread, "ts": source.time_range.start}
            yield {"ph": "s", **flow, **start}
            yield {"ph": "f", "bp": "e", **flow, **place, "ts": event.time_range.start}
    if recorder.memory is not None:
        for at, level in recorder.memory.levels():
            yield {
                "ph": "C",
                "name": "memory of results",
                "pid": pid,
                "tid": 0,
                "ts": (at - recorder.start) / 1000,
                "args": {"bytes": level},
            }


def _meta(name: str, pid: int, tid: int, args: dict[str, Any]) -> dict[str, Any]:
    return {"ph": "M", "name": name, "pid": pid, "tid": tid, "ts": 0, "args": args}


def _facts(event: FunctionEvent) -> dict[str, Any]:
    facts: dict[str, Any] = {"External id": event.id, "Kind": event.kind}
    if event.sequence_nr >= 0:
        facts["Sequence number"] = event.sequence_nr
    if event.fwd_thread is not None:
        facts["Fwd thread id"] = event.fwd_thread
    if event.input_shapes:
        facts["Input Dims"] = event.input_shapes
    if event.flops:
        facts["FLOPs"] = event.flops
    if event.self_cpu_memory_usage:
        facts["Bytes"] = event.self_cpu_memory_usage
    if event.note:
        facts["Note"] = event.note
    if event.stack:
        facts["Call stack"] = ";".join(event.stack)
    return facts
