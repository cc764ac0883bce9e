"""Starts the kernels of connectionist temporal classification."""

from __future__ import annotations

from typing import Any

from weft._backend import np
from weft._backend.cpu import threads
from weft._backend.cpu.kernels import alignments as kernels
from weft._backend.cpu.launch.arrays import FLOATS, WIDE, dense

_I64 = np.dtype(np.int64)
#: Chances that a thread finds at least.
_GRAIN = 2048


def _taken(x: Any, *numbers: Any) -> bool:
    return x.dtype in WIDE and x.size > 0 and all(a.dtype == _I64 for a in numbers)


def _paths(width: int) -> Any:
    return np.empty(threads.count() * 2 * width, np.int32)


def losses(x: Any, labels: Any, lengths: Any, counts: Any, *, blank: int) -> Any:
    """Return the losses; see the op. None if they are not taken."""
    found = _chances(x, labels, lengths, counts, blank)
    return None if found is None else found[0]


def _chances(x: Any, labels: Any, lengths: Any, counts: Any, blank: int) -> Any:
    """Return the losses, and the chances of states at each time."""
    steps, sequences, classes = x.shape
    longest = labels.shape[1]
    if not _taken(x, labels, lengths, counts):
        return None
    known = np.arange(longest) < counts[:, None]
    if (known & ((labels < 0) | (labels >= classes))).any():
        return None  # the reference says which
    width = 2 * longest + 3
    out = np.full((sequences, steps, width), -np.inf, x.dtype)
    total = np.empty(sequences, x.dtype)
    kernels.chances.at(T=FLOATS[x.dtype])(
        sequences, max(1, _GRAIN // (steps * width)), dense(x), dense(labels), dense(lengths),
        dense(counts), out, total, _paths(width), sequences, steps, classes, longest, blank,
    )  # fmt: skip
    return total, out


def slopes(g: Any, x: Any, labels: Any, lengths: Any, counts: Any, *, blank: int) -> Any:
    """Return the cotangent of the logarithms; see the op. None if it is not taken."""
    made = None if g.dtype != x.dtype else _chances(x, labels, lengths, counts, blank)
    if made is None:
        return None
    total, found = made
    steps, sequences, classes = x.shape
    longest = labels.shape[1]
    width = 2 * longest + 3
    out = np.zeros(x.shape, x.dtype)
    rows = np.empty(threads.count() * 3 * width, x.dtype)
    kernels.slopes.at(T=FLOATS[x.dtype])(
        sequences, max(1, _GRAIN // (steps * width)), dense(g), dense(x), dense(labels),
        dense(lengths), dense(counts), total, found, out, _paths(width), rows,
        sequences, steps, classes, longest, blank,
    )  # fmt: skip
    return out
