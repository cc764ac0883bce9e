"""A drawing as SVG: boxes with names, lines with arrows, tooltips; legible on light and on dark."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Sequence
from xml.sax.saxutils import escape

from weft.debug._layout import Placed, Spot, placed
from weft.debug._reading import Item
from weft.debug._text import bytes_of

_MONO = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"
_SANS = "system-ui, sans-serif"
#: Of boxes; white text has a contrast of 4.5 or more on each.
_FILLS = {
    "op": "#3d5a80",
    "root": "#a84e12",
    "leaf": "#1b7468",
    "function": "#74508f",
    "folded": "#5b6470",
}
_LINE = "#808890"  # seen on white and on black
_MARGIN = 16.0
_BETWEEN = 44.0  # between layers
_PAD = 11.0
_ROW = 16.0  # the height of a line of text
#: The widths of a character at the sizes below, in pixels.
_BOLD, _SMALL = 8.0, 6.7
_LONGEST = 34  # characters of a line


def drawn(items: Sequence[Item], title: str, note: str) -> str:
    """Return the items as an SVG picture, what was computed first at the top.

    Args:
        items: every item after those it was computed from.
        title: the picture's title.
        note: what to say below it; may be empty.
    """
    number = {id(item): i for i, item in enumerate(items)}
    rows = [_rows(item) for item in items]
    widths = [_width(lines) for lines in rows]
    joined = Counter((number[id(one)], i) for i, item in enumerate(items) for one in item.inputs)
    edges = list(joined)
    layout = placed(widths, edges, [item.kind == "leaf" for item in items])
    tops, heights = _heights(layout, rows)
    foot = 26.0 if note else 0.0
    width = max(layout.width, len(note) * _SMALL if note else 0.0) + 2 * _MARGIN
    height = tops[-1] + heights[-1] + _MARGIN + foot
    # ids are of the whole page that the picture may be put into
    mark = f"weft-{zlib.crc32(repr((title, edges, rows)).encode()):08x}"
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'width="{width:.0f}" height="{height:.0f}" role="img" aria-labelledby="{mark}-title" '
        f'style="max-width:100%;height:auto">',
        f'<title id="{mark}-title">{escape(title)}</title>',
        f'<defs><marker id="{mark}-arrow" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" '
        f'markerHeight="7" orient="auto"><path d="M0 0.8L10 5L0 9.2z" fill="{_LINE}"/></marker>'
        f"</defs>",
        f'<g fill="none" stroke="{_LINE}" stroke-width="1.5" stroke-linecap="round">',
    ]
    for edge, path in zip(edges, layout.paths, strict=True):
        curve = _curve(path, tops, heights, rows, edge)
        out.append(f'<path d="{curve}" marker-end="url(#{mark}-arrow)"/>')
    out.append("</g>")
    for item, lines, spot in zip(items, rows, layout.spots, strict=True):
        tall = _height(lines)
        top = tops[spot.rank] + (heights[spot.rank] - tall) / 2
        out += _box(item, lines, spot, top, tall)
    if note:
        out.append(
            f'<text x="{_MARGIN:.0f}" y="{height - _MARGIN:.1f}" font-family="{_SANS}" '
            f'font-size="12" fill="{_LINE}">{escape(note)}</text>'
        )
    out.append("</svg>")
    return "\n".join(out) + "\n"


def _rows(item: Item) -> list[str]:
    """Return the lines of text in a box: its name, its settings, its shape, what it saves."""
    name = f"{' = '.join(item.roots)} = {item.label}" if item.roots else item.label
    if item.kind == "leaf":
        name = item.label
    lines = [name, item.detail(), item.kind_of]
    if item.saved:
        lines.append(f"saves {bytes_of(item.saved)}")
    return [_cut(line) for line in lines if line]


def _cut(line: str) -> str:
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"


def _width(lines: Sequence[str]) -> float:
    return max(len(lines[0]) * _BOLD, *(len(line) * _SMALL for line in lines)) + 2 * _PAD


def _height(lines: Sequence[str]) -> float:
    return len(lines) * _ROW + 10


def _heights(layout: Placed, rows: Sequence[Sequence[str]]) -> tuple[list[float], list[float]]:
    """Return where each layer begins, and how tall it is."""
    heights = [0.0] * len(layout.layers)
    for spot, lines in zip(layout.spots, rows, strict=True):
        heights[spot.rank] = max(heights[spot.rank], _height(lines))
    tops = [_MARGIN]
    for height in heights[:-1]:
        tops.append(tops[-1] + height + _BETWEEN)
    return tops, heights


def _curve(
    path: Sequence[Spot],
    tops: Sequence[float],
    heights: Sequence[float],
    rows: Sequence[Sequence[str]],
    edge: tuple[int, int],
) -> str:
    """Return a line from the lower edge of a box to the upper edge of another, bent smoothly."""
    first, last = path[0], path[-1]
    y = tops[first.rank] + (heights[first.rank] + _height(rows[edge[0]])) / 2
    points = [f"M{first.x + _MARGIN:.1f} {y:.1f}"]
    at = (first.x, y)
    for spot in path[1:]:
        end = tops[spot.rank]
        if spot is last:
            end += (heights[spot.rank] - _height(rows[edge[1]])) / 2
        middle = (at[1] + end) / 2
        points.append(
            f"C{at[0] + _MARGIN:.1f} {middle:.1f} {spot.x + _MARGIN:.1f} {middle:.1f} "
            f"{spot.x + _MARGIN:.1f} {end:.1f}"
        )
        at = (spot.x, end)
        if spot is not last:  # straight through the layer
            at = (spot.x, tops[spot.rank] + heights[spot.rank])
            points.append(f"V{at[1]:.1f}")
    return "".join(points)


def _box(item: Item, lines: Sequence[str], spot: Spot, top: float, tall: float) -> list[str]:
    kind = "root" if item.roots and item.kind != "leaf" else item.kind
    left = spot.x - spot.width / 2 + _MARGIN
    middle = spot.x + _MARGIN
    dashes = ' stroke="#fff" stroke-opacity="0.7" stroke-dasharray="4 3"'
    corner = tall / 2 if item.kind == "leaf" else 6
    out = [
        f"<g><title>{escape(_hint(item))}</title>",
        f'<rect x="{left:.1f}" y="{top:.1f}" width="{spot.width:.1f}" height="{tall:.1f}" '
        f'rx="{min(corner, 18):.0f}" fill="{_FILLS[kind]}"{dashes if kind == "folded" else ""}/>',
    ]
    for row, line in enumerate(lines):
        y = top + 5 + _ROW * row + 12
        style = (
            'font-size="13" font-weight="bold" fill="#fff"'
            if row == 0
            else 'font-size="11" fill="#fff" fill-opacity="0.88"'
        )
        out.append(
            f'<text x="{middle:.1f}" y="{y:.1f}" text-anchor="middle" font-family="{_MONO}" '
            f"{style}>{escape(line)}</text>"
        )
    out.append("</g>")
    return out


def _hint(item: Item) -> str:
    detail = item.detail(named=True)
    lines = [f"{item.label}({detail})" if detail else item.label]
    if item.kind_of:
        lines.append(item.kind_of)
    if item.saved:
        lines.append(f"saves {bytes_of(item.saved)} for its backward rule")
    return "\n".join([*lines, *item.hint])
