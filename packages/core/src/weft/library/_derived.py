"""The rules of a user's op that follow from others: forward mode from reverse mode, a loop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from weft._core.dispatch import apply
from weft._core.modes import differentiating
from weft._core.tensor import Tensor


def forward_by_reverse(definition: Any) -> Callable[..., Any]:
    """Return the forward derivative of an op that has only a reverse one.

    The cotangents of the arguments are linear in the cotangent u of the result; the transpose of
    that map takes the tangents of the arguments to the tangent of the result. So it is one more
    reverse pass, through the op's backward, at the point u = 0.
    """

    def jvp(tangents: Any, out: Any, *flat: Any, **settings: Any) -> Any:
        from weft.ops.filled_like import zeros_like
        from weft.transforms import tape

        op = definition.op
        results = out if isinstance(out, tuple) else (out,)
        with differentiating():
            seeds = [
                zeros_like(o).requires_grad_() if o.dtype.category >= 2 else None for o in results
            ]
            needs = tuple(t is not None for t in tangents)
            g = tuple(seeds) if isinstance(out, tuple) else seeds[0]
            found = op.vjp(needs, g, out, *flat, **settings)
            pairs = [
                (ct, t)
                for ct, t in zip(found, tangents, strict=True)
                if t is not None and ct is not None and ct._node is not None
            ]
            slopes: list[Any] = [None] * len(seeds)
            wanted = [i for i, seed in enumerate(seeds) if seed is not None]
            if pairs:
                made = tape.grad(
                    [ct for ct, _ in pairs],
                    [seeds[i] for i in wanted],
                    [t for _, t in pairs],
                    create_graph=True,
                    allow_unused=True,
                )
                for i, slope in zip(wanted, made, strict=True):
                    slopes[i] = slope
        return tuple(slopes) if isinstance(out, tuple) else slopes[0]

    return jvp


def loop(definition: Any) -> Callable[..., Any]:
    """Return the batching rule that runs an op once for each example: right, and slow."""

    def batch(size: int, batched: Sequence[bool], /, *flat: Any, **settings: Any) -> Any:
        from weft.ops.joining import stack

        op = definition.op
        results = [
            apply(
                op,
                tuple(
                    a[i] if b and isinstance(a, Tensor) else a
                    for a, b in zip(flat, batched, strict=True)
                ),
                settings,
            )
            for i in range(size)
        ]
        if op.outputs == 1:
            return stack(results, 0)
        return tuple(stack(list(one), 0) for one in zip(*results, strict=True))

    return batch
