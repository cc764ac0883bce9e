"""What one gradient check is about: a function, its arguments, its results, and the settings."""

from __future__ import annotations

import dataclasses
import math
import warnings
from collections.abc import Callable, Sequence
from typing import Any

from weft._backend import ndarray
from weft._core.aval import Aval
from weft._core.modes import differentiating
from weft._core.tensor import Tensor
from weft.autograd._probing import Unsteady, is_inexact
from weft.autograd.gradcheck import GradcheckError


@dataclasses.dataclass(frozen=True, slots=True)
class Settings:
    """The keyword arguments of :func:`weft.autograd.gradcheck`, as they are told of there."""

    eps: float
    atol: float
    rtol: float
    nondet_tol: float
    check_undefined_grad: bool
    check_grad_dtypes: bool
    check_batched_grad: bool
    check_batched_forward_grad: bool
    check_forward_ad: bool
    check_backward_ad: bool
    fast_mode: bool
    masked: bool


class Problem:
    """A function at a point.

    Attributes:
        name: who checks: "gradcheck" or "gradgradcheck".
        arguments: the function's arguments.
        places: which of them are differentiated: the tensors that require grad.
        inputs: those.
        results: what the function returned, with its graph.
        outputs: which of the results are checked: those that require grad.
    """

    def __init__(
        self,
        name: str,
        func: Callable[..., Any],
        arguments: tuple[Any, ...],
        labels: Callable[[], tuple[Sequence[str], Sequence[str]]] | None = None,
    ) -> None:
        self.name, self.arguments = name, arguments
        self._func, self._labels = func, labels
        self.places = [
            i for i, x in enumerate(arguments) if isinstance(x, Tensor) and x.requires_grad
        ]
        self.inputs: list[Tensor] = [arguments[i] for i in self.places]
        check_inputs(name, arguments, self.places)
        self.results = self.call(*arguments)
        self.outputs = [k for k, out in enumerate(self.results) if out.requires_grad]

    def call(self, *arguments: Any) -> tuple[Tensor, ...]:
        """Return the function's results for some arguments, as a tuple of tensors."""
        with differentiating():  # whatever the mode of the caller
            results = as_tuple(self._func(*arguments))
        for k, out in enumerate(results):
            if not isinstance(out, Tensor):
                raise TypeError(
                    f"{self.name}: func must return a tensor or a tuple of tensors, output {k} is "
                    f"a {type(out).__name__}"
                )
        return results

    def evaluate(self) -> tuple[Tensor, ...]:
        """Return copies of the results for the arguments as they are now, cut from the graph.

        Copies, since a function may return a view of an argument, which is about to be moved.
        """
        return tuple(out.detach().clone() for out in self.call(*self.arguments))

    def error(self, what: str) -> GradcheckError:
        """Return the error that says ``what``."""
        return GradcheckError(f"{self.name}: {what}")

    def measured(self, measure: Callable[..., Any], *arguments: Any) -> Any:
        """Return what a function of :mod:`weft.autograd._probing` measures."""
        try:
            return measure(self.evaluate, *arguments)
        except Unsteady as unsteady:
            raise self.error(str(unsteady)) from None

    def about(self, i: int, k: int) -> str:
        """Return which input and output these are, and their shapes and dtypes."""
        x, out = self.arguments[i], self.results[k]
        inputs, outputs = self._labels() if self._labels else ((), ())
        input_label = f": {inputs[i]}" if inputs else f", argument {i} of func"
        output_label = f": {outputs[k]}" if outputs else ""
        return (
            f"Output {k}{output_label}, of shape {tuple(out.shape)} and {out.dtype}. "
            f"Input {i}{input_label}, of shape {tuple(x.shape)} and {x.dtype}."
        )


def is_double(x: Tensor) -> bool:
    """Whether a floating or complex tensor is of double precision."""
    return x.dtype.itemsize == (16 if x.dtype.is_complex else 8)


def units(x: Tensor) -> tuple[complex, ...]:
    """Return the directions in which one element of a tensor moves: 1, and 1j if it is complex."""
    return (1j, 1) if x.dtype.is_complex else (1,)


def as_tuple(value: Any) -> tuple[Any, ...]:
    """Return a tuple or list as a tuple, anything else as the one element of a tuple."""
    return tuple(value) if isinstance(value, (tuple, list)) else (value,)


def check_inputs(name: str, arguments: Sequence[Any], places: Sequence[int]) -> None:
    """Raise or warn where the arguments cannot be measured, or not well.

    Raises:
        ValueError: none requires grad, or one has no data.
        RuntimeError: elements of one share memory, or its memory is read-only.
    """
    require_some(name, arguments)
    for i in places:
        x = arguments[i]
        if isinstance(x._data, Aval):
            raise ValueError(f"{name}: input {i} is on {x.device}, which has no numbers to move")
        if not is_double(x):
            warnings.warn(
                f"{name}: input {i} requires grad and is not of double precision but of {x.dtype}. "
                f"Finite differences of it carry few digits, so that the check will likely fail; "
                f"use float64 or complex128",
                stacklevel=4,
            )
        if overlaps(tuple(x.shape), tuple(x.stride())):
            raise RuntimeError(
                f"{name}: elements of input {i}, of shape {tuple(x.shape)} and strides "
                f"{tuple(x.stride())}, share memory: moving one would move others, and the "
                f"numerical derivative would be wrong; pass a .clone() or .contiguous() of it"
            )
        if type(x._data) is ndarray and x.numel() and not x._data.flags.writeable:
            raise RuntimeError(
                f"{name}: the memory of input {i} is read-only and cannot be moved; pass a "
                f".clone() of it"
            )


def require_some(name: str, arguments: Sequence[Any]) -> None:
    """Raise unless some argument requires grad."""
    if not any(isinstance(x, Tensor) and x.requires_grad for x in arguments):
        raise ValueError(
            f"{name}: at least one input must require grad, none of {len(arguments)} does; call "
            f".requires_grad_() on those whose derivatives are to be checked"
        )


def overlaps(shape: Sequence[int], strides: Sequence[int]) -> bool:
    """Whether two elements of a strided tensor lie at one place in memory."""
    if 0 in shape:
        return False
    dims = sorted((abs(step), n) for step, n in zip(strides, shape, strict=True) if n > 1)
    reach = 0
    for step, length in dims:
        if step <= reach:
            break
        reach += step * (length - 1)
    else:
        return False  # each dim steps over all that the smaller ones reach
    places = {0}
    for step, length in dims:
        places = {at + step * i for at in places for i in range(length)}
    return len(places) < math.prod(shape)


def hint(problem: Problem, i: int) -> str:
    """Return a sentence if the function is not even steady, which makes every slope wrong."""
    before, again = problem.evaluate(), problem.evaluate()
    for k, (a, b) in enumerate(zip(before, again, strict=True)):
        if is_inexact(a) and tuple(a.shape) == tuple(b.shape) and not a.equal(b):
            return (
                f"func itself gives another output {k} each time it is called with the same inputs "
                f"(largest difference {(a - b).abs().max().item():.6g}): fix its random numbers."
            )
    x = problem.arguments[i]
    if not is_double(x):
        return f"The input is {x.dtype}: use float64 or complex128, or a larger eps and tolerances."
    return ""
