"""weft: tensors with tape autograd, PyTorch's habits without its weight."""

import builtins
import math
from typing import TYPE_CHECKING, Any, TypeGuard

from weft import autograd, func
from weft._core import lazy as _lazy
from weft._core.device import device, get_default_device, set_default_device
from weft._core.dtypes import (
    ABSENT,
    bfloat16,
    can_cast,
    complex64,
    complex128,
    dtype,
    float8_e4m3fn,
    float8_e4m3fnuz,
    float8_e5m2,
    float8_e5m2fnuz,
    float8_e8m0fnu,
    float16,
    float32,
    float64,
    get_default_dtype,
    int8,
    int16,
    int32,
    int64,
    promote_types,
    result_type,
    set_default_dtype,
    uint8,
    uint16,
    uint32,
    uint64,
)
from weft._core.dtypes import (
    bool_ as bool,
)
from weft._core.errors import DeviceError, DTypeError, GradError, ShapeError
from weft._core.generator import (
    Generator,
    default_generator,
    get_rng_state,
    initial_seed,
    manual_seed,
    seed,
    set_rng_state,
)
from weft._core.layouts import (
    channels_last,
    channels_last_3d,
    contiguous_format,
    layout,
    memory_format,
    preserve_format,
    strided,
)
from weft._core.limits import finfo, iinfo
from weft._core.modes import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)
from weft._core.rank import RankPromotionWarning, get_rank_promotion, set_rank_promotion
from weft._names import FUNCTIONS as _FUNCTIONS
from weft._tensor import Size, Tensor
from weft._tensor.asking import (
    get_device,
    is_inference,
    is_nonzero,
    is_signed,
    typename,
)
from weft._tensor.dlpack import from_dlpack, to_dlpack
from weft._tensor.layout import is_complex, is_floating_point
from weft._tensor.storage import from_file
from weft.autograd.anomaly_mode import (
    is_anomaly_check_nan_enabled,
    is_anomaly_enabled,
    set_anomaly_enabled,
)
from weft.config import show_config
from weft.func import vmap
from weft.ops.creation import as_tensor, from_numpy, frombuffer, tensor
from weft.ops.creation import asarray_ as asarray
from weft.printing import set_printoptions
from weft.settings import *
from weft.settings import __all__ as _settings

if TYPE_CHECKING:
    from weft import (
        amp,
        array_api,
        backends,
        compat,
        cpu,
        cuda,
        data,
        debug,
        distributions,
        fft,
        foreach,
        graph,
        io,
        library,
        linalg,
        nn,
        onnx,
        optim,
        profiler,
        random,
        signal,
        special,
        testing,
        utils,
    )
    from weft._functions import *
    from weft.amp import GradScaler, autocast
    from weft.amp._switches import (
        autocast_decrement_nesting,
        autocast_increment_nesting,
        clear_autocast_cache,
        get_autocast_dtype,
        is_autocast_cache_enabled,
        is_autocast_enabled,
        set_autocast_cache_enabled,
        set_autocast_dtype,
        set_autocast_enabled,
    )
    from weft.io import load, save

    __version__: str

#: Subpackages that load when first used.
_LAZY = (
    "amp", "array_api", "backends", "compat", "cpu", "cuda", "data", "debug", "distributions",
    "fft", "foreach", "graph", "io", "library", "linalg", "nn", "onnx", "optim", "profiler",
    "random", "signal", "special", "testing", "utils",
)  # fmt: skip

#: Names at the top level that a subpackage defines, which loads when one is first used.
_FROM = {
    **dict.fromkeys(("GradScaler", "autocast"), "amp"),
    **dict.fromkeys(("load", "save"), "io"),
    **dict.fromkeys((
        "autocast_decrement_nesting", "autocast_increment_nesting", "clear_autocast_cache",
        "get_autocast_dtype", "is_autocast_cache_enabled", "is_autocast_enabled",
        "set_autocast_cache_enabled", "set_autocast_dtype", "set_autocast_enabled",
    ), "amp._switches"),
}  # fmt: skip

#: Where something is that PyTorch has at its top level and weft has elsewhere.
_ELSEWHERE = {
    "FloatTensor": "weft.tensor(data, dtype=weft.float32) makes one",
    "LongTensor": "weft.tensor(data, dtype=weft.int64) makes one",
    **ABSENT,
}

