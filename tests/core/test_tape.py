"""The tape: what backward and grad compute, keep, free and refuse."""

from __future__ import annotations

import gc
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor

import pytest

import weft


def leaf(*values: float) -> weft.Tensor:
    """Return a 1-d leaf that requires grad."""
    return weft.tensor(list(values), requires_grad=True)


# --- backward and grad -------------------------------------------------------------------------


def test_backward_adds_to_grad_of_every_leaf():
    x, y = leaf(1.0, 2.0), leaf(3.0, 4.0)
    (x * y).sum().backward()
    assert x.grad.tolist() == [3, 4]
    assert y.grad.tolist() == [1, 2]


def test_gradients_accumulate_into_the_same_tensor():
    x = leaf(1.0, 2.0)
    (x * 2).sum().backward()
    held = x.grad
    (x * 3).sum().backward()
    assert x.grad is held
    assert held.tolist() == [5, 5]


def test_the_first_gradient_is_not_shared_with_the_cotangent_or_another_leaf():
    x, y, g = leaf(1.0), leaf(2.0), weft.tensor([1.0])
    (x + y).backward(g)
    x.grad.zero_()
    assert y.grad.tolist() == [1]
    assert g.tolist() == [1]


def test_a_tensor_used_twice_gets_the_sum():
    x = leaf(3.0)
    y = x * x
    (y + y * x).sum().backward()
    assert x.grad.tolist() == [2 * 3 + 3 * 9]


def test_backward_from_a_leaf_gives_one():
    x = weft.tensor(2.0, requires_grad=True)
    x.backward()
    assert x.grad.item() == 1


def test_grad_leaves_every_grad_attribute_alone():
    x = leaf(1.0, 2.0)
    (g,) = weft.autograd.grad((x * x).sum(), x)
    assert g.tolist() == [2, 4]
    assert x.grad is None
    assert not g.requires_grad


def test_grad_by_an_intermediate_tensor():
    x = leaf(1.0, 2.0)
    y = x.exp()
    (g,) = weft.autograd.grad((y * y).sum(), y)
    assert g.tolist() == (2 * y).tolist()


def test_grad_of_several_outputs_is_the_sum():
    x = leaf(3.0)
    (g,) = weft.autograd.grad([x * 2, x * x], x)
    assert g.tolist() == [8]
    assert not g.requires_grad


def test_a_cotangent_scales_the_gradient_and_is_read_in_the_tensors_dtype():
    x = leaf(1.0, 1.0)
    (x * 2).backward(weft.tensor([1, 10]))
    assert x.grad.tolist() == [2, 20]
    assert x.grad.dtype is weft.float32


def test_the_gradient_has_the_dtype_of_its_tensor():
    x = weft.tensor([3.0], dtype=weft.float16, requires_grad=True)
    (x.to(weft.float32) * weft.tensor([2.0])).sum().backward()
    assert x.grad.dtype is weft.float16


def test_inputs_restrict_accumulation_to_the_tensors_named():
    x, y = leaf(1.0), leaf(5.0)
    (x * y).sum().backward(inputs=[x])
    assert x.grad.tolist() == [5]
    assert y.grad is None


def test_inputs_may_name_a_tensor_that_is_no_leaf():
    x = leaf(1.0)
    y = x * 2
    (y * y).sum().backward(inputs=y)
    assert y.grad.tolist() == [4]
    assert x.grad is None


def test_an_unused_input_is_refused_or_none():
    x, y = leaf(1.0), leaf(1.0)
    with pytest.raises(weft.GradError, match=r"input 1 of shape .* allow_unused=True"):
        weft.autograd.grad((x * x).sum(), [x, y])
    assert weft.autograd.grad((x * x).sum(), [x, y], allow_unused=True)[1] is None


