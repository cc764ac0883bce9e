"""One picture of all ratios: a bar for each row, on a logarithmic scale around 1."""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape

FASTER, SLOWER, INK = "#009688", "#ff5722", "#808890"
COLUMN, LABELS, ROW, HEADING = 560, 330, 13, 30
#: The ends of the scale; a ratio beyond them has a bar up to the end, and its number says the rest.
LEAST, MOST = 1 / 16, 16.0
TICKS = (1 / 16, 1 / 4, 1.0, 4.0, 16.0)
TOP = 46


@dataclass(frozen=True)
class Bar:
    """A row: its name and its ratio."""

    label: str
    ratio: float


def drawn(groups: dict[str, list[Bar]], *, title: str) -> str:
    """Return the SVG of groups of bars under headings, in two columns of about one height."""
    columns = _parted(groups)
    height = TOP + max(map(_height, columns), default=0) + 10
    width = COLUMN * len(columns)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" role="img" aria-labelledby="ratios-title" font-size="10" '
        f'font-family="sans-serif" fill="{INK}">',
        f'<title id="ratios-title">{escape(title)}</title>',
    ]
    for number, column in enumerate(columns):
        parts += _column(column, number * COLUMN, height)
    return "\n".join([*parts, "</svg>", ""])


def _parted(groups: dict[str, list[Bar]]) -> list[dict[str, list[Bar]]]:
    """Return the groups in two columns, whole and in their order, the first at least half."""
    first: dict[str, list[Bar]] = {}
    rest = dict(groups)
    while rest and _height(first) < _height(rest):
        name = next(iter(rest))
        first[name] = rest.pop(name)
    return [column for column in (first, rest) if column]


def _height(groups: dict[str, list[Bar]]) -> int:
    return sum(HEADING + ROW * len(bars) for bars in groups.values())


def _column(groups: dict[str, list[Bar]], left: int, height: int) -> list[str]:
    parts = []
    for tick in TICKS:
        x = _x(tick, left)
        name = f"{tick:g}" if tick >= 1 else f"1/{1 / tick:g}"
        width = 1.2 if tick == 1 else 0.4
        parts.append(
            f'<path d="M{x:.1f} {TOP - 8}V{height - 8}" stroke="{INK}" stroke-width="{width}"/>'
            f'<text x="{x:.1f}" y="{TOP - 14}" text-anchor="middle">{name}</text>'
        )
    parts.append(
        f'<text x="{_x(1.0, left):.1f}" y="14" text-anchor="middle">'
        "time of weft / time of PyTorch</text>"
    )
    y = TOP
    for heading, bars in groups.items():
        y += HEADING
        parts.append(
            f'<text x="{left + 4}" y="{y - 8}" font-weight="bold" font-size="12">'
            f"{escape(heading)}</text>"
        )
        for bar in bars:
            parts.append(_bar(bar, left, y))
            y += ROW
    return parts


def _bar(bar: Bar, left: int, y: int) -> str:
    start, end = sorted((_x(1.0, left), _x(bar.ratio, left)))
    slower = bar.ratio > 1
    number = f"{bar.ratio:.2f}"
    place = (end + 3, "start") if slower else (start - 3, "end")
    return (
        f'<text x="{left + 4}" y="{y + 9}">{escape(_shortened(bar.label))}</text>'
        f'<rect x="{start:.1f}" y="{y + 1}" width="{max(end - start, 0.5):.1f}" '
        f'height="{ROW - 3}" fill="{SLOWER if slower else FASTER}"/>'
        f'<text x="{place[0]:.1f}" y="{y + 9}" text-anchor="{place[1]}" font-size="8">'
        f"{number}</text>"
    )


def _x(ratio: float, left: int) -> float:
    """Return where a ratio stands."""
    held = min(max(ratio, LEAST), MOST)
    room = COLUMN - LABELS - 50
    return left + LABELS + 22 + room * math.log(held / LEAST) / math.log(MOST / LEAST)


def _shortened(label: str, longest: int = 72) -> str:
    return label if len(label) <= longest else label[: longest - 1] + "…"
