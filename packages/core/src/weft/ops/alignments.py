"""The likelihood of label sequences over all alignments in one op, and its derivative in another.

The states of a sequence are its labels with blanks between and around them. A state's chance at a
time is the logarithm of the sum over all ways to it; what is left from there is its rest. Both
together, over the whole, are the share of alignments that are in the state at that time, which is
the loss's derivative, negated, by the logarithm that the state reads.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from weft._core import catalogue
from weft._core.aval import Aval
from weft._core.kernels import prefer_compiled
from weft._core.op import not_differentiable
from weft._core.samples import Sample, array, integers
from weft._core.tensor import Tensor
from weft.ops.comparison import where
from weft.ops.creation import arange, zeros
from weft.ops.families.batching import all_batched
from weft.ops.families.custom import custom
from weft.ops.families.recording import require_real, unrecorded
from weft.ops.gathering import picked
from weft.ops.joining import cat, stack
from weft.ops.padding import constant_pad
from weft.ops.reductions import sum
from weft.ops.scattering import scatter_add
from weft.ops.steps import steps

_NEVER = -math.inf


# --- by public ops -----------------------------------------------------------------------------


def _log_sum(terms: list[Tensor]) -> Tensor:
    """Return the logarithm of the sum of exponentials, also where all of them are 0."""
    together = stack(terms, 0)
    largest = together.detach().amax(0)
    largest = where(largest == _NEVER, 0.0, largest)
    total = (together - largest).exp().sum(0)
    none = total == 0
    return where(none, _NEVER, where(none, 1.0, total).log() + largest)


def _moved(x: Tensor, by: int) -> Tensor:
    """Return (N, S) moved along by some places, back by negative ones."""
    length = x.shape[1]
    widths = ((0, 0), (by, 0) if by > 0 else (0, -by))
    out: Tensor = constant_pad(x, widths=widths, value=_NEVER)
    return out.narrow(1, 0 if by > 0 else -by, length)


class _Recursion:
    """The states of all sequences, and their chances at every time, as tensors of a graph."""

    def __init__(self, x: Tensor, labels: Tensor, lengths: Tensor, counts: Tensor, blank: int):
        longest, device = labels.shape[1], labels.device
        known = arange(longest, device=device) < counts.unsqueeze(1)
        own = where(known, labels, blank)
        path = stack([own * 0 + blank, own], 2).reshape((labels.shape[0], 2 * longest))
        self.path = cat([path, counts.unsqueeze(1) * 0 + blank], 1)
        every = self.path.unsqueeze(0).expand((x.shape[0], *tuple(self.path.shape)))
        self.each = steps(picked(x, every, dim=2))  # for each time (N, 2 S + 1)
        before = constant_pad(self.path, widths=((0, 0), (2, 0)), value=blank)
        before = before.narrow(1, 0, self.path.shape[1])
        # a blank may be left out between two labels that differ
        self.leaps = (self.path != blank) & (self.path != before)
        self.lengths, self.state = lengths, arange(self.path.shape[1], device=device)
        self.last = (2 * counts).unsqueeze(1)
        self.some = counts > 0

    def chances(self) -> list[Tensor]:
        """Return the chances at each time; they stay as they are after a sequence's last."""
        start = (self.state == 0) | ((self.state == 1) & self.some.unsqueeze(1))
        found = [where(start, self.each[0], _NEVER)]
        for time, emission in enumerate(self.each[1:], start=1):
            now = found[-1]
            terms = [now, _moved(now, 1), where(self.leaps, _moved(now, 2), _NEVER)]
            running = (time < self.lengths).unsqueeze(1)
            found.append(where(running, _log_sum(terms) + emission, now))
        return found

    def losses(self, chances: list[Tensor]) -> Tensor:
        """Return (N,): the losses."""
        ends = picked(chances[-1], self.last, dim=1).squeeze(1)
        label = picked(chances[-1], (self.last - 1).clamp(min=0), dim=1).squeeze(1)
        ends = _log_sum([ends, where(self.some, label, _NEVER)])
        # with no step at all only the empty sequence is certain
        nothing = where(self.some, _NEVER, 0.0)
        return -where(self.lengths == 0, nothing.to(ends.dtype), ends)

    def slopes(self, x: Tensor) -> Tensor:
        """Return the losses by the logarithms, (T, N, C)."""
        chances = self.chances()
        losses = self.losses(chances)
        possible = (losses < math.inf).unsqueeze(1)
        ends = (self.state == self.last) | (self.state == self.last - 1)
        ends = where(ends, 0.0, _NEVER).to(x.dtype)
        rest = ends
        shares = []
        for time in range(len(self.each) - 1, -1, -1):
            if time < len(self.each) - 1:
                later = rest + self.each[time + 1]
                leaping = where(self.leaps, later, _NEVER)
                onward = _log_sum([later, _moved(later, -1), _moved(leaping, -2)])
                rest = where((time < self.lengths - 1).unsqueeze(1), onward, ends)
            within = possible & (time < self.lengths).unsqueeze(1)
            together = chances[time] + rest + where(possible, losses.unsqueeze(1), 0.0)
            shares.append(where(within, where(within, together, 0.0).exp(), 0.0))
        share = stack(shares[::-1], 0)
        every = self.path.unsqueeze(0).expand(tuple(share.shape))
        return -scatter_add(zeros(tuple(x.shape), dtype=x.dtype, device=x.device), 2, every, share)


