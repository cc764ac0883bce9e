"""Hooks that run in the backward pass of a module: where its gradients go in and come out.

A call of a module that has such hooks is enclosed between two identities: one takes the tensors
among its arguments that need gradients, one those of its result. The hooks hang on the nodes of
these, so they see the gradients of all arguments, or of all results, at once.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import weft
from weft import Tensor
from weft._core.modes import here
from weft.autograd.function import Function

if TYPE_CHECKING:
    from weft.nn._hooks import CallHooks
    from weft.nn.module import Module


class _Identity(Function):
    """Gives back its arguments, all under one node of the graph."""

    @staticmethod
    def forward(ctx: Any, *tensors: Tensor) -> tuple[Tensor, ...]:
        ctx.set_materialize_grads(False)
        return tuple(tensor.view_as(tensor) for tensor in tensors)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        return gradients


class Watch:
    """One call of a module with backward hooks, from its arguments to its gradients."""

    def __init__(self, module: Module, groups: tuple[CallHooks, ...]) -> None:
        self.module = module
        self.before: list[Callable[..., Any]] = []
        self.full: list[Callable[..., Any]] = []
        self.last: list[Callable[..., Any]] = []  # those of the last op only
        for group in groups:
            self.before += group.backward_pre.values()
            (self.full if group.full else self.last).extend(group.backward.values())
        self.inputs: list[int] | None = None
        self.args: tuple[Any, ...] = ()  # until forward is through
        self.other: dict[int, Any] = {}  # makes zeros for the tensors that need no gradient
        self.gradients: tuple[Any, ...] | None = None  # of the results, in the backward pass

    def enter(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """The arguments, whose gradients will be seen by the hooks."""
        self.args = args
        if self.full or self.before:
            args, self.inputs, node = _under_one_node(args)
            if node is not None:
                node.register_hook(self._at_the_inputs)
                self.args = args
                self.other = {
                    place: partial(weft.zeros, arg.shape, dtype=arg.dtype, device=arg.device)
                    for place, arg in enumerate(args)
                    if isinstance(arg, Tensor) and not arg.requires_grad
                }
        return args

    def leave(self, result: Any) -> Any:
        """The result, whose gradients will be seen by the hooks."""
        if self.full or self.before:
            if not isinstance(result, (Tensor, tuple)):
                warnings.warn(
                    f"{type(self.module).__name__}: backward hooks are called where the module "
                    f"returns a tensor or a tuple of tensors, but it returned "
                    f"{type(result).__name__}",
                    stacklevel=4,
                )
            results = result if isinstance(result, tuple) else (result,)
            results, self.outputs, node = _under_one_node(results)
            self.count = len(results)
            if node is not None:
                node.register_hook(self._at_the_outputs)
            result = results if isinstance(result, tuple) else results[0]
        if self.last:
            self._hang_on_the_last_op(result)
        self.number, self.args = len(self.args), ()
        return result

    def _at_the_outputs(self, gradients: tuple[Any, ...], _: Any) -> tuple[Any, ...] | None:
        held = _spread(gradients, self.outputs or [], self.count)
        for hook in self.before:
            held = self._replaced(
                "a backward pre-hook", "grad_output", hook(self.module, held), held
            )
        self.gradients = held
        if self.inputs is None and self.full:
            warnings.warn(
                f"{type(self.module).__name__}: a full backward hook runs when the gradients of "
                "the results are known, since no argument of the module requires grad",
                stacklevel=2,
            )
            nothing = (None,) * self.number
            for hook in self.full:
                given = hook(self.module, nothing, held)
                if given is not None and any(part is not None for part in given):
                    raise RuntimeError(
                        f"{type(self.module).__name__}: a backward hook returned gradients, but "
                        "no argument of the module requires grad; return None"
                    )
            self.gradients = None
        return tuple(held[place] for place in self.outputs or [])

    def _at_the_inputs(self, gradients: tuple[Any, ...], _: Any) -> tuple[Any, ...] | None:
        if self.gradients is None:
            return None  # a gradient of gradients came by, not through the module's results
        places = self.inputs or []
        every = _spread(gradients, places, self.number)
        held = tuple(
            self.other[place]() if place in self.other else gradient
            for place, gradient in enumerate(every)
        )
        for hook in self.full:
            given = hook(self.module, held, self.gradients)
            held = self._replaced("a backward hook", "grad_input", given, held)
        self.gradients = None
        return tuple(held[place] for place in places)

    def _replaced(self, who: str, what: str, given: Any, held: tuple[Any, ...]) -> tuple[Any, ...]:
        if given is None:
            return held
        given = given if isinstance(given, (tuple, list)) else (given,)
        if len(given) != len(held):
            raise RuntimeError(
                f"{type(self.module).__name__}: {who} must return None or {len(held)} gradients as "
                f"{what} has, but returned {len(given)}"
            )
        return tuple(given)

    def _hang_on_the_last_op(self, result: Any) -> None:
        node = getattr(_first_tensor(result), "grad_fn", None)
        if node is None:
            return
        known = {arg.grad_fn for arg in self.args if isinstance(arg, Tensor)}
        inner = [
            parent
            for parent, _ in node.next_functions
            if parent is not None and parent not in known and parent.name() != "AccumulateGrad"
        ]
        if inner or not isinstance(result, Tensor):
            warnings.warn(
                f"{type(self.module).__name__}: register_backward_hook shows the gradients of the "
                "last op alone, and this module has several; use register_full_backward_hook",
                FutureWarning,
                stacklevel=4,
            )
        for hook in self.last:
            node.register_hook(_of_module(hook, self.module))


def _of_module(hook: Callable[..., Any], module: Module) -> Callable[..., Any]:
    return lambda grad_input, grad_output: hook(module, grad_input, grad_output)


def _first_tensor(result: Any) -> Tensor | None:
    """The first tensor in a result, which may hold it in dicts and sequences."""
    while not isinstance(result, Tensor):
        if isinstance(result, dict):
            result = list(result.values())
        if not isinstance(result, (tuple, list)) or not result:
            return None
        result = next((part for part in result if isinstance(part, Tensor)), result[0])
    return result


def _spread(gradients: tuple[Any, ...], places: list[int], count: int) -> tuple[Any, ...]:
    """The gradients at their places among `count`, None at the others."""
    held: list[Any] = [None] * count
    for place, gradient in zip(places, gradients, strict=True):
        held[place] = gradient
    return tuple(held)


def _under_one_node(values: tuple[Any, ...]) -> tuple[tuple[Any, ...], list[int] | None, Any]:
    """The values, with those that need gradients under one node; their places; the node."""
    places = [
        place
        for place, value in enumerate(values)
        if isinstance(value, Tensor) and value.requires_grad
    ]
    if not places or not here.grad:
        return values, None, None
    twins = _Identity.apply(*(values[place] for place in places))
    changed = list(values)
    for place, twin in zip(places, twins, strict=True):
        changed[place] = twin
    kind = type(values)
    made = tuple(changed) if kind is tuple else kind(*changed)  # a named tuple stays one
    return made, places, twins[0].grad_fn
