"""The derivative at a point as a linear function, computed once and applied to many directions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from weft._core.boxed import Boxed
from weft._core.errors import GradError
from weft._core.modes import differentiating
from weft._core.tensor import Tensor
from weft._core.tree import flatten, leaves_like, outline
from weft.transforms import tape
from weft.transforms.jvp import check_results, check_tangent
from weft.transforms.vjp import Inner


def linearize(func: Callable[..., Any], *primals: Any) -> tuple[Any, Callable[..., Any]]:
    """Return a function's value at a point, and its derivative there as a function of directions.

    ``func`` runs once. The pullback at the point is linear in its cotangent, so that the tape of
    one pullback, transposed, takes every direction to its derivative without running func again:
    worthwhile for several directions; for one, :func:`jvp` costs less.

    Args:
        func: a function of tensors or nests of them, returning a tensor or a nest of them.
        primals: its arguments.

    Returns:
        tuple: the value, and ``pushed(*tangents)``, which takes one direction nested like the
        arguments and returns a nest like the value. It may be mapped and differentiated.

    Raises:
        GradError: an argument holds what is no floating tensor, or a result is no tensor.
        ShapeError: a tangent's shape differs from its argument's.

    Example:
        >>> value, pushed = weft.func.linearize(weft.sin, weft.zeros(2))
        >>> pushed(weft.ones(2))
        tensor([1., 1.])
    """
    from weft.ops.creation import zeros_like

    inner = Inner("linearize", primals)
    with differentiating():
        value = func(*inner.arguments)
        inner.done()
        results, rebuild = flatten(value)
        check_results("linearize", results)
        places = [zeros_like(x).requires_grad_() for x in results]
        joined = [(x, place) for x, place in zip(results, places, strict=True) if _recorded(x)]
        found: Any = [None] * len(inner.inputs)
        if joined:
            found = tape.grad(
                [x for x, _ in joined],
                inner.inputs,
                [place for _, place in joined],
                retain_graph=True,
                create_graph=True,
                allow_unused=True,
            )

    def pushed(*tangents: Any) -> Any:
        given = leaves_like(tuple(primals), tangents)
        if given is None:
            raise GradError(
                f"linearize: tangents must be nested like primals, {outline(tuple(primals))}, got "
                f"{outline(tangents)}"
            )
        for i, (x, t) in enumerate(zip(inner.inputs, given, strict=True)):
            check_tangent("linearize", i, x, t)
        pairs = [
            (g, t) for g, t in zip(found, given, strict=True) if g is not None and _recorded(g)
        ]
        slopes: Any = [None] * len(places)
        if pairs:
            outer = [g for g, _ in pairs] + [t for _, t in pairs]
            records = any(isinstance(x._data, Boxed) for x in outer) or inner.goes_outside(
                [x for x in outer if not isinstance(x._data, Boxed)]
            )
            slopes = tape.grad(
                [g for g, _ in pairs],
                places,
                [t for _, t in pairs],
                retain_graph=True,
                create_graph=records,
                allow_unused=True,
            )
        filled = [zeros_like(x) if s is None else s for s, x in zip(slopes, results, strict=True)]
        return rebuild(inner.outside(filled))

    inner.add(places)
    return rebuild(inner.outside(results)), pushed


def _recorded(x: Tensor) -> bool:
    return x._node is not None
