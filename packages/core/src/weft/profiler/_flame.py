"""A profile as a picture: boxes as wide as the time they stand for, their parts below them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from xml.sax.saxutils import escape

from weft.io._atomic import written_atomically
from weft.profiler import _recording as kinds
from weft.profiler._events import FunctionEvent

_SANS = "system-ui, sans-serif"
#: White text has a contrast of 4.5 or more on each.
_FILLS = {
    kinds.OP: "#3d5a80",
    kinds.FUNCTION: "#74508f",
    kinds.WRITE: "#8a5a2b",
    kinds.BACKWARD: "#1b7468",
    kinds.TAPE: "#4d6b4f",
    kinds.USER: "#a84e12",
    kinds.STEP: "#a84e12",
    kinds.MODULE: "#5b6470",
    kinds.COMPILE: "#7a4b6e",
    kinds.GARBAGE: "#a33b4a",
    "thread": "#4a4f57",
}
_MEANINGS = {
    kinds.MODULE: "modules",
    kinds.FUNCTION: "functions",
    kinds.OP: "ops",
    kinds.WRITE: "in-place writes",
    kinds.BACKWARD: "backward rules",
    kinds.TAPE: "the tape",
    kinds.USER: "yours",
    kinds.COMPILE: "compilation",
    kinds.GARBAGE: "garbage",
}
_LINE = "#808890"  # seen on white and on black
_WIDTH, _ROW, _MARGIN, _HEAD = 1200.0, 19.0, 10.0, 26.0
_CHARACTER = 6.3  # the width of one at 11 px, about
_LEAST = 0.4  # pixels below which a box is left out


class _Box:
    """All events of one name with the same ones above them."""

    def __init__(self, name: str, kind: str, path: str = "") -> None:
        self.name, self.kind = name, kind
        # modules are called by their path in the network, which what is above them begins
        self.path = name.partition(" ")[0] if kind == kinds.MODULE else path
        self.label = name.removeprefix(f"{path}.") if kind == kinds.MODULE else name
        self.time, self.count = 0.0, 0
        self.parts: dict[tuple[str, str], _Box] = {}

    def add(self, event: FunctionEvent) -> _Box:
        """Count an event among the parts; return its box."""
        key = (event.name, event.kind)
        box = self.parts.get(key)
        if box is None:
            box = self.parts[key] = _Box(event.name, event.kind, self.path)
        box.time += event.cpu_time_total
        box.count += 1
        return box


def write_flame(
    path: str | os.PathLike[str], events: Sequence[FunctionEvent], title: str = ""
) -> None:
    """Write the picture, whole or not at all."""
    with written_atomically(path) as file:
        file.write(drawn(events, title).encode())


def drawn(events: Sequence[FunctionEvent], title: str = "") -> str:
    """Return the events as an SVG picture, threads and what is outermost at the top."""
    roots = _trees(events)
    whole = max((root.time for root in roots), default=0.0) or 1.0
    rows: list[str] = []
    top = _MARGIN + _HEAD
    seen: set[str] = set()
    for root in roots:
        deepest = 0
        for box, left, depth in _placed(root):
            width = box.time / whole * (_WIDTH - 2 * _MARGIN)
            if width < _LEAST:
                continue
            deepest = max(deepest, depth)
            seen.add(box.kind)
            x = _MARGIN + left / whole * (_WIDTH - 2 * _MARGIN)
            rows += _drawn_box(box, x, top + depth * _ROW, width, whole)
        top += (deepest + 1) * _ROW + _MARGIN
    height = top + 22
    name = title or "Profile"
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH:.0f} {height:.0f}" '
        f'width="{_WIDTH:.0f}" height="{height:.0f}" role="img" aria-label="{_quoted(name)}" '
        f'font-family="{_SANS}" style="max-width:100%;height:auto">',
        f'<text x="{_MARGIN:.0f}" y="{_MARGIN + 12:.0f}" font-size="14" font-weight="bold" '
        f'fill="{_LINE}">{escape(name)}</text>',
        *rows,
        *_legend(seen, top + 12),
        "</svg>",
    ]
    return "\n".join(out) + "\n"


def _trees(events: Sequence[FunctionEvent]) -> list[_Box]:
    """Return one tree for each thread, the busiest first."""
    threads: dict[int, _Box] = {}
    boxes: dict[int, _Box] = {}
    for event in events:  # parents come before their children
        if event.cpu_parent is None:
            root = threads.setdefault(event.thread, _Box(f"thread {event.thread}", "thread"))
            root.time += event.cpu_time_total
            root.count = 1
            boxes[event.id] = root.add(event)
        else:
            boxes[event.id] = boxes[event.cpu_parent.id].add(event)
    return sorted(threads.values(), key=lambda box: -box.time)


def _placed(root: _Box) -> Iterator[tuple[_Box, float, int]]:
    """Yield each box with the time to its left and its depth."""
    stack = [(root, 0.0, 0)]
    while stack:
        box, left, depth = stack.pop()
        yield box, left, depth
        for part in sorted(box.parts.values(), key=lambda one: -one.time):
            stack.append((part, left, depth + 1))
            left += part.time


def _drawn_box(box: _Box, x: float, y: float, width: float, whole: float) -> list[str]:
    calls = f", {box.count} calls" if box.count > 1 else ""
    hint = f"{box.name}: {_time(box.time)} ({100 * box.time / whole:.1f}%){calls}"
    out = [
        f"<g><title>{escape(hint)}</title>",
        f'<rect x="{x:.2f}" y="{y:.1f}" width="{max(width - 0.6, 0.3):.2f}" '
        f'height="{_ROW - 1.5:.1f}" rx="2" fill="{_FILLS[box.kind]}"/>',
    ]
    room = int((width - 8) / _CHARACTER)
    if room >= 3:
        label = f"{box.label} {_time(box.time)}"
        if len(label) > room:
            label = box.label if len(box.label) <= room else f"{box.label[: room - 1]}…"
        out.append(
            f'<text x="{x + 4:.2f}" y="{y + 12.5:.1f}" font-size="11" fill="#fff">'
            f"{escape(label)}</text>"
        )
    out.append("</g>")
    return out


def _legend(seen: set[str], y: float) -> list[str]:
    out = []
    x = _MARGIN
    for kind, meaning in _MEANINGS.items():
        if kind in seen or (kind == kinds.USER and kinds.STEP in seen):
            out.append(
                f'<rect x="{x:.0f}" y="{y - 9:.0f}" width="10" height="10" rx="2" '
                f'fill="{_FILLS[kind]}"/><text x="{x + 15:.0f}" y="{y:.0f}" font-size="12" '
                f'fill="{_LINE}">{meaning}</text>'
            )
            x += 35 + 7 * len(meaning)
    return out


def _time(us: float) -> str:
    for unit, one in (("s", 1e6), ("ms", 1e3)):
        if us >= 0.9995 * one:
            return f"{us / one:.3g} {unit}"
    return f"{us:.3g} us"


def _quoted(text: str) -> str:
    return escape(text, {'"': "&quot;"})
