"""Between a user's rules and the op's record: contexts, cotangents that fit, batches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from weft._core.aval import Aval
from weft._core.errors import GradError
from weft._core.modes import here
from weft._core.tensor import Tensor
from weft.autograd._context import FunctionCtx
from weft.autograd._recording import fitted, zeros
from weft.library._arguments import LENGTHS
from weft.library._running import device_type_of

if TYPE_CHECKING:
    from weft.library._definition import CustomOpDef


def vjp_of_context(
    definition: CustomOpDef, needs: Any, g: Any, out: Any, *flat: Any, **settings: Any
) -> tuple[Any, ...]:
    """Set up a context from what the tape kept, and call the user's backward with it."""
    args, named = definition._arguments.join(flat, settings)
    wanted, _ = definition._arguments.join(needs, absent(settings))
    ctx = FunctionCtx(definition, tuple(_any(w) for w in wanted))
    if definition._setup is not None:
        if named:
            definition._setup(ctx, tuple(args), named, out)
        else:
            definition._setup(ctx, tuple(args), out)
    gradients = g if isinstance(g, tuple) else (g,)
    if ctx.materialize_grads and isinstance(g, tuple):
        gradients = tuple(
            zeros(Aval(tuple(o.shape), _numpy_dtype(o)), device_type_of(flat))
            if one is None
            else one
            for one, o in zip(gradients, out, strict=True)
        )
    found = definition._backward(ctx, *gradients)  # type: ignore[misc]  # set with this rule
    given = found if isinstance(found, tuple) else (found,)
    if len(given) < len(args) or any(one is not None for one in given[len(args) :]):
        raise GradError(
            f"{definition.name}: backward must return a gradient or None for each of the "
            f"{len(args)} arguments, got {len(given)}"
        )
    return fitted_to(definition, definition._arguments.flat_gradients(given, settings), flat, needs)


def fitted_to(
    definition: CustomOpDef, found: Any, flat: Sequence[Any], needs: Sequence[bool]
) -> tuple[Any, ...]:
    """Return cotangents of the arguments' shapes and dtypes, None where none is needed."""
    avals = [Aval(tuple(a.shape), _numpy_dtype(a)) if hasattr(a, "shape") else None for a in flat]
    wanted = [n for n, aval in zip(needs, avals, strict=True) if aval is not None]
    fits = iter(fitted(definition, tuple(found), avals, wanted))
    return tuple(None if aval is None else next(fits) for aval in avals)


def whole(definition: CustomOpDef, made: Any, size: int) -> Any:
    """Return a batching rule's results with their batch dims first."""
    if not isinstance(made, tuple) or len(made) != 2:
        raise RuntimeError(
            f"{definition.name}: the rule of register_vmap must return the results and where their "
            f"batch dims are, got {type(made).__name__}"
        )
    results, dims = made
    several = isinstance(results, (tuple, list))
    values = list(results) if several else [results]
    places = list(dims) if isinstance(dims, (tuple, list)) else [dims] * len(values)
    out = [
        v.expand((size, *v.shape)) if d is None else v.movedim(d, 0)
        for v, d in zip(values, places, strict=True)
    ]
    return tuple(out) if several else out[0]


def _numpy_dtype(value: Any) -> Any:
    return value._data.dtype if isinstance(value, Tensor) else value.dtype


def shown(settings: dict[str, Any]) -> dict[str, Any]:
    """Return the settings that users gave."""
    return {k: v for k, v in settings.items() if k != LENGTHS}


def absent(settings: dict[str, Any]) -> dict[str, Any]:
    """Return the settings with None for each value."""
    return {k: v if k == LENGTHS else None for k, v in settings.items()}


def _any(wanted: Any) -> bool:
    return any(map(bool, wanted)) if isinstance(wanted, list) else bool(wanted)


def randomness() -> str:
    """Return how the innermost vmap has its examples draw random numbers."""
    return str(here.batches[-1][2]) if here.batches else "error"