def test_an_input_that_needs_no_gradient_is_named():
    x = leaf(1.0)
    with pytest.raises(weft.GradError, match=r"input 0 .* needs no gradient"):
        weft.autograd.grad((x * x).sum(), weft.ones(1))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: weft.ones(2).sum().backward(), "needs no gradient"),
        (
            lambda: (leaf(1.0, 2.0) * 2).backward(),
            r"has shape \(2,\); reduce it, or pass gradient=",
        ),
        (lambda: (leaf(1.0, 2.0) * 2).backward(weft.ones(3)), r"shape \(2,\) must have"),
        (lambda: leaf(1.0).sum().backward(inputs=[]), "inputs= is empty"),
        (lambda: (leaf(1.0) * 2).backward(weft.tensor([1j])), "cannot be of weft.complex64"),
    ],
)
def test_backward_says_what_it_needs(make, message):
    with pytest.raises(RuntimeError, match=message):
        make()


def test_integers_cannot_require_grad():
    with pytest.raises(weft.GradError, match=r"only floating and complex .* weft.int64"):
        weft.ones(2, dtype=weft.int64, requires_grad=True)


# --- what is kept and freed --------------------------------------------------------------------


def test_a_second_backward_through_a_freed_graph_says_what_to_do():
    x = leaf(2.0)
    y = (x * x).sum()
    y.backward()
    with pytest.raises(weft.GradError, match=r"through mul was freed .* pass retain_graph=True"):
        y.backward()


def test_retain_graph_allows_a_second_backward():
    x = leaf(2.0)
    y = (x * x).sum()
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.tolist() == [8]


def test_a_graph_that_saved_nothing_runs_backward_again():
    x = leaf(2.0)
    y = (x + x).sum()
    y.backward()
    y.backward()
    assert x.grad.tolist() == [4]


def test_create_graph_keeps_the_graph_and_records_the_gradient():
    x = leaf(3.0)
    y = (x * x * x).sum()
    (first,) = weft.autograd.grad(y, x, create_graph=True)
    (second,) = weft.autograd.grad(first.sum(), x, create_graph=True)
    (third,) = weft.autograd.grad(second.sum(), x)
    assert [first.item(), second.item(), third.item()] == [27, 18, 6]


def test_backward_with_create_graph_records_into_grad():
    x = leaf(3.0)
    (x**3).sum().backward(create_graph=True)
    penalty = (x.grad * x.grad).sum()
    (g,) = weft.autograd.grad(penalty, x)
    assert g.item() == pytest.approx(2 * 27 * 18)


def test_a_chain_of_100_000_nodes_runs_backward_and_is_freed_without_recursion():
    x = leaf(1.0)
    y = x
    for _ in range(100_000):
        y = y * 1.0
    y.sum().backward()
    assert x.grad.tolist() == [1]
    del y
    z = x
    for _ in range(100_000):
        z = z * 1.0
    del z  # never run: everything it saved goes at once


@pytest.mark.parametrize("run", [False, True], ids=["never_run", "after_backward"])
def test_graphs_are_freed_by_reference_counts_alone(run):
    gc.collect()
    gc.disable()
    try:
        x = leaf(0.5, 1.5)
        y = x.exp()
        values, _ = (y * y).tanh().topk(1)
        z = values.sum()
        if run:
            z.backward()
        watched = [weakref.ref(t) for t in (x, y, values, z)]
        watched += [weakref.ref(t.grad_fn) for t in (y, z)]
        del x, y, values, _, z
        assert [ref() for ref in watched] == [None] * len(watched)
    finally:
        gc.enable()


def test_backward_frees_what_nodes_saved():
    x = leaf(1.0, 2.0)
    y = x * 2
    saved = weakref.ref(y)
    z = (y * y).sum()
    del y
    assert saved() is not None
    z.backward()
    assert saved() is None


# --- several outputs ---------------------------------------------------------------------------


