"""What a report says of a tensor: its range, its zeros, its first bad element."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from weft._backend import np
from weft._backend.libraries import is_array, on_host
from weft._core.boxed import Boxed
from weft._core.dtypes import of
from weft._core.op import Op
from weft._core.tensor import Tensor

#: How many input values a report shows of what went into one element.
_FEW = 6


@dataclasses.dataclass(frozen=True)
class TensorFacts:
    """The statistics of one tensor. Those of its range are of the finite elements alone.

    Attributes:
        name: which argument of the op it is.
        shape: its shape; under ``vmap`` the batch dim is the first.
        dtype: its dtype.
        min: the least element; of complex numbers, of their absolute values; None if there is none.
        max: the greatest one.
        mean: the mean.
        zeros: how many elements are 0.
        negatives: how many are below 0.
        nans: how many are NaN.
        infs: how many are Inf or -Inf.
    """

    name: str
    shape: tuple[int, ...]
    dtype: Any
    min: float | None
    max: float | None
    mean: float | None
    zeros: int
    negatives: int
    nans: int
    infs: int

    def __str__(self) -> str:
        kind = f"{str(self.dtype).rpartition('.')[2]}{self.shape}"
        if self.min is None:
            parts = ["no finite element"]
        else:
            parts = [f"min {self.min:.6g}", f"max {self.max:.6g}", f"mean {self.mean:.6g}"]
        for count, name in (
            (self.zeros, "zero"),
            (self.negatives, "negative"),
            (self.nans, "NaN"),
            (self.infs, "Inf"),
        ):
            if count:
                parts.append(f"{count} {name}")
        return f"{self.name}: {kind}: {', '.join(parts)}"


def array_in(value: Any) -> Any:
    """Return the array of numbers in a tensor, within what a transform boxed; None if none is."""
    data: Any = value._data if isinstance(value, Tensor) else None
    while isinstance(data, Boxed):
        data = data.inner._data
    if not is_array(data) or of(data.dtype).category < 2:
        return None
    return on_host(data)


def facts(name: str, value: Any) -> TensorFacts | None:
    """Return the statistics of a tensor; None of what holds no floating or complex numbers."""
    data = array_in(value)
    if data is None:
        return None
    kept = data
    wide = np.abs(data) if data.dtype.kind == "c" else data.astype(np.float64)
    finite = wide[np.isfinite(wide)].astype(np.float64)
    some = finite.size > 0
    return TensorFacts(
        name=name,
        shape=tuple(kept.shape),
        dtype=of(kept.dtype),
        min=float(finite.min()) if some else None,
        max=float(finite.max()) if some else None,
        mean=float(finite.mean()) if some else None,
        zeros=int((finite == 0).sum()),
        negatives=0 if kept.dtype.kind == "c" else int((finite < 0).sum()),
        nans=int(np.isnan(wide).sum()),
        infs=int(np.isinf(wide).sum()),
    )


def is_clean(data: Any, *, nan: bool, inf: bool) -> bool:
    """Whether an array has no element of the kinds asked for."""
    if data is None or not data.size:
        return True
    if nan and inf:
        return bool(np.isfinite(data).all())
    return not bool((np.isnan(data) if nan else np.isinf(data)).any())


def holds(value: Any, *, inf: bool) -> bool:
    """Whether an argument or a setting holds NaN, or with ``inf`` anything that is not finite."""
    if isinstance(value, (float, complex)):
        number = complex(value)
        bad = (math.isfinite if inf else _is_number)(number.real)
        return not (bad and (math.isfinite if inf else _is_number)(number.imag))
    data = array_in(value)
    if data is None or not data.size:
        return False
    return not bool(np.isfinite(data).all()) if inf else bool(np.isnan(data).any())


def _is_number(value: float) -> bool:
    return not math.isnan(value)


def born(op: Op, args: Any, params: Any, data: Any, *, inf: bool) -> Any:
    """Return where a result is NaN, or with ``inf`` Inf, though what went into it was not.

    Of an elementwise op it is each element's own inputs that count, of others all that went in.

    Args:
        op: the op.
        args: its arguments.
        params: its settings.
        data: the result, an array on the CPU.
        inf: whether to look for Inf made of finite numbers, rather than NaN made of no NaN.

    Returns:
        array of bool: of the result's shape; None if there is no such place.
    """
    bad = np.isinf(data) if inf else np.isnan(data)
    if not bad.any():
        return None
    if not _is_elementwise(op):
        if any(holds(a, inf=inf) for a in (*args, *params.values())):
            return None
        return bad
    if any(holds(p, inf=inf) for p in params.values()):
        return None
    for a in args:
        if isinstance(a, Tensor):
            own = array_in(a)
            if own is not None:
                bad = bad & ~(~np.isfinite(own) if inf else np.isnan(own))
        elif holds(a, inf=inf):
            return None
    return bad if bad.any() else None


def _is_elementwise(op: Op) -> bool:
    return op.family == "elementwise" or op.name == "convert"


def first(places: Any) -> tuple[int, ...]:
    """Return the index of the first True."""
    return tuple(int(i) for i in np.unravel_index(int(places.argmax()), places.shape))


def element(value: Any, index: tuple[int, ...]) -> Any:
    """Return one element as a Python number."""
    number = value[index]
    return complex(number) if value.dtype.kind == "c" else float(number)


def went_in(op: Op, args: Any, params: Any, index: tuple[int, ...], names: Any) -> dict[str, Any]:
    """Return the values that went into one element of the result, by the argument's name.

    A number for each argument of an elementwise op; for a reduction and a product of matrices the
    greatest few by absolute value of those that were joined. Empty for other ops.
    """
    if _is_elementwise(op):
        return {
            name: _broadcast(a, index)
            for name, a in zip(names, args, strict=False)
            if a is not None
        }
    if op.family == "reduction" and "dim" in params:
        x = array_in(args[0])
        return {} if x is None else {names[0]: _greatest(x[_slice(x.ndim, params, index)])}
    if op.name in ("matmul", "linear_map", "affine") and len(index) >= 2:
        x, y = array_in(args[0]), array_in(args[1])
        if x is None or y is None or x.ndim != 2 or y.ndim != 2:
            return {}
        column = y[index[1], :] if op.name != "matmul" else y[:, index[1]]
        return {names[0]: _greatest(x[index[0], :]), names[1]: _greatest(column)}
    return {}


def _broadcast(a: Any, index: tuple[int, ...]) -> Any:
    if not isinstance(a, Tensor):
        return a
    data = a._data
    while isinstance(data, Boxed):
        data = data.inner._data
    if not is_array(data):
        return None
    data = on_host(data)
    own = index[len(index) - data.ndim :] if data.ndim else ()
    at = tuple(0 if length == 1 else i for i, length in zip(own, data.shape, strict=True))
    number = data[at]
    return number.item() if of(data.dtype).category < 2 else element(data, at)


def _slice(ndim: int, params: Any, index: tuple[int, ...]) -> tuple[Any, ...]:
    rest = iter(index)
    key: list[Any] = []
    for d in range(ndim):
        if d in params["dim"]:
            key.append(slice(None))
            if params.get("keepdim"):
                next(rest)
        else:
            key.append(next(rest))
    return tuple(key)


def _greatest(values: Any) -> list[Any]:
    flat = values.reshape(-1)
    order = np.argsort(-np.abs(flat.astype(complex if flat.dtype.kind == "c" else float)))
    return [element(flat, (int(i),)) for i in order[:_FEW]]
