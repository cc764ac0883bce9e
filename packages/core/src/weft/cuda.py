"""NVIDIA GPUs: whether they are there, which is in use, what they hold, waiting for them.

Everything here may be called without a GPU: questions are answered, and what needs one raises the
one reason why there is none, as ``weft.show_config()`` prints it.
"""

from __future__ import annotations

from types import TracebackType
from typing import Any, NamedTuple

from weft._backend.cupy_ import why_unavailable
from weft._backend.libraries import Unavailable, library_for
from weft._core.device import require
from weft._core.errors import DeviceError
from weft._core.generator import Generator, default_generator
from weft._core.generator import manual_seed as _manual_seed
from weft._core.tensor import Tensor

__all__ = [
    "DeviceProperties",
    "current_device",
    "default_generator",
    "device",
    "device_count",
    "empty_cache",
    "get_device_capability",
    "get_device_name",
    "get_device_properties",
    "get_rng_state",
    "initial_seed",
    "is_available",
    "is_initialized",
    "manual_seed",
    "manual_seed_all",
    "mem_get_info",
    "memory_allocated",
    "memory_reserved",
    "set_device",
    "set_rng_state",
    "synchronize",
]


class DeviceProperties(NamedTuple):
    """What a GPU is.

    Attributes:
        name: its model.
        major: the first number of its compute capability.
        minor: the second.
        total_memory: bytes.
        multi_processor_count: how many multiprocessors it has.
    """

    name: str
    major: int
    minor: int
    total_memory: int
    multi_processor_count: int


def _cupy() -> Any:
    """Return the cupy module, or raise the reason why no GPU can be used."""
    try:
        return library_for("cuda").cupy  # type: ignore[attr-defined]  # the library of cuda is CuPy
    except Unavailable as reason:
        raise DeviceError(f"weft.cuda: {reason}") from None


def _index(wanted: Any) -> int:
    """Return the number of a GPU given as an int or a device; None is the current one."""
    place = require("cuda" if wanted is None else wanted)
    if place.type != "cuda":
        raise ValueError(f"weft.cuda: expected a GPU, got device {place}")
    return place.index or 0


def is_available() -> bool:
    """Whether a GPU can be used now; ``weft.show_config()`` prints why not."""
    return not why_unavailable()


def is_initialized() -> bool:
    """Whether CuPy was loaded, which the first use of a GPU does."""
    from weft._backend.libraries import loaded

    return "cuda" in loaded


def device_count() -> int:
    """Return how many GPUs can be used; 0 without any."""
    return library_for("cuda").count() if is_available() else 0


def current_device() -> int:
    """Return the number of the GPU that ``"cuda"`` means.

    Raises:
        DeviceError: there is none, with the reason.
    """
    return _index(None)


def set_device(device: Any) -> None:
    """Make a GPU the one that ``"cuda"`` means in this thread.

    Args:
        device: its number or device.
    """
    index = _index(device)
    _cupy().cuda.Device(index).use()


class device:
    """Within the block ``"cuda"`` means this GPU.

    Args:
        device: its number or device; None changes nothing.

    Example:
        >>> with weft.cuda.device(1):  # doctest: +SKIP
        ...     x = weft.zeros(3, device="cuda")  # on cuda:1
    """

    def __init__(self, device: Any = None) -> None:
        self.idx = None if device is None else _index(device)
        self._entered: list[Any] = []

    def __enter__(self) -> device:
        if self.idx is not None:
            entered = library_for("cuda").on(self.idx)
            entered.__enter__()
            self._entered.append(entered)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._entered:
            self._entered.pop().__exit__(kind, error, trace)


def get_device_properties(device: Any = None) -> DeviceProperties:
    """Return what a GPU is.

    Args:
        device: its number or device; the current one if None.
    """
    index = _index(device)
    found = _cupy().cuda.runtime.getDeviceProperties(index)
    name = found["name"]
    return DeviceProperties(
        name.decode() if isinstance(name, bytes) else str(name),
        int(found["major"]),
        int(found["minor"]),
        int(found["totalGlobalMem"]),
        int(found["multiProcessorCount"]),
    )


def get_device_name(device: Any = None) -> str:
    """Return a GPU's model.

    Args:
        device: its number or device; the current one if None.
    """
    return get_device_properties(device).name


def get_device_capability(device: Any = None) -> tuple[int, int]:
    """Return a GPU's compute capability, such as (9, 0).

    Args:
        device: its number or device; the current one if None.
    """
    found = get_device_properties(device)
    return found.major, found.minor


def synchronize(device: Any = None) -> None:
    """Wait until a GPU has finished all that it was given.

    Args:
        device: its number or device; the current one if None.
    """
    index = _index(device)
    _cupy().cuda.Device(index).synchronize()


def memory_allocated(device: Any = None) -> int:
    """Return the bytes that arrays take on a GPU.

    Args:
        device: its number or device; the current one if None.
    """
    with library_for("cuda").on(_index(device)):
        return int(_cupy().get_default_memory_pool().used_bytes())


def memory_reserved(device: Any = None) -> int:
    """Return the bytes that CuPy's memory pool holds on a GPU, in use or kept for the next array.

    Args:
        device: its number or device; the current one if None.
    """
    with library_for("cuda").on(_index(device)):
        return int(_cupy().get_default_memory_pool().total_bytes())


def mem_get_info(device: Any = None) -> tuple[int, int]:
    """Return a GPU's free bytes and all of its bytes.

    Args:
        device: its number or device; the current one if None.
    """
    with library_for("cuda").on(_index(device)):
        free, total = _cupy().cuda.runtime.memGetInfo()
        return int(free), int(total)


def empty_cache() -> None:
    """Give memory that no array uses back to the GPUs; without any, nothing is done."""
    if not is_initialized():
        return
    cupy = _cupy()
    for index in range(device_count()):
        with library_for("cuda").on(index):
            cupy.get_default_memory_pool().free_all_blocks()
    cupy.get_default_pinned_memory_pool().free_all_blocks()


# --- random numbers: one stream for every device -----------------------------------------------


def manual_seed(seed: int) -> None:
    """Seed the default generator, from which every device's random numbers come.

    Args:
        seed: 64 bits.
    """
    _manual_seed(seed)


manual_seed_all = manual_seed


def initial_seed() -> int:
    """Return the default generator's seed."""
    return default_generator.initial_seed()


def get_rng_state(device: Any = "cuda") -> Tensor:
    """Return the default generator's state.

    Args:
        device: taken for PyTorch's callers: the stream is the same on every device.
    """
    return default_generator.get_state()


def set_rng_state(new_state: Tensor, device: Any = "cuda") -> Generator:
    """Set the default generator's state to one that ``get_rng_state`` returned.

    Args:
        new_state: the state.
        device: taken for PyTorch's callers.
    """
    return default_generator.set_state(new_state)
