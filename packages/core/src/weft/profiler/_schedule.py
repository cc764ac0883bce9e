"""Which steps of a program a profile records: waiting, warming up, recording, over and over."""

from __future__ import annotations

import enum
import warnings
from collections.abc import Callable


class ProfilerAction(enum.Enum):
    """What a profile does in one step.

    NONE nothing; WARMUP everything, to forget it; RECORD it is kept; RECORD_AND_SAVE likewise, and
    at the end of the step the profile is handed over.
    """

    NONE = 0
    WARMUP = 1
    RECORD = 2
    RECORD_AND_SAVE = 3


class ProfilerActivity(enum.Enum):
    """What there is to record. CUDA is the launch of work on a GPU, on the CPU's tracks."""

    CPU = 0
    XPU = 1
    MTIA = 2
    CUDA = 3
    HPU = 4
    PrivateUse1 = 5


def supported_activities() -> set[ProfilerActivity]:
    """Return the activities that profiles of weft record: the CPU's."""
    return {ProfilerActivity.CPU}


def schedule(
    *,
    wait: int,
    warmup: int,
    active: int,
    repeat: int = 0,
    skip_first: int = 0,
    skip_first_wait: int = 0,
) -> Callable[[int], ProfilerAction]:
    """Return the function from a step's number to what a profile does in it.

    Args:
        wait: how many steps of each cycle are left alone.
        warmup: how many are recorded and forgotten after that, at least 1 to be meaningful: the
            first calls of a program fill caches.
        active: how many are recorded after that.
        repeat: how many cycles there are; 0 for no end.
        skip_first: how many steps are left alone before the first cycle.
        skip_first_wait: whether the first cycle is without its ``wait``; any number but 0 says so.

    Raises:
        ValueError: an argument is negative, or there is no active step.

    Warns:
        UserWarning: there is no step to warm up in.

    Example:
        >>> steps = weft.profiler.schedule(wait=1, warmup=1, active=2)
        >>> [steps(i).name for i in range(5)]
        ['NONE', 'WARMUP', 'RECORD', 'RECORD_AND_SAVE', 'NONE']
    """
    if min(wait, warmup, repeat, skip_first) < 0 or active <= 0:
        raise ValueError(
            f"schedule: active must be at least 1 and the others at least 0, got wait={wait}, "
            f"warmup={warmup}, active={active}, repeat={repeat}, skip_first={skip_first}"
        )
    if warmup == 0:
        warnings.warn(
            "schedule: warmup=0 records the first calls, which fill caches; pass warmup=1",
            stacklevel=2,
        )
    length = wait + warmup + active

    def action(step: int) -> ProfilerAction:
        if step < 0:
            raise ValueError(f"schedule: a step's number must be at least 0, got {step}")
        at = step - skip_first
        if at < 0:
            return ProfilerAction.NONE
        if skip_first_wait:
            at += wait
        cycle, place = divmod(at, length)
        if (repeat and cycle >= repeat) or place < wait:
            return ProfilerAction.NONE
        if place < wait + warmup:
            return ProfilerAction.WARMUP
        last = place == length - 1
        return ProfilerAction.RECORD_AND_SAVE if last else ProfilerAction.RECORD

    return action


def every_step(_: int) -> ProfilerAction:
    """Record every step: what a profile does that is given no schedule."""
    return ProfilerAction.RECORD
