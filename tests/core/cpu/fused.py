"""Arrays of every layout and dtype, and how a compiled kernel is held to its op's own formula."""

from __future__ import annotations

import ml_dtypes
import numpy as np

from weft._backend import ndarray
from weft._core import catalogue
from weft.ops import load_all

load_all()
BF16 = np.dtype(ml_dtypes.bfloat16)
DTYPES = [np.dtype(np.float32), np.dtype(np.float64), np.dtype(np.float16), BF16]
#: (relative, absolute): of what is computed in float32 from sums of up to some ten thousand.
NEAR = {
    np.dtype(np.float32): (2e-5, 2e-5),
    np.dtype(np.float64): (1e-11, 1e-11),
    np.dtype(np.float16): (2e-3, 2e-3),
    BF16: (1.6e-2, 1.6e-2),
}
LAYOUTS = ("contiguous", "strided", "reversed", "turned", "expanded")


def drawn(shape: tuple[int, ...], dtype: np.dtype, layout: str = "contiguous", seed: int = 0):
    """Return random numbers around 0 and 1 in a layout of memory."""
    rng = np.random.default_rng(seed)
    x = np.asarray(rng.normal(0.3, 1.0, shape)).astype(dtype)
    if layout == "strided":
        wide = np.zeros((*shape[:-1], 2 * shape[-1]), dtype)
        wide[..., ::2] = x
        return wide[..., ::2]
    if layout == "reversed":
        return np.ascontiguousarray(x[::-1])[::-1]
    if layout == "turned":  # of an image: channels last
        return np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1, 1)
    if layout == "expanded":
        return np.broadcast_to(x[:1], shape)
    return x


def reference(name: str, *arrays, **params):
    """Return what the op's own formula gives in float64, of the dtypes that the op promises."""
    op = catalogue.ops[name]
    floats = [a for a in arrays if isinstance(a, np.ndarray) and a.dtype.kind in "fV"]
    own = floats[0].dtype
    wide = [
        a.astype(np.float64) if isinstance(a, np.ndarray) and a.dtype.kind in "fV" else a
        for a in arrays
    ]
    with np.errstate(all="ignore"):
        outs = op.kernel(np, *wide, **params)
    several = isinstance(outs, tuple)
    return own, outs if several else (outs,)


def hold(name: str, *arrays, **params) -> tuple[np.ndarray, ...]:
    """Run the op's kernel for NumPy's arrays and assert that it gives what the formula gives."""
    op = catalogue.ops[name]
    before = [a.copy() if isinstance(a, np.ndarray) else a for a in arrays]
    got = op.kernels[ndarray](*arrays, **params)
    got = got if isinstance(got, tuple) else (got,)
    own, wanted = reference(name, *arrays, **params)
    relative, absolute = NEAR[own]
    assert len(got) == len(wanted)
    for one, other in zip(got, wanted, strict=True):
        assert one.shape == np.shape(other)
        finite = np.asarray(other)[np.isfinite(other)]
        size = max(1.0, float(np.abs(finite).max())) if finite.size else 1.0
        np.testing.assert_allclose(
            one.astype(np.float64), other, rtol=relative, atol=absolute * size
        )
    for a, b in zip(arrays, before, strict=True):
        if isinstance(a, np.ndarray):
            np.testing.assert_array_equal(a, b)  # kernels write into their results alone
    return got
