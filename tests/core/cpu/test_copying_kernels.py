"""Copies between layouts: the kernels move every element to its place."""

from __future__ import annotations

import itertools

import ml_dtypes
import numpy as np
import pytest

import weft
from tests.core import needs
from tests.core.cpu.beside import calls_of, compare
from weft._backend.cpu import caches
from weft._backend.cpu.launch import copying

pytestmark = needs.codegen

OPS = ("copied", "joined", "constant_pad")
random = np.random.default_rng(0)
DTYPES = ["float32", "float64", "float16", ml_dtypes.bfloat16, "bool", "complex64", "uint8"]


@pytest.mark.parametrize("name", OPS)
def test_kernels_agree_with_the_reference_on_what_ops_are_given(name):
    taken = [
        compare(name, getattr(copying, name), arrays, params)
        for arrays, params in calls_of(OPS)[name]
        if all(a.dtype.itemsize <= 8 for a in arrays)
    ]
    assert sum(taken) >= 5


def values(dtype, *shape):
    return (random.standard_normal(shape) * 50).astype(dtype)


def views(x):
    """Yield an array of 4 dims in many layouts: turned, cut, backwards, repeated."""
    for order in itertools.permutations(range(4)):
        yield x.transpose(order)
    yield x[:, ::2, ::-1]
    yield x[..., ::-1]
    yield x[..., ::-1].transpose(3, 2, 1, 0)
    yield x[:, 1:, 3:17, 1:]
    yield np.broadcast_to(x[:1, :, :1], x.shape)
    yield np.broadcast_to(x[..., :1], x.shape).transpose(0, 3, 2, 1)
    yield np.lib.stride_tricks.sliding_window_view(x, (3, 2), (2, 3)).transpose(0, 1, 4, 5, 2, 3)
    yield x[0, 0, 0, 0, ...]
    yield x[:0]
    yield x.reshape(-1)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("shape", [(2, 3, 33, 17), (1, 40, 16, 48)])
def test_every_layout_is_brought_in_order(dtype, shape):
    for x in views(values(dtype, *shape)):
        assert compare("copied", copying.copied, (x,), {})
        assert copying.copied(x).flags.c_contiguous


@pytest.mark.parametrize("dim", [0, 1, 2, 3])
def test_parts_are_joined_in_the_order_of_the_first(dim):
    x = values("float32", 2, 10, 9, 11)
    last = np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1, 1)
    for parts in ((x, x, x), (x, last), (last, last), (last, x[:, ::-1]), (x[..., ::-1], x)):
        assert compare("joined", copying.joined, parts, {"dim": dim})
    got = copying.joined(last, last, dim=dim)
    assert np.moveaxis(got, 1, -1).flags.c_contiguous


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("widths", [(4, 4), (16, 16, 16, 16), (1, 300, 7), (0, 5)])
def test_rows_of_any_widths_are_joined(dtype, widths):
    parts = [values(dtype, 5, 41, width) for width in widths]
    assert compare("joined", copying.joined, parts, {"dim": 2})
    parts = [values(dtype, 5, width, 3) for width in widths]
    assert compare("joined", copying.joined, parts, {"dim": 1})


@pytest.fixture(params=[False, True], ids=["small", "outgrowing the caches"])
def outgrown(request, monkeypatch):
    """Have results count as small, or as too large for the caches."""
    monkeypatch.setattr(caches, "outgrown", lambda size: request.param)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_arrays_are_put_one_behind_the_other(outgrown, dtype):
    whole = values(dtype, 700, 300)
    parts = [whole[:1], whole[1:1], whole[1:300], whole[300:]]
    assert compare("joined", copying.joined, parts, {"dim": 0})
    assert compare("joined", copying.joined, [x[None] for x in parts[2:]], {"dim": 1})
    out = np.empty_like(whole)
    assert copying.one_after_another(parts, out)
    assert out.tobytes() == whole.tobytes()
    assert compare("copied", copying.copied, (whole,), {})
    assert not copying.one_after_another([whole[:, ::2], whole[:, 1::2]], out)
    assert not copying.one_after_another([whole[:300], np.zeros((400, 300), "int64")], out)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("shape", [(1,), (7, 3), (3, 224, 224)])