# --- the rules ---------------------------------------------------------------------------------


def _vjp(
    needs: Any, g: Any, out: Any, x: Any, labels: Any, lengths: Any, counts: Any, *, blank: int
) -> Any:
    none = (None, None, None)
    if unrecorded(g, x):
        return alignment_slopes(g, x, labels, lengths, counts, blank=blank), *none
    slopes = _Recursion(x, labels, lengths, counts, blank).slopes(x)
    return slopes * g.unsqueeze(0).unsqueeze(2), *none


def _jvp(
    tangents: Any, out: Any, x: Any, labels: Any, lengths: Any, counts: Any, *, blank: int
) -> Any:
    slopes = _Recursion(x, labels, lengths, counts, blank).slopes(x)
    return sum(slopes * tangents[0], (0, 2))


def _joined(size: int, batched: Sequence[bool], args: Sequence[Any], logarithms: int) -> list[Any]:
    """Return arguments with the batch axis part of that of sequences.

    Args:
        size: as in every batching rule,
        batched: as there,
        args: as there.
        logarithms: which argument has the sequences in its second dim.
    """
    made = []
    for i, a in enumerate(all_batched(size, batched, args)):
        if i == logarithms:  # (B, T, N, C)
            a = a.transpose(0, 1)
            made.append(a.reshape((a.shape[0], a.shape[1] * a.shape[2], a.shape[3])))
        else:
            made.append(a.reshape((a.shape[0] * a.shape[1], *tuple(a.shape)[2:])))
    return made


