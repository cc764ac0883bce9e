"""Batching rules that many ops share. A batched argument has its batch axis first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from weft._core import catalogue
from weft._core.dispatch import apply
from weft._core.tensor import Tensor

Rule = Callable[..., Any]


def with_params(
    name: str,
    shifted: Callable[[int, dict[str, Any]], dict[str, Any]] = lambda size, params: params,
) -> Rule:
    """Return the rule of an op of one array: the same op with settings moved past the batch axis.

    Args:
        name: the op.
        shifted: ``shifted(size, params)``, the settings for the array with its batch axis; by
            default they stay as they are.
    """

    def batch(size: int, batched: Sequence[bool], /, *args: Any, **params: Any) -> Any:
        return apply(catalogue.ops[name], args, shifted(size, params))

    return batch


def shift_dims(*names: str) -> Callable[[int, dict[str, Any]], dict[str, Any]]:
    """Return a change of settings that adds 1 to the dims called ``names``."""

    def shifted(size: int, params: dict[str, Any]) -> dict[str, Any]:
        moved = dict(params)
        for name in names:
            dim = params[name]
            moved[name] = dim + 1 if isinstance(dim, int) else tuple(d + 1 for d in dim)
        return moved

    return shifted


def along_dim(name: str) -> Rule:
    """Return the rule of an op that works along its setting ``dim`` and keeps the shape.

    A 0-d example counts as having one dim, which it lacks once the batch axis is there.
    """

    def batch(size: int, batched: Sequence[bool], /, *args: Any, **params: Any) -> Any:
        (x,) = args
        moved = {**params, "dim": params["dim"] + 1}
        if x.ndim > 1:
            return apply(catalogue.ops[name], (x,), moved)
        return apply(catalogue.ops[name], (x.unsqueeze(-1),), moved).squeeze(-1)

    return batch


def loop(name: str) -> Rule:
    """Return the rule that runs the op once per batch entry: right for any op, and slow."""

    def batch(size: int, batched: Sequence[bool], /, *args: Any, **params: Any) -> Any:
        from weft.ops.joining import stack

        op = catalogue.ops[name]
        results = []
        for i in range(size):
            own = tuple(
                a[i] if b and isinstance(a, Tensor) else a
                for a, b in zip(args, batched, strict=True)
            )
            results.append(apply(op, own, params))
        if op.outputs == 1:
            return stack(results, 0)
        return tuple(stack(one, 0) for one in zip(*results, strict=True))

    return batch


def all_batched(size: int, batched: Sequence[bool], args: Sequence[Any]) -> list[Any]:
    """Return the arguments with a batch axis on every tensor, expanded where it had none."""
    return [
        a if b or not isinstance(a, Tensor) else a.expand((size, *a.shape))
        for a, b in zip(args, batched, strict=True)
    ]
