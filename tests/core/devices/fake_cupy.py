"""A stand-in for CuPy and its GPUs: what CuPy would take runs on NumPy, all else is refused.

Its arrays are no NumPy arrays and cannot become one by accident: NumPy's functions refuse them, and
its own functions refuse NumPy's arrays, as CuPy's do. So what runs here calls the namespace that it
was given and no other. It offers the names that CuPy 14 offers (``cupy_names.json``) and no others,
gives 0-d arrays where NumPy gives scalars, and refuses arrays of two devices in one call.
"""

from __future__ import annotations

import importlib.machinery
import json
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import scipy.fft
import scipy.linalg
import scipy.special

NAMES = json.loads((Path(__file__).parents[1] / "kernels" / "cupy_names.json").read_text("utf-8"))
ARRAY_NAMES = set(NAMES["cupy.ndarray"])


class State:
    """The machine that the stand-in plays."""

    def __init__(self) -> None:
        self.devices = 2
        self.current = 0
        self.driver = 13020
        self.runtime = 13020
        self.error: Exception | None = None


state = State()


class CUDARuntimeError(RuntimeError):
    """What CuPy raises where the CUDA runtime answers with an error."""


class Device:
    """A GPU; in ``with`` it becomes the current one."""

    def __init__(self, index: int | None = None) -> None:
        self.id = state.current if index is None else int(index)
        if not 0 <= self.id < state.devices:
            raise CUDARuntimeError("cudaErrorInvalidDevice: invalid device ordinal")
        self._before: list[int] = []

    def __enter__(self) -> Device:
        self._before.append(state.current)
        state.current = self.id
        return self

    def __exit__(self, *_: Any) -> None:
        state.current = self._before.pop()

    def use(self) -> None:
        state.current = self.id

    def synchronize(self) -> None:
        pass


def unwrapped(value: Any) -> Any:
    """Return what NumPy may compute with; refuse NumPy's own arrays."""
    if isinstance(value, ndarray):
        if value._place != state.current:
            raise ValueError(
                f"Array device must be same as the current device: array device = {value._place} "
                f"while current = {state.current}"
            )
        return value._held
    if isinstance(value, np.ndarray):
        raise TypeError(f"Unsupported type {type(value)}")
    if isinstance(value, (tuple, list)):
        return type(value)(unwrapped(v) for v in value)
    if isinstance(value, slice):
        return slice(*(unwrapped(v) for v in (value.start, value.stop, value.step)))
    return value


def wrapped(value: Any) -> Any:
    if isinstance(value, (np.ndarray, np.generic)):
        return ndarray(np.asarray(value))
    if isinstance(value, (tuple, list)) and type(value) is not tuple and hasattr(value, "_fields"):
        return tuple(map(wrapped, value))
    if isinstance(value, (tuple, list)):
        return type(value)(map(wrapped, value))
    return value


def lifted(function: Any) -> Any:
    """Return one of NumPy's functions over the stand-in's arrays."""

    def call(*args: Any, **kwargs: Any) -> Any:
        given = [unwrapped(a) for a in args]
        named = {k: unwrapped(v) for k, v in kwargs.items()}
        with np.errstate(all="ignore"):  # a GPU warns of nothing
            return wrapped(function(*given, **named))

    return call


