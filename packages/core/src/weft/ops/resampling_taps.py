"""Resampling by a few elements each, in one op, and its transpose."""

from __future__ import annotations

import functools
from typing import Any

from weft._backend import np
from weft._backend.cpu.launching import Launcher
from weft._core import catalogue
from weft._core.aval import Aval
from weft._core.kernels import prefer
from weft._core.samples import Sample, array
from weft.ops import resampling_weights as weights_of
from weft.ops.families.batching import with_params
from weft.ops.families.linear import linear

#: What kinds begin with whose filter is widened as a dim shrinks.
SMOOTH = "smooth "
Ints = tuple[int, ...]
Factors = tuple[float | None, ...]


@functools.lru_cache(256)
def _taps(
    kind: str, length: int, parts: int, corners: bool, factor: float | None, wide: bool
) -> tuple[Any, Any]:
    """Return the elements that make each of ``parts``, and their shares, both (taps, parts).

    Without shares where elements are taken as they are.
    """
    if kind in ("nearest", "nearest-exact"):
        return weights_of.nearest(length, parts, factor, kind == "nearest-exact")[None], None
    own = np.float64 if wide else np.float32
    if kind.startswith(SMOOTH):
        kind = kind.removeprefix(SMOOTH)
        places, shares = weights_of.smoothed_taps(kind, length, parts, corners, factor, own)
        return places, shares
    rule = weights_of.linear if kind == "linear" else weights_of.cubic
    places, shares = rule(length, parts, corners, factor, own)
    return places, shares


