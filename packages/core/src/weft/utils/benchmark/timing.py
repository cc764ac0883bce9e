"""A statement timed: often enough, with a stated number of threads, and with the GPU waited for."""

from __future__ import annotations

import itertools
import textwrap
import time
import timeit
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import weft
from weft.utils.benchmark.measurement import Measurement, TaskSpec

__all__ = ["Timer", "timer"]

#: Times that fill what was asked for: enough to tell how they scatter.
_BLOCKS = 1000
#: A block lasts so many times as long as asking the clock.
_CLOCKS = 1000


def timer() -> float:
    """Return seconds of a clock, after the GPU has done what it was given."""
    if weft.cuda.is_initialized():
        weft.cuda.synchronize()
    return time.perf_counter()


class Timer:
    """Times a statement of Python.

    Args:
        stmt: the statement, or several lines.
        setup: what runs before it, untimed.
        global_setup: must be empty; in PyTorch it is C++.
        timer: the clock.
        globals: names that the statement finds; ``weft`` is always among them.
        label: the table that it belongs to in :class:`Compare`.
        sub_label: its row.
        description: its column.
        env: the environment, such as a branch.
        num_threads: threads that compute; 1 by default, as in PyTorch, so that numbers of several
            machines can be compared.
        language: only ``"python"``.

    Raises:
        ValueError: another language, or C++ to set up.
        SyntaxError: the statement is no Python.

    Source: PyTorch's ``torch.utils.benchmark.Timer``, without C++ and Callgrind.

    Example:
        >>> from weft.utils.benchmark import Timer
        >>> x = weft.ones(64, 64)
        >>> found = Timer("x @ x", globals={"x": x}, label="products").timeit(10)
        >>> len(found.times), found.number_per_run, found.title
        (1, 10, 'products')
    """

    def __init__(
        self,
        stmt: str = "pass",
        setup: str = "pass",
        global_setup: str = "",
        timer: Callable[[], float] = timer,
        globals: dict[str, Any] | None = None,
        label: str | None = None,
        sub_label: str | None = None,
        description: str | None = None,
        env: str | None = None,
        num_threads: int = 1,
        language: str = "python",
    ) -> None:
        if str(language).lower() not in ("python", "py") or global_setup:
            raise ValueError(
                f"Timer: weft times Python alone, got language={language!r} and "
                f"global_setup={global_setup!r}; time C++ with a tool for it"
            )
        stmt, setup = (textwrap.dedent(text).strip() or "pass" for text in (stmt, setup))
        names = {"weft": weft} | (globals or {})
        self._timer = timer
        self._timeit = timeit.Timer(stmt, setup, timer, names)
        self._task_spec = TaskSpec(
            stmt, setup, global_setup, label, sub_label, description, env, num_threads
        )

    def timeit(self, number: int = 1000000) -> Measurement:
        """Run the statement so often, after a hundredth of that to warm up, and take one time.

        Raises:
            ValueError: the number is not positive.
        """
        if number < 1:
            raise ValueError(f"Timer.timeit: number must be positive, got {number}")
        with self._threads():
            self._timeit.timeit(max(number // 100, 2))
            return self._measured(number, [self._timeit.timeit(number)])

    def blocked_autorange(
        self,
        callback: Callable[[int, float], Any] | None = None,
        min_run_time: float = 0.2,
    ) -> Measurement:
        """Take times of blocks of runs until they last so long together.

        A block is so long that the clock does not count and about a thousand of them would fit.

        Args:
            callback: is told the runs and the seconds of each block.
            min_run_time: seconds.
        """
        with self._threads():
            number = self._number(min_run_time)
            times: list[float] = []
            while sum(times) < min_run_time:
                times.append(self._block(number, callback))
        return self._measured(number, times)

    def adaptive_autorange(
        self,
        threshold: float = 0.1,
        *,
        min_run_time: float = 0.01,
        max_run_time: float = 10.0,
        callback: Callable[[int, float], Any] | None = None,
    ) -> Measurement:
        """Take times until their quartiles are near each other, or time is up.

        Args:
            threshold: how far apart the quartiles may be, as a share of the median.
            min_run_time: seconds that are measured at least.
            max_run_time: seconds after which it ends nevertheless.
            callback: as in :meth:`blocked_autorange`.
        """
        with self._threads():
            number = self._number(min_run_time)
            times: list[float] = []
            total = 0.0
            for count in itertools.count(1):
                times.append(self._block(number, callback))
                total += times[-1]
                if total >= max_run_time:
                    break
                # quartiles are looked for now and then: that takes time itself
                if total >= min_run_time and count >= 4 and count % max(count // 8, 1) == 0:
                    found = self._measured(number, times)
                    if found.meets_confidence(threshold):
                        break
        return self._measured(number, times)

    def _block(self, number: int, callback: Callable[[int, float], Any] | None) -> float:
        seconds = self._timeit.timeit(number)
        if callback is not None:
            callback(number, seconds)
        return seconds

    def _number(self, min_run_time: float) -> int:
        """Return how many runs make a block."""
        asks = 100
        start = self._timer()
        for _ in range(asks):
            self._timer()
        clock = (self._timer() - start) / asks
        wanted = max(min_run_time / _BLOCKS, _CLOCKS * clock)
        number = 1
        self._timeit.timeit(1)  # the first run may load and compile
        while self._timeit.timeit(number) < wanted:
            number *= 2
        return number

    def _measured(self, number: int, times: list[float]) -> Measurement:
        return Measurement(number, times, self._task_spec)

    @contextmanager
    def _threads(self) -> Iterator[None]:
        before = weft.get_num_threads()
        weft.set_num_threads(self._task_spec.num_threads)
        try:
            yield
        finally:
            weft.set_num_threads(before)
