"""Small products inside kernels, and small layers, against NumPy in double precision."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import weft
from tests.core import needs
from weft import nn
from weft._backend.cpu import switches
from weft._backend.cpu.kernels.products import add_product, add_turned_product, row_products
from weft._backend.cpu.language import T, kernel, ptr, type_of

pytestmark = needs.codegen

SHAPES = [*itertools.product([1, 3, 4, 9], [1, 2, 4, 7, 64], [1, 3, 5, 16, 33])]


@kernel
def straight(begin, end, out: ptr(T), a: ptr(T), b: ptr(T), k, n):
    add_product(out + begin * n, a + begin * k, b, end - begin, k, n)


@kernel
def turned(begin, end, out: ptr(T), a: ptr(T), b: ptr(T), m, k, n):
    add_turned_product(out, a, b, m, k, n)


@kernel
def along(begin, end, out: ptr(T), a: ptr(T), b: ptr(T), bias: ptr(T), k, n):
    row_products(out + begin * n, a + begin * k, b, bias, 0, end - begin, k, n)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_products_of_all_small_shapes(dtype):
    random = np.random.default_rng(0)
    kind = type_of(np.dtype(dtype))
    allowed = 2e-5 if dtype is np.float32 else 1e-13

    def near(found, wanted):
        assert np.abs(found - wanted).max() <= allowed * max(1, np.abs(wanted).max())

    for m, k, n in SHAPES:
        a = random.standard_normal((m, k)).astype(dtype)
        b = random.standard_normal((k, n)).astype(dtype)
        c = random.standard_normal((m, n)).astype(dtype)
        out = c.copy()
        straight.at(T=kind)(m, 2, out, a, b, k, n)
        near(out, c + a.astype("f8") @ b)
        out = c.copy()
        turned.at(T=kind)(1, 9, out, np.ascontiguousarray(a.T), b, m, k, n)
        near(out, c + a.astype("f8") @ b)
        bias = random.standard_normal(n).astype(dtype)
        out = np.full((m, n), np.nan, dtype)
        along.at(T=kind)(m, 2, out, a, np.ascontiguousarray(b.T), bias, k, n)
        near(out, a.astype("f8") @ b + bias)


@pytest.mark.parametrize("dtype", [weft.float32, weft.float64])
@pytest.mark.parametrize("rows", [1, 8, 30])
def test_a_small_layer_gives_what_it_gives_without_generated_code(monkeypatch, dtype, rows):
    weft.manual_seed(0)
    layers = nn.Sequential(nn.Linear(13, 64), nn.ReLU(), nn.Linear(64, 5)).to(dtype)
    x = weft.randn(rows, 13, dtype=dtype)

    def run():
        layers.zero_grad()
        loss = layers(x).square().sum()
        loss.backward()
        return [loss.detach().numpy(), *(p.grad.numpy().copy() for p in layers.parameters())]

    generated = [run() for _ in range(3)]  # the third time by lowered rules
    monkeypatch.setattr(switches, "codegen", False)
    for each in generated:
        for found, wanted in zip(each, run(), strict=True):
            assert np.allclose(
                found, wanted, rtol=1e-4, atol=1e-4 if dtype is weft.float32 else 1e-11
            )


def test_small_layers_pass_nan_and_infinities_on():
    x = weft.tensor([[float("nan"), 1.0], [float("inf"), 1.0], [1.0, 2.0]])
    out = nn.functional.linear(x, weft.ones(3, 2), weft.zeros(3)).numpy()
    assert np.isnan(out[0]).all()
    assert np.isinf(out[1]).all()
    assert (out[2] == 3).all()


def test_a_column_of_no_rows_and_layers_without_width():
    assert nn.functional.linear(weft.ones(0, 3), weft.ones(2, 3), weft.ones(2)).shape == (0, 2)
    assert (nn.functional.linear(weft.ones(2, 0), weft.ones(3, 0), weft.ones(3)).numpy() == 1).all()
    w = weft.ones(2, 3, requires_grad=True)
    b = weft.ones(2, requires_grad=True)
    nn.functional.linear(weft.ones(0, 3), w, b).sum().backward()
    assert (w.grad.numpy() == 0).all()
