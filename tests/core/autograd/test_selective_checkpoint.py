"""Selective checkpoints: what the policy keeps is not computed again, and nothing else changes."""

from __future__ import annotations

import threading
from functools import partial

import pytest

import weft
from weft._core.catalogue import ops
from weft.utils.checkpoint import (
    CheckpointError,
    CheckpointPolicy,
    checkpoint,
    create_selective_checkpoint_contexts,
)


@pytest.fixture(autouse=True)
def seeded() -> None:
    weft.manual_seed(0)


@pytest.fixture
def computed(monkeypatch):
    """Count how often the kernels of matmul and exp run."""
    counts = {"matmul": 0, "exp": 0}
    for name in counts:
        getattr(weft, name)(weft.ones(1, 1), *[weft.ones(1, 1)] * (name == "matmul"))  # loads it
        table = ops[name].kernels
        for kind, kernel in list(table.items()):

            def counting(*arrays, _name=name, _kernel=kernel, **params):
                counts[_name] += 1
                return _kernel(*arrays, **params)

            monkeypatch.setitem(table, kind, counting)
    return counts


def leaf(*shape: int) -> weft.Tensor:
    return weft.randn(*shape).requires_grad_()


def f(x, y):
    # each exp saves its result and each matmul its arguments: both would be computed again
    return ((x @ y).exp() @ y).exp().sin()


def keeping(policy, **settings):
    return partial(create_selective_checkpoint_contexts, policy, **settings)


def gradients(run, x, y):
    return weft.autograd.grad(run().sum(), (x, y))


def same(got, wanted) -> bool:
    return all(weft.equal(a, b) for a, b in zip(got, wanted, strict=True))


@pytest.mark.parametrize(
    ("choice", "matmuls"),
    [
        (CheckpointPolicy.MUST_SAVE, 2),
        (CheckpointPolicy.PREFER_SAVE, 2),
        (CheckpointPolicy.MUST_CPU_OFFLOAD, 2),
        (CheckpointPolicy.PREFER_CPU_OFFLOAD, 2),
        (True, 2),
        (CheckpointPolicy.MUST_RECOMPUTE, 4),
        (CheckpointPolicy.PREFER_RECOMPUTE, 4),
        (False, 4),
    ],
)
def test_a_policy_decides_which_kernels_run_again(choice, matmuls, computed):
    x, y = leaf(3, 3), leaf(3, 3)
    expected = gradients(lambda: f(x, y), x, y)

    def policy(ctx, op, *args, **settings):
        assert not ctx.is_recompute
        return choice if op == "matmul" else CheckpointPolicy.PREFER_RECOMPUTE

    computed.update(matmul=0, exp=0)
    out = checkpoint(f, x, y, context_fn=keeping(policy)).sum()
    assert computed == {"matmul": 2, "exp": 2}
    computed.update(matmul=0, exp=0)
    got = weft.autograd.grad(out, (x, y))
    backward = 4  # two products to each gradient of a product
    assert computed["matmul"] - backward == matmuls - 2
    assert computed["exp"] >= 2
    assert same(got, expected)


@pytest.mark.parametrize("op", ["matmul", weft.matmul, weft.Tensor.matmul])
def test_a_list_names_ops_by_name_or_as_functions(op, computed):
    x, y = leaf(3, 3), leaf(3, 3)
    expected = gradients(lambda: f(x, y), x, y)
    out = checkpoint(f, x, y, context_fn=keeping([op])).sum()
    computed.update(matmul=0, exp=0)
    assert same(weft.autograd.grad(out, (x, y)), expected)
    assert computed["matmul"] == 4


def test_each_call_is_decided_for_itself():
    x, y = leaf(3, 3), leaf(3, 3)
    asked = []

    def policy(ctx, op, *args, **settings):
        if op != "matmul":
            return False
        asked.append((tuple(args[0].shape), tuple(ctx.op_output.shape)))
        return len(asked) == 2

    expected = gradients(lambda: f(x, y), x, y)
    assert same(gradients(lambda: checkpoint(f, x, y, context_fn=keeping(policy)), x, y), expected)
    assert asked == [((3, 3), (3, 3))] * 2


