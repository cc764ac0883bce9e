"""``torch._C``: the few names of it that model code asks for."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Self

import weft
from weft._core.modes import here

__all__ = [
    "Generator",
    "Size",
    "_TensorMeta",
    "_has_cuda",
    "_log_api_usage_once",
    "device",
    "dtype",
]

Generator, Size, device, dtype = weft.Generator, weft.Size, weft.device, weft.dtype
_TensorMeta = type(weft.Tensor)
_has_cuda = False


def _log_api_usage_once(event: str) -> None:
    """Do nothing: weft counts no uses."""


def _are_functorch_transforms_active() -> bool:
    """Return whether a function is being mapped or differentiated by a transform."""
    return here.differentiating or bool(here.batches)


def _get_tracing_state() -> None:
    """Return None: no program is traced."""


class _AnyKey(type):
    def __getattr__(cls, name: str) -> str:
        if name.startswith("__"):
            raise AttributeError(name)
        return name


class DispatchKey(metaclass=_AnyKey):
    """The keys by which PyTorch chooses kernels; here their names, which choose nothing."""


class DispatchKeySet(frozenset[str]):
    """A set of them, as code builds it on import to register kernels that weft does not have."""

    def __new__(cls, key: str = "") -> Self:
        return super().__new__(cls, (key,))

    def __or__(self, other: object) -> Self:
        return self


#: weft has no ``__torch_function__``: there is nothing to switch off.
DisableTorchFunction = DisableTorchFunctionSubclass = nullcontext
