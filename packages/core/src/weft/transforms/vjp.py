"""Reverse mode as a transform of functions, on the tape."""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable, Sequence
from typing import Any

from weft._core.boxed import Boxed
from weft._core.errors import GradError
from weft._core.modes import differentiating, here
from weft._core.node import Leaf
from weft._core.tensor import Tensor, detached_version, wrap
from weft._core.tree import flatten, leaves_like, outline, tree_map
from weft.ops.casting import alias
from weft.transforms import tape
from weft.transforms.jvp import check_results, split_aux


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
        GradError: an argument holds what is no floating tensor, a result is no tensor, or
            ``has_aux`` and the result is no pair.

    Example:
        >>> value, pullback = weft.func.vjp(weft.sin, weft.tensor(0.0))
        >>> pullback(weft.tensor(1.0))
        (tensor(1.),)
    """
    inner = Inner("vjp", primals)
    with differentiating():
        value, aux = split_aux("vjp", func(*inner.arguments), has_aux)
    inner.done()
    leaves, rebuild = flatten(value)
    check_results("vjp", leaves)

    def pullback(cotangent: Any) -> Any:
        seeds = leaves_like(value, cotangent)
        if seeds is None:
            count = len(flatten(cotangent)[0])
            raise GradError(
                f"vjp: the cotangent must be nested like the value, {outline(value)}, got "
                f"{outline(cotangent)}: the value has {len(leaves)} tensors, the cotangent {count}"
            )
        return tuple(inner.pulled(leaves, seeds, keep=True))

    results = (rebuild(inner.outside(leaves)), pullback)
    return (*results, inner.outside_of(aux)) if has_aux else results


def grad_and_value(
    func: Callable[..., Any], argnums: int | tuple[int, ...] = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """Return a function that computes the gradient of ``func`` and its value.

    Args:
        func: a function whose result is one real number, a 0-d tensor.
        argnums: which argument to differentiate by, or which ones: tensors or nests of them.
        has_aux: whether ``func`` returns a pair, of which only the first is differentiated.

    Returns:
        callable: ``(*args, **kwargs) -> (gradient, value)``; with several argnums, a tuple of
        gradients; with ``has_aux``, ``(gradient, (value, aux))``.

    Raises:
        GradError: the result is no 0-d tensor of real numbers.
    """
    return _grad_and_value("grad_and_value", func, argnums, has_aux)


def grad(
    func: Callable[..., Any], argnums: int | tuple[int, ...] = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """Return a function that computes the gradient of ``func``.

    Args:
        func: a function whose result is one real number, a 0-d tensor.
        argnums: which argument to differentiate by, or which ones: tensors or nests of them.
        has_aux: whether ``func`` returns a pair, of which only the first is differentiated.

    Returns:
        callable: of the same arguments; with ``has_aux`` it returns ``(gradient, aux)``.

    Raises:
        GradError: the result is no 0-d tensor of real numbers.

    Example:
        >>> weft.func.grad(lambda x: x * x)(weft.tensor(3.0))
        tensor(6.)
    """
    both = _grad_and_value("grad", func, argnums, has_aux)

    @functools.wraps(func, updated=())
    def gradient(*args: Any, **kwargs: Any) -> Any:
        found, rest = both(*args, **kwargs)
        return (found, rest[1]) if has_aux else found

    return gradient


def _grad_and_value(
    name: str, func: Callable[..., Any], argnums: int | tuple[int, ...], has_aux: bool
) -> Callable[..., Any]:
    @functools.wraps(func, updated=())
    def computed(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
        at = places(name, argnums, len(args))
        inner = Inner(name, [args[i] for i in at])
        given = list(args)
        for i, tracked in zip(at, inner.arguments, strict=True):
            given[i] = tracked
        with differentiating():
            value, aux = split_aux(name, func(*given, **kwargs), has_aux)
        inner.done()
        _check_number(name, value)
        # what the result or aux is still joined to outside may run backward once more
        found = inner.pulled([value], [None], keep=inner.goes_outside([value]))
        (out,) = inner.outside([value])
        return (
            tuple(found) if isinstance(argnums, tuple) else found[0],
            (out, inner.outside_of(aux)) if has_aux else out,
        )

    return computed


def _check_number(name: str, value: Any) -> None:
    if not isinstance(value, Tensor):
        raise GradError(
            f"{name}: the function must return a tensor of one element, got {type(value).__name__}"
        )
    if value.ndim:
        raise GradError(
            f"{name}: the function must return a 0-d tensor, a tensor of one element, got "
            f"{tuple(value.shape)}; reduce it with .sum(), or use vjp or jacrev"
        )
    if value.dtype.is_complex:
        raise GradError(
            f"{name}: the function must return a real number, got {value.dtype}; return its real "
            f"part, or use vjp, whose cotangent says of which part"
        )


def places(name: str, argnums: Any, count: int) -> tuple[int, ...]:
    """Return the positions that ``argnums`` names, counted from 0.

    Raises:
        GradError: one is out of range or named twice.
        TypeError: argnums is neither an int nor a tuple of ints.
    """
    wanted = argnums if isinstance(argnums, tuple) else (argnums,)
    out = []
    for argnum in wanted:
        if not isinstance(argnum, int) or isinstance(argnum, bool):
            raise TypeError(f"{name}: argnums must be an int or a tuple of ints, got {argnums!r}")
        if not -count <= argnum < count:
            raise GradError(
                f"{name}: argnums {argnum} is out of range for {count} positional arguments"
            )
        out.append(argnum % count)
    if not out or len(set(out)) < len(out):
        raise GradError(f"{name}: argnums must name arguments, each once, got {argnums!r}")
    return tuple(out)


class _State:
    """Whether the function of a transformed call is running."""

    __slots__ = ("running",)

    def __init__(self) -> None:
        self.running = True


#: What the leaves belong to that users made: they can be reached at any time.
_USERS = _State()
#: The leaves that transforms made. Other calls' graphs may lead to those of a call that is over:
#: an inner gradient's, where its derivative is taken.
_places: weakref.WeakKeyDictionary[Leaf, _State] = weakref.WeakKeyDictionary()


class Inner:
    """The arguments of one transformed call, as places of their own in the graph.

    An argument that already belongs to a graph stays joined to it. So does what the function closes
    over: results and gradients are cut from the graph only if nothing but these places is in it.
    """

    def __init__(self, name: str, primals: Sequence[Any]) -> None:
        self._records = here.grad
        leaves, self._rebuild = flatten(list(primals))
        if not leaves:
            raise GradError(f"{name}: expected at least one tensor to differentiate by")
        self.inputs = [tracked(name, x) for x in leaves]
        self._nodes: set[Any] = set()
        self._state = _State()
        self.add(self.inputs)
        #: Nodes from which nothing but these places can be reached.
        self._own: set[Any] = set()
        self.arguments: list[Any] = self._rebuild(self.inputs)

    def add(self, tensors: Sequence[Tensor]) -> None:
        """Count more tensors among the places that are this call's own."""
        for x in tensors:
            self._nodes.add(x._node)
            if isinstance(x._node, Leaf):
                _places[x._node] = self._state

    def done(self) -> None:
        """Say that the function has run: from now on nobody outside can reach these places."""
        self._state.running = False

    def pulled(self, leaves: list[Any], seeds: list[Any], *, keep: bool) -> list[Any]:
        """Return the gradients by the arguments; zeros where the value does not depend on one.

        Args:
            leaves: the function's results.
            seeds: their cotangents, or None for one of a single element.
            keep: whether the graph is to be there once more.
        """
        from weft.ops.creation import zeros_like

        joined = [
            (leaf, seed) for leaf, seed in zip(leaves, seeds, strict=True) if leaf._node is not None
        ]
        found: Any = [None] * len(self.inputs)
        if joined:
            # The backward pass itself is recorded only if someone can ask for it: an outer graph,
            # an outer transform, or a cotangent that is being differentiated.
            records = any(
                isinstance(t._data, Boxed) or (self._records and t._node is not None)
                for pair in joined
                for t in pair[1:]
                if t is not None
            )
            records = records or any(isinstance(leaf._data, Boxed) for leaf, _ in joined)
            records = records or self.goes_outside([leaf for leaf, _ in joined])
            found = tape.grad(
                [leaf for leaf, _ in joined],
                self.inputs,
                [seed for _, seed in joined],
                retain_graph=keep or records,
                create_graph=records,
                allow_unused=True,
            )
        slopes = [
            zeros_like(x) if g is None else g for g, x in zip(found, self.inputs, strict=True)
        ]
        out: list[Any] = self._rebuild(self.outside(slopes))
        self._own = set()  # it holds what this backward pass recorded
        return out

    def goes_outside(self, leaves: Sequence[Any]) -> bool:
        """Whether an outer graph can be reached from a result, which then stays joined to it."""
        return self._records and any(
            leaf._node is not None and self._leads_elsewhere(leaf._node) for leaf in leaves
        )

    def outside(self, leaves: Sequence[Any]) -> list[Any]:
        """Return results, cut from the graph if all that they lead to are these arguments."""
        return [self._outside(leaf) for leaf in leaves]

    def outside_of(self, tree: Any) -> Any:
        """Return a nest of results likewise."""
        return tree_map(self._outside, tree)

    def _outside(self, value: Any) -> Any:
        if not isinstance(value, Tensor):
            return value
        if isinstance(value._data, Boxed):  # what is inside was recorded too
            out = wrap(value._data.mapped(self._outside))
            out._node = value._node
            value = out
        if value._node is None or (self._records and self._leads_elsewhere(value._node)):
            return value
        return _without_node(value)

    def _leads_elsewhere(self, node: Any) -> bool:
        if node in self._own:
            return False
        seen = {node}
        stack = [node]
        while stack:
            at = stack.pop()
            if isinstance(at, Leaf):
                if at not in self._nodes and _places.get(at, _USERS).running:
                    return True
                continue
            for parent in at.parents:
                if parent is not None and parent not in seen and parent not in self._own:
                    seen.add(parent)
                    stack.append(parent)
        self._own |= seen  # a second result over the same graph does not walk it again
        return False


def tracked(name: str, x: Any) -> Any:
    """Return the same value as a place of its own in the graph, still joined to an outer graph."""
    if not isinstance(x, Tensor):
        raise GradError(
            f"{name}: expected a weft.Tensor to differentiate by, got {type(x).__name__} {x!r:.60}"
        )
    with differentiating():
        return alias(x) if x._node is not None else _without_node(x).requires_grad_()


def _without_node(x: Tensor) -> Tensor:
    """Return the same value without this level's graph; outer transforms still see their slopes."""
    out = wrap(x._data)
    out._version = detached_version(x)
    return out
