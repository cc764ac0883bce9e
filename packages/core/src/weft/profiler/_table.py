"""Events as a table of text, with PyTorch's columns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from weft._core.errors import did_you_mean

_UNITS = {"s": 1e6, "ms": 1e3, "us": 1.0}
_SORTS = (
    "count",
    "cpu_memory_usage",
    "cpu_time",
    "cpu_time_total",
    "flops",
    "key",
    "name",
    "self_cpu_memory_usage",
    "self_cpu_time_total",
)
_ALPHABETICAL = ("key", "name")
_SCALES = ("FLOPs", "KFLOPs", "MFLOPs", "GFLOPs", "TFLOPs", "PFLOPs")
_GAP = "  "

#: A column: its title, whether it is flush left, and a row's cell.
Column = tuple[str, bool, Callable[[Any], str]]


def text_of(
    events: Sequence[Any],
    *,
    sort_by: str | None,
    row_limit: int,
    widths: tuple[int, int, int],
    header: str | None,
    top_level_events_only: bool,
    time_unit: str | None,
    memory: bool,
    flops: bool,
    wall_us: float,
) -> str:
    """Return the table; see ``EventList.table``."""
    if time_unit is not None and time_unit not in _UNITS:
        raise ValueError(f"table: time_unit must be one of {sorted(_UNITS)}, got {time_unit!r}")
    if sort_by is not None and sort_by not in _SORTS:
        raise ValueError(
            f"table: cannot sort by {sort_by!r}{did_you_mean(sort_by, _SORTS)}; one of "
            f"{', '.join(_SORTS)}"
        )
    if not events:
        return ""
    whole = sum(event.self_cpu_time_total for event in events)
    rows = list(events)
    if sort_by is not None:
        rows.sort(key=lambda e: getattr(e, sort_by), reverse=sort_by not in _ALPHABETICAL)
    if top_level_events_only:
        rows = [event for event in rows if event.cpu_parent is None]
    rows = rows if row_limit < 0 else rows[:row_limit]
    columns = _columns(rows, widths, memory, flops, whole, time_unit)
    cells = [[title for title, _, _ in columns]]
    for event in rows:
        cells.append([cell(event) for _, _, cell in columns])
        if event.stack:  # one line of the user's on each line of the table
            source = next(i for i, (title, _, _) in enumerate(columns) if title == _SOURCE)
            for line in event.stack[1:]:
                cells.append([""] * len(columns))
                cells[-1][source] = _tail(line, widths[2])
    lengths = [max(len(row[i]) for row in cells) for i in range(len(columns))]
    rule = _GAP.join("-" * length for length in lengths)
    lines = [
        _GAP.join(
            cell.ljust(length) if left else cell.rjust(length)
            for cell, length, (_, left, _) in zip(row, lengths, columns, strict=True)
        ).rstrip()
        for row in cells
    ]
    out = ["=" * len(rule), header] if header is not None else []
    out += [rule, lines[0], rule, *lines[1:], rule]
    left_out = len(events) - len(rows)
    if left_out and not top_level_events_only:
        out.append(f"and {left_out} more rows")
    out.append(f"Self CPU time total: {_time(whole, time_unit)}")
    if wall_us:
        out.append(f"Wall time: {_time(wall_us, time_unit)}")
    return "\n".join(out) + "\n"


_SOURCE = "Source Location"


def _columns(
    rows: Sequence[Any],
    widths: tuple[int, int, int],
    memory: bool,
    flops: bool,
    whole: float,
    unit: str | None,
) -> list[Column]:
    columns: list[Column] = [
        ("Name", True, lambda e: _head(e.key, widths[0])),
        ("Self CPU %", False, lambda e: _share(e.self_cpu_time_total, whole)),
        ("Self CPU", False, lambda e: _time(e.self_cpu_time_total, unit)),
        ("CPU total %", False, lambda e: _share(e.cpu_time_total, whole)),
        ("CPU total", False, lambda e: _time(e.cpu_time_total, unit)),
        ("CPU time avg", False, lambda e: _time(e.cpu_time, unit)),
    ]
    if memory:
        columns += [
            ("CPU Mem", False, lambda e: _bytes(e.cpu_memory_usage)),
            ("Self CPU Mem", False, lambda e: _bytes(e.self_cpu_memory_usage)),
        ]
    columns.append(("# of Calls", False, lambda e: str(e.count)))
    if any(event.input_shapes for event in rows):
        columns.append(("Input Shapes", True, lambda e: _head(_shapes(e), widths[1])))
    counted = [event.flops for event in rows if event.flops]
    if flops and counted:
        power = min((len(str(min(counted))) - 1) // 3, len(_SCALES) - 1)
        columns.append(
            (
                f"Total {_SCALES[power]}",
                False,
                lambda e: f"{e.flops / 1000**power:.3f}" if e.flops else "--",
            )
        )
    if any(event.stack for event in rows):
        columns.append((_SOURCE, True, lambda e: _tail(e.stack[0], widths[2]) if e.stack else ""))
    return columns


def _time(us: float, unit: str | None) -> str:
    if unit is None:
        unit = "s" if us >= 1e6 else "ms" if us >= 1e3 else "us"
    return f"{us / _UNITS[unit]:.3f}{unit}"


def _share(us: float, whole: float) -> str:
    return f"{100 * us / whole:.2f}%" if whole else "--"


def _bytes(count: int) -> str:
    for unit, power in (("GiB", 30), ("MiB", 20), ("KiB", 10)):
        if count >= 1 << power:
            return f"{count / (1 << power):.2f} {unit}"
    return f"{count} B"


def _shapes(event: Any) -> str:
    return str(event.input_shapes) if event.input_shapes else ""


def _head(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 3]}..."


def _tail(text: str, width: int) -> str:
    return text if len(text) <= width else f"...{text[len(text) - width + 3 :]}"
