"""``torch._dynamo._trace_wrapped_higher_order_op``: a mode for tracing, which changes nothing."""

from __future__ import annotations

from contextlib import nullcontext

__all__ = ["TransformGetItemToIndex"]


class TransformGetItemToIndex(nullcontext[None]):
    """A block in which nothing is otherwise: tensors index tensors here anyway."""
