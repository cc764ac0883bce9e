"""Watchers of ops, and hooks on what the tape saves: seen everywhere, gone when they end."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

import pytest

import weft
from weft._core import dispatch, saving, watching
from weft._core.catalogue import public
from weft.ops.families import bilinear, elementwise_calls, reduction


@contextlib.contextmanager
def watched() -> Iterator[list[str]]:
    """Collect the names of the ops that run."""
    seen: list[str] = []

    def note(op, args, params, result):
        seen.append(op.name)

    watching.watch(note)
    try:
        yield seen
    finally:
        watching.unwatch(note)


@contextlib.contextmanager
def packing(pack, unpack) -> Iterator[None]:
    saving.push_hooks(pack, unpack)
    try:
        yield
    finally:
        saving.pop_hooks()


def leaf(*shape: int) -> weft.Tensor:
    weft.manual_seed(0)
    return weft.randn(*shape).requires_grad_()


def test_a_watcher_sees_every_family_of_ops_and_their_backward_rules():
    x = leaf(3, 3)
    with watched() as seen:
        weft.softmax(weft.exp(x) * 2 @ x, 0).sum().backward()
    assert seen[:3] == ["exp", "mul", "matmul"]
    assert "sum" in seen
    assert seen.count("mul") > 1  # of the backward pass


def test_a_watcher_sees_ops_under_vmap_and_jvp():
    x = weft.ones(3, 2)
    with watched() as seen:
        weft.func.vmap(weft.sin)(x)
        weft.func.jvp(weft.tanh, (x,), (x,))
    assert "sin" in seen
    assert "tanh" in seen


def test_the_plain_path_is_as_before_when_the_last_watcher_has_gone():
    before = {m: (m._SHORT32, m._SHORT64) for m in (elementwise_calls, reduction, bilinear)}
    ends = dispatch.finish, dispatch._finish_several
    with watched(), watched():
        assert all(m._SHORT32 is None for m in before)
        assert dispatch.finish is not ends[0]
    assert all(short == (m._SHORT32, m._SHORT64) for m, short in before.items())
    assert (dispatch.finish, dispatch._finish_several) == ends
    assert before[elementwise_calls][0] is not None


def test_another_threads_ops_are_not_seen():
    with watched() as seen:
        thread = threading.Thread(target=lambda: weft.ones(2).exp())
        thread.start()
        thread.join()
    assert seen == []


def test_ops_that_a_watcher_runs_are_not_watched():
    seen = []

    def note(op, args, params, result):
        seen.append((result + 1).sum().item())

    watching.watch(note)
    try:
        weft.zeros(2).exp()
    finally:
        watching.unwatch(note)
    assert seen == [4.0]


@pytest.mark.parametrize("name", ["sum", "mean", "prod", "exp", "add", "matmul"])
def test_a_watched_op_gives_the_same_bits(name):
    x, y = leaf(7, 7).detach(), leaf(7, 7).detach()
    args = (x, y) if name in ("add", "matmul") else (x,)
    function = public[name].function if name in public else getattr(weft, name)
    plain = function(*args)
    with watched() as seen:
        turned = function(*args)
    assert seen
    assert weft.equal(plain, turned)


def test_gradients_through_packed_tensors_are_the_same_twice_differentiated():
    x, y = leaf(3, 3), leaf(3, 3)

    def f():
        a = weft.exp(x) * y
        values, _ = weft.max(a @ y, 1)
        q, r = weft.linalg.qr(a)
        joined = weft.cat([a, y]).sin().sum()
        return (values.sum() + q.sum() + r.square().sum() + joined).tanh()

    def both(out):
        (g,) = weft.autograd.grad(out, x, create_graph=True)
        return g, *weft.autograd.grad((g * g).sum(), (x, y))

    expected = both(f())
    count = []
    with packing(lambda t: count.append(t) or t.numpy().copy(), weft.from_numpy):
        out = f()
    assert len(count) > 8
    assert all(not t.requires_grad for t in count)
    for got, wanted in zip(both(out), expected, strict=True):
        assert weft.equal(got, wanted)


def test_packed_tensors_are_freed_by_backward_and_kept_when_asked():
    x = leaf(2)
    unpacked = []
    with packing(lambda t: t, lambda t: unpacked.append(t) or t):
        out = x.exp().sum()
    out.backward(retain_graph=True)
    out.backward()
    assert len(unpacked) == 2
    with pytest.raises(weft.GradError, match="freed by an earlier backward"):
        out.backward()


def test_the_innermost_pair_of_hooks_counts():
    x = leaf(2)
    outer, inner = [], []
    with packing(lambda t: outer.append(1) or t, lambda t: t):
        x.exp()
        with packing(lambda t: inner.append(1) or t, lambda t: t):
            x.sin()
        x.cos()
    x.tan()
    assert (len(outer), len(inner)) == (2, 1)


def test_an_unpack_hook_that_returns_no_tensor_is_named():
    x = leaf(2)
    with packing(lambda t: t, lambda t: 3):
        out = x.exp().sum()
    with pytest.raises(TypeError, match=r"unpack_hook must return a weft.Tensor, it returned int"):
        out.backward()


def test_refused_hooks_say_the_message():
    before = saving.refuse_hooks("not here")
    try:
        with pytest.raises(weft.GradError, match="not here"):
            saving.push_hooks(lambda t: t, lambda t: t)
    finally:
        saving.refuse_hooks(before)
    with packing(lambda t: t, lambda t: t), pytest.raises(weft.GradError, match="later"):
        saving.refuse_hooks("later")
