"""A tensor as text: values laid out as PyTorch lays them out, and whatever is not the default."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from weft._backend import np
from weft._core import dtypes
from weft._core.aval import Aval
from weft._core.boxed import Boxed
from weft._core.device import device_of
from weft._core.node import Leaf
from weft._core.tensor import Tensor

_PREFIX = "tensor("
_LINE = 80
_THRESHOLD = 1000  # a tensor of more elements shows only the ends of its dims
_EDGE = 3
_DIGITS = 4


def text(x: Tensor) -> str:
    """Return the tensor as PyTorch prints it."""
    data = x._data
    own = dtypes.of(data.dtype)
    shape = tuple(data.shape)
    place = [f"device='{device_of(x)}'"] if str(device_of(x)) != "cpu" else []
    notes: list[str] = []
    if isinstance(data, Aval):
        body, notes = "...", [*place, f"size={shape}"]
    elif isinstance(data, Boxed):
        body, notes = type(data).__name__.lower(), [f"size={shape}", *place]
    else:
        body, notes = _values(data), place
        if 0 in shape and len(shape) != 1:
            notes = [*notes, f"size={shape}"]
    default = dtypes.get_default_dtype()
    shown_by_values = (default, dtypes.int64, dtypes.bool_, dtypes.default_complex())
    if own not in shown_by_values or (0 in shape and own is not default):
        notes.append(f"dtype={own}")
    if isinstance(x._node, Leaf):
        notes.append("requires_grad=True")
    elif x._node is not None:
        notes.append(f"grad_fn=<{x._node.name}>")
    return _noted(_PREFIX + body, notes)


def _noted(body: str, notes: list[str]) -> str:
    """Return the text with its notes, each on a new line where the old one would grow too long."""
    out = body
    for note in notes:
        last = len(out) - out.rfind("\n") - 1
        if last + len(note) + 2 > _LINE:
            out += f",\n{' ' * len(_PREFIX)}{note}"
        else:
            out += f", {note}"
    return f"{out})"


# --- values ------------------------------------------------------------------------------------


class _Style(NamedTuple):
    """How elements are written, and how wide PyTorch takes them to be when it breaks lines."""

    written: Callable[[Any], str]
    width: int


def _values(data: Any) -> str:
    if data.size == 0:
        return "[]"
    if data.dtype.kind == "V" or data.dtype == np.float16:  # bfloat16 and its kin, as float32
        data = data.astype(np.float32)
    short = data.size > _THRESHOLD
    shown = _ends(data) if short else data
    if data.dtype.kind == "c":
        style = _complex_style(shown)
    elif data.dtype.kind == "f":
        style = _number_style(shown)
    else:
        style = _plain_style(shown)
    return _laid_out(data, style, len(_PREFIX), short)


def _ends(data: Any) -> Any:
    """Return only the first and last few entries of every long dim."""
    for dim, length in enumerate(data.shape):
        if length > 2 * _EDGE:
            places = [*range(_EDGE), *range(length - _EDGE, length)]
            data = np.take(data, places, axis=dim)
    return data


def _plain_style(shown: Any) -> _Style:
    width = max(len(str(v)) for v in shown.ravel().tolist())
    return _Style(lambda v: f"{v!s:>{width}}", width)


def _complex_style(shown: Any) -> _Style:
    real, imaginary = _number_style(shown.real), _number_style(shown.imag)

    def written(v: Any) -> str:
        part = imaginary.written(v.imag).lstrip()
        return f"{real.written(v.real)}{'' if part.startswith('-') else '+'}{part}j"

    return _Style(written, real.width + imaginary.width + 1)


def _number_style(shown: Any) -> _Style:
    """Return how floats are written: whole, with four digits, or with an exponent; one width."""
    values = np.asarray(shown, np.float64).ravel()
    sizes = np.abs(values[np.isfinite(values) & (values != 0)])
    whole = bool(np.all(sizes == np.floor(sizes)))
    least, most = (sizes.min(), sizes.max()) if sizes.size else (1.0, 1.0)
    # divided the way that cannot overflow
    exponent = least < most / 1000 or most > 1e8 or (not whole and least < 1e-4)
    kind = f".{_DIGITS}e" if exponent else ".0f" if whole else f".{_DIGITS}f"
    point = "." if whole and not exponent else ""

    def written(v: float) -> str:
        return f"{v:{kind}}{point if np.isfinite(v) else ''}"

    nonzero = values[np.isfinite(values) & (values != 0)].tolist()
    width = max((len(written(v)) for v in nonzero), default=1)
    return _Style(lambda v: f"{written(float(v)):>{width}}", width)


# --- layout ------------------------------------------------------------------------------------


def _laid_out(data: Any, style: _Style, indent: int, short: bool) -> str:
    """Return nested brackets, each dim's rows under the one above it."""
    if data.ndim == 0:
        return style.written(data.item())
    if data.ndim == 1:
        return _row(data, style, indent, short)
    rows = [
        "..." if part is None else _laid_out(part, style, indent + 1, short)
        for part in _parts(data, short)
    ]
    between = "," + "\n" * (data.ndim - 1) + " " * (indent + 1)
    return f"[{between.join(rows)}]"


def _row(data: Any, style: _Style, indent: int, short: bool) -> str:
    items = [" ..." if part is None else style.written(part.item()) for part in _parts(data, short)]
    per_line = max(1, (_LINE - indent) // (style.width + 2))
    lines = [", ".join(items[start : start + per_line]) for start in range(0, len(items), per_line)]
    return f"[{(',' + chr(10) + ' ' * (indent + 1)).join(lines)}]"


def _parts(data: Any, short: bool) -> list[Any]:
    """Return the entries of the first dim as arrays; None stands for those left out."""
    length = len(data)
    if not short or length <= 2 * _EDGE:
        return [data[i, ...] for i in range(length)]
    first = [data[i, ...] for i in range(_EDGE)]
    return [*first, None, *(data[i, ...] for i in range(length - _EDGE, length))]