def test_the_policy_sees_the_settings_of_an_op():
    x = leaf(3, 4)
    seen = {}

    def policy(ctx, op, *args, **settings):
        seen[op] = settings
        return op in ("sum", "cumsum")

    def g(y):
        return y.exp().cumsum(1).exp().sum(0, keepdim=True).exp()

    expected = weft.autograd.grad(g(x).sum(), x)
    got = weft.autograd.grad(checkpoint(g, x, context_fn=keeping(policy)).sum(), x)
    assert same(got, expected)
    assert seen["sum"] == {"dim": (0,), "keepdim": True}


def test_ops_with_several_results_are_kept_whole():
    x = leaf(4, 3)

    def g(y):
        q, r = weft.linalg.qr(y.exp())
        return q.sin() @ r.sin()

    expected = weft.autograd.grad(g(x).sum(), x)
    kept = []

    def policy(ctx, op, *args, **settings):
        if isinstance(ctx.op_output, tuple):
            kept.append(op)
            return True
        return False

    got = weft.autograd.grad(checkpoint(g, x, context_fn=keeping(policy)).sum(), x)
    assert same(got, expected)
    assert kept == ["orthogonal_triangular"]


def test_backward_can_run_twice_on_a_retained_graph():
    x, y = leaf(3, 3), leaf(3, 3)
    out = checkpoint(f, x, y, context_fn=keeping(["matmul", "exp"])).sum()
    first = weft.autograd.grad(out, (x, y), retain_graph=True)
    assert same(weft.autograd.grad(out, (x, y)), first)


def test_a_kept_result_that_is_overwritten_is_named():
    def g(x, y):
        z = x @ y
        z.add_(1)
        return z.exp()

    x, y = leaf(3, 3), leaf(3, 3)
    out = checkpoint(g, x, y, context_fn=keeping(["matmul"])).sum()
    with pytest.raises(CheckpointError, match=r"result of matmul .* overwritten in place by add_"):
        out.backward()


def test_a_kept_result_may_be_overwritten_where_the_user_says_so():
    def g(x, y):
        z = x @ y
        z.copy_(z.detach() * 0)  # the second run sees zeros, and makes zeros of them again
        return (z + x * y).exp()

    x, y = leaf(3, 3), leaf(3, 3)
    run = keeping(["matmul"], allow_cache_entry_mutation=True)
    got = gradients(lambda: checkpoint(g, x, y, context_fn=run), x, y)
    assert same(got, gradients(lambda: g(x, y), x, y))


def test_another_thread_computes_meanwhile():
    x, y = leaf(3, 3), leaf(3, 3)
    a, b = weft.randn(2, 2), weft.randn(2, 2)
    product = a @ b
    seen = []
    runs = []

    def g(x, y):
        runs.append(1)
        z = (x @ y).exp()
        if len(runs) == 2:  # in the second run
            thread = threading.Thread(target=lambda: seen.append(a @ b))
            thread.start()
            thread.join()
        return z.exp()

    checkpoint(g, x, y, context_fn=keeping(["matmul"])).sum().backward()
    assert weft.equal(seen[0], product)


def test_the_kernels_are_back_in_their_places_after_the_second_run():
    before = dict(ops["matmul"].kernels)
    x, y = leaf(3, 3), leaf(3, 3)
    checkpoint(f, x, y, context_fn=keeping(["matmul"])).sum().backward()
    assert ops["matmul"].kernels == before


def test_selective_checkpoints_nest():
    x, y = leaf(3, 3), leaf(3, 3)

    def outer(x, y):
        inner = checkpoint(f, x, y, context_fn=keeping(["exp"]))
        return (inner @ y).exp()

    def plain(x, y):
        return (f(x, y) @ y).exp()

    got = gradients(lambda: checkpoint(outer, x, y, context_fn=keeping(["matmul"])), x, y)
    assert same(got, gradients(lambda: plain(x, y), x, y))


def test_what_is_no_op_and_what_is_no_policy_are_refused():
    with pytest.raises(ValueError, match="softmax is no single op of weft"):
        create_selective_checkpoint_contexts([weft.softmax])
    with pytest.raises(TypeError, match="expected a policy function or a list of ops, got int"):
        create_selective_checkpoint_contexts(3)
    with pytest.raises(TypeError, match="must return a CheckpointPolicy or a bool, it returned 's"):
        checkpoint(weft.exp, leaf(2), context_fn=keeping(lambda ctx, op, *a, **k: "save"))
