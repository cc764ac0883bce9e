"""``torch`` itself: what has another name in weft, or does nothing here."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import Any

import weft
from weft.compat.torch._refusing import Refused
from weft.compat.torch.names.compiler import compile as compile
from weft.compat.torch.names.cuda import Event as Event
from weft.compat.torch.names.cuda import OutOfMemoryError as OutOfMemoryError
from weft.compat.torch.names.cuda import Stream as Stream
from weft.compat.torch.names.jit import ScriptModule as ScriptModule
from weft.compat.torch.names.serialization import load as load
from weft.compat.torch.names.serialization import save as save
from weft.compat.torch.names.torch_version import __version__ as __version__

newaxis = None
#: Dtypes that weft does not have, for tables of all dtypes.
float4_e2m1fn_x2 = "torch.float4_e2m1fn_x2"
complex32 = chalf = "torch.complex32"
legacy_contiguous_format = weft.contiguous_format
has_cuda = has_mps = has_mkldnn = has_cudnn = has_mkl = False
has_lapack = has_openmp = has_spectral = True


class PyTorchFileReader(Refused):
    """For annotations: checkpoints are read by `load`."""

    module = "torch"
    sentence = "checkpoints are read by torch.load, which is weft's own reader here"


def is_storage(obj: object, /) -> bool:
    """Return whether ``obj`` is a storage."""
    from weft.compat.torch.names.storage import UntypedStorage

    return isinstance(obj, UntypedStorage)


def _assert(condition: object, message: object = "") -> None:
    """Assert that ``condition`` holds (a tensor of one element, too)."""
    assert condition, message


def _check(cond: object, message: Callable[[], object] | None = None) -> None:
    """Raise RuntimeError, with what `message()` says, unless ``cond`` holds."""
    _check_with(RuntimeError, cond, message)


def _check_with(
    error_type: type[Exception], cond: object, message: Callable[[], object] | None
) -> None:
    """Raise an error of a type, with what `message()` says, unless ``cond`` holds."""
    if not cond:
        raise error_type("a check of the model's own failed" if message is None else message())


def _check_tensor_all(cond: weft.Tensor, message: Callable[[], object] | None = None) -> None:
    """Raise RuntimeError unless each element of ``cond`` holds."""
    _check_with(RuntimeError, cond.all(), message)


def _check_tensor_all_with(
    error_type: type[Exception], cond: weft.Tensor, message: Callable[[], object] | None = None
) -> None:
    """Raise an error of a type unless each element of ``cond`` holds."""
    _check_with(error_type, cond.all(), message)


def _check_is_size(i: int, message: Callable[[], object] | None = None, *, max: Any = None) -> None:
    """Raise RuntimeError unless ``i`` is a size: at least 0, and at most ``max``."""
    _check_with(RuntimeError, i >= 0 and (max is None or i <= max), message)


_check_index = functools.partial(_check_with, IndexError)
_check_value = functools.partial(_check_with, ValueError)
_check_type = functools.partial(_check_with, TypeError)
_check_not_implemented = functools.partial(_check_with, NotImplementedError)


def _assert_async(condition: weft.Tensor, message: object = "") -> None:
    """Assert that ``condition`` holds; here at once."""
    assert condition, message


def is_autocast_enabled(device_type: str | None = None) -> bool:
    """Return whether operations of a device are cast; of PyTorch's other devices none is."""
    if device_type in ("mps", "xpu", "hpu", "mtia", "ipu", "xla", "maia", "privateuseone"):
        return False
    return weft.is_autocast_enabled(device_type)


def _sample_dirichlet(concentration: weft.Tensor, generator: Any = None) -> weft.Tensor:
    """Draw from Dirichlet distributions, as torchvision's AugMix does by this name."""
    if generator is not None:
        raise NotImplementedError(
            "torch._sample_dirichlet: weft draws it from the default generator"
        )
    return weft.distributions.Dirichlet(concentration).sample()


def compiled_with_cxx11_abi() -> bool:
    """Return True."""
    return True


def is_vulkan_available() -> bool:
    """Return False."""
    return False


def get_device_module(device: Any = None) -> Any:
    """Return the module of a device: ``torch.cpu`` or ``torch.cuda``."""
    kind = weft.device("cpu" if device is None else device).type
    return weft.cuda if kind == "cuda" else weft.cpu


def set_default_tensor_type(t: Any, /) -> None:
    """Set the default dtype by the class of tensors of it: ``torch.DoubleTensor``."""
    from weft.compat.torch.names import tensor_types

    if isinstance(t, str):
        name = t.rpartition(".")[2]
        if not hasattr(tensor_types, name):
            raise TypeError(f"invalid type object: there is no tensor type {t!r}")
        t = getattr(tensor_types, name)
    weft.set_default_dtype(t.dtype)


def cond(
    pred: Any, true_fn: Callable[..., Any], false_fn: Callable[..., Any], operands: Any = ()
) -> Any:
    """Call one of two functions by a condition."""
    return (true_fn if pred else false_fn)(*operands)


def while_loop(
    cond_fn: Callable[..., Any], body_fn: Callable[..., Any], carried_inputs: Any
) -> Any:
    """Repeat ``body_fn`` as long as ``cond_fn`` of its results is true."""
    values = tuple(carried_inputs)
    while cond_fn(*values):
        values = tuple(body_fn(*values))
    return values


def set_warn_always(b: bool, /) -> None:
    """Say each warning every time, or once."""
    warnings.simplefilter("always" if b else "default")