class Ufunc:
    def __init__(self, ufunc: np.ufunc) -> None:
        self._ufunc = ufunc

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return lifted(self._ufunc)(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        if name not in NAMES["cupy.ufunc"]:
            raise AttributeError(f"cupy.ufunc has no {name}")
        return lifted(getattr(self._ufunc, name))


class ndarray:
    """An array on a GPU that is none."""

    __slots__ = ("_held", "_place")
    __array_ufunc__ = None  # NumPy's operators and ufuncs refuse it
    __hash__ = None  # type: ignore[assignment]  # as CuPy's

    def __init__(self, held: np.ndarray) -> None:
        self._held = held
        self._place = state.current

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise TypeError(
            "Implicit conversion to a NumPy array is not allowed. "
            "Please use `.get()` to construct a NumPy array explicitly."
        )

    def __array_function__(self, function: Any, *_: Any) -> Any:
        raise TypeError(f"np.{function.__name__} was called with an array of the GPU's")

    @property
    def device(self) -> Device:
        return Device(self._place)

    @property
    def data(self) -> Any:
        return types.SimpleNamespace(ptr=self._held.ctypes.data)

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        return {"shape": self._held.shape, "version": 3}

    @property
    def base(self) -> Any:
        return None if self._held.base is None else self

    def get(self) -> np.ndarray:
        return self._held.copy()

    def __getattr__(self, name: str) -> Any:
        if name not in ARRAY_NAMES:
            raise AttributeError(f"cupy.ndarray has no {name}")
        value = getattr(self._held, name)
        if not callable(value):
            return wrapped(value) if isinstance(value, np.ndarray) else value
        if name in ("item", "tolist"):
            return value
        unwrapped(self)  # its kernels run on the current GPU
        return lifted(value)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in ("_held", "_place"):
            object.__setattr__(self, name, value)
        else:
            setattr(self._held, name, value)

    def __len__(self) -> int:
        return len(self._held)

    def __getitem__(self, key: Any) -> Any:
        parts = key if isinstance(key, tuple) else (key,)
        if any(isinstance(part, (list, ndarray)) for part in parts):
            return wrapped(unwrapped(self)[unwrapped(key)])
        with Device(self._place):  # a view, which no kernel makes
            return wrapped(self._held[unwrapped(key)])

    def __setitem__(self, key: Any, value: Any) -> None:
        unwrapped(self)[unwrapped(key)] = unwrapped(value)

    def __bool__(self) -> bool:
        return bool(self._held)

    def __int__(self) -> int:
        return int(self._held)

    def __float__(self) -> float:
        return float(self._held)

    def __complex__(self) -> complex:
        return complex(self._held)

    def __index__(self) -> int:
        return self._held.__index__()

    def __repr__(self) -> str:
        return f"fake_cupy.array({self._held!r}, device={self._place})"


def _operator(name: str) -> Any:
    def method(self: ndarray, *others: Any) -> Any:
        with np.errstate(all="ignore"):
            out = getattr(unwrapped(self), name)(*map(unwrapped, others))
        if name.startswith("__i") and name != "__invert__":
            return self
        return NotImplemented if out is NotImplemented else wrapped(out)

    return method


for _name in (
    *("neg", "pos", "abs", "invert", "eq", "ne", "lt", "le", "gt", "ge", "divmod", "rdivmod"),
    *(
        f"{kind}{name}"
        for name in "add sub mul truediv floordiv mod pow matmul and or xor lshift rshift".split()
        for kind in ("", "r", "i")
    ),
):
    setattr(ndarray, f"__{_name}__", _operator(f"__{_name}__"))


class Space(types.ModuleType):
    """A module of CuPy's over one of NumPy's or SciPy's."""

    def __init__(self, name: str, source: Any, names: Any) -> None:
        super().__init__(name)
        self.__spec__ = importlib.machinery.ModuleSpec(name, None)
        self._source = source
        self._names = set(names)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name not in self._names or not hasattr(self._source, name):
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        value = getattr(self._source, name)
        if isinstance(value, np.ufunc):
            return Ufunc(value)
        if isinstance(value, type) or not callable(value):
            return value
        return lifted(value)


def _asarray(a: Any, *args: Any, **kwargs: Any) -> Any:
    if isinstance(a, ndarray):
        return lifted(np.asarray)(a, *args, **kwargs)
    return ndarray(np.asarray(a, *args, **kwargs))  # CuPy takes the host's arrays here


def _array(a: Any, *args: Any, **kwargs: Any) -> Any:
    if isinstance(a, ndarray):  # from another device too
        return ndarray(np.array(a._held, *args, **kwargs))
    return ndarray(np.array(a, *args, **kwargs))


def _device_count() -> int:
    if state.error is not None:
        raise state.error
    if not state.devices:
        raise CUDARuntimeError("cudaErrorNoDevice: no CUDA-capable device is detected")
    return state.devices


def modules() -> dict[str, types.ModuleType]:
    """Return the modules that stand in for CuPy's, by name."""
    cupy = Space("cupy", np, NAMES["cupy"])
    cupy.__dict__.update(
        __version__="14.2.0",
        ndarray=ndarray,
        asarray=_asarray,
        array=_array,
        asnumpy=lambda a: a.get(),
        linalg=Space("cupy.linalg", np.linalg, NAMES["cupy.linalg"]),
        fft=Space("cupy.fft", np.fft, NAMES["cupy.fft"]),
        lib=types.SimpleNamespace(
            stride_tricks=Space(
                "cupy.lib.stride_tricks", np.lib.stride_tricks, NAMES["cupy.lib.stride_tricks"]
            )
        ),
        cuda=types.SimpleNamespace(
            Device=Device,
            runtime=types.SimpleNamespace(
                CUDARuntimeError=CUDARuntimeError,
                driverGetVersion=lambda: state.driver,
                runtimeGetVersion=lambda: state.runtime,
                getDeviceCount=_device_count,
                getDevice=lambda: state.current,
                getDeviceProperties=lambda index: {
                    "name": f"Fake GPU {index}".encode(),
                    "major": 9,
                    "minor": 0,
                    "totalGlobalMem": 1 << 30,
                    "multiProcessorCount": 4,
                },
                memGetInfo=lambda: (1 << 29, 1 << 30),
            ),
        ),
        get_default_memory_pool=lambda: types.SimpleNamespace(
            used_bytes=lambda: 512, total_bytes=lambda: 1024, free_all_blocks=lambda: None
        ),
        get_default_pinned_memory_pool=lambda: types.SimpleNamespace(free_all_blocks=lambda: None),
    )
    out: dict[str, types.ModuleType] = {"cupy": cupy}
    for module, source in (
        ("special", scipy.special),
        ("linalg", scipy.linalg),
        ("fft", scipy.fft),
    ):
        name = f"cupyx.scipy.{module}"
        out[name] = Space(name, source, NAMES[name])
    for name in ("cupyx", "cupyx.scipy"):
        out[name] = types.ModuleType(name)
        out[name].__spec__ = importlib.machinery.ModuleSpec(name, None)
        out[name].__path__ = []
    return out


def put_in_place(patch: Any, **settings: Any) -> None:
    """Make ``import cupy`` find the stand-in, on a machine as the settings say.

    Args:
        patch: pytest's ``monkeypatch``, which puts all back.
        settings: attributes of :class:`State`.
    """
    for name, module in modules().items():
        patch.setitem(sys.modules, name, module)
    for name, value in {**vars(State()), **settings}.items():
        patch.setattr(state, name, value)