def test_arrays_that_are_alike_are_stacked(outgrown, dtype, shape):
    whole = values(dtype, 5, *shape)
    out = np.empty_like(whole)
    assert copying.stacked(list(whole), out)
    assert out.tobytes() == whole.tobytes()


def test_what_is_not_alike_is_left_to_others():
    first = values("float32", 6, 8)
    out = np.full((2, 6, 8), 7, np.float32)
    last = np.empty(48, np.float32)[::-1].reshape(6, 8)
    for other in (
        first[:5], first.reshape(8, 6), first.reshape(48), first.astype("float64"), first[0, 0],
        first.view("int32"), first.T.copy().T, last, first.tolist(), weft.zeros(6, 8), None,
    ):  # fmt: skip
        assert not copying.stacked([first, other], out)
    assert (out == 7).all()
    objects = np.array([[1, 2], [3, 4]], object)
    assert not copying.stacked([objects, objects], np.empty((2, 2, 2), object))
    assert not copying.stacked([first[:0]] * 2, np.empty((2, 0, 8), np.float32))


def test_half_of_the_last_cache_is_outgrown():
    size = caches.last()
    assert size >= 2**17
    assert caches.outgrown(size // 2)
    assert not caches.outgrown(size // 2 - 1)


@pytest.mark.parametrize(
    "told", [{"SC_LEVEL3_CACHE_SIZE": 2**25}, {"SC_LEVEL2_CACHE_SIZE": 2**20}, {}]
)
def test_the_cache_nearest_to_memory_counts(monkeypatch, told):
    def ask(name):
        if not told:
            raise ValueError("unrecognized configuration name")
        return told.get(name, 0)

    monkeypatch.setattr("os.sysconf", ask)
    assert caches.last.__wrapped__() == (next(iter(told.values())) if told else 2**25)


def test_what_surrounds_is_one_value():
    x = values("float32", 2, 10, 9, 11)
    last = np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1, 1)
    for own in (x, last, x[..., ::-1], x[:0]):
        for widths in (((0, 0), (0, 0), (1, 2), (3, 0)), ((1, 0), (0, 2), (0, 0), (0, 1))):
            params = {"widths": widths, "value": -1.5}
            assert compare("constant_pad", copying.constant_pad, (own,), params)
    whole = values("uint8", 9, 9)
    params = {"widths": ((1, 1), (2, 2)), "value": 3.0}
    assert compare("constant_pad", copying.constant_pad, (whole,), params)


def test_memory_that_is_not_aligned_is_left_to_numpy():
    raw = np.zeros(4 * 100 + 1, np.uint8)
    assert copying.copied(raw[1:].view(np.float32)) is None
    record = np.zeros(50, [("a", "u1"), ("b", "f4")])
    assert copying.copied(record["b"]) is None


def test_large_tensors_by_what_users_call():
    data = values("float32", 300, 500)
    x = weft.from_numpy(data).requires_grad_()
    turned = x.t().contiguous()
    assert (turned.detach().numpy() == data.T).all()
    both = weft.cat([x, x.detach() * 2], 1)
    padded = weft.nn.functional.pad(both, (1, 2, 3, 4), value=7.0)
    assert (padded.detach().numpy() == np.pad(
        np.concatenate([data, data * 2], 1), ((3, 4), (1, 2)), constant_values=7
    )).all()  # fmt: skip
    (padded.sum() + (turned * 2).sum()).backward()
    assert (x.grad == 3).all()
    windows = weft.nn.functional.unfold(x.detach().reshape(1, 1, 300, 500), 3)
    assert (windows[0, 4].numpy() == data[1:-1, 1:-1].reshape(-1)).all()


@pytest.mark.parametrize("dtype", ["float32", "float64", "int8", "bool", "complex128"])
@pytest.mark.parametrize("dims", [(0,), (2,), (0, 2), (1,), (0, 1, 2)])
def test_flipping_large_arrays(dtype, dims):
    data = np.random.default_rng(7).integers(0, 2, (31, 20, 45)).astype(dtype)
    for x in (data, data.transpose(1, 2, 0), data[:, :, ::2]):
        got = weft.flip(weft.from_numpy(x), dims)
        assert (got.numpy() == np.flip(x, dims)).all()
