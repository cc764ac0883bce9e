"""What a call returned, as arrays that two rivals' calls are compared by."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

#: The shape of a tensor, and those of its elements that are compared, in float64.
Compared = tuple[tuple[int, ...], np.ndarray[Any, Any]]

#: Of a larger result so many elements are compared, evenly spaced.
COMPARED = 50_000


def arrays_of(result: Any) -> list[Compared]:
    """Return what is compared of each tensor in a result."""
    if result is None:
        return []
    if isinstance(result, (tuple, list)):
        return [each for part in result for each in arrays_of(part)]
    array = _array(result)
    flat = array.reshape(-1)
    return [(array.shape, flat[:: -(-flat.size // COMPARED) or 1].astype(np.float64))]


def store(path: str | Path, result: Any) -> None:
    """Write what is compared of a result into a file."""
    parts: dict[str, Any] = {}
    for number, (shape, elements) in enumerate(arrays_of(result)):
        parts[f"shape {number}"] = np.array(shape, np.int64)
        parts[f"elements {number}"] = elements
    np.savez(path, **parts)


def stored(path: str | Path) -> list[Compared]:
    """Return what :func:`store` wrote."""
    with np.load(path) as parts:
        return [
            (tuple(parts[f"shape {number}"].tolist()), parts[f"elements {number}"])
            for number in range(len(parts.files) // 2)
        ]


def _array(value: Any) -> np.ndarray[Any, Any]:
    detach = getattr(value, "detach", None)
    if detach is not None:
        value = detach()
        if str(value.dtype).endswith("bfloat16"):
            value = value.float()
        return np.asarray(value.numpy())
    return np.asarray(value)


def disagreement(got: list[Compared], wanted: list[Compared], *, tolerance: float) -> str:
    """Say in one sentence how two results differ, or return an empty string where they agree."""
    if not wanted:
        return "the baseline's call returned nothing to compare"
    if len(got) != len(wanted):
        return f"{len(got)} results instead of {len(wanted)}"
    for number, ((shape, ours), (wanted_shape, theirs)) in enumerate(
        zip(got, wanted, strict=True), 1
    ):
        if tuple(shape) != tuple(wanted_shape):
            return f"result {number} is {tuple(shape)} instead of {tuple(wanted_shape)}"
        if not np.isfinite(theirs).all():
            return f"result {number} of the baseline is not finite"
        largest = float(np.abs(theirs).max(initial=0.0)) or 1.0
        gap = float(np.abs(ours - theirs).max(initial=0.0)) / largest
        if not gap <= tolerance:
            return f"result {number} differs by {gap:.2g} of its greatest, more than {tolerance:g}"
    return ""
