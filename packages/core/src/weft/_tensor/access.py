"""The array under a tensor, for whoever reads its data."""

from __future__ import annotations

from typing import Any

from weft._backend.libraries import by_array, on_host
from weft._core.aval import Aval
from weft._core.boxed import Boxed
from weft._core.device import device_of
from weft._core.errors import GradError
from weft._core.modes import here
from weft._core.moving import share
from weft._core.tensor import Tensor


def array_of(self: Tensor, asked: str) -> Any:
    """Return the array, or raise saying that ``asked`` needs one."""
    data = self._data
    if isinstance(data, Aval):
        raise RuntimeError(f"{asked}: a tensor on the meta device has a shape and no data")
    if isinstance(data, Boxed):
        return data.read(asked)
    return data


def host_array(self: Tensor, asked: str) -> Any:
    """Return the values as a NumPy array: the memory itself on the CPU, else a copy of it."""
    return on_host(array_of(self, asked))


def numpy(self: Tensor, *, force: bool = False) -> Any:
    """Return the memory as a NumPy array, shared.

    Args:
        force: whether to detach the tensor and to copy it to the CPU where that is needed.

    Raises:
        TypeError: the tensor is on a GPU, whose memory NumPy cannot read; call ``.cpu()`` first.
        GradError: the tensor requires grad, and this is not under ``no_grad``; call
            ``.detach()`` first.
    """
    if force:
        self = self.detach().cpu()
    if self._node is not None and here.grad:
        raise GradError(
            "numpy: this tensor requires grad, which an array cannot record; call .detach().numpy()"
        )
    data = array_of(self, "numpy")
    if type(data) in by_array:
        raise TypeError(
            f"numpy: this tensor is on {device_of(self)}, whose memory NumPy cannot read; copy it "
            f"to the host first with .cpu().numpy()"
        )
    share(self)
    return data
