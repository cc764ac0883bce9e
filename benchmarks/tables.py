"""A result as a table that people read."""

from __future__ import annotations

import math
from typing import Any


def markdown(result: dict[str, Any]) -> str:
    """Return a benchmark's result as Markdown: the rows, then where and how they were measured."""
    rows = result["rows"]
    lines = [
        f"# {result['benchmark'].replace('_', ' ')}",
        "",
        f"Medians, with the middle half of the samples in brackets. {_meaning(rows)}",
    ]
    for heading, part in by_table(rows).items():
        lines += ["", f"## {heading}"] if heading else []
        lines += ["", *table(part)]
    lines += _failures(rows)
    lines += ["", f"Measured {result['measured']}, {_samples(rows)} samples a row.", ""]
    lines += [f"- {key}: {value}" for key, value in result["machine"].items()]
    lines += ["", _settings_hold(rows), ""]
    lines += [f"- `{key}={value}`" for key, value in result["settings"].items()]
    return "\n".join(lines) + "\n"


def by_table(rows: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Return the rows under their headings, in the order in which these first come."""
    found: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        found.setdefault(row.get("table", ""), []).append(row)
    return found


def columns_of(rows: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Return the columns of ratios: each rival and the baseline that it is divided by."""
    names = _names(rows)
    pairs = {(name, row["baseline"]) for row in rows for name in row["seconds"]}
    return sorted(
        ((name, base) for name, base in pairs if name != base),
        key=lambda column: (names.index(column[0]), column[1]),
    )


def ratio(row: dict[str, Any], name: str, base: str) -> float | None:
    """Return a rival's median divided by the baseline's, where the row has both."""
    if base != row["baseline"] or not {name, base} <= set(row["seconds"]):
        return None
    return float(row["seconds"][name] / row["seconds"][base])


def geometric_mean(rows: list[dict[str, Any]], name: str, base: str) -> float | None:
    """Return the geometric mean of a rival's ratios, or None where no row has one."""
    found = [value for row in rows if (value := ratio(row, name, base)) is not None and value > 0]
    return mean_of(found) if found else None


def mean_of(ratios: list[float]) -> float:
    """Return the geometric mean; 1 of no ratios at all."""
    return math.exp(sum(map(math.log, ratios)) / max(len(ratios), 1))


def table(rows: list[dict[str, Any]], *, quartiles: bool = True) -> list[str]:
    """Return rows as the lines of a table, which ends with the geometric mean of each ratio."""
    names, columns = _names(rows), columns_of(rows)
    head = ["what", *names, *(f"{name} / {base}" for name, base in columns)]
    lines = [_line(head), _line(["---"] * len(head))]
    for row in rows:
        cells = [row["what"], *(_time(row, name, quartiles) for name in names)]
        cells += [_number(ratio(row, name, base)) for name, base in columns]
        lines.append(_line(cells))
    if len(rows) > 1:
        cells = ["**geometric mean**", *("" for _ in names)]
        cells += [_number(geometric_mean(rows, name, base)) for name, base in columns]
        lines.append(_line(cells))
    return lines


def _names(rows: list[dict[str, Any]]) -> list[str]:
    names: list[str] = []
    for row in rows:
        names += [name for name in row["seconds"] if name not in names]
    return names


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _time(row: dict[str, Any], name: str, quartiles: bool) -> str:
    if name in row.get("failed", {}):
        return "failed"
    if name not in row["seconds"]:
        return ""
    low, high = row["quartiles"][name]
    shown = bytes_text if row.get("unit") == "B" else seconds_text
    median = shown(row["seconds"][name])
    return f"{median} ({shown(low)}-{shown(high)})" if quartiles else median


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def seconds_text(value: float) -> str:
    """Return a duration with three digits and its unit."""
    for unit, factor in (("s", 1.0), ("ms", 1e3), ("µs", 1e6)):
        if value * factor >= 1:
            return f"{value * factor:.3g} {unit}"
    return f"{value * 1e9:.3g} ns"


def bytes_text(value: float) -> str:
    """Return a size with three digits and its unit."""
    for unit, power in (("GiB", 30), ("MiB", 20), ("KiB", 10)):
        if value >= 1 << power:
            return f"{value / (1 << power):.3g} {unit}"
    return f"{value:.0f} B"


def _failures(rows: list[dict[str, Any]]) -> list[str]:
    told = [
        f"- {row['what']}{_under(row)}, {name}: {reason}"
        for row in rows
        for name, reason in row.get("failed", {}).items()
    ]
    return ["", "Failed:", "", *told] if told else []


def _settings_hold(rows: list[dict[str, Any]]) -> str:
    if any("As shipped" in row.get("table", "") for row in rows):
        return "The same for every library, but none of these “As shipped”:"
    return "The same for every library:"


def _meaning(rows: list[dict[str, Any]]) -> str:
    units = {row.get("unit", "s") for row in rows}
    better = {"s": "is faster", "B": "needs less memory"}
    return f"A ratio below 1 {' or '.join(better[unit] for unit in sorted(units, reverse=True))}."


def _samples(rows: list[dict[str, Any]]) -> str:
    counts = sorted({row["samples"] for row in rows})
    return " to ".join(str(count) for count in (counts[:1] + counts[-1:] if counts[1:] else counts))


def _under(row: dict[str, Any]) -> str:
    return f" ({row['table']})" if row.get("table") else ""
