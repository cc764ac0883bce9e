"""A result as a table that people read."""

from __future__ import annotations

from typing import Any


def markdown(result: dict[str, Any]) -> str:
    """Return a benchmark's result as Markdown: the rows, then where and how they were measured."""
    rows = result["rows"]
    names: list[str] = []
    for row in rows:
        names += [name for name in row["seconds"] if name not in names]
    ratios = {(row["baseline"], name) for row in rows for name in row["seconds"]}
    columns = sorted(
        ((name, base) for base, name in ratios if name != base),
        key=lambda column: (names.index(column[0]), column[1]),
    )
    head = ["what", *names, *(f"{name} / {base}" for name, base in columns)]
    lines = [
        f"# {result['benchmark'].replace('_', ' ')}",
        "",
        f"Medians, with the middle half of the samples in brackets. {_meaning(rows)}",
        "",
        _line(head),
        _line(["---"] * len(head)),
    ]
    for row in rows:
        cells = [row["what"], *(_time(row, name) for name in names)]
        cells += [_ratio(row, name, base) for name, base in columns]
        lines.append(_line(cells))
    lines += ["", f"Measured {result['measured']}, {_samples(rows)} samples a row.", ""]
    lines += [f"- {key}: {value}" for key, value in result["machine"].items()]
    lines += ["", "The same for every library:", ""]
    lines += [f"- `{key}={value}`" for key, value in result["settings"].items()]
    return "\n".join(lines) + "\n"


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _time(row: dict[str, Any], name: str) -> str:
    if name not in row["seconds"]:
        return ""
    low, high = row["quartiles"][name]
    shown = _bytes if row.get("unit") == "B" else _seconds
    return f"{shown(row['seconds'][name])} ({shown(low)}-{shown(high)})"


def _ratio(row: dict[str, Any], name: str, base: str) -> str:
    if base != row["baseline"] or name not in row["seconds"]:
        return ""
    return f"{row['seconds'][name] / row['seconds'][base]:.2f}"


def _seconds(value: float) -> str:
    for unit, factor in (("s", 1.0), ("ms", 1e3), ("µs", 1e6)):
        if value * factor >= 1:
            return f"{value * factor:.3g} {unit}"
    return f"{value * 1e9:.3g} ns"


def _bytes(value: float) -> str:
    for unit, power in (("GiB", 30), ("MiB", 20), ("KiB", 10)):
        if value >= 1 << power:
            return f"{value / (1 << power):.3g} {unit}"
    return f"{value:.0f} B"


def _meaning(rows: list[dict[str, Any]]) -> str:
    units = {row.get("unit", "s") for row in rows}
    better = {"s": "is faster", "B": "needs less memory"}
    return f"A ratio below 1 {' or '.join(better[unit] for unit in sorted(units, reverse=True))}."


def _samples(rows: list[dict[str, Any]]) -> str:
    counts = sorted({row["samples"] for row in rows})
    return " to ".join(str(count) for count in (counts[:1] + counts[-1:] if counts[1:] else counts))
