"""``torch.distributed``: one process; weft has no communication between several."""

from __future__ import annotations

from typing import Any

from weft.compat.torch._refusing import refusal

__all__ = ["get_rank", "get_world_size", "init_process_group", "is_available", "is_initialized"]


def is_available() -> bool:
    """Return False."""
    return False


def is_initialized() -> bool:
    """Return False."""
    return False


init_process_group = all_reduce = all_gather = broadcast = barrier = reduce = refusal(
    "weft has no communication between processes; this is process 0 of 1", RuntimeError
)


def get_rank(group: Any = None) -> int:
    """Return 0, the number of the only process."""
    return 0


def get_world_size(group: Any = None) -> int:
    """Return 1."""
    return 1
