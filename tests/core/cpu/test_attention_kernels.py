"""Attention by blocks against the formula written out, and against the reference of the op."""

from __future__ import annotations

import math
import tracemalloc

import numpy as np
import pytest

import weft
from tests.core import needs
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


def written_with_dropout(q, k, v, p, causal):
    """Return attention by whole arrays, in float32, dropping what the next words say."""
    q, k, v = (x.to(weft.float32) if x.dtype.itemsize == 2 else x for x in (q, k, v))
    times = q.shape[1] // k.shape[1]
    kk, vv = (x.repeat_interleave(times, 1) for x in (k, v))
    scores = q @ kk.transpose(2, 3) / math.sqrt(q.shape[3])
    if causal:
        seen = weft.ones(*scores.shape[2:], dtype=weft.bool).tril()
        scores = scores.masked_fill(~seen, -math.inf)
    return weft.dropout(scores.softmax(-1), p, True) @ vv


@pytest.mark.parametrize(
    ("dtype", "causal"),
    [("float32", False), ("float32", True), ("float64", True), ("bfloat16", False)],
)
@pytest.mark.parametrize("size", SIZES[1:])
def test_dropout_inside_drops_what_dropout_of_all_weights_would(size, dtype, causal):
    own = getattr(weft, dtype)
    drawings = [weft.tensor(x).to(own) for x in drawn(size, "float32")]
    ours = [x.clone().requires_grad_() for x in drawings]
    theirs = [x.clone().requires_grad_() for x in drawings]
    weft.manual_seed(5)
    out = scaled_dot_product_attention(
        *ours, dropout_p=0.3, is_causal=causal, enable_gqa=size[1] != size[6]
    )
    after = weft.rand(3)
    weft.manual_seed(5)
    wanted = written_with_dropout(*theirs, 0.3, causal)
    assert weft.equal(after, weft.rand(3))  # as many words were taken
    g = weft.tensor(np.random.default_rng(1).standard_normal(out.shape).astype("f4"))
    out.backward(g.to(out.dtype))
    wanted.backward(g.to(out.dtype).to(wanted.dtype))
    allowed = {"float32": 1e-5, "float64": 1e-13, "bfloat16": 2e-2}[dtype]
    pairs = [(out, wanted), *((a.grad, b.grad) for a, b in zip(ours, theirs, strict=True))]
    for a, b in pairs:
        assert a.dtype is own
        a, b = a.detach().double().numpy(), b.detach().double().numpy()
        assert np.abs(a - b).max() <= allowed * max(1, np.abs(b).max())


def test_weights_that_are_dropped_are_those_of_the_reference(monkeypatch):
    given = [weft.tensor(x, requires_grad=True) for x in drawn(SIZES[4], "float32")]
    found = []
    for compiled in (True, False):
        monkeypatch.setattr(switches, "codegen", compiled)
        weft.manual_seed(9)
        out = scaled_dot_product_attention(*given, dropout_p=0.5)
        grads = weft.autograd.grad(out.sum(), given)
        found.append([x.detach().numpy() for x in (out, *grads)])
    for a, b in zip(*found, strict=True):
        assert np.abs(a - b).max() < 1e-4


@pytest.mark.parametrize(
    ("dtype", "kind", "causal"), [("bfloat16", "bool", False), ("float16", "floating", True)]
)
@pytest.mark.parametrize("size", SIZES)
def test_half_precision_is_computed_in_float32(size, dtype, kind, causal):
    own = getattr(weft, dtype)
    random = np.random.default_rng(4)
    mask = random.random((1, size[2], size[3])) > 0.4
    if kind == "floating":
        mask = np.where(mask, random.standard_normal(mask.shape), -np.inf).astype("f4")
    narrow = [weft.tensor(x).to(own).requires_grad_() for x in drawn(size, "float32")]
    wide = [x.detach().double().requires_grad_() for x in narrow]
    results = []
    for tensors in (narrow, wide):
        m = weft.tensor(mask)
        m = m if kind == "bool" else m.to(own).to(tensors[0].dtype)
        out = scaled_dot_product_attention(
            *tensors, m, is_causal=causal, enable_gqa=size[1] != size[6]
        )
        out.sum().backward()
        results.append([out.detach(), *(x.grad for x in tensors)])
    steps = 2.0**-7 if dtype == "bfloat16" else 2.0**-10  # two roundings, of out and of it
    for a, b in zip(*results, strict=True):
        assert a.dtype is own
        b = b.numpy()
        # what a rounded out contributes grows with the number of terms
        assert np.abs(a.double().numpy() - b).max() <= 2 * steps * max(1, np.abs(b).max())


def test_a_mask_of_truths_is_as_one_of_infinities():
    given = [weft.tensor(x) for x in drawn((2, 4, 33, 31, 8, 8, 2), "float32")]
    for shape in [(33, 31), (1, 31), (2, 1, 33, 31), (1, 4, 33, 1)]:
        seen = np.random.default_rng(2).random(shape) > 0.3
        added = np.where(seen, 0, -np.inf).astype("f4")
        a, b = (
            scaled_dot_product_attention(*given, weft.tensor(m), enable_gqa=True).numpy()
            for m in (seen, added)
        )
        assert np.array_equal(a, b)


def test_derivatives_of_the_derivative_with_dropout():
    tensors = [weft.tensor(x, requires_grad=True) for x in drawn((1, 2, 3, 4, 3, 2, 1), "float64")]

    def run(q, k, v):
        weft.manual_seed(3)
        return scaled_dot_product_attention(q, k, v, dropout_p=0.4, enable_gqa=True)

    assert weft.autograd.gradcheck(run, tensors)
    assert weft.autograd.gradgradcheck(run, tensors)


def test_with_dropout_the_same_bits_however_many_threads():
    q, k, v = (weft.tensor(x) for x in drawn((1, 1, 100, 290, 8, 8, 1), "float32"))
    count = weft.get_num_threads()
    found = []
    try:
        for n in (1, 2, 3):
            weft.set_num_threads(n)
            weft.manual_seed(0)
            found.append(scaled_dot_product_attention(q, k, v, dropout_p=0.2).numpy())
    finally:
        weft.set_num_threads(count)
    assert all(np.array_equal(found[0], other) for other in found)


def test_a_probability_of_dropping_is_in_its_bounds():
    q = weft.ones(1, 2, 3)
    assert (scaled_dot_product_attention(q, q, q, dropout_p=1.0).numpy() == 0).all()
    with pytest.raises(ValueError, match=r"dropout_p must be in \[0, 1\], got 1.5"):
        scaled_dot_product_attention(q, q, q, dropout_p=1.5)


@needs.codegen
@pytest.mark.parametrize("dropped", [0.0, 0.1])
def test_the_weights_are_never_all_there(dropped):
    q = weft.randn(1, 2, 2048, 16, requires_grad=True)
    tracemalloc.start()
    try:
        scaled_dot_product_attention(q, q, q, dropout_p=dropped).sum().backward()
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
