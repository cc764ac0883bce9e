"""Measurements beside each other: a table of each label, threads and rows down, columns across."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby

from weft.utils.benchmark.measurement import Measurement, in_unit, trimmed, unit_for

__all__ = ["Compare"]

_BEST, _NEAR, _WORST, _PLAIN = "\033[92m\033[1m", "\033[92m", "\033[91m", "\033[0m"


class Compare:
    """Tables of measurements: one for each label, a column for each description.

    Measurements of equal tasks count together. Shown are medians.

    Args:
        results: what :class:`Timer` returned.

    Source: PyTorch's ``torch.utils.benchmark.Compare``.

    Example:
        >>> from weft.utils.benchmark import Compare, Measurement, TaskSpec
        >>> def task(row, column, *times):
        ...     spec = TaskSpec("f(x)", "", label="f", sub_label=row, description=column)
        ...     return Measurement(1, list(times), spec)
        >>> print(Compare([task("small", "old", 2e-3), task("small", "new", 1e-3)]))
        [------- f -------]
                 | old | new
        1 thread: ---------
           small |   2 |   1
        Times are in milliseconds (ms).
    """

    def __init__(self, results: Iterable[Measurement]) -> None:
        self._results = Measurement.merge(results)
        self._trim = self._warn = self._rowwise = self._colors = False

    def extend_results(self, results: Iterable[Measurement]) -> None:
        """Add measurements."""
        results = list(results)
        for one in results:
            if not isinstance(one, Measurement):
                raise TypeError(
                    f"Compare: expected Measurements, got {type(one).__name__}; what Timer's "
                    "methods return is one"
                )
        self._results = Measurement.merge([*self._results, *results])

    def trim_significant_figures(self) -> None:
        """Show only digits that mean something."""
        self._trim = True

    def highlight_warnings(self) -> None:
        """Show beside a median how far its quartiles are apart, where that is far."""
        self._warn = True

    def colorize(self, rowwise: bool = False) -> None:
        """Colour the fastest of each column green and what takes twice as long red.

        Args:
            rowwise: compare the numbers of a row instead.
        """
        self._colors, self._rowwise = True, rowwise

    def print(self) -> None:
        """Print the tables."""
        print(self)

    def __str__(self) -> str:
        labels = list(dict.fromkeys(one.task_spec.label for one in self._results))
        tables = (
            self._table(label, [one for one in self._results if one.task_spec.label == label])
            for label in labels
        )
        return "\n\n".join(tables)

    def _table(self, label: str | None, results: list[Measurement]) -> str:
        columns = list(dict.fromkeys(one.task_spec.description or "" for one in results))
        unit, scale = unit_for(min(one.median for one in results))
        rows: dict[tuple[int, str], dict[str, Measurement]] = {}
        several = len({one.env for one in results}) > 1
        for one in sorted(results, key=lambda one: one.task_spec.num_threads):
            name = (
                f"({one.env or 'no environment'}) {one.as_row_name}" if several else one.as_row_name
            )
            row = rows.setdefault((one.task_spec.num_threads, name), {})
            row[one.task_spec.description or ""] = one
        digits = {
            name: min(row[name].significant_figures for row in rows.values() if name in row)
            for name in columns
        }
        texts = {
            (key, name): self._cell(one, scale, digits[name])
            for key, row in rows.items()
            for name, one in row.items()
        }
        widths = {
            name: max(len(name), *(len(texts.get((key, name), "")) for key in rows))
            for name in columns
        }
        lead = max(len("12 threads:"), *(len(name) + 3 for _, name in rows))

        def line(start: str, cells: list[str]) -> str:
            return " | ".join([start, *cells]).rstrip()

        head = line(" " * lead, [name.rjust(widths[name]) for name in columns])
        title = f" {label} " if label else ""
        lines = [f"[{title.center(len(head) - 2, '-')}]", head]
        for threads, group in groupby(rows.items(), key=lambda item: item[0][0]):
            said = f"{threads} thread{'s' * (threads != 1)}: "
            lines.append(said.ljust(len(head), "-"))
            for key, row in group:
                cells = []
                for name in columns:
                    text = texts.get((key, name), "").rjust(widths[name])
                    others = row.values() if self._rowwise else (
                        other[name] for other in rows.values() if name in other
                    )  # fmt: skip
                    cells.append(self._coloured(text, row.get(name), others))
                lines.append(line(f"   {key[1]}".ljust(lead), cells))
        full = {"s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds"}
        return "\n".join([*lines, f"Times are in {full[unit]} ({unit})."])

    def _cell(self, one: Measurement, scale: float, digits: int) -> str:
        if self._trim:
            value = trimmed(one.median / scale, digits)
            text = f"{value:.0f}" if value == int(value) else f"{value:.{digits}g}"
        else:
            text = in_unit(one.median, scale)
        if self._warn and len(one.raw_times) > 1 and one.has_warnings:
            text = f"(! {one.iqr / one.median:.0%}) {text}"
        return text

    def _coloured(self, text: str, one: Measurement | None, others: Iterable[Measurement]) -> str:
        if not self._colors or one is None:
            return text
        share = one.median / min(other.median for other in others)
        colour = _BEST if share == 1 else _NEAR if share < 1.1 else _WORST if share >= 2 else ""
        return f"{colour}{text}{_PLAIN}" if colour else text
