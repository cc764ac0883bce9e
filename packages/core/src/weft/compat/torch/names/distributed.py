"""``torch.distributed`` and ``.nn``: one process; weft has no communication between several."""

from __future__ import annotations

import enum
from typing import Any

from weft.compat.torch._refusing import Refused, refusal

__all__ = [
    "ProcessGroup",
    "ReduceOp",
    "get_rank",
    "get_world_size",
    "init_process_group",
    "is_available",
    "is_initialized",
]


def is_available() -> bool:
    """Return False."""
    return False


def is_initialized() -> bool:
    """Return False."""
    return False


is_nccl_available = is_gloo_available = is_mpi_available = is_torchelastic_launched = is_available

init_process_group = all_reduce = all_gather = all_gather_into_tensor = all_gather_object = (
    all_to_all
) = broadcast = broadcast_object_list = barrier = reduce = reduce_scatter = (
    reduce_scatter_tensor
) = gather = scatter = send = recv = isend = irecv = new_group = destroy_process_group = (
    get_backend
) = refusal("weft has no communication between processes; this is process 0 of 1", RuntimeError)


class ReduceOp(enum.Enum):
    """How values of several processes would be joined."""

    SUM, AVG, PRODUCT, MIN, MAX, BAND, BOR, BXOR = range(8)


class ProcessGroup(Refused):
    """For annotations."""

    module = "torch.distributed"
    sentence = "weft has no communication between processes; this is process 0 of 1"


def get_rank(group: Any = None) -> int:
    """Return 0, the number of the only process."""
    return 0


def get_world_size(group: Any = None) -> int:
    """Return 1."""
    return 1
