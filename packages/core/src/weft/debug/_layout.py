"""Where to put the boxes of a layered drawing, and the bends of its lines.

The steps of Sugiyama, Tagawa and Toda (IEEE Trans. SMC 11, 1981): layers by the longest path, a
dummy in each layer that a line crosses, orders within layers that swap neighbours' places by the
mean of what they are joined to, and places that keep the order and lie nearest to that mean.
"""

from __future__ import annotations

import bisect
import dataclasses
from collections.abc import Sequence
from itertools import pairwise

#: How often the orders are improved, downward and upward, and then the places.
_SWEEPS = 12
#: Between boxes of a layer, and between a box and a line.
_GAP = 22.0
#: How much less than others a box draws that stands aside.
_ASIDE = 0.02


@dataclasses.dataclass(eq=False)
class Spot:
    """A box in a layer, or the place where a line crosses the layer.

    Attributes:
        width: in pixels; 0 for a line.
        rank: the layer, from 0 at the top.
        x: its middle.
        above: what it is joined to in the layer above.
        below: what it is joined to in the layer below.
        pull: how much it draws what it is joined to.
    """

    width: float
    rank: int = 0
    x: float = 0.0
    order: int = 0
    above: list[Spot] = dataclasses.field(default_factory=list)
    below: list[Spot] = dataclasses.field(default_factory=list)
    pull: float = 1.0


@dataclasses.dataclass
class Placed:
    """A finished layout.

    Attributes:
        spots: of each box, in the order given.
        layers: all spots by layer, from left to right.
        paths: of each edge, in the order given, the spots that it passes, both ends included.
        width: of the whole, in pixels.
    """

    spots: list[Spot]
    layers: list[list[Spot]]
    paths: list[list[Spot]]
    width: float


def placed(
    widths: Sequence[float], edges: Sequence[tuple[int, int]], side: Sequence[bool]
) -> Placed:
    """Place boxes so that every edge leads downward.

    Args:
        widths: of the boxes, each box after those with an edge to it.
        edges: pairs of box numbers, from and to.
        side: of each box whether it is to stand aside, where it does not bend a straight chain.
    """
    spots = [Spot(width) for width in widths]
    for spot, aside in zip(spots, side, strict=True):
        spot.pull = _ASIDE if aside else 1.0
    _rank(spots, edges)
    paths = [_path(spots[a], spots[b]) for a, b in edges]
    count = 1 + max((spot.rank for spot in spots), default=0)
    layers: list[list[Spot]] = [[] for _ in range(count)]
    for spot in {id(s): s for s in (*spots, *(s for path in paths for s in path))}.values():
        layers[spot.rank].append(spot)
    _order(layers)
    _place(layers)
    left = min((s.x - s.width / 2 for s in spots), default=0.0)
    for layer in layers:
        for spot in layer:
            spot.x -= left
    # lines may run beside the boxes
    width = max((s.x + s.width / 2 for layer in layers for s in layer), default=0.0)
    return Placed(spots, layers, paths, width)


def _rank(spots: Sequence[Spot], edges: Sequence[tuple[int, int]]) -> None:
    into: list[list[int]] = [[] for _ in spots]
    out: list[list[int]] = [[] for _ in spots]
    for a, b in edges:
        into[b].append(a)
        out[a].append(b)
    for i, spot in enumerate(spots):
        spot.rank = 1 + max((spots[a].rank for a in into[i]), default=-1)
    for i in reversed(range(len(spots))):  # what nothing leads to stands right above its reader
        if not into[i] and out[i]:
            spots[i].rank = min(spots[b].rank for b in out[i]) - 1


def _path(start: Spot, end: Spot) -> list[Spot]:
    path = [start]
    for rank in range(start.rank + 1, end.rank):
        path.append(Spot(0.0, rank))
    path.append(end)
    for a, b in pairwise(path):
        a.below.append(b)
        b.above.append(a)
    return path


# --- orders --------------------------------------------------------------------------------------


def _order(layers: list[list[Spot]]) -> None:
    _number(layers)
    best = [list(layer) for layer in layers]
    fewest = _crossings(layers)
    for sweep in range(_SWEEPS):
        if not fewest:
            break
        down = sweep % 2 == 0
        for layer in layers[1:] if down else layers[-2::-1]:
            keys = {id(s): _mean_order(s.above if down else s.below, s.order) for s in layer}
            layer.sort(key=lambda s: keys[id(s)])
            for i, spot in enumerate(layer):
                spot.order = i
        found = _crossings(layers)
        if found < fewest:
            fewest, best = found, [list(layer) for layer in layers]
    layers[:] = best
    _number(layers)


def _number(layers: Sequence[Sequence[Spot]]) -> None:
    for layer in layers:
        for i, spot in enumerate(layer):
            spot.order = i


def _mean_order(joined: Sequence[Spot], otherwise: int) -> float:
    return sum(s.order for s in joined) / len(joined) if joined else float(otherwise)


def _crossings(layers: Sequence[Sequence[Spot]]) -> int:
    """Count the pairs of lines that cross."""
    total = 0
    for layer in layers:
        ends: list[int] = []
        for spot in layer:
            for end in (b.order for b in spot.below):
                total += len(ends) - bisect.bisect_right(ends, end)
            for joined in spot.below:
                bisect.insort(ends, joined.order)
    return total


# --- places --------------------------------------------------------------------------------------


def _place(layers: Sequence[Sequence[Spot]]) -> None:
    for layer in layers:
        x = 0.0
        for spot in layer:
            spot.x = x + spot.width / 2
            x += spot.width + _GAP
        for spot in layer:
            spot.x -= x / 2
    for sweep in range(4 * _SWEEPS):
        down = sweep % 2 == 0
        both = sweep >= _SWEEPS  # at first by one side, which moves far, and then by both
        for layer in layers if down else reversed(layers):
            wishes, weights = [], []
            for spot in layer:
                joined = [*spot.above, *spot.below] if both else spot.above if down else spot.below
                pulls = [_pull(spot, s) for s in joined]
                total = sum(pulls)
                wishes.append(
                    sum(s.x * p for s, p in zip(joined, pulls, strict=True)) / total
                    if joined
                    else spot.x
                )
                weights.append(max(total, spot.pull))
            _settle(layer, wishes, weights)


def _pull(spot: Spot, joined: Spot) -> float:
    """Return how much a spot is drawn by another: the most along a line, to keep it straight."""
    lines = (not spot.width) + (not joined.width)
    return spot.pull * joined.pull * (1.0, 2.0, 8.0)[lines]


def _settle(layer: Sequence[Spot], wishes: Sequence[float], weights: Sequence[float]) -> None:
    """Put each spot as near to its wish as the order and the gaps allow, in least squares.

    With the gaps taken out of the places that is isotonic regression, by joining blocks of spots
    that would overlap.
    """
    blocks: list[list[float]] = []  # mean, weight, how many
    shift = 0.0
    shifts = []
    for i, spot in enumerate(layer):
        if i:
            shift += (layer[i - 1].width + spot.width) / 2 + _GAP
        shifts.append(shift)
        blocks.append([wishes[i] - shift, weights[i], 1])
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            mean, weight, count = blocks.pop()
            before = blocks[-1]
            before[0] = (before[0] * before[1] + mean * weight) / (before[1] + weight)
            before[1] += weight
            before[2] += count
    places = [mean for mean, _, count in blocks for _ in range(int(count))]
    for spot, place, gap in zip(layer, places, shifts, strict=True):
        spot.x = place + gap
