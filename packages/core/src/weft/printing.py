"""A tensor as text: values, and whatever is not the default."""

from __future__ import annotations

from typing import Any

from weft._backend import np
from weft._core import dtypes
from weft._core.aval import Aval
from weft._core.boxed import Boxed
from weft._core.device import device_of
from weft._core.node import Leaf
from weft._core.tensor import Tensor

_PREFIX = "tensor("


def text(x: Tensor) -> str:
    """Return the tensor as PyTorch prints it."""
    own = dtypes.of(x._data.dtype)
    notes = []
    if isinstance(x._data, (Aval, Boxed)):
        kind = type(x._data).__name__.lower()
        notes += ["..."] if kind == "aval" else [kind]
        notes.append(f"size={tuple(x._data.shape)}")
    else:
        notes.append(_values(x._data))
        if 0 in x._data.shape and x._data.ndim != 1:
            notes.append(f"size={tuple(x._data.shape)}")
    if str(device_of(x)) != "cpu":
        notes.append(f"device='{device_of(x)}'")
    shown_by_values = own in (dtypes.get_default_dtype(), dtypes.int64, dtypes.bool_)
    if not shown_by_values or (x._data.size == 0 and own is not dtypes.get_default_dtype()):
        notes.append(f"dtype={own}")
    if isinstance(x._node, Leaf):
        notes.append("requires_grad=True")
    elif x._node is not None:
        notes.append(f"grad_fn=<{x._node.name}>")
    return f"{_PREFIX}{', '.join(notes)})"


def _values(data: Any) -> str:
    if data.dtype.kind == "V":  # bfloat16 and its kin print as float32
        data = data.astype(np.float32)
    if data.size == 0:
        return "[]"
    settings: dict[str, Any] = {
        "separator": ", ",
        "prefix": _PREFIX,
        "threshold": 1000,
        "edgeitems": 3,
        "max_line_width": 80,
        "precision": 4,
        "suppress_small": False,
    }
    if data.dtype.kind == "f":
        finite = data[np.isfinite(data)]
        whole = bool(np.all(finite == np.round(finite))) and bool(np.all(np.abs(finite) < 1e8))
        if not whole:
            sizes = np.abs(finite[finite != 0])
            spread = sizes.size and (
                sizes.max() >= 1e8 or sizes.min() < 1e-4 or sizes.max() / sizes.min() > 1e3
            )
            style = np.format_float_scientific if spread else np.format_float_positional
            more = {"unique": False, "precision": 4}
            settings["formatter"] = {"float_kind": lambda v: _number(v, style, more)}
    return np.array2string(data, **settings)


def _number(value: Any, style: Any, more: dict[str, Any]) -> str:
    return str(style(value, **more)) if np.isfinite(value) else str(value)
