"""The first derivative of a function, as a function whose derivatives can be checked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from weft._core.modes import differentiating
from weft._core.tensor import Tensor
from weft.autograd._problem import as_tuple, require_some
from weft.autograd.gradcheck import GradcheckError
from weft.ops.random import rand
from weft.transforms import tape


class Gradient:
    """From a function's inputs and cotangents of its outputs to the gradients by its inputs.

    Attributes:
        arguments: the inputs and, after them, the cotangents.
    """

    def __init__(
        self,
        func: Callable[..., Any],
        inputs: tuple[Any, ...],
        grad_outputs: Tensor | Sequence[Tensor | None] | None,
        noncontiguous: bool,
    ) -> None:
        require_some("gradgradcheck", inputs)
        self._func, self._count = func, len(inputs)
        with differentiating():
            outputs = _differentiable(func(*inputs))
        if not outputs:
            raise GradcheckError(
                "gradgradcheck: no output of func requires grad, so there is no first derivative; "
                "is a .detach() or no_grad in func?"
            )
        if grad_outputs is None:
            cotangents = tuple(_drawn(out, noncontiguous) for out in outputs)
        else:
            cotangents = as_tuple(grad_outputs)
        if len(cotangents) != len(outputs):
            raise ValueError(
                f"gradgradcheck: {len(outputs)} outputs of func require grad and need as many "
                f"grad_outputs, got {len(cotangents)}; None stands for one without"
            )
        self.arguments = (*inputs, *cotangents)
        self._differentiated = [isinstance(x, Tensor) and x.requires_grad for x in self.arguments]
        self._returned: list[int] = []

    def __call__(self, *arguments: Any) -> tuple[Tensor, ...]:
        """Return the gradients by those inputs that require grad, without those that are None."""
        with differentiating():
            # forward mode gives arguments of its own, which must be asked for gradients again
            given = [
                x.requires_grad_() if wanted and not x.requires_grad else x
                for x, wanted in zip(arguments, self._differentiated, strict=True)
            ]
            outputs = _differentiable(self._func(*given[: self._count]))
            pairs = [
                (out, seed)
                for out, seed in zip(outputs, given[self._count :], strict=True)
                if seed is not None
            ]
            wanted = [i for i in range(self._count) if self._differentiated[i]]
            found = tape.grad(
                [out for out, _ in pairs],
                [given[i] for i in wanted],
                [seed for _, seed in pairs],
                create_graph=True,
                allow_unused=True,
            )
        self._returned = [i for i, g in zip(wanted, found, strict=True) if g is not None]
        return tuple(g for g in found if g is not None)

    def labels(self) -> tuple[list[str], list[str]]:
        """Return what to call the arguments and the results in messages."""
        count = len(self.arguments) - self._count
        return (
            [f"argument {i} of func" for i in range(self._count)]
            + [f"grad_outputs[{k}]" for k in range(count)],
            [f"the gradient by argument {i} of func" for i in self._returned],
        )


def _differentiable(results: Any) -> tuple[Tensor, ...]:
    return tuple(out for out in as_tuple(results) if isinstance(out, Tensor) and out.requires_grad)


def _drawn(out: Tensor, noncontiguous: bool) -> Tensor:
    """Return random numbers in [-1, 1) of an output's shape and dtype that require grad."""

    def one() -> Tensor:
        real = out.real.dtype if out.dtype.is_complex else out.dtype
        shape = (*out.shape, 2) if noncontiguous else tuple(out.shape)
        drawn: Tensor = rand(shape, dtype=real, device=out.device) * 2 - 1
        return drawn

    drawn = one() + 1j * one() if out.dtype.is_complex else one()
    return (drawn[..., 0] if noncontiguous else drawn).requires_grad_()
