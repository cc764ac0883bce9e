"""Binds a kernel written over an array namespace to each kind of array that tensors hold."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from weft._backend import asarray, ndarray, np, xp
from weft._backend.cpu import switches
from weft._backend.cpu.launching import Launcher
from weft._backend.libraries import Library
from weft._backend.numpy_ import FLOAT8, NARROW, restore, silence
from weft._core.aval import Aval
from weft._core.dtypes import of
from weft._core.errors import DTypeError, apart
from weft._core.public import kernel_signature

Kernel = Callable[..., Any]

_NUMBERS = frozenset({bool, int, float, complex})


def bind(kernel: Kernel, shape: Kernel, *, widen: bool, moves: bool = False) -> dict[type, Kernel]:
    """Return the table of kernels by array type.

    Args:
        kernel: ``kernel(xp, *arrays, **params)``.
        shape: the shape rule, which is the kernel of the meta device.
        widen: whether half-precision arguments are computed in float32 and rounded once at the
            end, and 8-bit floats are refused as results. False for kernels that only move data.
        moves: whether it only views memory, so that no arithmetic can warn.
    """
    return {ndarray: _numpy_kernel(kernel, shape, widen, moves), Aval: shape}


def bare(formula: Kernel, arity: int, dtype: Any) -> Kernel:
    """Return the formula over NumPy; the NumPy function itself if that is all the formula is.

    Numbers in it become arrays of ``dtype``, if one is given, once and not at each call.
    """

    class Probe:
        def __getattr__(self, attribute: str) -> Any:
            def call(*args: Any, **kwargs: Any) -> Any:
                return (attribute, args, kwargs)

            return call

    marks = tuple(object() for _ in range(arity))
    try:
        name, args, kwargs = formula(Probe(), *marks)
    except (TypeError, ValueError, AttributeError):  # it does more than call one function
        return lambda *arrays: formula(xp, *arrays)
    if kwargs or args[:arity] != marks:
        return lambda *arrays: formula(xp, *arrays)
    function: Callable[..., Any] = getattr(xp, name)
    constants = args[arity:]
    if dtype is not None:
        constants = tuple(np.asarray(c, dtype) if type(c) in _NUMBERS else c for c in constants)
    if arity == 1 and len(constants) == 1:
        (constant,) = constants
        return lambda x: function(x, constant)
    return (lambda *arrays: function(*arrays, *constants)) if constants else function


def _numpy_kernel(kernel: Kernel, shape: Kernel, widen: bool, moves: bool) -> Kernel:
    def move(*arrays: Any, **params: Any) -> Any:
        out = kernel(xp, *arrays, **params)
        return out if type(out) is ndarray else as_array(out)

    def run(*arrays: Any, **params: Any) -> Any:
        if widen:
            for a in arrays:
                if type(a) is ndarray and a.itemsize <= 2 and a.dtype in NARROW:
                    return as_array(_widened(kernel, shape, arrays, params))
        before = silence()  # inf and NaN are results here, not warnings
        try:
            out = kernel(xp, *arrays, **params)
        finally:
            restore(before)
        return out if type(out) is ndarray else as_array(out)

    chosen: Any = move if moves else run
    chosen.of_any_array = True  # a kernel that an op puts in its place for NumPy alone has no such
    return chosen  # type: ignore[no-any-return]  # a kernel with an attribute


def _widened(kernel: Kernel, shape: Kernel, arrays: Any, params: dict[str, Any]) -> Any:
    before = silence()
    try:
        return widened(xp, ndarray, kernel, shape, arrays, params)
    finally:
        restore(before)


def widened(
    xp: Any, kind: Any, kernel: Kernel, shape: Kernel, arrays: Any, params: dict[str, Any]
) -> Any:
    """Run a kernel in float32 on arrays of narrower floats, and round its results once.

    Args:
        xp: the array namespace.
        kind: the type of its arrays.
        kernel: ``kernel(xp, *arrays, **params)``.
        shape: the shape rule, which tells the results' dtypes.
        arrays: the arguments.
        params: the settings.

    Raises:
        DTypeError: a result would be of an 8-bit float.
    """
    avals = [Aval(a.shape, a.dtype) if type(a) is kind else a for a in arrays]
    promised = shape(*avals, **params)
    outs = promised if isinstance(promised, (tuple, list)) else (promised,)
    for out in outs:
        if out.dtype in FLOAT8:
            name = getattr(kernel, "called", kernel.__name__)
            raise DTypeError(
                f"{name}: nothing is computed in {of(out.dtype)}, which is for storage and casts; "
                f"convert with .to(weft.float32) first"
            )
    wide = [a.astype(np.float32) if type(a) is kind and a.dtype in NARROW else a for a in arrays]
    out = kernel(xp, *wide, **params)
    if isinstance(out, (tuple, list)):
        return tuple(
            xp.asarray(o).astype(p.dtype, copy=False) for o, p in zip(out, promised, strict=True)
        )
    return xp.asarray(out).astype(promised.dtype, copy=False)


def for_library(op: Any, library: Library) -> Kernel:
    """Return an op's reference kernel over an array library: how it runs on that library's devices.

    All arrays must lie on one device, on which the library works meanwhile.

    Raises:
        DeviceError: they lie on several; raised by the kernel that is returned.
    """
    kernel, shape, widen, xp = op.kernel, op.shape, op.widen, library.xp
    kind: Any = library.array

    def as_arrays(out: Any) -> Any:
        if isinstance(out, (tuple, list)):
            return tuple(map(as_arrays, out))
        return out if type(out) is kind else xp.asarray(out)

    def run(*arrays: Any, **params: Any) -> Any:
        places = {library.where(a) for a in arrays if type(a) is kind}
        if len(places) > 1:
            raise apart(op.called, [f"cuda:{place}" for place in sorted(places)])
        with library.on(*places):
            if widen and any(type(a) is kind and a.dtype in NARROW for a in arrays):
                return as_arrays(widened(xp, kind, kernel, shape, arrays, params))
            return as_arrays(kernel(xp, *arrays, **params))

    return run


def as_array(out: Any) -> Any:
    """Make arrays of what NumPy returned: it gives a scalar where the result is 0-d."""
    if isinstance(out, (tuple, list)):
        return tuple(one if type(one) is ndarray else asarray(one) for one in out)
    return out if type(out) is ndarray else asarray(out)


def prefer(op: Any, fast: Kernel) -> None:
    """Try a fast kernel first on NumPy's arrays: what it returns None for, the general one runs.

    It may say in ``fast.least`` how many elements the largest array must have.
    """
    general = op.kernels[ndarray]

    def run(*arrays: Any, **params: Any) -> Any:
        out = fast(*arrays, **params)
        return general(*arrays, **params) if out is None else out

    chosen: Any = run
    chosen.general, chosen.least = general, getattr(fast, "least", 0)
    op.kernels[ndarray] = chosen


def for_arrays(op: Any, sizes: Sequence[int]) -> Kernel:
    """Return an op's kernel on NumPy's arrays of these sizes, past those that would decline."""
    bound: Any = op.kernels[ndarray]
    while getattr(bound, "least", 0) > max(sizes, default=0):
        bound = bound.general
    return bound  # type: ignore[no-any-return]  # a kernel with attributes


def prefer_compiled(op: Any, module: str, name: str) -> None:
    """The same with a compiled kernel of the CPU engine, which is loaded when first called.

    Args:
        op: the op.
        module: the module of ``weft._backend.cpu.launch`` that has the function.
        name: the function.
    """
    arrays, variadic, settings = kernel_signature(op.kernel)
    defaults = op.kernel.__defaults__ or ()
    optional = dict(zip(arrays[len(arrays) - len(defaults) :], defaults, strict=True))
    optional |= op.kernel.__kwdefaults__ or {}
    written = [f"{n}=_default_{n}" if n in optional else n for n in (*arrays, *settings)]
    written[len(arrays) : len(arrays)] = [f"*{variadic}"] if variadic else ["*"] if settings else []
    given = [*arrays, *([f"*{variadic}"] if variadic else []), *(f"{s}={s}" for s in settings)]
    scope = {f"_default_{name}": value for name, value in optional.items()}
    scope |= {"_switches": switches, "_launcher": Launcher(module), "_general": op.kernels[ndarray]}
    exec(_compiled_first(", ".join(written), ", ".join(given), name), scope)  # of our own names
    op.kernels[ndarray] = scope["run"]


@functools.cache
def _compiled_first(written: str, given: str, name: str) -> Any:
    """Return the code of ``run``, which tries a launching function first.

    Its arguments are written out: packing and unpacking them costs as much as a small add. What is
    not an argument begins with an underscore, as no argument does.
    """
    source = f"""
_fast = None

def run({written}):
    global _fast
    if _switches.codegen:
        if _fast is None:
            _fast = _launcher.{name}
        _out = _fast({given})
        if _out is not None:
            return _out
    return _general({given})
"""
    return compile(source, f"<weft kernel {name}>", "exec")
