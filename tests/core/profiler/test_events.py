"""What a profile records: ops, functions, rules, writes and blocks, nested as they happened."""

from __future__ import annotations

import asyncio
import gc
import threading
from itertools import pairwise

import numpy as np
import pytest

import weft
from tests.core import needs
from weft import nn
from weft._backend.cpu.language import T, f32, kernel, ptr
from weft.profiler import profile, record_function
from weft.transforms import plans


def leaf(*shape: int) -> weft.Tensor:
    weft.manual_seed(0)
    return weft.randn(*shape).requires_grad_()


def named(events, name):
    return [event for event in events if event.name == name]


def only(events, name):
    (event,) = named(events, name)
    return event


def path(event):
    names = []
    while event is not None:
        names.append(event.name)
        event = event.cpu_parent
    return names[::-1]


def test_every_op_of_a_program_is_one_event_in_the_order_of_the_program():
    x = weft.ones(3, 3)
    with profile() as prof:
        y = x.exp() @ x
        y.sum(0).tanh()
    assert [e.name for e in prof.events() if e.kind == "op"] == ["exp", "matmul", "sum", "tanh"]


@pytest.mark.parametrize("dtype", [weft.float32, weft.float64, weft.float16, weft.int64])
def test_ops_are_seen_whichever_path_their_dtype_takes(dtype):
    x = weft.ones(4, 4, dtype=dtype)
    with profile() as prof:
        x + x
        x * 2
        x @ x
        x.sum()
        x.transpose(0, 1)
    names = [e.name for e in prof.events()]
    for name in ("add", "mul", "matmul", "sum"):
        assert names.count(name) == 1, (name, names)


def test_functions_hold_the_ops_that_they_are_made_of():
    x = weft.ones(3, 4)
    with profile() as prof:
        nn.functional.cosine_similarity(x, x)
    whole = only(prof.events(), "cosine_similarity")
    assert whole.kind == "function"
    assert whole.cpu_parent is None
    ops = [e for e in prof.events() if e.kind == "op"]
    assert len(ops) > 1
    assert all(path(e)[0] == "cosine_similarity" for e in ops)


def test_a_function_that_is_nothing_but_an_op_of_its_name_is_one_event():
    x = weft.ones(3)
    with profile() as prof:
        weft.sub(x, x)
    event = only(prof.events(), "sub")
    assert (event.kind, event.cpu_children) == ("op", [])


def test_children_lie_within_their_parents_and_self_times_add_up_to_the_whole():
    x = leaf(16, 16)
    with profile() as prof, record_function("all"):
        nn.functional.gelu(nn.functional.layer_norm(x @ x, (16,))).sum().backward()
    for event in prof.events():
        for child in event.cpu_children:
            assert child.cpu_parent is event
            assert event.time_range.start <= child.time_range.start
            assert child.time_range.end <= event.time_range.end
        ends = [child.time_range for child in event.cpu_children]
        assert all(a.end <= b.start for a, b in pairwise(ends))
        assert event.self_cpu_time_total >= -1e-6
    whole = only(prof.events(), "all")
    assert prof.events().self_cpu_time_total == pytest.approx(whole.cpu_time_total)


def training_step(x):
    return ((x * 2).exp() @ x).sum()


@pytest.mark.parametrize("runs_before", [0, 3])
def test_backward_rules_are_named_and_linked_to_their_forward_calls(runs_before):
    """From the second time that a rule meets its shapes it runs lowered: then too."""
    x = leaf(4, 4)
    for _ in range(runs_before):
        training_step(x).backward()
    with profile() as prof:
        training_step(x).backward()
    rules = [e for e in prof.events() if e.kind == "backward"]
    assert [e.name for e in rules] == [
        "sum backward",
        "matmul backward",
        "exp backward",
        "mul backward",
    ]
    for rule in rules:
        assert rule.scope == 1
        assert rule.forward is not None
        assert f"{rule.forward.name} backward" == rule.name
        assert rule.forward.sequence_nr == rule.sequence_nr >= 0
        assert rule.fwd_thread == threading.get_native_id()
        assert path(rule)[0] == "backward pass"


def test_the_profile_shows_lowered_rules_as_they_run_and_leaves_them_lowered():
    x = leaf(4, 4)
    for _ in range(3):
        training_step(x).backward()
    with profile() as prof:
        training_step(x).backward()
    rule = only(prof.events(), "matmul backward")
    assert rule.cpu_children == []  # its program calls kernels, no ops
    with profile() as prof:
        (g,) = weft.autograd.grad(training_step(x), x, create_graph=True)
    assert g.requires_grad
    assert "matmul" in [e.name for e in only(prof.events(), "matmul backward").cpu_children]