def test_gradients_flow_through_the_values_of_topk_sort_and_extremes():
    x = leaf(3.0, 1.0, 2.0)
    weights = weft.tensor([1.0, 10.0])
    (x.topk(2).values * weights).sum().backward()
    assert x.grad.tolist() == [1, 0, 10]
    x.grad = None
    (x.sort(descending=True).values * weft.tensor([1.0, 2.0, 3.0])).sum().backward()
    assert x.grad.tolist() == [1, 3, 2]
    x.grad = None
    (x.max(dim=0).values * 5 + x.min(0).values * 7).backward()
    assert x.grad.tolist() == [5, 7, 0]


def test_places_have_no_gradient():
    x = leaf(3.0, 1.0, 2.0)
    for found in (x.topk(2), x.sort(), x.max(dim=0), x.min(dim=0)):
        assert not found.indices.requires_grad
        assert found.values.requires_grad


def test_equal_extremes_share_the_gradient_but_a_place_takes_it_whole():
    x = leaf(3.0, 3.0, 1.0)
    x.max().backward()
    assert x.grad.tolist() == [0.5, 0.5, 0]
    x.grad = None
    x.max(dim=0).values.backward()
    assert x.grad.tolist() == [1, 0, 0]


def test_some_of_several_pieces_may_stay_unused():
    x = leaf(1.0, 2.0, 3.0)
    _, middle, _ = x.split(1)
    (middle * 4).sum().backward()
    assert x.grad.tolist() == [0, 4, 0]


# --- hooks -------------------------------------------------------------------------------------


def test_a_hook_sees_the_gradient_and_may_replace_it():
    x = leaf(1.0, 1.0)
    y = x * 2
    seen = []
    y.register_hook(lambda g: seen.append(g.tolist()))
    handle = y.register_hook(lambda g: g * 10)
    y.sum().backward(retain_graph=True)
    assert seen == [[1, 1]]
    assert x.grad.tolist() == [20, 20]
    handle.remove()
    handle.remove()
    y.sum().backward()
    assert x.grad.tolist() == [22, 22]


def test_a_hook_of_a_leaf_runs_once_on_the_whole_gradient():
    x = leaf(1.0)
    calls = []
    x.register_hook(lambda g: calls.append(g.item()))
    (x * 2 + x * 3).sum().backward()
    assert calls == [5]


def test_a_post_accumulate_hook_sees_grad_filled():
    x = leaf(1.0)
    seen = []
    x.register_post_accumulate_grad_hook(lambda p: seen.append(p.grad.item()))
    (x * 2).sum().backward()
    (x * 2).sum().backward()
    assert seen == [2, 4]
    with pytest.raises(weft.GradError, match="use register_hook"):
        (x * 2).register_post_accumulate_grad_hook(print)


def test_retain_grad_keeps_the_gradient_of_a_result():
    x = leaf(1.0)
    y = x * 2
    assert not y.retains_grad
    y.retain_grad()
    (y * 3).sum().backward()
    assert y.retains_grad
    assert y.grad.tolist() == [3]


def test_hooks_need_a_gradient():
    with pytest.raises(weft.GradError, match="register_hook: this tensor requires no gradient"):
        weft.ones(1).register_hook(print)
    with pytest.raises(weft.GradError, match="retain_grad: this tensor requires no gradient"):
        weft.ones(1).retain_grad()


# --- modes -------------------------------------------------------------------------------------


def recording() -> bool:
    """Whether an op is recorded here and now."""
    made = (leaf(1.0) * 2).requires_grad
    assert made is weft.is_grad_enabled()
    return made


def test_modes_nest_and_restore():
    assert recording()
    with weft.no_grad():
        assert not recording()
        with weft.enable_grad():
            assert recording()
            with weft.inference_mode():
                assert not recording()
                assert weft.is_inference_mode_enabled()
            with weft.inference_mode(False):
                assert recording()
        assert not recording()
    assert recording()
    assert not weft.is_inference_mode_enabled()