half, float, double = float16, float32, float64
short, int, long = int16, int32, int64
cfloat, cdouble = complex64, complex128
as_strided_, detach_ = Tensor.as_strided_, Tensor.detach_
resize_as_, zero_ = Tensor.resize_as_, Tensor.zero_
e, inf, nan, pi = math.e, math.inf, math.nan, math.pi

__all__ = [
    "DTypeError",
    "DeviceError",
    "Generator",
    "GradError",
    "GradScaler",
    "RankPromotionWarning",
    "ShapeError",
    "Size",
    "Tensor",
    "__version__",
    "amp",
    "array_api",
    "as_strided_",
    "as_tensor",
    "asarray",
    "autocast",
    "autocast_decrement_nesting",
    "autocast_increment_nesting",
    "autograd",
    "backends",
    "bfloat16",
    "bool",
    "can_cast",
    "cdouble",
    "cfloat",
    "channels_last",
    "channels_last_3d",
    "clear_autocast_cache",
    "compat",
    "complex128",
    "complex64",
    "contiguous_format",
    "cpu",
    "cuda",
    "data",
    "debug",
    "default_generator",
    "detach_",
    "device",
    "distributions",
    "double",
    "dtype",
    "e",
    "enable_grad",
    "fft",
    "finfo",
    "float",
    "float16",
    "float32",
    "float64",
    "float8_e4m3fn",
    "float8_e4m3fnuz",
    "float8_e5m2",
    "float8_e5m2fnuz",
    "float8_e8m0fnu",
    "foreach",
    "from_dlpack",
    "from_file",
    "from_numpy",
    "frombuffer",
    "func",
    "get_autocast_dtype",
    "get_default_device",
    "get_default_dtype",
    "get_device",
    "get_rank_promotion",
    "get_rng_state",
    "graph",
    "half",
    "iinfo",
    "inf",
    "inference_mode",
    "initial_seed",
    "int",
    "int16",
    "int32",
    "int64",
    "int8",
    "io",
    "is_anomaly_check_nan_enabled",
    "is_anomaly_enabled",
    "is_autocast_cache_enabled",
    "is_autocast_enabled",
    "is_complex",
    "is_floating_point",
    "is_grad_enabled",
    "is_inference",
    "is_inference_mode_enabled",
    "is_nonzero",
    "is_signed",
    "is_tensor",
    "layout",
    "library",
    "linalg",
    "load",
    "long",
    "manual_seed",
    "memory_format",
    "nan",
    "nn",
    "no_grad",
    "numel",
    "onnx",
    "optim",
    "pi",
    "preserve_format",
    "profiler",
    "promote_types",
    "random",
    "resize_as_",
    "result_type",
    "save",
    "seed",
    "set_anomaly_enabled",
    "set_autocast_cache_enabled",
    "set_autocast_dtype",
    "set_autocast_enabled",
    "set_default_device",
    "set_default_dtype",
    "set_grad_enabled",
    "set_printoptions",
    "set_rank_promotion",
    "set_rng_state",
    "short",
    "show_config",
    "signal",
    "special",
    "strided",
    "tensor",
    "testing",
    "to_dlpack",
    "typename",
    "uint16",
    "uint32",
    "uint64",
    "uint8",
    "utils",
    "vmap",
    "zero_",
    *_FUNCTIONS["weft"],
    *_settings,
]


def is_tensor(obj: Any) -> TypeGuard[Tensor]:
    """Whether an object is a tensor."""
    return isinstance(obj, Tensor)


def numel(input: Tensor) -> builtins.int:
    """Return the number of elements of a tensor."""
    return input.numel()


def __getattr__(name: str) -> Any:
    """Load a subpackage or the version on first use; for any other name say which one is near."""
    if name == "__version__":
        from weft.version import installed

        return installed()
    if name in _LAZY or name in _FROM:
        import importlib

        module = importlib.import_module(f"weft.{_FROM.get(name, name)}")
        return module if name in _LAZY else getattr(module, name)
    if name in _FUNCTIONS["weft"]:
        return _lazy.attribute(__name__, _FUNCTIONS["weft"], name)
    if name.startswith("_foreach_"):  # as PyTorch calls them
        from weft import foreach

        return getattr(foreach, name.removeprefix("_foreach_"))
    from weft._core.errors import did_you_mean

    hint = f"; {_ELSEWHERE[name]}" if name in _ELSEWHERE else did_you_mean(name, __all__)
    raise AttributeError(f"module 'weft' has no attribute {name!r}{hint}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY, *_FROM, *_FUNCTIONS["weft"], "__version__"})