def test_the_first_lowering_of_a_rule_is_an_event_of_its_own():
    x = leaf(5, 7)
    with profile() as prof:
        for _ in range(3):
            x.atan2(x).sum().backward()
    assert len(named(prof.events(), "lowering of atan2 backward")) == 1
    assert len(named(prof.events(), "atan2 backward")) == 3


def test_gradients_that_are_added_up_are_seen():
    x = leaf(4, 4)
    y = x.exp()
    (y * y.sin()).sum().backward()
    with profile() as prof:
        y = x.exp()
        (y * y.sin()).sum().backward()
    names = [e.name for e in prof.events()]
    assert "sum of gradients" in names
    assert names.count("AccumulateGrad") == 1


def test_the_gradients_are_the_same_bits_with_a_profile():
    def gradient():
        x = leaf(6, 6)
        nn.functional.layer_norm(x @ x, (6,)).tanh().sum().backward()
        return x.grad

    for _ in range(3):
        plain = gradient()
    with profile(record_shapes=True, profile_memory=True, with_stack=True, with_flops=True):
        seen = gradient()
    assert weft.equal(plain, seen)


def test_an_in_place_op_is_the_op_and_the_write():
    x = weft.ones(3)
    with profile() as prof:
        x.add_(1)
        x[0] = 5.0
    kinds = [(e.name, e.kind) for e in prof.events() if e.kind in ("op", "write")]
    assert kinds[:2] == [("add", "op"), ("add_", "write")]
    assert any(kind == "write" for _, kind in kinds[2:])


def test_tensors_that_are_made_and_drawn_are_seen():
    with profile() as prof:
        weft.zeros(3)
        weft.randn(3)
        weft.arange(3)
    assert [e.name for e in prof.events() if e.cpu_parent is None] == ["zeros", "randn", "arange"]


def test_blocks_have_their_names_and_nest():
    x = weft.ones(3)
    with profile() as prof:
        with record_function("outer"):
            x.exp()
            with record_function("inner", "a note"):
                x.sin()
        x.cos()
    assert path(only(prof.events(), "exp")) == ["outer", "exp"]
    assert path(only(prof.events(), "sin")) == ["outer", "inner", "sin"]
    assert path(only(prof.events(), "cos")) == ["cos"]
    inner = only(prof.events(), "inner")
    assert (inner.kind, inner.scope, inner.is_user_annotation) == ("user", 7, True)
    assert inner.note == "a note"


def test_a_decorated_function_is_a_block_at_each_call_even_within_itself():
    @record_function("falling")
    def falling(n):
        return n if n == 0 else falling(n - 1)

    with profile() as prof:
        falling(2)
    assert [len(path(e)) for e in named(prof.events(), "falling")] == [1, 2, 3]
    (row,) = prof.key_averages()
    assert row.count == 3
    # what is within another of the same name is not counted again
    assert row.cpu_time_total == pytest.approx(prof.events()[0].cpu_time_total)


def test_a_block_outside_of_any_profile_does_nothing():
    with record_function("nobody looks"):
        assert weft.ones(2).exp().shape == (2,)


def test_a_block_that_outlives_the_profile_ends_with_it():
    prof = profile()
    prof.start()
    block = record_function("open")
    block.__enter__()
    weft.ones(2).exp()
    prof.stop()
    block.__exit__(None, None, None)
    assert path(only(prof.events(), "exp")) == ["open", "exp"]
    assert only(prof.events(), "open").time_range.end == max(
        e.time_range.end for e in prof.events()
    )


def test_blocks_of_coroutines_end_in_any_order():
    async def block(name, waits):
        with record_function(name):
            for _ in range(waits):
                weft.ones(2).exp()
                await asyncio.sleep(0)

    async def both():
        await asyncio.gather(block("short", 2), block("long", 4))
        with record_function("after"):
            pass

    with profile() as prof:
        asyncio.run(both())
    short, long = only(prof.events(), "short"), only(prof.events(), "long")
    assert long.time_range.end > short.time_range.end
    assert long.cpu_parent is None
    assert only(prof.events(), "after").cpu_parent is None
    assert len(named(prof.events(), "exp")) == 6


