"""The slopes that the derivative rules give: Jacobians by reverse mode and by forward mode."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

from weft._core.tensor import Tensor
from weft.ops.joining import stack
from weft.transforms import jvp as forward
from weft.transforms import tape

Gradients = list[Tensor | None]


def pulled(
    outputs: Sequence[Tensor], inputs: Sequence[Tensor], seeds: Sequence[Tensor]
) -> Gradients:
    """Return the gradients of all inputs for cotangents of some outputs; the graph is kept."""
    if not outputs:
        return [None] * len(inputs)
    try:
        return list(tape.grad(outputs, inputs, seeds, retain_graph=True, allow_unused=True))
    except Exception as error:
        error.add_note(
            f"raised by the backward pass from outputs of shapes "
            f"{[tuple(o.shape) for o in outputs]}, other outputs having no gradient (None)"
        )
        raise


def rows(output: Tensor, unit: complex, inputs: Sequence[Tensor]) -> list[Gradients]:
    """Return for each input its gradients by every element of one output.

    Args:
        output: the output.
        unit: the cotangent of one element: 1, or 1j for the imaginary part of a complex output.
        inputs: the inputs.
    """
    found = []
    for place in itertools.product(*(range(length) for length in output.shape)):
        seed = output.detach().new_zeros(output.shape)
        seed[place] = unit
        found.append(pulled([output], inputs, [seed]))
    return [[gradients[i] for gradients in found] for i in range(len(inputs))]


def jacobian(gradients: Gradients, x: Tensor) -> Tensor:
    """Return gradients of an input as the columns of a matrix, zeros for None."""
    if not gradients:
        return x.detach().new_zeros((x.numel(), 0))
    return stack([filled(g, x).reshape(-1) for g in gradients], dim=1)


def filled(gradient: Tensor | None, x: Tensor) -> Tensor:
    """Return a gradient of an input; zeros of its shape and dtype for None."""
    return x.detach().new_zeros(x.shape) if gradient is None else gradient.detach()


def pushed(
    func: Callable[..., tuple[Tensor, ...]],
    arguments: Sequence[Any],
    tangents: dict[int, Tensor],
) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    """Return a function's results and their tangents, for tangents of some of its arguments.

    Args:
        func: returns a tuple of tensors.
        arguments: its arguments.
        tangents: the tangents by position; the other arguments are constant.
    """
    places = list(tangents)
    plain = [a.detach() if isinstance(a, Tensor) else a for a in arguments]

    def of_some(*some: Tensor) -> tuple[Tensor, ...]:
        given = list(plain)
        for place, value in zip(places, some, strict=True):
            given[place] = value
        return func(*given)

    return forward.jvp(of_some, tuple(plain[i] for i in places), tuple(tangents.values()))


def columns(
    func: Callable[..., tuple[Tensor, ...]], arguments: Sequence[Any], place: int, unit: complex
) -> list[tuple[Tensor, ...]]:
    """Return all results' tangents for every element of one argument.

    Args:
        func: returns a tuple of tensors.
        arguments: its arguments.
        place: which of them moves.
        unit: how an element of it moves: by 1, or by 1j.
    """
    x = arguments[place]
    found = []
    for element in itertools.product(*(range(length) for length in x.shape)):
        tangent = x.detach().new_zeros(x.shape)
        tangent[element] = unit
        found.append(pushed(func, arguments, {place: tangent})[1])
    return found
