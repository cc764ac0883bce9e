"""The derivatives and the batching of an elementwise op, made of its partial derivatives."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from weft._core import catalogue
from weft._core.dispatch import apply
from weft._core.tensor import Tensor
from weft.ops.broadcasting import expand_to, shape_of, sum_to
from weft.ops.families.slopes import Slope


def scaling_of(partial: Any) -> Callable[..., Any] | None:
    """Return ``scale(g, out, *args, **settings)``: g times the partial; None for a zero one."""
    if partial is None:
        return None
    if not callable(partial):
        return _constant_scaling(partial)
    if next(iter(inspect.signature(partial).parameters)) == "g":
        return partial  # type: ignore[no-any-return]  # an author's lambda

    def scale(g: Any, out: Any, *args: Any, **settings: Any) -> Any:
        return g * partial(out, *args, **settings)

    scale.partial = partial  # type: ignore[attr-defined]  # the vjp conjugates it
    return scale


def _constant_scaling(number: float) -> Callable[..., Any]:
    if number == 1:
        return lambda g, out, *args, **settings: g
    if number == -1:
        return lambda g, out, *args, **settings: -g
    if number == 0:  # not g * 0: that is NaN where g is infinite
        return _zeros_like
    return lambda g, out, *args, **settings: g * number


def _zeros_like(g: Any, out: Any, *args: Any, **settings: Any) -> Any:
    from weft.ops.filled_like import zeros_like

    return zeros_like(g)


def vjp_of(name: str, scaled: Sequence[Any]) -> Callable[..., tuple[Any, ...]]:
    """Return the vjp of op ``name``: cotangents scaled, and summed to the arguments' shapes."""
    slopes: list[Any] = [None if s is None else Slope(name, s) for s in scaled]

    def vjp(needs: Any, g: Any, out: Any, *args: Any, **params: Any) -> tuple[Any, ...]:
        cotangents: list[Any] = []
        for i, scale in enumerate(scaled):
            if not needs[i] or scale is None:
                cotangents.append(None)
                continue
            partial = getattr(scale, "partial", None)
            if partial is not None and g._data.dtype.kind == "c":
                # The cotangent of a holomorphic function is g times the conjugate derivative.
                value = partial(out, *args, **params)
                ct = g * (value.conj() if isinstance(value, Tensor) else value.conjugate())
            else:
                ct = slopes[i](g, out, args, params)
                if ct is None:
                    ct = scale(g, out, *args, **params)
            cotangents.append(sum_to(ct, shape_of(args[i])))
        return tuple(cotangents)

    return vjp


def jvp_of(scaled: Sequence[Any]) -> Callable[..., Any]:
    """Return the jvp: the sum of the scaled tangents."""

    def jvp(tangents: Any, out: Any, *args: Any, **params: Any) -> Any:
        total = None
        for t, scale in zip(tangents, scaled, strict=True):
            if t is None or scale is None:
                continue
            term = scale(t, out, *args, **params)
            total = term if total is None else total + term
        return None if total is None else expand_to(total, out.shape)

    return jvp


def batch_of(name: str) -> Callable[..., Any]:
    """Return the batching rule of op ``name``, which broadcasts."""

    def batch(size: int, batched: Sequence[bool], *args: Any, **params: Any) -> Any:
        """Align ranks: a batched argument gets ones between its batch axis and its own axes."""
        rank = max(
            a.ndim - bool(b) for a, b in zip(args, batched, strict=True) if isinstance(a, Tensor)
        )
        aligned = []
        for a, b in zip(args, batched, strict=True):
            if b and a.ndim - 1 < rank:
                own = tuple(a.shape[1:])
                a = a.reshape((a.shape[0], *(1,) * (rank - len(own)), *own))
            aligned.append(a)
        return apply(catalogue.ops[name], tuple(aligned), params)

    return batch