def test_an_error_ends_the_profile_and_keeps_what_was_recorded():
    x = weft.ones(2, 3)
    prof = profile()
    with pytest.raises(weft.ShapeError, match="matmul"), prof, record_function("block"):
        x.exp()
        x @ x
    assert path(only(prof.events(), "matmul")) == ["block", "matmul"]
    with profile() as again:  # nothing of the first is left
        x.exp()
    assert [e.name for e in again.events()] == ["exp"]


def test_an_error_in_a_backward_rule_closes_what_is_open():
    class Failing(weft.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1

        @staticmethod
        def backward(ctx, g):
            raise RuntimeError("no slope today")

    x = leaf(2)
    with profile() as prof:
        out = Failing.apply(x).sum()
        with pytest.raises(RuntimeError, match="no slope today"):
            out.backward()
        x.exp()
    assert path(only(prof.events(), "exp")) == ["exp"]
    assert "Failing" in [e.name for e in prof.events()]
    assert "Failing backward" in [e.name for e in prof.events()]


def test_transforms_are_told_apart_from_the_ops_that_they_run():
    x = weft.ones(3, 2)
    with profile() as prof:
        weft.func.vmap(weft.sin)(x)
    assert path(only(prof.events(), "sin")) == ["sin (vmap)", "sin"]


def test_modules_are_events_under_their_path_when_asked_for():
    net = nn.Sequential(nn.Linear(3, 3), nn.Sequential(nn.Tanh()))
    call = nn.Module.__call__
    with profile(with_modules=True) as prof:
        net(weft.ones(2, 3))
    modules = [e.name for e in prof.events() if e.kind == "module"]
    assert modules == [
        "Sequential",
        "Sequential.0 (Linear)",
        "Sequential.1 (Sequential)",
        "Sequential.1.0 (Tanh)",
    ]
    assert path(only(prof.events(), "tanh"))[:3] == [modules[0], modules[2], modules[3]]
    assert nn.Module.__call__ is call


def test_pythons_garbage_collection_is_an_event():
    with profile() as prof:
        gc.collect()
    assert "garbage collection, generation 2" in [e.name for e in prof.events()]
    before = len(gc.callbacks)
    with profile():
        assert len(gc.callbacks) == before + 1
    assert len(gc.callbacks) == before


def test_shapes_are_recorded_when_asked_for():
    x, y = weft.ones(2, 3), weft.ones(3, 4)
    with profile(record_shapes=True) as prof:
        x @ y
        x * 2
    assert only(prof.events(), "matmul").input_shapes == [[2, 3], [3, 4]]
    assert only(prof.events(), "mul").input_shapes == [[2, 3], []]
    with profile() as prof:
        x @ y
    assert only(prof.events(), "matmul").input_shapes == []


def test_stacks_are_the_users_lines_and_those_of_the_forward_call_for_its_rule():
    x = leaf(2)

    def inner():
        return x.exp()

    with profile(with_stack=True) as prof:
        inner().sum().backward()
    forward = only(prof.events(), "exp")
    assert "test_events.py" in forward.stack[0]
    assert forward.stack[0].endswith(": inner")
    assert forward.stack[1].endswith("when_asked_for") is False
    assert not any("/weft/" in line for line in forward.stack)
    assert only(prof.events(), "exp backward").stack == forward.stack


def test_flops_of_products_and_convolutions_are_counted():
    x = weft.ones(2, 3, requires_grad=True)
    w = weft.ones(5, 3, requires_grad=True)
    image = weft.ones(1, 4, 8, 8)
    kernel = weft.ones(6, 2, 3, 3)
    for _ in range(3):
        nn.functional.linear(x, w).sum().backward()
    with profile(with_flops=True) as prof:
        x @ weft.ones(3, 4)
        nn.functional.conv2d(image, kernel, groups=2)
        nn.functional.linear(x, w).sum().backward()
    assert only(prof.events(), "matmul").flops == 2 * 2 * 3 * 4
    assert only(prof.events(), "convolve").flops == 2 * (6 * 6 * 6) * (2 * 3 * 3)
    assert only(prof.events(), "linear_map").flops == 2 * 2 * 3 * 5
    assert only(prof.events(), "linear_map backward").flops == 2 * (2 * 2 * 3 * 5)
    assert only(prof.events(), "sum").flops == 0


def test_every_op_that_is_bilinear_has_a_count_of_flops():
    from weft._core import catalogue
    from weft.ops import load_all
    from weft.profiler._flops import FORMULAS

    load_all()
    bilinear = {op.name for op in catalogue.ops.values() if op.family == "bilinear"}
    assert {"matmul", "linear_map", "convolve"} <= bilinear
    assert bilinear <= set(FORMULAS)


def test_an_operator_that_leaves_it_to_the_other_side_is_no_event():
    class Meeting:
        def __radd__(self, other):
            return "met"

    x = weft.ones(2)
    with profile() as prof:
        assert x + Meeting() == "met"
        x + 1
    assert [e.name for e in prof.events()] == ["add"]


def test_a_linear_layer_holds_its_op_on_its_short_path_and_off_it():
    w, b = weft.ones(3, 4), weft.ones(3)
    for x in (weft.ones(2, 4), weft.ones(2, 4, dtype=weft.float64)):
        with profile(with_flops=True) as prof:
            nn.functional.linear(x, w, b)
        op = only(prof.events(), "affine")
        assert path(op) == ["linear", "affine"]
        assert op.flops == 2 * 2 * 3 * 4


def test_tensors_made_of_other_things_are_events():
    with profile(profile_memory=True) as prof:
        x = weft.tensor([1.0, 2.0])
        shared = weft.from_numpy(np.ones(3))
        weft.as_tensor(x)
    assert [e.name for e in prof.events() if e.cpu_parent is None] == [
        "tensor",
        "from_numpy",
        "as_tensor",
    ]
    assert only(prof.events(), "tensor").cpu_memory_usage == 8
    assert only(prof.events(), "from_numpy").cpu_memory_usage == 0
    assert shared.shape == (3,)


def test_the_step_of_an_optimizer_is_an_event_of_its_class():
    p = leaf(3)
    optimizer = weft.optim.SGD([p], lr=0.1)
    p.sum().backward()
    with profile() as prof:
        optimizer.step()
    assert only(prof.events(), "Optimizer.step#SGD.step").cpu_parent is None


@kernel
def thrice(begin, end, x: ptr(T)):
    for i in range(begin, end):
        x[i] = x[i] * 3


@needs.codegen
def test_a_kernel_that_is_made_is_an_event():
    for names in (["kernel thrice"], []):
        with profile() as prof:
            thrice.at(T=f32)
        assert [e.name for e in prof.events() if e.kind == "compile"] == names


def test_flops_of_fused_slopes_are_those_of_their_products():
    def counted(*tensors, wanted):
        tensors = [weft.ones(*t, requires_grad=w) for t, w in zip(tensors, wanted, strict=True)]
        with profile(with_flops=True) as prof:
            nn.functional.linear(*tensors).sum().backward()
        return sum(e.flops for e in prof.events())

    one = 2 * 4 * 6 * 5  # (4, 6) by (6, 5)
    assert counted((4, 6), (5, 6), (5,), wanted=(True, True, True)) == 3 * one
    assert counted((4, 6), (5, 6), (5,), wanted=(False, True, True)) == 2 * one


def test_flops_of_attention_are_those_of_its_two_products():
    q, k, v = (weft.ones(2, 3, 40, 8), weft.ones(2, 3, 50, 8), weft.ones(2, 3, 50, 16))
    with profile(with_flops=True) as prof:
        nn.functional.scaled_dot_product_attention(q, k, v)
    assert sum(e.flops for e in prof.events()) == 2 * 2 * 3 * 40 * 50 * (8 + 16)


def test_a_pass_that_runs_as_a_plan_shows_the_rules_that_a_walk_shows():
    layer, x = weft.nn.Linear(300, 300), weft.randn(40, 300)

    def step():
        y = layer(x)
        ((y.tanh() * y).mean() + layer.weight.sum()).backward()

    def told():
        with profile(record_shapes=True, profile_memory=True, with_flops=True) as prof:
            step()
        kinds = ("backward", "tape")
        events = [e for e in prof.events() if e.kind in kinds]
        return sorted((e.name, e.flops, e.cpu_memory_usage, str(e.input_shapes)) for e in events)

    plans.forget()
    for _ in range(8):
        step()
    (kept,) = [one for plan in plans._plans.values() for one in plan]
    before = kept.hits
    planned = told()
    assert kept.hits == before + 1
    step()
    assert kept.hits == before + 2
    plans.forget()
    assert told() == planned
    names = [name for name, *_ in planned]
    assert "affine backward" in names and "sum of gradients" in names
    assert names.count("AccumulateGrad") == 2


def test_no_plan_is_made_of_what_a_profile_puts_around_programs():
    x = weft.ones(3, requires_grad=True)
    plans.forget()
    with profile():
        for _ in range(8):
            (x * x).sum().backward()
    assert not plans._plans and not plans._seen
