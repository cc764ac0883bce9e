"""What the functions of ``autograd.functional`` work on: inputs, vectors, and gradients by them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from weft._core.errors import GradError, ShapeError
from weft._core.modes import differentiating
from weft._core.tensor import Tensor
from weft.ops.casting import detach
from weft.ops.creation import ones_like, zeros_like
from weft.transforms import tape
from weft.transforms.vjp import tracked


class Tuple:
    """A tensor, or a tuple of tensors, that remembers which it was."""

    def __init__(self, name: str, what: str, given: Any) -> None:
        self.is_tuple = isinstance(given, tuple)
        self.tensors: list[Any] = list(given) if self.is_tuple else [given]
        bad = next((x for x in self.tensors if not isinstance(x, Tensor)), None)
        if bad is not None or not self.tensors:
            got = f"got {type(bad).__name__} {bad!r:.60}" if self.tensors else "got an empty tuple"
            raise TypeError(f"{name}: {what} a weft.Tensor or a tuple of them, {got}")

    def packed(self, results: Sequence[Any], create_graph: bool) -> Any:
        """Return results in the place of the tensors, cut from their graph unless asked for."""
        kept = list(results) if create_graph else [detach(x) for x in results]
        return tuple(kept) if self.is_tuple else kept[0]


class Inputs(Tuple):
    """The inputs of one call, ready to be differentiated by."""

    def __init__(self, name: str, inputs: Any, create_graph: bool) -> None:
        super().__init__(name, "inputs must be", inputs)
        self.name = name
        with differentiating():
            self.tensors = [
                tracked(name, x) if create_graph else detach(x).requires_grad_()
                for x in self.tensors
            ]

    def run(self, func: Callable[..., Any]) -> Tuple:
        """Return what a function makes of the inputs."""
        with differentiating():
            return Tuple(self.name, "the function must return", func(*self.tensors))

    def vector(self, name: str, v: Any) -> list[Any]:
        """Return a vector shaped as the inputs."""
        if v is not None:
            return vector_like(name, v, self.tensors)
        if self.is_tuple or self.tensors[0].numel() != 1:
            raise GradError(f"{name}: v can only be left out for one input of one element")
        return [ones_like(self.tensors[0])]


def vector_like(name: str, v: Any, like: Sequence[Any]) -> list[Any]:
    """Return the tensors of a vector, which must have the shapes of others."""
    vector = Tuple(name, "v must be", v).tensors
    if len(vector) != len(like):
        raise GradError(f"{name}: v must have {len(like)} tensors, got {len(vector)}")
    for i, (own, x) in enumerate(zip(vector, like, strict=True)):
        if tuple(own.shape) != tuple(x.shape):
            raise ShapeError(
                f"{name}: tensor {i} of v must have shape {tuple(x.shape)}, got {tuple(own.shape)}"
            )
    return vector


def value_and_slopes(
    name: str, func: Callable[..., Any], given: Inputs, strict: bool
) -> tuple[Tuple, list[Any]]:
    """Return the one number that a function computes, and its gradients, recorded."""
    value = given.run(func)
    if value.is_tuple or value.tensors[0].numel() != 1:
        shapes = ", ".join(str(tuple(x.shape)) for x in value.tensors)
        raise GradError(f"{name}: the function must return one tensor of one element, got {shapes}")
    seeds = [ones_like(value.tensors[0])]
    return value, gradients(name, value.tensors, given.tensors, seeds, True, strict)


def gradients(
    name: str,
    outputs: Sequence[Any],
    inputs: Sequence[Any],
    seeds: Sequence[Any],
    create_graph: bool,
    strict: bool,
    of: str = "the function",
) -> list[Any]:
    """Return the gradients by the inputs, zeros where there is no path from one."""
    for i, out in enumerate(outputs):
        if strict and not out.requires_grad:
            raise GradError(
                f"{name}: result {i} of {of} does not depend on the inputs in a way that can be "
                f"differentiated, which strict=True forbids"
            )
    joined = [(x, s) for x, s in zip(outputs, seeds, strict=True) if x.requires_grad]
    found: Sequence[Any] = [None] * len(inputs)
    if joined:
        found = tape.grad(
            [x for x, _ in joined],
            list(inputs),
            [s for _, s in joined],
            retain_graph=True,
            create_graph=create_graph,
            allow_unused=True,
        )
    for i, g in enumerate(found):
        if strict and g is None:
            raise GradError(f"{name}: {of} does not depend on input {i}, which strict=True forbids")
        if strict and create_graph and not g.requires_grad:
            raise GradError(
                f"{name}: the derivative of {of} by input {i} does not depend on the inputs, which "
                f"strict=True with create_graph=True forbids"
            )
    return [zeros_like(x) if g is None else g for g, x in zip(found, inputs, strict=True)]
