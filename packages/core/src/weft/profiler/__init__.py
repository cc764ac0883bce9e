"""Where the time and the memory of a program go: events of each op, tables, traces, pictures."""

from weft.profiler._events import EventList, FunctionEvent, FunctionEventAvg, Interval
from weft.profiler._profile import profile, tensorboard_trace_handler
from weft.profiler._recording import record_function
from weft.profiler._schedule import (
    ProfilerAction,
    ProfilerActivity,
    schedule,
    supported_activities,
)

__all__ = [
    "EventList",
    "FunctionEvent",
    "FunctionEventAvg",
    "Interval",
    "ProfilerAction",
    "ProfilerActivity",
    "profile",
    "record_function",
    "schedule",
    "supported_activities",
    "tensorboard_trace_handler",
]
