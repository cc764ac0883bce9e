"""A tensor as text: values laid out as PyTorch lays them out, and whatever is not the default."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any, NamedTuple

from weft._backend import np
from weft._backend.libraries import on_host
from weft._backend.numpy_ import NARROW
from weft._core import dtypes
from weft._core.aval import Aval
from weft._core.boxed import Boxed
from weft._core.device import device_of
from weft._core.errors import did_you_mean
from weft._core.node import Leaf
from weft._core.tensor import Tensor

# --- options -----------------------------------------------------------------------------------


@dataclasses.dataclass(slots=True)
class _Options:
    precision: int = 4
    threshold: float = 1000
    edgeitems: int = 3
    linewidth: int = 80
    sci_mode: bool | None = None


_PROFILES: dict[str, dict[str, Any]] = {
    "default": {"precision": 4, "threshold": 1000, "edgeitems": 3, "linewidth": 80},
    "short": {"precision": 2, "threshold": 1000, "edgeitems": 2, "linewidth": 80},
    "full": {"precision": 4, "threshold": math.inf, "edgeitems": 3, "linewidth": 80},
}
_options = _Options()


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """Set how tensors are printed; what is None stays, except ``sci_mode``.

    Args:
        precision: digits after the point; 4 at first.
        threshold: a tensor of more elements shows only the ends of its dims; 1000 at first.
        edgeitems: how many elements it shows at each end; 3 at first.
        linewidth: columns of a line; 80 at first. The ends of a long tensor may take more.
        profile: ``"default"``, ``"short"`` or ``"full"`` sets all four, before the others are.
        sci_mode: whether floats have an exponent; None, which every call without it sets again,
            decides by the values.

    Raises:
        ValueError: no profile is called so.

    Source: PyTorch's ``torch.set_printoptions``.

    Example:
        >>> weft.set_printoptions(precision=2)
        >>> weft.tensor([1.12345])
        tensor([1.12])
        >>> weft.set_printoptions(profile="default")
    """
    given = {
        "precision": precision,
        "threshold": threshold,
        "edgeitems": edgeitems,
        "linewidth": linewidth,
    }
    chosen = {name: value for name, value in given.items() if value is not None}
    if profile is not None:
        if profile not in _PROFILES:
            raise ValueError(
                f"set_printoptions: profile must be one of {', '.join(_PROFILES)}, got "
                f"{profile!r}{did_you_mean(profile, _PROFILES)}"
            )
        chosen = {**_PROFILES[profile], **chosen}
    for name, value in chosen.items():
        setattr(_options, name, value)
    _options.sci_mode = sci_mode


# --- the whole ---------------------------------------------------------------------------------


def text(x: Tensor) -> str:
    """Return the tensor as PyTorch prints it."""
    data = x._data
    own = dtypes.of(data.dtype)
    shape = tuple(data.shape)
    notes = [f"device='{device_of(x)}'"] if str(device_of(x)) != "cpu" else []
    default = dtypes.get_default_dtype()
    told = own in (default, dtypes.int64, dtypes.bool_, dtypes.default_complex())
    prefix = _prefix(type(x))
    if isinstance(data, Boxed) and not data.confined:  # its values are there to be read
        notes += data.notes()
        data = data.read("print")
    if isinstance(data, Aval):
        body, told = "...", own is default  # no values tell an int64 from a float
        notes.append(f"size={shape}")
    elif isinstance(data, Boxed):
        body = data.label
        notes.insert(0, f"size={shape}")
    elif data.size == 0:
        body, told = "[]", own is default
        if len(shape) != 1:
            notes.append(f"size={shape}")
    else:
        body = _values(data, len(prefix))
        if not _options.edgeitems:
            notes.append(f"size={shape}")
    if not told:
        notes.append(f"dtype={own}")
    if isinstance(x._node, Leaf):
        notes.append("requires_grad=True")
    elif x._node is not None:
        notes.append(f"grad_fn=<{x._node.name()}>")
    return _noted(prefix + body, notes, len(prefix))


def _prefix(kind: type) -> str:
    """Return how the text begins: with the name of a subclass, if a user made it."""
    ours = kind.__module__.partition(".")[0] == Tensor.__module__.partition(".")[0]
    return "tensor(" if ours else f"{kind.__name__}("


def _noted(body: str, notes: list[str], indent: int) -> str:
    """Return the text with its notes, each on a new line where the old one would grow too long."""
    out = body
    last = len(body) - body.rfind("\n") + 1  # PyTorch counts two columns more than there are
    for note in notes:
        if last + len(note) + 2 > _options.linewidth:
            out += f",\n{' ' * indent}{note}"
            last = indent + len(note)
        else:
            out += f", {note}"
            last += len(note) + 2
    return f"{out})"


# --- values ------------------------------------------------------------------------------------


class _Style(NamedTuple):
    """How elements are written, and how wide PyTorch takes them to be when it breaks lines."""

    written: Callable[[Any], str]
    width: int


def _values(data: Any, indent: int) -> str:
    data = on_host(data)
    if data.dtype in NARROW:  # as float32
        data = data.astype(np.float32)
    short = data.size > _options.threshold
    shown = _ends(data) if short else data
    if data.dtype.kind == "c":
        style = _complex_style(shown)
    elif data.dtype.kind == "f":
        style = _number_style(shown)
    else:
        style = _plain_style(shown)
    return _laid_out(data, style, indent, short)


def _ends(data: Any) -> Any:
    """Return only the first and last few entries of every long dim."""
    edge = _options.edgeitems
    for dim, length in enumerate(data.shape):
        if length > 2 * edge:
            places = [*range(edge), *range(length - edge, length)]
            data = np.take(data, places, axis=dim)
    return data


def _plain_style(shown: Any) -> _Style:
    width = max((len(str(v)) for v in shown.ravel().tolist()), default=1)
    return _Style(lambda v: f"{v!s:>{width}}", width)


def _complex_style(shown: Any) -> _Style:
    real, imaginary = _number_style(shown.real), _number_style(shown.imag)

    def written(v: Any) -> str:
        part = imaginary.written(v.imag).lstrip()
        return f"{real.written(v.real)}{'' if part.startswith('-') else '+'}{part}j"

    return _Style(written, real.width + imaginary.width + 1)


def _number_style(shown: Any) -> _Style:
    """Return how floats are written: whole, with some digits, or with an exponent; one width."""
    values = np.asarray(shown, np.float64).ravel()
    counted = values[np.isfinite(values) & (values != 0)]
    sizes = np.abs(counted)
    whole, exponent = True, False
    if sizes.size:
        whole = bool(np.all(sizes == np.floor(sizes)))
        least, most = float(sizes.min()), float(sizes.max())
        # divided the way that cannot overflow
        exponent = least < most / 1000 or most > 1e8 or least < 1e-4
        if _options.sci_mode is not None:
            exponent = _options.sci_mode
    kind = f".{_options.precision}e" if exponent else ".0f" if whole else f".{_options.precision}f"
    point = "." if whole and not exponent else ""

    def written(v: float) -> str:
        return f"{v:{kind}}{point if math.isfinite(v) else ''}"

    width = max((len(written(v)) for v in counted.tolist()), default=1)
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
    if short and not _options.edgeitems:
        items = ["..."]
    else:
        parts = _parts(data, short)
        items = [" ..." if part is None else style.written(part.item()) for part in parts]
    per_line = max(1, (_options.linewidth - indent) // (style.width + 2))
    lines = [", ".join(items[start : start + per_line]) for start in range(0, len(items), per_line)]
    return f"[{(',' + chr(10) + ' ' * (indent + 1)).join(lines)}]"


def _parts(data: Any, short: bool) -> list[Any]:
    """Return the entries of the first dim as arrays; None stands for those left out."""
    length, edge = len(data), _options.edgeitems
    if not short or length <= 2 * edge:
        return [data[i, ...] for i in range(length)]
    first = [data[i, ...] for i in range(edge)]
    return [*first, None, *(data[i, ...] for i in range(length - edge, length))]