def test_set_grad_enabled_switches_at_once_or_within_a_block():
    weft.set_grad_enabled(False)
    try:
        assert not recording()
    finally:
        weft.set_grad_enabled(True)
    assert recording()
    with weft.set_grad_enabled(False):
        assert not recording()
    assert recording()


def test_a_bare_switch_inside_a_block_does_not_outlive_it():
    with weft.no_grad():
        weft.set_grad_enabled(True)
        assert recording()
    assert recording()
    with weft.no_grad():  # it once left a count behind that made this block record
        assert not recording()
    assert recording()


def test_modes_are_left_when_an_error_leaves_them():
    with pytest.raises(KeyError), weft.no_grad():
        raise KeyError
    assert recording()


@pytest.mark.parametrize(
    "decorate",
    [
        lambda f: weft.no_grad()(f),
        lambda f: weft.no_grad(f),
        lambda f: weft.inference_mode()(f),
        lambda f: weft.inference_mode(f),
        lambda f: weft.set_grad_enabled(False)(f),
    ],
)
def test_modes_decorate_functions(decorate):
    inside = decorate(recording)
    assert recording()
    assert not inside()
    assert recording()


def test_a_decorated_function_may_call_itself():
    @weft.no_grad()
    def down(n: int) -> list[bool]:
        return [recording(), *(down(n - 1) if n else [])]

    assert down(2) == [False, False, False]
    assert recording()


def test_a_decorated_generator_holds_the_mode_only_while_it_runs():
    @weft.no_grad()
    def steps():
        try:
            got = yield recording()
            yield (recording(), got)
        except ValueError as error:
            yield str(error)

    walk = steps()
    assert next(walk) is False
    assert recording()
    assert walk.send("word") == (False, "word")
    assert walk.throw(ValueError("thrown")) == "thrown"
    walk.close()
    assert recording()


def test_a_mode_is_of_one_thread():
    inside, checked = threading.Event(), threading.Event()
    seen = []

    def other() -> None:
        inside.wait(10)
        seen.append(recording())
        checked.set()

    worker = threading.Thread(target=other)
    worker.start()
    with weft.no_grad():
        inside.set()
        checked.wait(10)
        assert not recording()
    worker.join()
    assert seen == [True]


def test_a_leaf_made_under_no_grad_still_requires_grad():
    with weft.no_grad():
        x = leaf(1.0)
    assert x.requires_grad
    assert x.is_leaf


def test_eight_threads_compute_what_one_does():
    def work(seed: int) -> list[float]:
        x = weft.randn(40, 30, generator=weft.Generator(seed), requires_grad=True)
        w = weft.randn(30, 20, generator=weft.Generator(seed + 1), requires_grad=True)
        for _ in range(5):
            with weft.no_grad():
                weft.set_grad_enabled(seed % 2 == 0)
                (x * 2).sum()
            (x @ w).tanh().logsumexp(1).sum().backward()
        return [x.grad.sum().item(), w.grad.sum().item()]

    alone = [work(seed) for seed in range(8)]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(work, range(8)))
    assert together == alone


def test_threads_may_add_to_one_leaf_in_turn():
    x = leaf(1.0)
    for _ in range(3):
        worker = threading.Thread(target=lambda: (x * 2).sum().backward())
        worker.start()
        worker.join()
    assert x.grad.tolist() == [6]


# --- writing in place --------------------------------------------------------------------------


def test_an_overwritten_saved_tensor_names_the_op_that_wrote_and_the_one_that_needed_it():
    x = leaf(1.0)
    y = x.exp()
    z = y * y
    y.add_(1)
    with pytest.raises(
        weft.GradError, match=r"mul needs .* overwritten in place by add_ \(1 write"
    ):
        z.sum().backward()


def test_an_overwritten_saved_output_is_noticed():
    x = leaf(1.0)
    y = x.exp()
    y.mul_(2)
    with pytest.raises(weft.GradError, match=r"exp needs .* overwritten in place by mul_"):
        y.sum().backward()


