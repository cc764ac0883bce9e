"""Attention by blocks against the formula written out, and against the reference of the op."""

from __future__ import annotations

import math
import tracemalloc

import numpy as np
import pytest

import weft
from weft._backend.cpu import switches
from weft.nn.functional import scaled_dot_product_attention

#: batch, heads, queries, keys, width, depth, heads of keys
SIZES = [
    (1, 1, 1, 1, 1, 1, 1),
    (2, 3, 5, 7, 4, 6, 3),
    (1, 2, 33, 31, 8, 8, 2),
    (2, 4, 64, 64, 16, 5, 2),
    (1, 1, 70, 300, 8, 8, 1),
    (1, 6, 300, 520, 4, 4, 3),
]


def drawn(size, dtype):
    batch, heads, rows, keys, width, depth, own = size
    random = np.random.default_rng(0)
    shapes = (batch, heads, rows, width), (batch, own, keys, width), (batch, own, keys, depth)
    return [random.standard_normal(shape).astype(dtype) for shape in shapes]


def written_out(q, k, v, mask, causal):
    """Return attention and its derivative in double precision, for a cotangent of ones times v."""
    q, k, v = (weft.tensor(x.astype("f8"), requires_grad=True) for x in (q, k, v))
    times = q.shape[1] // k.shape[1]
    kk, vv = (x.repeat_interleave(times, 1) for x in (k, v))
    scores = q @ kk.transpose(2, 3) / math.sqrt(q.shape[3])
    if mask is not None:
        scores = scores + weft.tensor(mask.astype("f8"))
    if causal:
        seen = weft.ones(*scores.shape[2:], dtype=weft.bool).tril()
        scores = scores.masked_fill(~seen, -math.inf)
    blind = (scores == -math.inf).all(-1, True)
    weights = weft.where(blind, 0.0, weft.where(blind, 0.0, scores).softmax(-1))
    return (q, k, v), weights @ vv


def compare(size, dtype, mask=None, causal=False):
    q, k, v = drawn(size, dtype)
    tensors = [weft.tensor(x, requires_grad=True) for x in (q, k, v)]
    out = scaled_dot_product_attention(
        *tensors,
        None if mask is None else weft.tensor(mask.astype(dtype)),
        is_causal=causal,
        enable_gqa=size[1] != size[6],
    )
    sources, wanted = written_out(q, k, v, mask, causal)
    g = np.random.default_rng(1).standard_normal(out.shape)
    out.backward(weft.tensor(g.astype(dtype)))
    wanted.backward(weft.tensor(g))
    allowed = 1e-4 if dtype == "float32" else 1e-11
    pairs = [(out.detach(), wanted.detach())]
    pairs += [(a.grad, b.grad) for a, b in zip(tensors, sources, strict=True)]
    for a, b in pairs:
        assert a.dtype is getattr(weft, dtype)
        assert np.abs(a.numpy() - b.numpy()).max() < allowed


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", SIZES)
def test_result_and_derivative(size, dtype, causal):
    compare(size, dtype, causal=causal)


@pytest.mark.parametrize("shape", [(33, 31), (1, 31), (33, 1), (2, 1, 33, 31), (1, 4, 33, 31)])
@pytest.mark.parametrize("causal", [False, True])
def test_masks_of_all_shapes(shape, causal):
    mask = np.random.default_rng(2).standard_normal(shape)
    mask[mask < -0.5] = -np.inf
    compare((2, 4, 33, 31, 8, 8, 2), "float64", mask, causal)


def test_a_query_that_sees_nothing_gives_zero_and_has_no_gradient():
    mask = np.zeros((5, 7))
    mask[2] = -np.inf
    compare((2, 3, 5, 7, 4, 6, 3), "float32", mask)
    tensors = [weft.ones(1, 1, 3, 2, requires_grad=True) for _ in range(3)]
    out = scaled_dot_product_attention(*tensors, weft.zeros(3, 3, dtype=weft.bool))
    out.sum().backward()
    assert (out.detach().numpy() == 0).all()
    assert all((x.grad.numpy() == 0).all() for x in tensors)


def test_nan_stays_in_its_row_and_infinite_scores_are_as_the_formula_has_them(monkeypatch):
    q, k, v = drawn((1, 2, 9, 11, 4, 4, 2), "float32")
    q[0, 0, 3, 1] = np.nan
    q[0, 1, 2, 0] = np.inf
    given = [weft.tensor(x) for x in (q, k, v)]
    out = scaled_dot_product_attention(*given).numpy()
    monkeypatch.setattr(switches, "codegen", False)
    wanted = scaled_dot_product_attention(*given).numpy()
    assert np.array_equal(np.isnan(out), np.isnan(wanted))
    assert np.isnan(out[0, 0, 3]).all()
    assert not np.isnan(out[0, 0, [0, 1, 2, 4]]).any()


@pytest.mark.parametrize("dims", [2, 3, 4])
def test_heads_may_be_absent_and_lie_in_any_order(dims):
    q, k, v = (weft.tensor(x) for x in drawn((2, 3, 10, 12, 8, 8, 3), "float64"))
    whole = scaled_dot_product_attention(q, k, v)
    at = (0,) * (4 - dims)
    part = scaled_dot_product_attention(q[at], k[at], v[at])
    assert np.allclose(part.numpy(), whole[at].numpy(), atol=1e-14)
    packed = weft.stack([x.transpose(1, 2) for x in (q, q, q)], 2)  # (batch, rows, 3, heads, ...)
    a, b, c = packed.permute(2, 0, 3, 1, 4)
    assert np.allclose(
        scaled_dot_product_attention(a, b, c).numpy(),
        scaled_dot_product_attention(q, q, q).numpy(),
        atol=1e-14,
    )
    turned = [x.transpose(2, 3).contiguous().transpose(2, 3) for x in (q, k, v)]
    assert np.allclose(scaled_dot_product_attention(*turned).numpy(), whole.numpy(), atol=1e-14)


def test_derivatives_of_the_derivative():
    tensors = [weft.tensor(x, requires_grad=True) for x in drawn((1, 2, 3, 4, 3, 2, 1), "float64")]

    def run(q, k, v):
        return scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)

    assert weft.autograd.gradcheck(run, tensors, check_forward_ad=True)
    assert weft.autograd.gradgradcheck(run, tensors)


def test_the_weights_are_never_all_there():
    q = weft.randn(1, 2, 2048, 16, requires_grad=True)
    tracemalloc.start()
    try:
        scaled_dot_product_attention(q, q, q).sum().backward()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2048 * 2048 * 4


def test_the_same_bits_however_many_threads():
    q, k, v = (weft.tensor(x) for x in drawn((1, 1, 100, 90, 8, 8, 1), "float32"))
    count = weft.get_num_threads()
    found = []
    try:
        for n in (1, 2, 3):
            weft.set_num_threads(n)
            found.append(scaled_dot_product_attention(q, k, v).numpy())
    finally:
        weft.set_num_threads(count)
    assert all(np.array_equal(found[0], other) for other in found)


def test_empty_sequences():
    assert scaled_dot_product_attention(*(weft.ones(2, 0, 3) for _ in "qkv")).shape == (2, 0, 3)
    q, k = weft.ones(2, 4, 3), weft.ones(2, 0, 3)
    assert scaled_dot_product_attention(q, k, k).shape == (2, 4, 3)
