"""NumPy as the reference backend: the namespace kernels run with, and silence for its warnings."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np

from weft._backend.cpu import threads
from weft._backend.cpu.blas import LARGE, Raised

ndarray = np.ndarray
asarray = np.asarray

BFLOAT16: np.dtype[Any] = np.dtype(ml_dtypes.bfloat16)
#: Half-precision dtypes: stored narrow, computed in float32 (accumulations included).
HALF: frozenset[np.dtype[Any]] = frozenset({np.dtype(np.float16), BFLOAT16})
#: 8-bit floats: stored, cast and compared; nothing is computed in them.
FLOAT8: frozenset[np.dtype[Any]] = frozenset(
    np.dtype(getattr(ml_dtypes, f"float8_{kind}"))
    for kind in ("e4m3fn", "e5m2", "e4m3fnuz", "e5m2fnuz", "e8m0fnu")
)
#: What a kernel that computes is given as float32.
NARROW: frozenset[np.dtype[Any]] = HALF | FLOAT8


class Chosen:
    """A namespace of NumPy's each of whose functions stands in one that looks at the size first."""

    def __init__(self, module: Any, wrap: Callable[[Callable[..., Any]], Callable[..., Any]]):
        self._module, self._wrap = module, wrap

    def __getattr__(self, attribute: str) -> Any:
        value = getattr(self._module, attribute)
        if not isinstance(value, type):
            value = self._wrap(value)
        setattr(self, attribute, value)
        return value


def _in_several_threads(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function of ``numpy.linalg`` that runs large matrices in several threads."""

    @functools.wraps(function)
    def call(a: Any, *args: Any, **kwargs: Any) -> Any:
        if a.shape[-1] < LARGE:
            return function(a, *args, **kwargs)
        with Raised():
            return function(a, *args, **kwargs)

    return call


#: Elements from which SciPy's transforms are sooner, and from which in several threads.
_LARGE_TRANSFORM, _LARGE_FOR_THREADS = 1 << 12, 1 << 17


def _sooner_by_scipy(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return one of ``numpy.fft``; of large arrays SciPy's, vectorised and in threads."""

    @functools.wraps(function)
    def call(a: Any, *args: Any, **kwargs: Any) -> Any:
        if a.size < _LARGE_TRANSFORM:
            return function(a, *args, **kwargs)
        import scipy.fft  # a tenth of a second

        workers = threads.count() if a.size >= _LARGE_FOR_THREADS else 1
        return getattr(scipy.fft, function.__name__)(a, *args, workers=workers, **kwargs)

    return call


class Namespace:
    """NumPy, and where NumPy lacks a function the one of ``scipy.special``, found on first use.

    ``xp.scipy.linalg`` and the like are SciPy's subpackages, of which CuPy has its own.

    An attribute is stored on the instance once found, so later look-ups cost as little as NumPy's.
    """

    name = "numpy"

    @functools.cached_property
    def lapack(self) -> Any:
        """The matrix factorisations, which load scipy.linalg."""
        from weft._backend import lapack

        return lapack

    def __getattr__(self, attribute: str) -> Any:
        if attribute.startswith("__"):
            raise AttributeError(attribute)
        if attribute == "scipy":
            import scipy as value  # its subpackages load when first used
        elif attribute == "linalg":
            value = linalg
        elif attribute == "fft":
            value = fourier
        elif hasattr(np, attribute):
            value = getattr(np, attribute)
        else:
            import scipy.special  # a tenth of a second that `import weft` does not pay

            value = getattr(scipy.special, attribute)
        setattr(self, attribute, value)
        return value


linalg = Chosen(np.linalg, _in_several_threads)
fourier = Chosen(np.fft, _sooner_by_scipy)
xp = Namespace()


def _silencer() -> tuple[Callable[[], Any], Callable[[Any], None]]:
    """Find the cheapest way to switch NumPy's floating-point warnings off for one call.

    ``np.errstate`` costs a microsecond, more than a small add. The context variable under it costs
    a tenth of that, but is private, so its absence falls back to the public way.
    """
    try:
        from numpy._core import umath

        variable = umath._extobj_contextvar
        silent = umath._make_extobj(all="ignore")
    except (ImportError, AttributeError, TypeError):

        def enter() -> Any:
            return np.seterr(all="ignore")

        def leave(before: Any) -> None:
            np.seterr(**before)

        return enter, leave
    put = variable.set

    def enter_fast() -> Any:
        return put(silent)

    return enter_fast, variable.reset


silence, restore = _silencer()


def add_into(target: Any, value: Any) -> None:
    """Add an array to another in place, without a warning where that makes inf or NaN."""
    before = silence()
    try:
        np.add(target, value, out=target, casting="same_kind")
    finally:
        restore(before)


def ones(like: Any) -> Any:
    """Return ones of an array's shape and dtype."""
    out = np.empty(like.shape, like.dtype)
    out.fill(1)
    return out


def repeated(x: Any, shape: tuple[int, ...]) -> Any:
    """Return a read-only view of a 0-d array that repeats it to a shape."""
    out = ndarray(shape, x.dtype, x, 0, (0,) * len(shape))
    out.flags.writeable = False
    return out


def expanded(x: Any, shape: tuple[int, ...]) -> Any:
    """Return a view of a shape that the array broadcasts to, read-only if elements repeat in it.

    The same as ``np.broadcast_to`` without its Python layer, which costs as much as a small op.
    """
    lead = len(shape) - x.ndim
    own = x.strides
    if shape[lead:] == x.shape and shape[:lead] == (1,) * lead:
        return x[(None,) * lead] if lead else x.view()
    strides = (0,) * lead + tuple(
        0 if n == 1 else step for n, step in zip(x.shape, own, strict=True)
    )
    if not x.flags.c_contiguous or 0 in shape:
        return np.broadcast_to(x, shape)
    out = ndarray(shape, x.dtype, x, 0, strides)
    out.flags.writeable = False
    return out
