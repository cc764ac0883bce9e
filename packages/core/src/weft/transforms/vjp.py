"""Reverse mode as a transform of functions, on the tape."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from weft._core.boxed import Boxed
from weft._core.errors import GradError
from weft._core.modes import enable_grad, here
from weft._core.node import Leaf
from weft._core.tensor import Tensor, detached_version, wrap
from weft._core.tree import flatten, tree_map
from weft.ops.casting import alias
from weft.transforms import tape


def vjp(func: Callable[..., Any], *primals: Any, has_aux: bool = False) -> tuple[Any, ...]:
    """Return a function's value, and the function from cotangents to gradients.

    Args:
        func: a function of tensors or nests of them, returning a tensor or a nest of them.
        primals: its arguments.
        has_aux: whether ``func`` returns a pair, of which only the first is differentiated.

    Returns:
        tuple: the value, and ``pullback(cotangent)``, which takes a nest like the value and returns
        one gradient for each argument, nested like it. It can be called again, and differentiated.
        With ``has_aux`` the rest of what ``func`` returned comes third.

    Raises:
        GradError: an argument is of integers, or ``has_aux`` and the result is no pair.

    Example:
        >>> value, pullback = weft.func.vjp(weft.sin, weft.tensor(0.0))
        >>> pullback(weft.tensor(1.0))
        (tensor(1.),)
    """
    inner = _Inner("vjp", primals)
    with enable_grad():
        value, aux = _with_aux("vjp", func(*inner.arguments), has_aux)
    leaves, rebuild = flatten(value)

    def pullback(cotangent: Any) -> Any:
        seeds, _ = flatten(cotangent)
        if len(seeds) != len(leaves):
            raise GradError(f"vjp: the value has {len(leaves)} tensors, the cotangent {len(seeds)}")
        return inner.pulled(leaves, seeds)

    results = (rebuild([inner.outside(leaf) for leaf in leaves]), pullback)
    return (*results, tree_map(inner.outside, aux)) if has_aux else results


def grad_and_value(
    func: Callable[..., Any], argnums: int | tuple[int, ...] = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """Return a function that computes the gradient of ``func`` and its value.

    Args:
        func: a function whose result is a tensor of one element.
        argnums: which argument to differentiate by, or which ones: tensors or nests of them.
        has_aux: whether ``func`` returns a pair, of which only the first is differentiated.

    Returns:
        callable: ``(*args, **kwargs) -> (gradient, value)``; with several argnums, a tuple of
        gradients; with ``has_aux``, ``(gradient, (value, aux))``.

    Raises:
        GradError: the result has more than one element.
    """
    many = isinstance(argnums, tuple)
    places = argnums if isinstance(argnums, tuple) else (argnums,)

    def computed(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
        at = [_place(i, len(args)) for i in places]
        inner = _Inner("grad", [args[i] for i in at])
        given = list(args)
        for i, tracked in zip(at, inner.arguments, strict=True):
            given[i] = tracked
        with enable_grad():
            value, aux = _with_aux("grad", func(*given, **kwargs), has_aux)
        if not isinstance(value, Tensor) or value.numel() != 1:
            what = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
            raise GradError(f"grad: the function must return a tensor of one element, got {what}")
        found = inner.pulled([value], [None])
        out = inner.outside(value)
        return (
            found if many else found[0],
            (out, tree_map(inner.outside, aux)) if has_aux else out,
        )

    return computed


def grad(
    func: Callable[..., Any], argnums: int | tuple[int, ...] = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """Return a function that computes the gradient of ``func``.

    Args:
        func: a function whose result is a tensor of one element.
        argnums: which argument to differentiate by, or which ones: tensors or nests of them.
        has_aux: whether ``func`` returns a pair, of which only the first is differentiated.

    Returns:
        callable: of the same arguments; with ``has_aux`` it returns ``(gradient, aux)``.

    Raises:
        GradError: the result has more than one element.

    Example:
        >>> weft.func.grad(lambda x: x * x)(weft.tensor(3.0))
        tensor(6.)
    """
    both = grad_and_value(func, argnums, has_aux)

    def gradient(*args: Any, **kwargs: Any) -> Any:
        found, rest = both(*args, **kwargs)
        return (found, rest[1]) if has_aux else found

    return gradient


def _place(argnum: int, count: int) -> int:
    if not -count <= argnum < count:
        raise GradError(f"grad: argnums {argnum} is out of range for {count} positional arguments")
    return argnum % count


def _with_aux(name: str, result: Any, has_aux: bool) -> tuple[Any, Any]:
    if not has_aux:
        return result, None
    if not (isinstance(result, tuple) and len(result) == 2):
        raise GradError(
            f"{name}: with has_aux=True the function must return (result, aux), got "
            f"{type(result).__name__}"
        )
    return result


class _Inner:
    """The arguments of one transformed call, as places of their own in the graph.

    An argument that already belongs to a graph stays joined to it. So does what the function closes
    over: results and gradients are cut from the graph only if nothing but these places is in it.
    """

    def __init__(self, name: str, primals: Sequence[Any]) -> None:
        self._records = here.grad
        leaves, self._rebuild = flatten(list(primals))
        self._all = [_tracked(name, x) for x in leaves]
        self._inputs = [x for x in self._all if isinstance(x, Tensor)]
        self._nodes = {x._node for x in self._inputs}
        self.arguments: list[Any] = self._rebuild(self._all)

    def pulled(self, leaves: list[Any], seeds: list[Any]) -> tuple[Any, ...]:
        """Return the gradients by the arguments; zeros where the value does not depend on one."""
        from weft.ops.creation import zeros_like

        joined = [
            (leaf, seed)
            for leaf, seed in zip(leaves, seeds, strict=True)
            if isinstance(leaf, Tensor) and leaf._node is not None
        ]
        found: Any = [None] * len(self._inputs)
        if joined:
            found = tape.grad(
                [leaf for leaf, _ in joined],
                self._inputs,
                [seed for _, seed in joined],
                retain_graph=True,
                create_graph=True,
                allow_unused=True,
            )
        slopes = iter(
            zeros_like(x) if g is None else self.outside(g)
            for g, x in zip(found, self._inputs, strict=True)
        )
        filled = [next(slopes) if isinstance(x, Tensor) else None for x in self._all]
        return tuple(self._rebuild(filled))

    def outside(self, value: Any) -> Any:
        """Return a result, cut from the graph if all that it leads to are these arguments."""
        if not isinstance(value, Tensor):
            return value
        if isinstance(value._data, Boxed):  # what is inside was recorded too
            out = wrap(value._data.mapped(self.outside))
            out._node = value._node
            value = out
        if value._node is None or (self._records and self._leads_elsewhere(value._node)):
            return value
        return _without_node(value)

    def _leads_elsewhere(self, node: Any) -> bool:
        seen = {node}
        stack = [node]
        while stack:
            at = stack.pop()
            if isinstance(at, Leaf):
                if at not in self._nodes:
                    return True
                continue
            for parent in at.parents:
                if parent is not None and parent not in seen:
                    seen.add(parent)
                    stack.append(parent)
        return False


def _tracked(name: str, x: Any) -> Any:
    """Return the same value as a place of its own in the graph, still joined to an outer graph."""
    if not isinstance(x, Tensor):
        if isinstance(x, (int, float, complex)):
            raise GradError(
                f"{name}: expected a weft.Tensor to differentiate by, got {type(x).__name__} {x!r}"
            )
        return x
    with enable_grad():
        return alias(x) if x._node is not None else _without_node(x).requires_grad_()


def _without_node(x: Tensor) -> Tensor:
    """Return the same value without this level's graph; outer transforms still see their slopes."""
    out = wrap(x._data)
    out._version = detached_version(x)
    return out
