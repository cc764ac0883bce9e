"""The batched form of a custom function that sets ``generate_vmap_rule``: a function again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from weft._core.aval import Aval
from weft._core.errors import GradError
from weft._core.tensor import Tensor
from weft.autograd._recording import backward_of, fitted
from weft.autograd.function import Function
from weft.transforms.vmap import vmap


def batched(function: Any, in_dims: Sequence[int | None], info: Any) -> Any:
    """Return a custom function of whole batches whose parts are the given one's under vmap.

    Args:
        function: the function of one example.
        in_dims: 0 for each argument that has a batch dim, None for the others.
        info: the number of examples, and what random draws do.
    """
    settings = {} if info.randomness == "error" else {"randomness": info.randomness}

    def over(body: Any, dims: Sequence[int | None], *args: Any) -> Any:
        return vmap(body, tuple(dims), **settings)(*args)

    class Many(Function):
        generate_vmap_rule = True

        @staticmethod
        def forward(*args: Any) -> Any:
            return _whole(over, in_dims, function.forward, args)

        @staticmethod
        def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
            single = not isinstance(output, tuple)
            outputs = (output,) if single else output
            out_dims = [0 if isinstance(o, Tensor) else None for o in outputs]
            ctx.__dict__.setdefault("_batched", {})[Many] = record = _Batched(
                [
                    _example(a, dim) if isinstance(a, Tensor) else None
                    for a, dim in zip(inputs, in_dims, strict=True)
                ]
            )
            known = (*inputs, *outputs)
            known_dims = (*in_dims, *out_dims)

            def example(*boxed: Any) -> Any:
                own, made = boxed[: len(inputs)], boxed[len(inputs) :]
                function.setup_context(ctx, own, made[0] if single else tuple(made))
                if ctx._dirty:
                    raise GradError(
                        f"{function.__name__}: with generate_vmap_rule=True a function cannot "
                        f"write in place; define vmap(info, in_dims, *args) instead"
                    )
                places = {id(b): i for i, b in enumerate(boxed) if isinstance(b, Tensor)}
                ctx._non_differentiable = tuple(
                    known[places[id(t)]] for t in ctx._non_differentiable if id(t) in places
                )
                others: list[Any] = []
                for kind in ("_to_save", "_to_save_forward"):
                    saved = getattr(ctx, kind)
                    if saved is not None:
                        setattr(ctx, kind, [_placed(t, places, others) for t in saved])
                return tuple(others)

            wholes = over(example, known_dims, *known)
            for kind in ("_to_save", "_to_save_forward"):
                saved = getattr(ctx, kind)
                if saved is None:
                    continue
                dims: list[int | None] = []
                tensors: list[Any] = []
                for where in saved:
                    if where is None:
                        tensors.append(None)
                        dims.append(None)
                    elif where[0] == "known":
                        tensors.append(known[where[1]])
                        dims.append(known_dims[where[1]])
                    else:
                        tensors.append(wholes[where[1]])
                        dims.append(0)
                setattr(ctx, kind, tuple(tensors))
                record.dims[kind] = dims

        @staticmethod
        def backward(ctx: Any, *gradients: Any) -> Any:
            record = ctx._batched[Many]
            needs = [aval is not None for aval in record.examples if aval is not None]
            positions = [i for i, aval in enumerate(record.examples) if aval is not None]

            def example(saved: tuple[Any, ...], given: tuple[Any, ...]) -> Any:
                found = backward_of(function)(ctx, *given)
                return fitted(function, found, record.examples, needs)

            found = _with_saved(
                over, ctx, record.dims.get("_to_save"), example, gradients, None, info.batch_size
            )
            out: list[Any] = [None] * len(record.examples)
            for position, g in zip(positions, found, strict=True):
                if g is not None:
                    out[position] = g if in_dims[position] == 0 else g.sum(0)
            return tuple(out)

        @staticmethod
        def jvp(ctx: Any, *tangents: Any) -> Any:
            record = ctx._batched[Many]
            kind = "_to_save" if ctx._to_save_forward is None else "_to_save_forward"

            def example(saved: tuple[Any, ...], given: tuple[Any, ...]) -> Any:
                found = function.jvp(ctx, *given)
                return found if isinstance(found, tuple) else (found,)

            found = _with_saved(
                over, ctx, record.dims.get(kind), example, tangents, in_dims, info.batch_size
            )
            return found[0] if len(found) == 1 else found

    Many.__name__ = Many.__qualname__ = function.__name__
    if function.jvp is Function.jvp:
        del Many.jvp
    return Many


class _Batched:
    """What the batched form notes on a context: one example of each argument, and dims."""

    def __init__(self, examples: list[Aval | None]) -> None:
        self.examples = examples
        self.dims: dict[str, list[int | None]] = {}


def _example(tensor: Tensor, dim: int | None) -> Aval:
    shape = tuple(tensor._data.shape)
    return Aval(shape if dim is None else shape[1:], tensor._data.dtype)


def _placed(tensor: Any, places: dict[int, int], others: list[Any]) -> Any:
    """Return where a tensor saved for one example is found in the whole."""
    if tensor is None:
        return None
    if id(tensor) in places:
        return "known", places[id(tensor)]
    others.append(tensor)
    return "other", len(others) - 1


def _whole(over: Any, dims: Sequence[int | None], body: Any, args: Sequence[Any]) -> Any:
    """Return what ``body`` gives for a whole batch; what is no tensor as it gave it."""
    rest: list[Any] = []
    single = False

    def example(*own: Any) -> Any:
        nonlocal rest, single
        made = body(*own)
        single = not isinstance(made, tuple)
        rest = [made] if single else list(made)
        return tuple(r for r in rest if isinstance(r, Tensor))

    tensors = iter(over(example, dims, *args))
    out = tuple(next(tensors) if isinstance(r, Tensor) else r for r in rest)
    return out[0] if single else out


def _with_saved(
    over: Any,
    ctx: Any,
    saved_dims: list[int | None] | None,
    body: Any,
    given: tuple[Any, ...],
    given_dims: Sequence[int | None] | None,
    length: int,
) -> tuple[Any, ...]:
    """Run ``body(saved, given)`` under vmap; ctx.saved_tensors are those of one example."""
    before = ctx._shown
    saved = ctx.saved_tensors if saved_dims is not None else ()
    dims = list(saved_dims or ())
    for i, value in enumerate(given):
        at = 0 if given_dims is None else given_dims[i]
        dims.append(at if isinstance(value, Tensor) else None)

    def inner(*own: Any) -> Any:
        ctx._shown = own[: len(saved)]
        return body(own[: len(saved)], own[len(saved) :])

    try:
        if all(dim is None for dim in dims):  # every example has the same
            same = inner(*saved, *given)
            return tuple(g if g is None else g.expand((length, *g.shape)) for g in same)
        return tuple(_whole(over, dims, inner, (*saved, *given)))
    finally:
        ctx._shown = before
