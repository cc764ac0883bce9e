"""Captured calls as a program of kernels that run on arrays, one after the other."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from weft._backend import ndarray
from weft._core.tensor import Tensor, wrap
from weft.ops.fused_convolution import FusedConvolution
from weft.transforms.capture import Captured, Constant, Value
from weft.transforms.fusing import Step, fused


class Program:
    """What a function of tensors on the CPU did when it was captured, ready to be done again.

    Args:
        captured: its calls.
    """

    def __init__(self, captured: Captured) -> None:
        self._slots: list[Any] = [None] * len(captured.avals)
        self._steps: list[tuple[Callable[..., Any], tuple[int, ...], Any, tuple[int, ...]]] = []
        steps = fused(captured)
        last: dict[int, int] = {}
        for place, step in enumerate(steps):
            last.update(dict.fromkeys((*step.reads, *step.results), place))
        kept = {r.number for r in captured.results if isinstance(r, Value)}
        for place, step in enumerate(steps):
            over = tuple(n for n, at in last.items() if at == place and n not in kept)
            several = step.op.outputs != 1
            results = step.results if several else step.results[0]
            run, operands = self._run_of(step)
            self._steps.append((run, operands, results, over))
        self._results = captured.results
        self._rebuild = captured.rebuild

    def _run_of(self, step: Step) -> tuple[Callable[..., Any], tuple[int, ...]]:
        """Return what runs a step, and where it finds its operands."""
        if step.op.name in ("convolve", "convolve_bias") and all(
            isinstance(a, Constant) for a in step.args[1:]
        ):
            weight, *bias = (a.tensor._data for a in step.args[1:])
            run: Any = FusedConvolution(
                weight, bias[0] if bias else None, step.params, step.after,
                overwrites=step.overwrites,
            )  # fmt: skip
            operands = (step.args[0],) if step.added is None else (step.args[0], step.added)
        else:
            run, operands = step.op.kernels[ndarray], step.args
            if step.params:
                run = functools.partial(run, **step.params)
        return run, tuple(map(self._place, operands))

    def _place(self, operand: Any) -> int:
        if isinstance(operand, Value):
            return operand.number
        self._slots.append(operand.tensor._data if isinstance(operand, Constant) else operand)
        return len(self._slots) - 1

    def __call__(self, inputs: Sequence[Tensor]) -> Any:
        """Return what the function would, for inputs of the same shapes and dtypes."""
        slots = self._slots.copy()
        for place, x in enumerate(inputs):
            slots[place] = x._data
        for run, operands, results, over in self._steps:
            got = run(*[slots[place] for place in operands])
            if type(results) is int:
                slots[results] = got
            else:
                for place, one in zip(results, got, strict=True):
                    slots[place] = one
            got = None
            for place in over:
                slots[place] = None
        return self._rebuild([self._leaf(r, slots, inputs) for r in self._results])

    def _leaf(self, result: Any, slots: list[Any], inputs: Sequence[Tensor]) -> Any:
        if isinstance(result, Value):
            if result.number < len(inputs):
                return inputs[result.number]
            return wrap(slots[result.number])
        return result.tensor.clone() if isinstance(result, Constant) else result
