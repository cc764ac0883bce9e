"""CuPy as the library of NVIDIA GPUs: its namespace, and the one reason where it cannot be used."""

from __future__ import annotations

import importlib
import importlib.util
import os
from typing import Any

from weft._backend.libraries import Library, Unavailable, library_for
from weft._backend.numpy_ import np

_INSTALL = "pip install 'weft[cuda13]', or 'weft[cuda12]' for a driver older than 580"


class Namespace:
    """CuPy, and where CuPy lacks a function the one of ``cupyx.scipy.special``.

    ``xp.scipy`` is ``cupyx.scipy``, whose submodules load on first use. An attribute is stored on
    the instance once found.
    """

    name = "cupy"

    def __init__(self, cupy: Any) -> None:
        self._cupy = cupy

    def __getattr__(self, attribute: str) -> Any:
        if attribute.startswith("__"):
            raise AttributeError(attribute)
        if attribute == "scipy":
            value: Any = _Scipy()
        elif attribute == "lapack":
            value = OnHost(self._cupy)
        elif hasattr(self._cupy, attribute):
            value = getattr(self._cupy, attribute)
        else:
            special = importlib.import_module("cupyx.scipy.special")
            if not hasattr(special, attribute):
                raise NotImplementedError(
                    f"CuPy {self._cupy.__version__} has no {attribute}, so this op has no GPU "
                    f"kernel yet; move its arguments with .cpu()"
                )
            value = getattr(special, attribute)
        setattr(self, attribute, value)
        return value


class _Scipy:
    """``cupyx.scipy``, module by module."""

    def __getattr__(self, module: str) -> Any:
        if module.startswith("__"):
            raise AttributeError(module)
        value = importlib.import_module(f"cupyx.scipy.{module}")
        setattr(self, module, value)
        return value


class OnHost:
    """The matrix factorisations of LAPACK, which CuPy lacks in part: computed on the CPU.

    Matrices are copied to the host and the results back, so each waits for the GPU.
    """

    def __init__(self, cupy: Any) -> None:
        self._cupy = cupy

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        from weft._backend import lapack

        function = getattr(lapack, name)
        cupy = self._cupy

        def call(*arrays: Any, **settings: Any) -> Any:
            on_host = [cupy.asnumpy(a) if isinstance(a, cupy.ndarray) else a for a in arrays]
            out = function(*on_host, **settings)
            if isinstance(out, (tuple, list)):
                return tuple(map(cupy.asarray, out))
            return cupy.asarray(out)

        return call


class CuPy:
    """:class:`~weft._backend.libraries.Library` over the ``cupy`` module."""

    name = "CuPy"

    def __init__(self, cupy: Any) -> None:
        self.cupy = cupy
        self.array: type = cupy.ndarray
        self.xp = Namespace(cupy)

    def count(self) -> int:
        return int(self.cupy.cuda.runtime.getDeviceCount())

    def current(self) -> int:
        return int(self.cupy.cuda.runtime.getDevice())

    def on(self, index: int) -> Any:
        return self.cupy.cuda.Device(index)

    def where(self, array: Any) -> int:
        return int(array.device.id)

    def put(self, array: Any, index: int) -> Any:
        with self.on(index):
            return self.cupy.array(array)  # copies from the host, or from another GPU

    def take(self, array: Any) -> Any:
        return np.asarray(self.cupy.asnumpy(array))


def load() -> Library:
    """Return CuPy, if a GPU can be used by it now.

    Raises:
        Unavailable: it cannot, with the reason.
    """
    reason = _why_not()
    if reason:
        raise Unavailable(reason)
    return CuPy(importlib.import_module("cupy"))


def why_unavailable() -> str:
    """Return in one sentence why no GPU can be used; an empty string where one can."""
    try:
        library_for("cuda")
    except Unavailable as reason:
        return str(reason)
    return ""


def _why_not() -> str:
    """Return the first reason on the way from no CuPy to a GPU that answers, or an empty string."""
    if importlib.util.find_spec("cupy") is None:
        return f"CuPy, which runs weft's kernels on NVIDIA GPUs, is not installed ({_INSTALL})"
    try:
        cupy = importlib.import_module("cupy")
        runtime = cupy.cuda.runtime
        built = runtime.runtimeGetVersion()
    except Exception as error:  # whatever its import meets: missing libraries raise many kinds
        return f"CuPy is installed but cannot be loaded: {_one_line(error)}"
    name = f"CuPy {cupy.__version__}, built for CUDA {_dotted(built)},"
    try:
        driver = runtime.driverGetVersion()
    except Exception as error:
        return f"{name} cannot ask the NVIDIA driver: {_one_line(error)}"
    if not driver:
        return f"{name} is installed, but this machine has no NVIDIA driver"
    if driver // 1000 < built // 1000:
        return (
            f"{name} does not fit the NVIDIA driver, which goes up to CUDA {_dotted(driver)}; "
            f"install weft[cuda{driver // 1000}] or a newer driver"
        )
    try:
        count = runtime.getDeviceCount()
    except Exception as error:
        if "NoDevice" not in str(error):
            return f"{name} cannot reach the GPU: {_one_line(error)}"
        count = 0
    if not count:
        return f"{name} and the NVIDIA driver are installed, but there is no GPU{_hidden()}"
    return ""


def _hidden() -> str:
    """Say that the environment hides GPUs, where it may."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    return "" if visible is None else f" among CUDA_VISIBLE_DEVICES={visible!r}"


def _dotted(version: int) -> str:
    """Return ``"13.2"`` for CUDA's 13020."""
    return f"{version // 1000}.{version % 1000 // 10}"


def _one_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0] if lines else 'no message'}"


def version() -> str:
    """Return the version of CuPy and of the CUDA it was built for, or say that it is missing."""
    if importlib.util.find_spec("cupy") is None:
        return "not installed"
    try:
        cupy = importlib.import_module("cupy")
        built = cupy.cuda.runtime.runtimeGetVersion()
    except Exception as error:  # as in _why_not
        return f"cannot be loaded: {_one_line(error)}"
    return f"{cupy.__version__}, built for CUDA {_dotted(built)}"
