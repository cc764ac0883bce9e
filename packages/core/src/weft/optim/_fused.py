"""Fused steps: which parameters one kernel updates together, found once and checked at each step.

A plan holds the array objects that it was made for. As long as parameters and state still have
these very arrays, their addresses and layouts need no second look.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from weft._backend import ndarray, np
from weft._backend.cpu import switches
from weft._core.tensor import version_of


def single(value: Any) -> Any:
    """Round a number as storing it in a float32 does."""
    return float(np.float32(value))


@functools.cache
def _launch() -> Any:
    from weft._backend.cpu.launch import optimizers

    return optimizers


def kernels() -> Any:
    """Return the module that runs fused kernels; None where there is no code generation."""
    if not switches.codegen:
        return None
    launch = _launch()
    return launch if launch.usable() else None


class Bucket:
    """Parameters of one dtype that one call updates.

    Attributes:
        params: the parameters.
        rows: their arrays, and the kernel's tables.
        counters: the arrays of each kind of counter.
    """

    def __init__(
        self, params: list[Any], columns: list[list[Any]], counters: list[list[Any]], width: int
    ) -> None:
        launch = _launch()
        self.params = params
        self.rows = launch.Rows(columns, width)
        self.counters = launch.Counters(counters) if counters else None

    def prepare(self, group: dict[str, Any], coefficients: Callable[..., tuple[Any, Any]]) -> None:
        """Move the counters on and compute each row's coefficients."""
        counters = self.counters
        if counters is None:
            self.rows.numbers[:] = coefficients(group, (), float)[1]
            return
        rounded = single if counters.narrow else float
        values = counters.read()
        if counters.alike():
            after, numbers = coefficients(group, values[:, 0].tolist(), rounded)
            values[:] = [[x] for x in after]
            self.rows.numbers[:] = numbers
        else:
            for row, before in enumerate(values.T.tolist()):
                after, numbers = coefficients(group, before, rounded)
                values[:, row] = after
                self.rows.numbers[row] = numbers
        counters.write()


class Plan:
    """How a group's parameters are updated.

    Attributes:
        buckets: those that kernels update.
        updated: the parameters in them.
        rest: those that are updated by formula, one by one.
        writes: the counts of writes of the state tensors that kernels update.
    """

    def __init__(
        self,
        params: list[Any],
        states: list[dict[str, Any]],
        names: Sequence[str],
        counters: Sequence[str],
        width: int,
    ) -> None:
        self._buffers = names
        self._names = (*names, *counters)
        self._arrays = _gathered(params, states, self._names)
        self._ids = list(map(id, self._arrays))
        launch = _launch()
        self.rest: list[Any] = []
        self.updated: list[Any] = []
        self.writes: list[Any] = []
        by_kind: dict[Any, list[tuple[Any, ...]]] = {}
        for p, state in zip(params, states, strict=True):
            buffers = [state[name]._data for name in names]
            counts = [state[name]._data for name in counters]
            kind = launch.counter_kind(counts)
            if kind is None or not launch.is_taken(p._data, buffers):
                self.rest.append(p)
                continue
            row = (p, buffers, counts, state)
            by_kind.setdefault((p._data.dtype, kind), []).append(row)
        taken = [a for rows in by_kind.values() for p, b, _, _ in rows for a in (p._data, *b)]
        if launch.share_memory(taken):
            self.rest, by_kind = list(params), {}
        self.buckets = []
        for rows in by_kind.values():
            members = [row[0] for row in rows]
            columns = [
                [p._data for p in members],
                *map(list, zip(*(r[1] for r in rows), strict=True)),
            ]
            counts = list(map(list, zip(*(r[2] for r in rows), strict=True)))
            self.buckets.append(Bucket(members, columns, counts, width))
            self.updated += members
            self.writes += [version_of(r[3][name]).writes for r in rows for name in self._names]

    def fits(self, params: list[Any], states: list[dict[str, Any]], names: Sequence[str]) -> bool:
        """Whether parameters and state are still the arrays that the plan was made for."""
        have = self._names
        if self._buffers != names or len(self._ids) != len(params) * (1 + len(have)):
            return False
        return list(map(id, _gathered(params, states, have))) == self._ids

    def run(
        self,
        kernel: str,
        flags: dict[str, Any],
        group: dict[str, Any],
        coefficients: Callable[..., tuple[Any, Any]],
    ) -> None:
        """Update the parameters in buckets by their gradients."""
        for bucket in self.buckets:
            grads = [p._extra.grad._data for p in bucket.params]
            for p, g in zip(bucket.params, grads, strict=True):
                if type(g) is not ndarray:
                    raise TypeError(
                        f"step: the gradient of a parameter of shape {tuple(p.shape)} on the CPU "
                        f"is not an array there, but {type(g).__name__}"
                    )
            bucket.prepare(group, coefficients)
            bucket.rows.run(kernel, grads, **flags)


def _gathered(params: list[Any], states: list[dict[str, Any]], names: Sequence[str]) -> list[Any]:
    arrays = [p._data for p in params]
    for name in names:
        arrays += [state[name]._data for state in states]
    return arrays