def _batch(size: int, batched: Sequence[bool], *args: Any, blank: int) -> Any:
    losses = alignment_losses(*_joined(size, batched, args, 0), blank=blank)
    return losses.reshape((size, losses.shape[0] // size))


def _slopes_batch(size: int, batched: Sequence[bool], *args: Any, blank: int) -> Any:
    out = alignment_slopes(*_joined(size, batched, args, 1), blank=blank)
    length, count, classes = out.shape
    return out.reshape((length, size, count // size, classes)).transpose(0, 1)


# --- the ops -----------------------------------------------------------------------------------

_ARGS = (array(5, 2, 4), integers(2, 2, low=1, high=4), integers(2, low=4, high=6))
_COUNTS = integers(2, low=1, high=3)
_ALONE = not_differentiable("alignment_losses calls it only where nothing is recorded")


def _states(xp: Any, labels: Any, counts: Any, blank: int, classes: int) -> tuple[Any, Any, Any]:
    """Return each state's class, whether the blank before it may be left out, whether it is one."""
    count, longest = labels.shape
    known = xp.arange(longest) < counts[:, None]
    wrong = known & ((labels < 0) | (labels >= classes))
    if wrong.any():
        raise IndexError(
            f"ctc_loss: index {int(labels[wrong][0])} is out of range for a dim of length "
            f"{classes}; targets must hold classes from 0 to {classes - 1}"
        )
    path = xp.full((count, 2 * longest + 1), blank, labels.dtype)
    path[:, 1::2] = xp.where(known, labels, blank)
    before = xp.full(path.shape, blank, labels.dtype)
    before[:, 2:] = path[:, : path.shape[1] - 2]
    there = xp.arange(path.shape[1]) < (2 * counts + 1)[:, None]
    return path, (path != blank) & (path != before), there


def _added(xp: Any, terms: list[Any]) -> Any:
    top = terms[0]
    for term in terms[1:]:
        top = xp.maximum(top, term)
    safe = xp.where(xp.isneginf(top), xp.zeros_like(top), top)
    total: Any = 0
    for term in terms:
        total = total + xp.exp(term - safe)
    return xp.log(total) + safe


def _chances(
    xp: Any, x: Any, labels: Any, lengths: Any, counts: Any, blank: int
) -> tuple[Any, Any]:
    """Return the losses, and the states' chances (N, T, 2 S + 3), two never reached before them."""
    length, count, classes = x.shape
    path, leaps, there = _states(xp, labels, counts, blank, classes)
    out = xp.full((count, length, path.shape[1] + 2), _NEVER, x.dtype)
    emitted = xp.take_along_axis(x, xp.broadcast_to(path, (length, *path.shape)), axis=2)
    start = there & (xp.arange(path.shape[1]) < 2)
    out[:, 0, 2:] = xp.where(start & (lengths > 0)[:, None], emitted[0], _NEVER)
    for time in range(1, length):
        now = out[:, time - 1]
        leap = xp.where(leaps, now[:, :-2], xp.full_like(now[:, :-2], _NEVER))
        chance = _added(xp, [now[:, 2:], now[:, 1:-1], leap]) + emitted[time]
        running = there & (time < lengths)[:, None]
        out[:, time, 2:] = xp.where(running, chance, _NEVER)
    ends = out[xp.arange(count), xp.maximum(lengths - 1, 0)]
    last = (2 * counts + 2)[:, None]
    pair = [xp.take_along_axis(ends, last - back, axis=1)[:, 0] for back in (0, 1)]
    losses = -_added(xp, pair)
    losses = xp.where((lengths == 0) & (counts == 0), 0.0, losses)
    return losses.astype(x.dtype), out


@custom(
    shape=lambda x, labels, lengths, counts, *, blank: Aval((x.shape[1],), x.dtype),
    vjp=_vjp,
    jvp=_jvp,
    batch=_batch,
    saves=("x", "labels", "lengths", "counts"),
    promote=False,
    samples=(
        Sample(*_ARGS, _COUNTS, blank=0),
        Sample(array(3, 2, 4), integers(2, 2, low=0, high=2), integers(2, low=3, high=4), _COUNTS,
               blank=3),
    ),
    keyword_only=("blank",),
    namespaces=(),
    methods=(),
    out=False,
    called="ctc_loss",
)  # fmt: skip
def alignment_losses(xp: Any, x: Any, labels: Any, lengths: Any, counts: Any, *, blank: int) -> Any:
    """Negative log-likelihoods of label sequences over all alignments.

    Args:
        input: (T, N, C), logarithms of each step's class probabilities.
        labels: int64 (N, S).
        lengths: int64 (N,), how many steps count.
        counts: int64 (N,), how many labels count.
        blank: the class that stands for no label.

    Returns:
        Tensor: (N,).
    """
    require_real("ctc_loss", x)
    return _chances(xp, x, labels, lengths, counts, blank)[0]


@custom(
    shape=lambda g, x, *rest, blank: Aval(x.shape, x.dtype),
    vjp=_ALONE,
    jvp=_ALONE,
    batch=_slopes_batch,
    promote=False,
    samples=(
        Sample(array(2), *_ARGS, _COUNTS, blank=0),
    ),
    keyword_only=("blank",),
    namespaces=(),
    methods=(),
    out=False,
)  # fmt: skip
def alignment_slopes(
    xp: Any, g: Any, x: Any, labels: Any, lengths: Any, counts: Any, *, blank: int
) -> Any:
    """The derivative of :func:`alignment_losses` by the logarithms.

    Args:
        g: (N,), the cotangents of the losses.
        input: as there,
        labels: as there,
        lengths: as there,
        counts: as there.
        blank: as there.

    Returns:
        Tensor: (T, N, C).
    """
    require_real("ctc_loss", x)
    length, count, classes = x.shape
    path, leaps, there = _states(xp, labels, counts, blank, classes)
    losses, chances = _chances(xp, x, labels, lengths, counts, blank)
    emitted = xp.take_along_axis(x, xp.broadcast_to(path, (length, *path.shape)), axis=2)
    state, last = xp.arange(path.shape[1]), (2 * counts)[:, None]
    ends = xp.where((state == last) | (state == last - 1), 0.0, _NEVER).astype(x.dtype)
    possible = xp.isfinite(losses)[:, None]
    whole = xp.where(possible, losses[:, None], xp.zeros_like(losses[:, None]))
    out = xp.zeros(x.shape, x.dtype)
    rest = ends
    for time in range(length - 1, -1, -1):
        if time < length - 1:
            later = xp.full((count, path.shape[1] + 2), _NEVER, x.dtype)
            later[:, :-2] = xp.where(there, rest + emitted[time + 1], _NEVER)
            over = xp.full(later.shape, _NEVER, x.dtype)
            over[:, :-2] = xp.where(leaps, later[:, :-2], _NEVER)
            onward = _added(xp, [later[:, :-2], later[:, 1:-1], over[:, 2:]])
            rest = xp.where((time < lengths - 1)[:, None], onward, ends)
        within = there & possible & (time < lengths)[:, None]
        share = xp.exp(chances[:, time, 2:] + rest + whole) * g[:, None]
        share = xp.where(within, share, 0).astype(x.dtype)
        xp.add.at(out[time], (xp.arange(count)[:, None], path), -share)
    return out


prefer_compiled(catalogue.ops["alignment_losses"], "alignments", "losses")
prefer_compiled(catalogue.ops["alignment_slopes"], "alignments", "slopes")
