"""Kernels of connectionist temporal classification: all alignments' chances, and the way back.

The states of a sequence are its labels with blanks between and around them. Their chances are
logarithms; two states that are never reached stand before the first, and behind the last.
"""

# what the language reads: mypy has no words for it
from __future__ import annotations

from weft._backend.cpu.kernels.mathematics import exp, log
from weft._backend.cpu.language import T, function, i32, i64, kernel, ptr, select, simd, thread

NEVER = float("-inf")


@function
def joined(a, b, c):
    """The logarithm of a sum of exponentials, also where all are 0."""
    top = max(max(a, b), c)
    safe = 0.0 if top == NEVER else top
    return log(exp(a - safe) + exp(b - safe) + exp(c - safe)) + safe


@function
def written(path, labels, many, blank):
    """Write each state's class, and behind that whether the blank before it may be left out."""
    states = 2 * many + 1
    for s in range(states):
        own = blank
        if s % 2 == 1:
            own = labels[s // 2]
        path[s] = i32(own)
    for s in range(states):
        leap = 0
        if s % 2 == 1 and s > 1:
            leap = 1 if path[s] != path[max(s - 2, 0)] and path[s] != i32(blank) else 0
        path[states + s] = i32(leap)


@kernel(loose=False)
def chances(
    begin, end, x: ptr(T), labels: ptr(i64), lengths: ptr(i64), counts: ptr(i64), out: ptr(T),
    losses: ptr(T), paths: ptr(i32), sequences, steps, classes, longest, blank,
):  # fmt: skip
    """A step is a sequence. ``out``: (sequences, steps, 2 longest + 3), never reached before."""
    width = 2 * longest + 3
    path = paths + thread() * 2 * width
    for n in range(begin, end):
        many = counts[n]
        states = 2 * many + 1
        used = lengths[n]
        written(path, labels + n * longest, many, blank)
        leaps = path + states
        if used == 0:
            losses[n] = 0.0 if many == 0 else 0.0 - NEVER
        else:
            row = out + n * steps * width
            row[2] = x[n * classes + blank]
            if many > 0:
                row[3] = x[n * classes + i64(path[1])]
            for t in range(1, used):
                before = row
                row = row + width
                here = x + (t * sequences + n) * classes
                for s in simd(states):
                    leap = select(leaps[s] != 0, before[s], T(NEVER))
                    row[s + 2] = joined(before[s + 2], before[s + 1], leap) + here[path[s]]
            losses[n] = 0.0 - joined(row[states + 1], row[states], T(NEVER))


@kernel(loose=False)
def slopes(
    begin, end, g: ptr(T), x: ptr(T), labels: ptr(i64), lengths: ptr(i64), counts: ptr(i64),
    losses: ptr(T), chances: ptr(T), out: ptr(T), paths: ptr(i32), rows: ptr(T), sequences, steps,
    classes, longest, blank,
):  # fmt: skip
    """A step is a sequence; ``out`` is zero before. ``rows``: three widths for each thread."""
    width = 2 * longest + 3
    path = paths + thread() * 2 * width
    later = rows + thread() * 3 * width
    share = later + width
    after = share + width
    for n in range(begin, end):
        many = counts[n]
        states = 2 * many + 1
        used = lengths[n]
        loss = losses[n]
        if loss < 0.0 - NEVER and used > 0:
            written(path, labels + n * longest, many, blank)
            leaps = path + states
            for t in range(used - 1, -1, -1):
                row = chances + (n * steps + t) * width
                here = x + (t * sequences + n) * classes
                if t == used - 1:
                    for s in simd(states):
                        after[s] = 0.0 if s >= states - 2 else NEVER
                else:
                    for s in simd(states):
                        two = min(s + 2, states - 1)
                        over = s + 2 < states and leaps[two] != 0
                        leap = select(over, later[s + 2], T(NEVER))
                        after[s] = joined(later[s], later[s + 1], leap)
                for s in simd(states):
                    share[s] = exp(row[s + 2] + after[s] + loss) * g[n]
                    later[s] = after[s] + here[path[s]]
                later[states] = NEVER
                later[states + 1] = NEVER
                to = out + (t * sequences + n) * classes
                for s in range(states):
                    k = i64(path[s])
                    to[k] = to[k] - share[s]
