"""Tensors without data for PyTorch's compiler, and its modes: there are none here."""

from __future__ import annotations

from weft.compat.torch._refusing import Refused

__all__ = ["FakeTensor", "FakeTensorMode", "get_proxy_mode", "is_fake"]


class FakeTensor(Refused):
    """For ``isinstance``: no tensor is one."""

    module = "torch._subclasses.fake_tensor"
    sentence = "weft's tensors without data are those of the meta device"


class FakeTensorMode(FakeTensor):
    """For annotations."""


def is_fake(x: object) -> bool:
    """Return False."""
    return False


def get_proxy_mode() -> None:
    """Return None: nothing is being traced."""
    return None
