"""Checkpointing: memory for time. What a function would save is computed again for backward."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from weft._core.tensor import Tensor
from weft.transforms.checkpoint import (
    CheckpointError,
    checkpoint,
    noop_context_fn,
    set_checkpoint_debug_enabled,
    set_checkpoint_early_stop,
)
from weft.transforms.selective import (
    CheckpointPolicy,
    SelectiveCheckpointContext,
    create_selective_checkpoint_contexts,
)

__all__ = [
    "CheckpointError",
    "CheckpointPolicy",
    "SelectiveCheckpointContext",
    "checkpoint",
    "checkpoint_sequential",
    "create_selective_checkpoint_contexts",
    "noop_context_fn",
    "set_checkpoint_debug_enabled",
    "set_checkpoint_early_stop",
]


def checkpoint_sequential(
    functions: Sequence[Callable[..., Any]] | Any,
    segments: int,
    input: Tensor,
    use_reentrant: bool | None = None,
    *,
    preserve_rng_state: bool = True,
) -> Any:
    """Run functions one after another, cut into segments of which all but the last checkpoint.

    With about sqrt(n) segments of n functions the memory that is needed grows with sqrt(n).

    Args:
        functions: a ``weft.nn.Sequential``, or a list of modules or functions.
        segments: into how many pieces to cut them.
        input: what the first one takes.
        use_reentrant: False or None, as for :func:`checkpoint`.
        preserve_rng_state: as for :func:`checkpoint`.

    Returns:
        what the last one returns.

    Raises:
        ValueError: more segments than functions, or none.

    Source: Chen et al., arXiv:1604.06174.

    Example:
        >>> from weft.utils.checkpoint import checkpoint_sequential
        >>> checkpoint_sequential([weft.sin, weft.exp, weft.sum], 2, weft.zeros(3))
        tensor(3.)
    """
    steps = list(functions)
    if not 1 <= segments <= max(len(steps), 1):
        raise ValueError(
            f"checkpoint_sequential: segments must be from 1 to the number of functions, "
            f"{len(steps)}, got {segments}"
        )
    size = len(steps) // segments
    last = size * (segments - 1)
    x: Any = input
    for start in range(0, last, size):
        x = checkpoint(
            _Chain(steps[start : start + size]),
            x,
            use_reentrant=use_reentrant,
            preserve_rng_state=preserve_rng_state,
        )
    return _Chain(steps[last:])(x)


class _Chain:
    """Functions that run one after another."""

    def __init__(self, steps: list[Callable[..., Any]]) -> None:
        self._steps = steps

    def __call__(self, x: Any) -> Any:
        for step in self._steps:
            x = step(x)
        return x
