"""Reverse mode as a transform of functions, on the tape."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from weft._core.errors import GradError
from weft._core.modes import enable_grad
from weft._core.tensor import Tensor
from weft._core.tree import flatten
from weft.ops.casting import alias, detach
from weft.transforms import tape


def vjp(func: Callable[..., Any], *primals: Tensor) -> tuple[Any, Callable[..., Any]]:
    """Return a function's value, and the function from cotangents to gradients.

    Args:
        func: a function of tensors, returning a tensor or a nest of them.
        primals: its arguments.

    Returns:
        tuple: the value, and ``pullback(cotangent)``, which takes a nest like the value and returns
        one gradient for each argument. It can be called again, and differentiated.

    Example:
        >>> value, pullback = weft.func.vjp(weft.sin, weft.tensor(0.0))
        >>> pullback(weft.tensor(1.0))
        (tensor(1.),)
    """
    inputs = [_tracked(p) for p in primals]
    with enable_grad():
        value = func(*inputs)
    leaves, rebuild = flatten(value)

    def pullback(cotangent: Any) -> tuple[Any, ...]:
        seeds, _ = flatten(cotangent)
        if len(seeds) != len(leaves):
            raise GradError(f"vjp: the value has {len(leaves)} tensors, the cotangent {len(seeds)}")
        return _pulled(leaves, inputs, seeds)

    return rebuild([_outside(leaf, inputs) for leaf in leaves]), pullback


def grad_and_value(func: Callable[..., Any], argnums: int | tuple[int, ...] = 0) -> Any:
    """Return a function that computes the gradient of ``func`` and its value.

    Args:
        func: a function whose result is a tensor of one element.
        argnums: which argument to differentiate by, or which ones.

    Returns:
        callable: ``(*args, **kwargs) -> (gradient, value)``; with several argnums, a tuple of
        gradients.

    Raises:
        GradError: the result has more than one element.
    """
    many = isinstance(argnums, tuple)
    places = argnums if isinstance(argnums, tuple) else (argnums,)

    def computed(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
        inputs = {i: _tracked(args[i]) for i in places}
        with enable_grad():
            value = func(*(inputs.get(i, a) for i, a in enumerate(args)), **kwargs)
        if not isinstance(value, Tensor) or value.numel() != 1:
            what = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
            raise GradError(f"grad: the function must return a tensor of one element, got {what}")
        tracked = [inputs[i] for i in places]
        found = _pulled([value], tracked, [None])
        return (found if many else found[0]), _outside(value, tracked)

    return computed


def grad(func: Callable[..., Any], argnums: int | tuple[int, ...] = 0) -> Callable[..., Any]:
    """Return a function that computes the gradient of ``func``.

    Args:
        func: a function whose result is a tensor of one element.
        argnums: which argument to differentiate by, or which ones.

    Returns:
        callable: of the same arguments.

    Raises:
        GradError: the result has more than one element.

    Example:
        >>> weft.func.grad(lambda x: x * x)(weft.tensor(3.0))
        tensor(6.)
    """
    both = grad_and_value(func, argnums)
    return lambda *args, **kwargs: both(*args, **kwargs)[0]


def _tracked(x: Tensor) -> Tensor:
    """Return the same value as a place of its own in the graph, still joined to an outer graph."""
    if x._node is not None:
        return alias(x)
    fresh = detach(x)
    return fresh.requires_grad_()


def _outside(value: Any, inputs: list[Tensor]) -> Any:
    """Cut a result from the inner graph if no argument belongs to an outer one."""
    if isinstance(value, Tensor) and all(x.is_leaf for x in inputs):
        return detach(value)
    return value


def _pulled(leaves: list[Any], inputs: list[Tensor], seeds: list[Any]) -> tuple[Any, ...]:
    """Return the gradients by the inputs; zeros where the value does not depend on one."""
    from weft.ops.creation import zeros_like

    joined = [(leaf, s) for leaf, s in zip(leaves, seeds, strict=True) if _needs(leaf)]
    if not joined:
        return tuple(zeros_like(x) for x in inputs)
    outer = not all(x.is_leaf for x in inputs)
    found = tape.grad(
        [leaf for leaf, _ in joined],
        inputs,
        [seed for _, seed in joined],
        retain_graph=True,
        create_graph=True,
        allow_unused=True,
    )
    graph_free = not outer and all(s is None or s._node is None for s in seeds)
    return tuple(
        zeros_like(x) if g is None else detach(g) if graph_free else g
        for g, x in zip(found, inputs, strict=True)
    )


def _needs(leaf: Any) -> bool:
    return isinstance(leaf, Tensor) and leaf._node is not None