@functools.lru_cache(256)
def _in_turn(*settings: Any) -> bool:
    """Whether each element comes equally often, as it is, one after another."""
    (places, shares), length = _taps(*settings), settings[1]
    many = places.shape[1] // max(length, 1)
    if shares is not None or many * length != places.shape[1]:
        return False
    return bool((places[0] == np.arange(places.shape[1]) // max(many, 1)).all())


_resampling = Launcher("resampling")


@functools.lru_cache(256)
def _back_taps(*settings: Any) -> tuple[Any, Any]:
    places, shares = _taps(*settings)
    if shares is None:
        shares = np.ones(places.shape, np.float32)
    back: tuple[Any, Any] = _resampling.transposed(places, shares, settings[1])
    return back


def _each(
    x: Any, kind: str, spatial: Ints, lengths: Ints, corners: bool, factors: Factors
) -> list[tuple[Any, ...]]:
    """Return the settings of the taps of each dim."""
    wide = x.dtype.itemsize >= 8
    return [
        (kind, n, parts, corners, factor, wide)
        for n, parts, factor in zip(spatial, lengths, factors, strict=True)
    ]


def _shape(x: Any, *, kind: str, lengths: Ints, corners: bool, factors: Factors) -> Aval:
    return Aval((*x.shape[: len(x.shape) - len(lengths)], *lengths), x.dtype)


def _transpose(g: Any, x: Any, *, lengths: Ints, **rest: Any) -> Any:
    return resampled_back(g, **rest, spatial=tuple(x.shape)[len(x.shape) - len(lengths) :])


@linear(
    shape=_shape,
    transpose=_transpose,
    batch=with_params("resampled"),
    widen=True,
    samples=(
        Sample(
            array(2, 3, 4), kind="linear", lengths=(5, 7), corners=False, factors=(None, None)
        ),
        Sample(array(2, 2, 4, 3), kind="cubic", lengths=(3, 7), corners=True, factors=(None, None)),
        Sample(array(2, 5), kind="nearest-exact", lengths=(3,), corners=False, factors=(0.7,)),
        Sample(
            array(2, 7, 6), kind="smooth cubic", lengths=(3, 8), corners=False,
            factors=(None, None),
        ),
    ),
    namespaces=(),
    methods=(),
    out=False,
)  # fmt: skip
def resampled(xp: Any, x: Any, *, kind: str, lengths: Ints, corners: bool, factors: Factors) -> Any:
    """Resample the last dims, each element by a few of the input's.

    Args:
        input: (..., *spatial).
        kind: ``"nearest"``, ``"nearest-exact"``, ``"linear"`` or ``"cubic"``; or ``"smooth "``
            with ``"linear"``, ``"cubic"`` or ``"lanczos"``.
        lengths: the result's.
        corners: whether the first and last elements keep their values.
        factors: by what places are computed; None for the quotient of the lengths.

    Returns:
        Tensor: (..., *lengths).
    """
    spatial = x.shape[x.ndim - len(lengths) :]
    each = _each(x, kind, spatial, lengths, corners, factors)
    for dim in range(len(lengths) - 1, -1, -1):
        axis = x.ndim - len(lengths) + dim
        places, shares = _taps(*each[dim])
        if shares is None:
            x = xp.take(x, xp.asarray(places[0]), axis=axis)
            continue
        across = (-1, *(1,) * (x.ndim - axis - 1))
        total: Any = None
        for at, share in zip(places, shares, strict=True):
            factor = xp.asarray(share.astype(x.real.dtype)).reshape(across)
            term = xp.take(x, xp.asarray(at), axis=axis) * factor
            total = term if total is None else total + term
        x = total
    return x


def _back_shape(
    g: Any, *, kind: str, corners: bool, factors: Factors, spatial: Ints
) -> Aval:  # fmt: skip
    return Aval((*g.shape[: len(g.shape) - len(spatial)], *spatial), g.dtype)


def _back_transpose(g: Any, x: Any, *, spatial: Ints, **rest: Any) -> Any:
    return resampled(g, **rest, lengths=tuple(x.shape)[len(x.shape) - len(spatial) :])


@linear(
    shape=_back_shape,
    transpose=_back_transpose,
    batch=with_params("resampled_back"),
    widen=True,
    samples=(
        Sample(
            array(2, 5, 7), kind="linear", corners=False, factors=(None, None), spatial=(3, 4)
        ),
        Sample(array(2, 3), kind="nearest-exact", corners=False, factors=(0.7,), spatial=(5,)),
    ),
    namespaces=(),
    methods=(),
    out=False,
)  # fmt: skip
def resampled_back(
    xp: Any, x: Any, *, kind: str, corners: bool, factors: Factors, spatial: Ints
) -> Any:
    """Give each element's shares back to those it was made of: the transpose of `resampled`.

    Args:
        input: (..., *lengths).
        kind: as there.
        corners: as there.
        factors: as there.
        spatial: the spatial dims of the result.

    Returns:
        Tensor: (..., *spatial).
    """
    lengths = x.shape[x.ndim - len(spatial) :]
    each = _each(x, kind, spatial, lengths, corners, factors)
    for dim in range(len(lengths)):
        axis = x.ndim - len(lengths) + dim
        places, shares = _taps(*each[dim])
        moved = xp.moveaxis(x, axis, -1)
        out = xp.zeros((*moved.shape[:-1], spatial[dim]), x.dtype)
        for tap, at in enumerate(places):
            share = 1 if shares is None else xp.asarray(shares[tap].astype(x.real.dtype))
            xp.add.at(out, (..., xp.asarray(at)), moved * share)
        x = xp.moveaxis(out, -1, axis)
    return xp.ascontiguousarray(x)


def _resampled_fast(
    x: Any, *, kind: str, lengths: Ints, corners: bool, factors: Factors
) -> Any:  # fmt: skip
    if x.size < 256:
        return None
    spatial = x.shape[x.ndim - len(lengths) :]
    each = _each(x, kind, spatial, lengths, corners, factors)
    smooth = kind.startswith(SMOOTH)
    return _resampling.resample(x, [_taps(*settings) for settings in each], filled=smooth)


def _back_fast(
    g: Any, *, kind: str, corners: bool, factors: Factors, spatial: Ints
) -> Any:  # fmt: skip
    if g.size < 256:
        return None
    lengths = g.shape[g.ndim - len(spatial) :]
    each = _each(g, kind, spatial, lengths, corners, factors)
    if len(spatial) == 2 and g.flags.c_contiguous and all(_in_turn(*one) for one in each):
        out = _resampling.block_sums(g, spatial)
        if out is not None:
            return out
    return _resampling.resample(g, [_back_taps(*settings) for settings in each], filled=True)


prefer(catalogue.ops["resampled"], _resampled_fast)
prefer(catalogue.ops["resampled_back"], _back_fast)
