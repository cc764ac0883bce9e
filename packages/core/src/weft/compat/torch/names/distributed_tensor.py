"""``torch.distributed.tensor``: tensors spread over processes, which weft does not have."""

from __future__ import annotations

from weft.compat.torch._refusing import Refused

__all__ = ["DTensor", "DeviceMesh", "Placement", "Replicate", "Shard"]


class DTensor(Refused):
    """For ``isinstance``: no tensor is one."""

    module = "torch.distributed.tensor"
    sentence = "weft has no communication between processes; this is process 0 of 1"


class DeviceMesh(DTensor):
    """For annotations."""


class Placement(DTensor):
    """For annotations."""


class Replicate(Placement):
    """For annotations."""


class Shard(Placement):
    """For annotations."""
