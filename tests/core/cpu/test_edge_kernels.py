"""Triangles and edges of an array's own: kernels against NumPy's functions."""

from __future__ import annotations

import numpy as np
import pytest

import weft
from weft._backend.cpu import switches
from weft.nn.functional import pad

DTYPES = ["float32", "float64", "float16", "bfloat16", "int8", "int16", "int32", "int64", "bool"]
_NAMES = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}


def drawn(shape, dtype):
    values = np.random.default_rng(0).integers(-3, 4, shape)
    return weft.tensor(values).to(getattr(weft, dtype))


@pytest.mark.parametrize("dtype", [*DTYPES, "complex64", "complex128"])
@pytest.mark.parametrize("shape", [(40, 50), (50, 40), (3, 7, 61), (5000, 1), (1, 5000)])
@pytest.mark.parametrize("diagonal", [0, 3, -2, 45, -45, 10**6, -(10**6)])
def test_triangles_are_those_of_numpy(shape, dtype, diagonal):
    x = drawn(shape, dtype)
    seen = x.numpy() if dtype != "bfloat16" else x.float().numpy()
    for ours, theirs in ((weft.tril, np.tril), (weft.triu, np.triu)):
        out = ours(x, diagonal)
        assert out.dtype is x.dtype
        out = out.numpy() if dtype != "bfloat16" else out.float().numpy()
        assert np.array_equal(out, theirs(seen, diagonal))


def test_triangles_of_what_does_not_lie_in_order_and_of_nan():
    x = weft.randn(60, 70)
    x[5, 50] = float("nan")
    turned = weft.tril(x.T)
    assert np.array_equal(turned.numpy(), np.tril(x.numpy().T), equal_nan=True)
    part = weft.triu(x[::2, ::2])
    assert np.array_equal(part.numpy(), np.triu(x.numpy()[::2, ::2]), equal_nan=True)
    assert weft.tril(weft.ones(0, 5)).shape == (0, 5)


@pytest.mark.parametrize("mode", _NAMES)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("shape", "widths"),
    [
        ((2, 3, 20, 30), (1, 2, 3, 1)),
        ((2, 3, 20, 30), (0, 0, 3, 1)),
        ((2, 3, 20, 30), (29, 0)),
        ((3, 500), (0, 7)),
        ((2, 2, 5, 6, 7), (1, 2, 3, 4, 2, 1)),
        ((400, 3), (0, 0, 5, 6)),
    ],
)
def test_padding_with_own_elements_is_that_of_numpy(shape, widths, dtype, mode):
    x = drawn(shape, dtype)
    pairs = [(0, 0)] * (x.ndim - len(widths) // 2)
    pairs += [(widths[i], widths[i + 1]) for i in range(len(widths) - 2, -1, -2)]
    out = pad(x, widths, mode)
    assert out.dtype is x.dtype
    out, x = (a.float().numpy() if dtype == "bfloat16" else a.numpy() for a in (out, x))
    assert np.array_equal(out, np.pad(x, pairs, mode=_NAMES[mode]))


@pytest.mark.parametrize("mode", _NAMES)
def test_padding_of_strided_arrays_and_its_derivative(mode, monkeypatch):
    base = np.random.default_rng(1).standard_normal((8, 9, 10, 3))
    results = []
    for compiled in (True, False):
        monkeypatch.setattr(switches, "codegen", compiled)
        source = weft.tensor(base, requires_grad=True)
        out = pad(source.permute(0, 3, 1, 2), (4, 3, 2, 5), mode)
        (out * weft.arange(out.numel()).reshape(out.shape)).sum().backward()
        results.append((out.detach().numpy(), source.grad.numpy()))
    for a, b in zip(*results, strict=True):
        assert np.allclose(a, b, rtol=1e-13)


def test_edges_that_do_not_fit_are_refused():
    with pytest.raises(weft.ShapeError, match="no element to replicate"):
        pad(weft.ones(2, 0), (1, 1), "replicate")
