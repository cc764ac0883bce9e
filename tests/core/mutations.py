"""Mistakes that authors of rules make, each a change of a copy of an op's record."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable
from typing import Any

import weft
from weft._core.aval import Aval
from weft._core.dispatch import apply
from weft._core.op import Op

#: The fields of a record that a mistake changes; None where the mistake cannot be made.
Change = Callable[[Op], "dict[str, Any] | None"]


def each(function: Callable[[Any], Any], results: Any) -> Any:
    """Apply a function to a result, or to each of several, where there is one."""
    if isinstance(results, (tuple, list)):
        return tuple(each(function, r) for r in results)
    return None if results is None else function(results)


def cut(value: Any) -> Any:
    """Return a tensor, or several, without what they were computed from."""
    return each(lambda v: v.detach() if isinstance(v, weft.Tensor) else v, value)


def arrays_of(op: Op) -> int:
    """Return how many tensors the op takes."""
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parameters = list(inspect.signature(op.kernel).parameters.values())[1:]
    return sum(p.kind in kinds for p in parameters)


# --- reverse mode ------------------------------------------------------------------------------


def scaled(factor: float) -> Change:
    """Multiply every cotangent: a wrong sign or a missing factor."""

    def change(op: Op) -> dict[str, Any]:
        def vjp(*given: Any, **params: Any) -> Any:
            return each(lambda ct: ct * factor, tuple(op.vjp(*given, **params)))

        return {"vjp": vjp}

    return change


def shared_factor(op: Op) -> dict[str, Any]:
    """Make vjp and jvp share one wrong formula, which the adjoint test alone cannot see."""

    def jvp(*given: Any, **params: Any) -> Any:
        return each(lambda t: t * 1.5, op.jvp(*given, **params))

    return {**scaled(1.5)(op), "jvp": jvp}


def last_forgotten(op: Op) -> dict[str, Any] | None:
    """Send nothing to the last argument that had a cotangent."""
    if arrays_of(op) < 2:
        return None

    def vjp(*given: Any, **params: Any) -> Any:
        found = list(op.vjp(*given, **params))
        last = max(i for i, ct in enumerate(found) if ct is not None)
        return (*found[:last], None, *found[last + 1 :])

    return {"vjp": vjp}


def unconjugated(op: Op) -> dict[str, Any]:
    """Multiply by the derivative where its conjugate belongs: right for real numbers alone."""

    def conj(value: Any) -> Any:
        return each(lambda v: v.conj() if v.dtype.is_complex else v, value)

    def vjp(needs: Any, g: Any, *given: Any, **params: Any) -> Any:
        return conj(tuple(op.vjp(needs, conj(g), *given, **params)))

    return {"vjp": vjp}


def reversed_cotangent(op: Op) -> dict[str, Any]:
    """Read the cotangent from the other end, as a wrong transpose does."""

    def vjp(needs: Any, g: Any, *given: Any, **params: Any) -> Any:
        turned = each(lambda v: v.flip(tuple(range(v.ndim))) if v.ndim else v, g)
        return op.vjp(needs, turned, *given, **params)

    return {"vjp": vjp}


def nothing_saved(op: Op) -> dict[str, Any] | None:
    return {"saves": (), "reads": None} if op.saves else None


def cut_reverse(op: Op) -> dict[str, Any]:
    """Take all that the first derivative is made of for constants."""

    def vjp(needs: Any, g: Any, out: Any, *args: Any, **params: Any) -> Any:
        return op.vjp(needs, cut(g), cut(out), *map(cut, args), **params)

    return {"vjp": vjp}


# --- forward mode ------------------------------------------------------------------------------


def doubled_forward(op: Op) -> dict[str, Any]:
    def jvp(*given: Any, **params: Any) -> Any:
        return each(lambda t: t * 2, op.jvp(*given, **params))

    return {"jvp": jvp}


def last_tangent_forgotten(op: Op) -> dict[str, Any] | None:
    if arrays_of(op) < 2:
        return None

    def jvp(tangents: Any, *given: Any, **params: Any) -> Any:
        found = [i for i, t in enumerate(tangents) if t is not None]
        kept = tuple(t if i != found[-1] else None for i, t in enumerate(tangents))
        if len(found) > 1:
            return op.jvp(kept, *given, **params)
        return each(lambda t: t * 0, op.jvp(tangents, *given, **params))

    return {"jvp": jvp}


def cut_forward(op: Op) -> dict[str, Any]:
    """Take all that the derivative along a direction is made of for constants."""

    def jvp(tangents: Any, out: Any, *args: Any, **params: Any) -> Any:
        return op.jvp(tuple(map(cut, tangents)), cut(out), *map(cut, args), **params)

    return {"jvp": jvp}


# --- batches -----------------------------------------------------------------------------------


def reversed_batch(op: Op) -> dict[str, Any]:
    """Give each example what belongs to another."""

    def batch(*given: Any, **params: Any) -> Any:
        return each(lambda out: out.flip(0), op.batch(*given, **params))

    return {"batch": batch}


def first_for_all(op: Op) -> dict[str, Any]:
    """Give every example what belongs to the first."""

    def batch(*given: Any, **params: Any) -> Any:
        return each(lambda out: out[:1].expand(tuple(out.shape)), op.batch(*given, **params))

    return {"batch": batch}


def cut_batch(op: Op) -> dict[str, Any]:
    """Compute the batch outside of the graph, so that a gradient in a batch is lost."""

    def batch(size: int, batched: Any, *args: Any, **params: Any) -> Any:
        return op.batch(size, batched, *map(cut, args), **params)

    return {"batch": batch}


def unmoved_dims(op: Op) -> dict[str, Any]:
    """Call the op on the batch with the settings that were meant for one example."""
    return {"batch": lambda size, batched, *args, **params: apply(op, args, params)}


# --- shapes ------------------------------------------------------------------------------------


def shape_rule(op: Op, rule: Callable[..., Any]) -> dict[str, Any]:
    """Put in a shape rule, which is also the kernel of the meta device."""
    return {"shape": rule, "kernels": {**op.kernels, Aval: rule}}


def changed_shape(change: Callable[[Aval], Aval]) -> Change:
    def mistake(op: Op) -> dict[str, Any]:
        return shape_rule(op, lambda *args, **params: each(change, op.shape(*args, **params)))

    return mistake


def one_dim_more(aval: Any) -> Any:
    return aval.like(shape=(*aval.shape, 1))


def one_element_more(aval: Any) -> Any:
    return aval.like(shape=(*aval.shape[:-1], aval.shape[-1] + 1)) if aval.shape else aval


def in_float64(aval: Any) -> Any:
    return aval.like(dtype=weft.float64.numpy)


# --- kernels -----------------------------------------------------------------------------------


def digits_lost(op: Op) -> dict[str, Any]:
    """Compute float32 in half precision."""

    def narrowed(data: Any) -> Any:
        return data.astype("float16").astype(data.dtype) if data.dtype == "float32" else data

    def wrapped(kernel: Any) -> Any:
        return lambda *arrays, **params: narrowed(kernel(*arrays, **params))

    return {"kernels": {kind: wrapped(kernel) for kind, kernel in op.kernels.items()}}


# --- composites --------------------------------------------------------------------------------

Body = Callable[..., Any]


def _floating(value: Any) -> bool:
    return isinstance(value, weft.Tensor) and value.dtype.category >= 2


def _on_floats(function: Callable[[Any], Any], results: Any) -> Any:
    return each(lambda r: function(r) if _floating(r) else r, results)


def constant_in_the_body(body: Body) -> Body:
    """Detach the first argument, as a value read too early is."""

    def wrong(first: Any, *args: Any, **kwargs: Any) -> Any:
        return body(cut(first), *args, **kwargs)

    return wrong


def slope_of_another_function(body: Body) -> Body:
    """Compute the right values with twice the slope: a custom gradient gone wrong."""
    return lambda *args, **kwargs: _on_floats(lambda r: 2 * r - cut(r), body(*args, **kwargs))


def slope_without_curvature(body: Body) -> Body:
    """Replace the function by its tangent line, which has its value and its slope."""

    def wrong(*args: Any, **kwargs: Any) -> Any:
        out = body(*args, **kwargs)
        return _on_floats(lambda r: r + (r - cut(r)) ** 2, out)

    return wrong


def reads_its_data(body: Body) -> Body:
    """Decide by an element, which has no value in a batch nor on the meta device."""

    def wrong(*args: Any, **kwargs: Any) -> Any:
        out = body(*args, **kwargs)
        return _on_floats(lambda r: r if r.sum().item() > -1e300 else -r, out)

    return wrong


def loses_digits(body: Body) -> Body:
    """Compute float32 in half precision on the way."""

    def narrowed(r: weft.Tensor) -> weft.Tensor:
        return r.to(weft.float16).to(r.dtype) if r.dtype is weft.float32 else r

    return lambda *args, **kwargs: _on_floats(narrowed, body(*args, **kwargs))


def copy_of(op: Op) -> Op:
    """Return a copy of the record, whose rules a changed one may call."""
    return dataclasses.replace(op)
