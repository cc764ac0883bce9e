"""``torch.distributed.tensor`` and ``device_mesh``: tensors over many processes."""

from __future__ import annotations

from weft.compat.torch._refusing import Refused, refusal

__all__ = ["DTensor", "DeviceMesh", "Placement", "Replicate", "Shard", "init_device_mesh"]

_SENTENCE = "weft has no communication between processes; this is process 0 of 1"
init_device_mesh = distribute_tensor = distribute_module = refusal(_SENTENCE, RuntimeError)


class DTensor(Refused):
    """For ``isinstance``: no tensor is one."""

    module = "torch.distributed.tensor"
    sentence = _SENTENCE


class DeviceMesh(DTensor):
    """For annotations."""


class Placement(DTensor):
    """For annotations."""


class Replicate(Placement):
    """For annotations."""


class Shard(Placement):
    """For annotations."""