def test_a_write_through_a_view_or_a_detached_twin_is_noticed():
    for twin in (lambda t: t.detach(), lambda t: t.detach()[0:1]):
        x = leaf(1.0, 2.0)
        y = x * 1
        z = (y * y).sum()
        twin(y).zero_()
        with pytest.raises(weft.GradError, match=r"overwritten in place by (copy_|zero_)"):
            z.backward()


def test_writes_that_nothing_saved_do_no_harm():
    x = leaf(1.0)
    y = x + 1
    z = y + 1
    y.mul_(5)
    (y + z).sum().backward()
    assert x.grad.tolist() == [6]


@pytest.mark.parametrize(
    ("write", "slope"),
    [
        (lambda y, x: y.add_(x), [2, 2]),
        (lambda y, x: y.mul_(3), [3, 3]),
        (lambda y, x: y.mul_(x), [2, 4]),
        (lambda y, x: y.mul_(y), [2, 4]),
        (lambda y, x: y.square_(), [2, 4]),
        (lambda y, x: y.div_(x + 1), [0.25, 1 / 9]),
        (lambda y, x: y.clamp_(max=1.5), [1, 0]),
        (lambda y, x: y.copy_(x * x), [2, 4]),
        (lambda y, x: y.zero_(), [0, 0]),
        (lambda y, x: y.__imul__(x), [2, 4]),
        (lambda y, x: y.__isub__(3 * x), [-2, -2]),
    ],
    ids=["add", "mul", "mul_x", "mul_self", "square", "div", "clamp", "copy", "zero", "*=", "-="],
)
def test_in_place_ops_are_differentiable(write, slope):
    x = leaf(1.0, 2.0)
    y = x * 1
    result = write(y, x)
    assert result is y
    total = y.sum()
    if total.requires_grad:
        total.backward()
        assert x.grad.tolist() == pytest.approx(slope)
    else:
        assert slope == [0, 0]


def test_item_assignment_is_differentiable_by_both_sides():
    x, v = leaf(1.0, 2.0, 3.0), leaf(7.0)
    y = x * 2
    y[1:2] = v * v
    (y * weft.tensor([1.0, 10.0, 100.0])).sum().backward()
    assert x.grad.tolist() == [2, 0, 200]
    assert v.grad.tolist() == [140]


def test_a_plain_buffer_joins_the_graph_when_written_with_a_recorded_value():
    x = leaf(1.0, 2.0)
    buffer = weft.zeros(3)
    buffer[:2] = x * 3
    buffer.sum().backward()
    assert x.grad.tolist() == [3, 3]


def test_a_leaf_that_requires_grad_cannot_be_written_while_recording():
    x = leaf(1.0, 2.0)
    for write in (
        lambda: x.add_(1),
        lambda: x.zero_(),
        lambda: x.__setitem__(0, 5.0),
        lambda: x.__imul__(2),
    ):
        with pytest.raises(weft.GradError, match=r"write under weft\.no_grad"):
            write()
    assert x.tolist() == [1, 2]
    with weft.no_grad():
        x.add_(1)
        x[0] = 9
    assert x.tolist() == [9, 3]
    assert x.requires_grad


def test_a_tensor_whose_views_are_gone_can_be_written_in_place():
    x = leaf(1.0, 2.0)
    y = (x * 1).reshape(2, 1)  # what it is a view of is gone
    y.mul_(3)
    y.sum().backward()
    assert x.grad.tolist() == [3, 3]


def test_detach_shares_memory_and_cuts_the_graph():
    x = leaf(1.0, 2.0)
    y = x * 2
    cut = y.detach()
    assert not cut.requires_grad
    cut[0] = 50
    assert y.tolist() == [50, 4]
    assert cut.data_ptr() == y.data_ptr()
    y.detach_()
    assert y.is_leaf
    assert not y.requires_grad
