"""Padding: constant, reflected, replicated, circular."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from weft._backend import np
from weft._backend.cpu.launching import Launcher
from weft._core import catalogue
from weft._core.aval import Aval
from weft._core.errors import ShapeError, did_you_mean
from weft._core.kernels import prefer
from weft._core.samples import ErrorSample, Sample, array
from weft._core.tensor import Tensor, wrap
from weft.ops.families.batching import with_params
from weft.ops.families.composite import composite
from weft.ops.families.custom import custom
from weft.ops.families.linear import linear
from weft.ops.index_keys import ARRAY
from weft.ops.indexing import added_into_zeros
from weft.ops.joining import narrow

Widths = tuple[tuple[int, int], ...]


def _shape(x: Any, *, widths: Widths, value: float) -> Any:
    return x.like(shape=tuple(n + a + b for n, (a, b) in zip(x.shape, widths, strict=True)))


def _vjp(needs: Any, g: Any, out: Any, x: Any, *, widths: Widths, value: float) -> Any:
    for dim, (low, _) in enumerate(widths):
        if g.shape[dim] != x.shape[dim]:
            g = narrow(g, dim, low, x.shape[dim])
    return (g,)


@custom(
    shape=_shape,
    vjp=_vjp,
    jvp=lambda tangents, out, x, *, widths, value: constant_pad(
        tangents[0], widths=widths, value=0.0
    ),
    batch=with_params("constant_pad", lambda size, p: {**p, "widths": ((0, 0), *p["widths"])}),
    widen=False,
    samples=(Sample(array(2, 3), widths=((1, 0), (0, 2)), value=0.5),),
    namespaces=(),
    methods=(),
)
def constant_pad(xp: Any, x: Any, *, widths: Widths, value: float) -> Any:
    """Surround with one value.

    Args:
        input: (...).
        widths: (before, after) for every dim.
        value: the value.

    Returns:
        Tensor: each dim longer by its widths.
    """
    return xp.pad(x, widths, constant_values=xp.asarray(value).astype(x.dtype))


_copying = Launcher("copying")


def _padded_fast(x: Any, *, widths: Widths, value: float) -> Any:
    if x.size < 65536:
        return None
    return _copying.constant_pad(x, widths=widths, value=value)


prefer(catalogue.ops["constant_pad"], _padded_fast)


# --- with elements of its own ------------------------------------------------------------------

_NAMES = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}


def _places(xp: Any, mode: str, length: int, low: int, high: int) -> Any:
    """Return which element of a dim stands at each place of the padded dim."""
    where = xp.arange(-low, length + high)
    if mode == "replicate":
        return xp.clip(where, 0, length - 1)
    if mode == "circular":
        return where % length
    folded = abs(where)  # mirror at the first element, then at the last
    return (length - 1) - abs((length - 1) - folded)


def _check_edges(shape: Sequence[int], widths: Widths, mode: str) -> None:
    for dim, (length, (low, high)) in enumerate(zip(shape, widths, strict=True)):
        if mode == "circular" and max(low, high) > length:
            raise ShapeError(
                f"pad: circular padding ({low}, {high}) exceeds dim {dim} of length {length}"
            )
        if mode == "reflect" and max(low, high) and max(low, high) >= length:
            raise ShapeError(
                f"pad: reflection needs padding below the length; got ({low}, {high}) for dim "
                f"{dim} of length {length}"
            )
        if mode == "replicate" and max(low, high) and not length:
            raise ShapeError(f"pad: dim {dim} has no element to replicate")


def _unsurrounded(g: Any, x: Any, *, widths: Widths, mode: str) -> Any:
    """Add up the cotangents of the places at which each element stands."""
    for dim, (low, high) in enumerate(widths):
        if low or high:
            length = x.shape[dim]
            places = wrap(_places(np, mode, length, low, high)).to(g.device)
            shape = (*tuple(g.shape)[:dim], length, *tuple(g.shape)[dim + 1 :])
            like = Aval(shape, g.dtype.numpy)
            g = added_into_zeros(g, like, places, key=(*(slice(None),) * dim, ARRAY))
    return g


@linear(
    shape=lambda x, *, widths, mode: _shape(x, widths=widths, value=0.0),
    transpose=_unsurrounded,
    batch=with_params("surrounded", lambda size, p: {**p, "widths": ((0, 0), *p["widths"])}),
    widen=False,
    samples=(
        Sample(array(2, 4), widths=((0, 0), (3, 2)), mode="reflect"),
        Sample(array(2, 3), widths=((1, 0), (0, 2)), mode="replicate"),
        Sample(array(2, 3), widths=((1, 2), (3, 0)), mode="circular"),
    ),
    namespaces=(),
    methods=(),
)
def surrounded(xp: Any, x: Any, *, widths: Widths, mode: str) -> Any:
    """Surround with elements of its own.

    Args:
        input: (...).
        widths: (before, after) for every dim.
        mode: ``"reflect"``, ``"replicate"`` or ``"circular"``.

    Returns:
        Tensor: each dim longer by its widths.
    """
    return xp.pad(x, widths, mode=_NAMES[mode])


_edges = Launcher("edges")


def _surrounded_fast(x: Any, *, widths: Widths, mode: str) -> Any:
    if x.size < 256 or not _edges:
        return None
    return _edges.surrounded(x, widths=widths, mode=mode, places=_places)


prefer(catalogue.ops["surrounded"], _surrounded_fast)


_MODES = ("constant", "reflect", "replicate", "circular")


@composite(
    samples=(
        Sample(array(2, 3), (1, 2)),
        Sample(array(2, 3), (1, 2, 0, 1), "constant", 1.5),
        Sample(array(2, 4), (-1, 1)),
        Sample(array(1, 2, 4), (2, 1), "reflect"),
        Sample(array(1, 2, 3, 4), (2, 1, 0, 2), "replicate"),
        Sample(array(1, 2, 4), (3, 4), "circular"),
    ),
    errors=(
        ErrorSample(array(1, 3), (3, 0), "reflect", error=ShapeError, match="reflection needs"),
        ErrorSample(array(3), (1,), error=ValueError, match="pairs"),
        ErrorSample(array(3), (1, 1, 1, 1), error=ValueError, match="pairs"),
        ErrorSample(array(1, 3), (1, 1), "reflet", error=ValueError, match="'reflect'"),
    ),
    namespaces=catalogue.FUNCTIONAL,
)
def pad(
    input: Tensor, pad: tuple[int, ...], mode: str = "constant", value: float | None = None
) -> Tensor:
    """Surround the last dims.

    Args:
        input: (...).
        pad: (before, after) of the last dim, then of the one before it, and so on; negative ones
            cut off.
        mode: ``"constant"``, ``"reflect"`` (without repeating the edge), ``"replicate"`` or
            ``"circular"``.
        value: what constant padding is filled with; 0 if None.

    Returns:
        Tensor: longer by the padding.

    Raises:
        ValueError: pad is not pairs for at most input's dims, or the mode is unknown.
        ShapeError: reflected or circular padding exceeds a dim.
    """
    if mode not in _MODES:
        raise ValueError(
            f"pad: mode must be one of {', '.join(_MODES)}, got {mode!r}"
            f"{did_you_mean(mode, _MODES)}"
        )
    if len(pad) % 2 or len(pad) > 2 * input.ndim:
        raise ValueError(
            f"pad: expected (before, after) pairs for at most {input.ndim} dims, got {tuple(pad)}"
        )
    if value and mode != "constant":
        raise ValueError(f"pad: value= is for mode 'constant', not {mode!r}")
    pairs = {input.ndim - 1 - i // 2: (pad[i], pad[i + 1]) for i in range(0, len(pad), 2)}
    out = input
    for dim, (low, high) in pairs.items():
        if low < 0 or high < 0:
            start, end = max(-low, 0), max(-high, 0)
            out = narrow(out, dim, start, out.shape[dim] - start - end)
    grown = {dim: (max(low, 0), max(high, 0)) for dim, (low, high) in pairs.items()}
    widths = tuple(grown.get(d, (0, 0)) for d in range(input.ndim))
    if mode == "constant":
        padded: Tensor = constant_pad(out, widths=widths, value=0.0 if value is None else value)
        return padded
    _check_edges(tuple(out.shape), widths, mode)
    surround: Tensor = surrounded(out, widths=widths, mode=mode)
    return surround


@composite(
    samples=(
        Sample(array(2, 3), (1, 2)),
        Sample(array(2, 3), (1, 2, 0, 1), 1.5),
        Sample(array(2, 4), (-1, 1), 2),
    ),
    errors=(ErrorSample(array(3), (1,), error=ValueError, match="pairs"),),
    methods=(),
)
def constant_pad_nd(input: Tensor, pad: tuple[int, ...], value: float = 0) -> Tensor:
    """Surround the last dims with one value: ``nn.functional.pad`` with mode ``"constant"``.

    Args:
        input: (...).
        pad: (before, after) of the last dim, then of the one before it, and so on; negative ones
            cut off.
        value: what is put around.

    Returns:
        Tensor: longer by the padding.

    Raises:
        ValueError: pad is not pairs for at most input's dims.
    """
    return _padded(input, tuple(pad), "constant", value)


_padded = pad  # the function above has a parameter of this name
