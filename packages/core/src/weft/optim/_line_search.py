"""A search along a line for a step that satisfies the strong Wolfe conditions."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from weft import Tensor


@dataclass
class Point:
    """A place on the line: how far, with loss, gradient, and slope along the line."""

    t: float
    loss: float
    gradient: Tensor
    slope: float


def strong_wolfe(
    at: Callable[[float], tuple[float, Tensor]],
    t: float,
    direction: Tensor,
    loss: float,
    gradient: Tensor,
    slope: float,
    most: int = 25,
    *,
    c1: float = 1e-4,
    c2: float = 0.9,
    tolerance: float = 1e-9,
) -> tuple[float, Tensor, float, int]:
    """Find a step by which the loss falls enough and its slope flattens enough.

    Args:
        at: loss and gradient after a step of some length.
        t: the length to try first.
        direction: where the line goes.
        loss, gradient, slope: at its beginning.
        most: how many further lengths to try.
        c1: how much of the fall that the slope promises is enough.
        c2: how much of the slope may be left.
        tolerance: the least change of place that counts.

    Returns:
        Loss, gradient and length of the step, and how often `at` was called.

    Source: Nocedal and Wright, "Numerical Optimization" (2006), algorithms 3.5 and 3.6, with the
    safeguards of PyTorch's `torch.optim.LBFGS`.
    """
    start = Point(0.0, loss, gradient, slope)
    largest = direction.abs().max().item()

    def tried(length: float) -> Point:
        value, g = at(length)
        return Point(length, value, g, g.dot(direction).item())

    def is_too_high(point: Point, than: float, after_first: bool) -> bool:
        enough = loss + c1 * point.t * slope
        return point.loss > enough or (after_first and point.loss >= than)

    new, before = tried(t), start
    calls, tries = 1, 0
    done = False
    bracket: list[Point] = []
    while tries < most:
        if is_too_high(new, before.loss, tries > 1) or (
            new.slope >= 0 and abs(new.slope) > -c2 * slope
        ):
            bracket = [before, new]
            break
        if abs(new.slope) <= -c2 * slope:
            bracket, done = [new], True
            break
        bounds = new.t + 0.01 * (new.t - before.t), new.t * 10
        length = between(before, new, bounds)
        before = new
        new = tried(length)
        calls += 1
        tries += 1
    if not bracket:
        bracket = [start, new]

    stuck = False
    low, high = (0, 1) if bracket[0].loss <= bracket[-1].loss else (1, 0)
    while not done and tries < most:
        ends = [point.t for point in bracket]
        least, greatest = min(ends), max(ends)
        if (greatest - least) * largest < tolerance:
            break
        t = between(bracket[0], bracket[1])
        # a length next to an end tells little: the second time it is moved a tenth inwards
        margin = 0.1 * (greatest - least)
        if min(greatest - t, t - least) < margin:
            if stuck or t >= greatest or t <= least:
                t = greatest - margin if abs(t - greatest) < abs(t - least) else least + margin
                stuck = False
            else:
                stuck = True
        else:
            stuck = False
        new = tried(t)
        calls += 1
        tries += 1
        if is_too_high(new, bracket[low].loss, True):
            bracket[high] = new
            low, high = (0, 1) if bracket[0].loss <= bracket[1].loss else (1, 0)
            continue
        if abs(new.slope) <= -c2 * slope:
            done = True
        elif new.slope * (bracket[high].t - bracket[low].t) >= 0:
            bracket[high] = bracket[low]
        bracket[low] = new
    best = bracket[low if len(bracket) > 1 else 0]
    return best.loss, best.gradient, best.t, calls


def between(first: Point, second: Point, bounds: Any = None) -> float:
    """Return where the cubic through two points with their slopes is least, within bounds."""
    low, high = bounds or sorted((first.t, second.t))
    a, b = (first, second) if first.t <= second.t else (second, first)
    if a.t == b.t:
        return float(low + high) / 2
    lean = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.t - b.t)
    square = lean * lean - a.slope * b.slope
    if not square >= 0:
        return float(low + high) / 2
    root = math.sqrt(square)
    divisor = b.slope - a.slope + 2 * root
    if divisor == 0:
        return float(low + high) / 2
    place = b.t - (b.t - a.t) * ((b.slope + root - lean) / divisor)
    return float(min(max(place, low), high))
