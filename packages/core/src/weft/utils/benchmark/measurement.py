"""What was measured of one statement, and how far the numbers can be trusted."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from weft._backend import np

__all__ = ["Measurement", "TaskSpec", "in_unit", "trimmed", "unit_for"]

_UNITS = (("s", 1.0), ("ms", 1e-3), ("us", 1e-6), ("ns", 1e-9))
#: Beyond this share of the median, the middle half of the times says that something disturbed them.
DISTURBED = 0.1
#: Normal quantile of a one-sided 95 %; nobody's clock is better than so many seconds; digits.
_QUANTILE, _CLOCK_S, _DIGITS = 1.645, 25e-9, 4


@dataclass(frozen=True)
class TaskSpec:
    """What is measured: the statement, and what its row in a table is to be called.

    Attributes:
        stmt: the statement.
        setup: what runs before it, untimed.
        global_setup: kept for PyTorch's sake; there it is C++.
        label: the table that it belongs to.
        sub_label: its row.
        description: its column.
        env: the environment, such as a branch; part of the row.
        num_threads: how many threads computed.
    """

    stmt: str
    setup: str
    global_setup: str = ""
    label: str | None = None
    sub_label: str | None = None
    description: str | None = None
    env: str | None = None
    num_threads: int = 1

    @property
    def title(self) -> str:
        """The label, and the row in it; the statement where there is no label."""
        title = self.label or self.stmt
        return f"{title}: {self.sub_label}" if self.sub_label else title

    @property
    def setup_str(self) -> str:
        """What runs before the statement, for people; empty if nothing does."""
        lines = "" if self.setup in ("", "pass") else self.setup
        return "\n".join(filter(None, (self.global_setup, lines)))

    def summarize(self) -> str:
        """Return what is measured, in some lines."""
        parts = [self.title, self.description or ""]
        if self.setup_str:
            parts.append(f"setup: {self.setup_str}")
        return "\n".join(filter(None, parts))


@dataclass
class Measurement:
    """The times of one task.

    Args:
        number_per_run: how often the statement ran in each time.
        raw_times: seconds.
        task_spec: what was measured.
        metadata: whatever is to be kept with it.
    """

    number_per_run: int
    raw_times: list[float]
    task_spec: TaskSpec
    metadata: dict[Any, Any] | None = None

    @property
    def times(self) -> list[float]:
        """Seconds of one run of the statement."""
        return [one / self.number_per_run for one in self.raw_times]

    @property
    def median(self) -> float:
        """Half of the times are shorter."""
        return self._quantile(0.5)

    @property
    def mean(self) -> float:
        """The times' mean."""
        return float(np.mean(self._checked()))

    @property
    def iqr(self) -> float:
        """How far apart the quartiles are."""
        return self._quantile(0.75) - self._quantile(0.25)

    @property
    def significant_figures(self) -> int:
        """How many digits of the median mean something, from 1 to 4.

        They follow from the error of the mean of the times between the quartiles.
        """
        times = sorted(self._checked())
        middle = times[len(times) // 4 : math.ceil(3 * len(times) / 4)]
        error = max(_QUANTILE * float(np.std(middle)) / math.sqrt(len(middle)), _CLOCK_S)
        return min(max(math.floor(math.log10(self.median / error)), 1), _DIGITS)

    @property
    def has_warnings(self) -> bool:
        """Whether the times scatter so that something disturbed them."""
        return not self.meets_confidence()

    def meets_confidence(self, threshold: float = DISTURBED) -> bool:
        """Say whether the quartiles are nearer to each other than this share of the median."""
        return self.iqr / self.median < threshold

    @property
    def title(self) -> str:
        """The task's."""
        return self.task_spec.title

    @property
    def env(self) -> str | None:
        """The task's environment."""
        return self.task_spec.env

    @property
    def as_row_name(self) -> str:
        """What its row in a table is called."""
        return self.task_spec.sub_label or self.task_spec.stmt

    @staticmethod
    def merge(measurements: Iterable[Measurement]) -> list[Measurement]:
        """Return measurements with the times of equal tasks put together, in order."""
        found: dict[TaskSpec, list[Measurement]] = {}
        for one in measurements:
            found.setdefault(one.task_spec, []).append(one)
        return [
            group[0]
            if len(group) == 1
            else Measurement(1, [t for one in group for t in one.times], task, group[0].metadata)
            for task, group in found.items()
        ]

    def _checked(self) -> list[float]:
        if not self.raw_times:
            raise ValueError(f"Measurement: {self.title!r} has no times; measure it first")
        return self.times

    def _quantile(self, share: float) -> float:
        return float(np.quantile(self._checked(), share))

    def __repr__(self) -> str:
        lines = [f"Measurement of {self.task_spec.summarize()}"]
        count, runs = len(self.raw_times), self.number_per_run
        unit, scale = unit_for(self.median)
        if count > 1:
            low, high = (in_unit(self._quantile(q), scale) for q in (0.25, 0.75))
            lines += [
                f"  median {in_unit(self.median, scale)} {unit}, middle half {low} to {high} {unit}"
            ]
        else:
            lines += [f"  {in_unit(self.median, scale)} {unit}"]
        threads = self.task_spec.num_threads
        lines += [
            f"  {count} time{'s' * (count != 1)} of {runs} run{'s' * (runs != 1)}, "
            f"{threads} thread{'s' * (threads != 1)}"
        ]
        if count > 1 and self.has_warnings:
            lines += [
                f"  the middle half spans {self.iqr / self.median:.0%} of the median: something "
                "else ran meanwhile; measure again on a quiet machine"
            ]
        return "\n".join(lines)


def unit_for(seconds: float) -> tuple[str, float]:
    """Return the largest unit of which a time is at least one, and its seconds."""
    for unit, scale in _UNITS:
        if seconds >= scale:
            return unit, scale
    return _UNITS[-1]


def in_unit(seconds: float, scale: float) -> str:
    """Return a time in a unit, with three digits or what is before the point."""
    value = seconds / scale
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def trimmed(value: float, digits: int) -> float:
    """Return a number rounded to so many digits."""
    if value == 0:
        return 0.0
    return round(value, digits - 1 - math.floor(math.log10(abs(value))))
