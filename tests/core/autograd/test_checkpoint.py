"""Checkpointing: the same gradients from less memory, whatever the function does."""

from __future__ import annotations

import contextlib
import math
import threading
import tracemalloc
import weakref

import pytest

import weft
from weft import nn
from weft.utils.checkpoint import (
    CheckpointError,
    checkpoint,
    checkpoint_sequential,
    set_checkpoint_debug_enabled,
    set_checkpoint_early_stop,
)


def leaf(*shape: int, dtype: weft.dtype = weft.float32) -> weft.Tensor:
    return weft.randn(*shape, dtype=dtype).requires_grad_()


@pytest.fixture(autouse=True)
def seeded() -> None:
    weft.manual_seed(0)


def network(depth: int = 6) -> nn.Sequential:
    return nn.Sequential(
        *(nn.Sequential(nn.Linear(8, 8), nn.Dropout(0.3), nn.Tanh()) for _ in range(depth))
    )


def trained(run, net, x):
    """Return the loss and every gradient of one step under a fixed seed."""
    weft.manual_seed(3)
    net.zero_grad()
    x.grad = None
    loss = run().square().sum()
    loss.backward()
    return [loss.detach(), x.grad.clone(), *(p.grad.clone() for p in net.parameters())]


def same(got, wanted) -> bool:
    return len(got) == len(wanted) and all(map(weft.equal, got, wanted))


class Counted:
    """A function that counts its runs, and the ones that came to their end."""

    def __init__(self, function):
        self.function = function
        self.begun = self.ended = 0

    def __call__(self, *args, **kwargs):
        self.begun += 1
        result = self.function(*args, **kwargs)
        self.ended += 1
        return result


# --- gradients ---------------------------------------------------------------------------------


def test_a_checkpointed_network_has_the_same_loss_and_gradients():
    net, x = network(), leaf(4, 8)
    plain = trained(lambda: net(x), net, x)
    assert same(trained(lambda: checkpoint(net, x), net, x), plain)


@pytest.mark.parametrize("segments", [1, 2, 3, 4, 6])
def test_a_sequential_one_has_the_same_in_any_number_of_segments(segments):
    net, x = network(), leaf(4, 8)
    plain = trained(lambda: net(x), net, x)
    assert same(trained(lambda: checkpoint_sequential(net, segments, x), net, x), plain)
    assert same(trained(lambda: checkpoint_sequential(list(net), segments, x), net, x), plain)


def halves(net, low, high):
    """Return the function of layers low to high, both halves of it checkpointed, and so on."""

    def run(y):
        if high - low == 1:
            return net[low](y)
        middle = (low + high) // 2
        return checkpoint(halves(net, middle, high), checkpoint(halves(net, low, middle), y))

    return run


def test_nested_checkpoints_have_the_same():
    net, x = network(8), leaf(4, 8)
    plain = trained(lambda: net(x), net, x)
    assert same(trained(lambda: checkpoint(halves(net, 0, 8), x), net, x), plain)


@pytest.mark.parametrize("dtype", [weft.float16, weft.float64, weft.complex64])
def test_other_dtypes_have_the_same(dtype):
    x = leaf(3, 3, dtype=dtype)

    def f(y):
        return (y @ y).sin() * y

    (plain,) = weft.autograd.grad(f(x).abs().sum(), x)
    (got,) = weft.autograd.grad(checkpoint(f, x).abs().sum(), x)
    assert weft.equal(got, plain)


def test_the_second_derivative_is_the_same():
    x, w = leaf(5), leaf(5)

    def f(y):
        return weft.tanh(y * w).exp()

    def twice(out):
        (g,) = weft.autograd.grad(out.sum(), x, create_graph=True)
        return weft.autograd.grad((g * g).sum(), (x, w))

    assert same(twice(checkpoint(f, x)), twice(f(x)))


def test_backward_can_run_twice_when_the_graph_is_retained_and_runs_the_function_each_time():
    x = leaf(4)
    f = Counted(lambda y: y.exp().sin())
    out = checkpoint(f, x).sum()
    first = weft.autograd.grad(out, x, retain_graph=True)
    second = weft.autograd.grad(out, x)
    assert same(first, second)
    assert f.begun == 3
    with pytest.raises(weft.GradError, match="freed"):
        out.backward()


def test_gradients_by_some_of_the_inputs_are_the_same():
    x, w = leaf(4), leaf(4)

    def f(y):
        return (y * w).exp() + y.sin()

    assert same(weft.autograd.grad(checkpoint(f, x).sum(), w), weft.autograd.grad(f(x).sum(), w))


def test_gradients_from_some_of_the_outputs_are_the_same():
    x = leaf(4)

    def f(y):
        return {"a": y.exp(), "rest": (y.sin(), [y.cos(), 3])}

    got, plain = checkpoint(f, x), f(x)
    assert got["rest"][1][1] == 3
    for one, other in ((got["a"], plain["a"]), (got["rest"][1][0], plain["rest"][1][0])):
        (a,) = weft.autograd.grad(one.sum(), x, retain_graph=True)
        (b,) = weft.autograd.grad(other.sum(), x, retain_graph=True)
        assert weft.equal(a, b)


def test_arguments_may_be_anything_and_come_by_name():
    x, y = leaf(3), leaf(3)

    def f(pair, power, *, scale, flag=False, nothing=None):
        assert flag
        assert nothing is None
        return (pair["x"] ** power * pair["y"][0]).exp() * scale

    args = ({"x": x, "y": [y, "text"]}, 2)
    settings = {"scale": 0.5, "flag": True}
    got = weft.autograd.grad(checkpoint(f, *args, **settings).sum(), (x, y))
    assert same(got, weft.autograd.grad(f(*args, **settings).sum(), (x, y)))


def test_what_the_function_closes_over_gets_its_gradient():
    w, b, x = leaf(3, 3), leaf(3), weft.ones(2, 3)
    checkpoint(lambda y: weft.tanh(y @ w + b), x).sum().backward()
    grads = [w.grad.clone(), b.grad.clone()]
    w.grad = b.grad = None
    weft.tanh(x @ w + b).sum().backward()
    assert same([w.grad, b.grad], grads)


def test_a_part_of_the_function_may_be_cut_from_the_graph():
    x = leaf(3)

    def f(y):
        with weft.no_grad():
            scale = y.exp()
        return (y * y.detach() * scale).sin()

    assert same(weft.autograd.grad(checkpoint(f, x).sum(), x), weft.autograd.grad(f(x).sum(), x))


def test_in_place_ops_of_the_function_run_again():
    x = leaf(3)

    def f(y):
        z = y * 2
        z.sin_()
        z.mul_(y)
        return z.exp()

    assert same(weft.autograd.grad(checkpoint(f, x).sum(), x), weft.autograd.grad(f(x).sum(), x))


class Cube(weft.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        y = x * x
        ctx.save_for_backward(x, y)
        return y * x

    @staticmethod
    def backward(ctx, g):
        x, y = ctx.saved_tensors
        return g * (y + 2 * x * x)


def test_custom_functions_save_nothing_and_run_again():
    x = leaf(3)
    f = Counted(lambda y: Cube.apply(y.sin()).exp())
    out = checkpoint(f, x)
    assert same(
        weft.autograd.grad(out.sum(), x), weft.autograd.grad(Cube.apply(x.sin()).exp().sum(), x)
    )
    assert f.begun == 2


def test_writes_through_views_run_again():
    x = leaf(3, 2)

    def f(y):
        z = y * 2
        z[0] = y[1].sin()
        z[1:].mul_(y[:2].exp())
        return z.exp()

    assert same(weft.autograd.grad(checkpoint(f, x).sum(), x), weft.autograd.grad(f(x).sum(), x))


def test_gradients_may_be_taken_inside_the_function():
    x = leaf(3)

    def f(y):
        inner = (y.exp() * y).sum()
        (g,) = weft.autograd.grad(inner, y, create_graph=True)
        return g.sin() * y

    expected = weft.autograd.grad(f(x).sum(), x)
    for early in (True, False):
        assert same(weft.autograd.grad(checkpoint(f, x, early_stop=early).sum(), x), expected)


def test_hooks_on_saved_tensors_hold_outside_of_checkpoints_and_may_forbid_them():
    x = leaf(3)

    def f(y):
        return checkpoint(lambda z: (z * 2).exp(), y.sin()).cos()

    with weft.autograd.graph.save_on_cpu():
        out = checkpoint(f, x).sum()
    assert same(weft.autograd.grad(out, x), weft.autograd.grad((x.sin() * 2).exp().cos().sum(), x))
    with (
        weft.autograd.graph.disable_saved_tensors_hooks("none here"),
        pytest.raises(weft.GradError, match="none here"),
    ):
        checkpoint(f, x)


def test_a_recurrent_network_with_dropout_runs_again():
    net = nn.LSTM(4, 4, num_layers=2, dropout=0.5, batch_first=True)
    x = leaf(2, 5, 4)
    plain = trained(lambda: net(x)[0], net, x)
    assert same(trained(lambda: checkpoint(lambda y: net(y)[0], x), net, x), plain)


# --- with the transforms -----------------------------------------------------------------------


def body(y):
    return (y.sin() * y).exp().sum()


@pytest.mark.parametrize(
    "transform",
    [
        weft.func.grad,
        lambda f: weft.func.vmap(weft.func.grad(f)),
        lambda f: lambda x: weft.func.jvp(weft.func.grad(f), (x,), (weft.ones_like(x),))[1],
        lambda f: lambda x: weft.func.grad(lambda y: weft.func.grad(f)(y).sum())(x),
        lambda f: lambda x: weft.func.jvp(f, (x,), (weft.ones_like(x),))[1],
        lambda f: lambda x: weft.func.vjp(f, x)[1](weft.tensor(1.0))[0],
    ],
    ids=["grad", "vmap-grad", "jvp-grad", "grad-grad", "jvp", "vjp"],
)
def test_transforms_of_a_checkpointed_function_are_those_of_the_function(transform):
    x = weft.randn(3, 4)
    got = transform(lambda y: checkpoint(body, y))(x)
    assert weft.allclose(got, transform(body)(x), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["jacrev", "jacfwd", "hessian"])
def test_jacobians_and_hessians_are_those_of_the_function(name):
    transform = getattr(weft.func, name)
    x = weft.randn(3)

    def f(y):
        return (y.exp() * y).sin() if name != "hessian" else body(y)

    got = transform(lambda y: checkpoint(f, y))(x)
    assert weft.allclose(got, transform(f)(x), rtol=1e-5, atol=1e-5)


def test_a_batch_of_cotangents_goes_through():
    x, seeds = leaf(3), weft.eye(3)

    def f(y):
        return (y.exp() * y).sin()

    got = weft.autograd.grad(checkpoint(f, x), x, seeds, is_grads_batched=True)
    assert same(got, weft.autograd.grad(f(x), x, seeds, is_grads_batched=True))


def test_a_checkpoint_of_a_vmapped_function_has_the_same_gradient():
    x = leaf(3, 4)
    mapped = weft.func.vmap(body)
    got = weft.autograd.grad(checkpoint(mapped, x).sum(), x)
    assert same(got, weft.autograd.grad(mapped(x).sum(), x))


# --- random numbers ----------------------------------------------------------------------------


def test_dropout_drops_the_same_elements_in_the_second_run():
    x = weft.ones(1000, requires_grad=True)
    out = checkpoint(lambda y: nn.functional.dropout(y * y, 0.5, True), x)
    weft.rand(7)  # draws between the two runs change nothing
    out.sum().backward()
    assert weft.equal(x.grad, 2 * out.detach())


def test_without_preserve_rng_state_it_drops_others():
    x = weft.ones(1000, requires_grad=True)
    out = checkpoint(lambda y: nn.functional.dropout(y * y, 0.5, True), x, preserve_rng_state=False)
    (g,) = weft.autograd.grad(out.sum(), x, retain_graph=True)
    assert not weft.equal(g, 2 * out.detach())


def test_the_second_run_leaves_the_random_generator_as_it_was():
    x = leaf(10)
    out = checkpoint(lambda y: nn.functional.dropout(y.exp(), 0.5, True), x)
    state = weft.get_rng_state()
    out.sum().backward()
    assert weft.equal(weft.get_rng_state(), state)


# --- how often the function runs ---------------------------------------------------------------


def test_the_function_runs_once_forward_and_once_backward():
    x = leaf(3)
    f = Counted(lambda y: y.exp().sin().cos())
    out = checkpoint(f, x)
    assert f.begun == 1
    out.sum().backward()
    assert f.begun == 2


def test_under_no_grad_it_runs_once_and_keeps_nothing():
    f = Counted(weft.exp)
    with weft.no_grad():
        out = checkpoint(f, leaf(3))
    assert f.begun == 1
    assert not out.requires_grad


def test_it_does_not_run_again_where_nothing_needs_a_gradient():
    f = Counted(lambda y: y.exp() + 1)
    x, w = weft.ones(3), leaf(3)
    (checkpoint(f, x) * w).sum().backward()
    assert f.begun == 1


def tail(y):
    z = y.exp().sin()  # both save a tensor
    return z + 1  # saves none


def test_the_second_run_ends_with_the_last_saved_tensor():
    f = Counted(tail)
    checkpoint(f, leaf(3)).sum().backward()
    assert (f.begun, f.ended) == (2, 1)


def test_early_stop_can_be_switched_off_by_argument_and_over_it_by_context():
    for outer, argument, ended in ((None, False, 2), (False, True, 2), (True, False, 1)):
        f = Counted(tail)
        context = contextlib.nullcontext()
        if outer is not None:
            context = set_checkpoint_early_stop(outer)
        with context:
            out = checkpoint(f, leaf(3), early_stop=argument)
        out.sum().backward()
        assert f.ended == ended


# --- what can go wrong -------------------------------------------------------------------------


def alternating(first, second):
    """Return a function that runs as the first of two at first and then as the other."""
    runs = iter((first, second, second))
    return lambda y: next(runs)(y)


@pytest.mark.parametrize(
    ("first", "second", "told"),
    [
        (lambda y: y.sin().exp(), lambda y: y.sin(), "saved 1 tensors, the first 2"),
        (lambda y: y[:2].exp(), lambda y: y.exp(), r"float32\(2,\) on cpu .* float32\(3,\) on cpu"),
        (lambda y: y.exp(), lambda y: y.double().exp(), r"was float32\(3,\) .* is float64\(3,\)"),
    ],
    ids=["fewer", "shape", "dtype"],
)
def test_a_second_run_that_differs_is_one_clear_error(first, second, told):
    out = checkpoint(alternating(first, second), leaf(3))
    with pytest.raises(CheckpointError, match=told) as caught:
        out.sum().backward()
    assert "must not depend on what changes between forward and backward" in str(caught.value)
    assert "pass debug=True" in str(caught.value)


def test_a_second_run_that_saves_more_is_an_error_when_it_runs_to_its_end():
    f = alternating(lambda y: y.exp(), lambda y: y.exp().sin())
    out = checkpoint(f, leaf(3), early_stop=False)
    with pytest.raises(CheckpointError, match="more tensors than the 1 of the first"):
        out.sum().backward()


def test_without_the_check_of_determinism_only_the_number_counts():
    f = alternating(lambda y: y[:2].exp().sum(), lambda y: y.exp().sum())
    x = leaf(3)
    with pytest.raises(weft.ShapeError):  # of the rule that got the wrong tensor
        checkpoint(f, x, determinism_check="none").backward()


@pytest.mark.parametrize("by_context", [False, True])
def test_debug_shows_the_ops_and_lines_where_the_runs_part(by_context):
    f = alternating(lambda y: y.sin().exp(), lambda y: y.sin().double().exp())
    if by_context:
        with set_checkpoint_debug_enabled(True):
            out = checkpoint(f, leaf(3))
    else:
        out = checkpoint(f, leaf(3), debug=True)
    with pytest.raises(CheckpointError) as caught:
        out.sum().backward()
    text = str(caught.value)
    assert "1 ops alike" in text
    assert "first run, then:\n    exp -> float32(3,) on cpu" in text
    assert "second run, then:\n    convert -> float64(3,)" in text
    assert "test_checkpoint.py" in text


def test_an_argument_that_was_overwritten_is_named():
    x = leaf(3)
    y = x * 2
    out = checkpoint(weft.exp, y)
    y.detach().zero_()
    with pytest.raises(CheckpointError, match=r"an argument, float32\(3,\) on cpu, was overwrit"):
        out.sum().backward()


def test_a_saved_tensor_that_the_function_overwrites_is_an_error_and_no_wrong_gradient():
    def f(y):
        z = y.exp()
        z.detach().mul_(2)
        return z.sin().cos()

    out = checkpoint(f, leaf(3))
    with pytest.raises(weft.GradError, match=r"overwritten in place by mul_ in the checkpointed"):
        out.sum().backward()


def test_an_error_of_the_function_is_the_users_own_and_leaves_no_hooks():
    def f(y):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        checkpoint(f, leaf(3))
    x = leaf(2)
    out = x.exp()
    assert out.grad_fn.args is not None
    assert weft._core.modes.here.watchers == ()


def test_the_reentrant_form_and_unknown_checks_are_refused():
    with pytest.raises(ValueError, match="use_reentrant=True is not offered"):
        checkpoint(weft.exp, leaf(2), use_reentrant=True)
    with pytest.raises(ValueError, match="use_reentrant=True is not offered"):
        checkpoint_sequential([weft.exp, weft.sin], 2, leaf(2), use_reentrant=True)
    with pytest.raises(ValueError, match="determinism_check must be one of 'default', 'none'"):
        checkpoint(weft.exp, leaf(2), determinism_check="strict")
    assert checkpoint(weft.exp, leaf(2), use_reentrant=False).requires_grad


@pytest.mark.parametrize("segments", [0, 3])
def test_more_segments_than_functions_or_none_is_refused(segments):
    with pytest.raises(ValueError, match=f"from 1 to the number of functions, 2, got {segments}"):
        checkpoint_sequential([weft.exp, weft.sin], segments, leaf(2))


# --- contexts ----------------------------------------------------------------------------------


def test_context_fn_gives_one_context_to_each_run_however_often_it_runs():
    entered = []

    @contextlib.contextmanager
    def named(name):
        entered.append(name)
        yield
        entered.append(f"end of {name}")

    x = leaf(3)
    out = checkpoint(tail, x, context_fn=lambda: (named("first"), named("second"))).sum()
    assert entered == ["first", "end of first"]
    out.backward(retain_graph=True)
    out.backward()
    assert entered.count("second") == 2


def test_the_second_run_makes_tensors_where_the_first_one_did():
    def f(y):
        return (y * weft.ones(3)).exp()

    x = leaf(3)
    out = checkpoint(f, x)
    with weft.device("meta"):
        out.backward(out.detach())
    assert str(x.grad.device) == "cpu"


# --- memory ------------------------------------------------------------------------------------

SIZE = 1 << 16  # elements, so that one activation is 256 KiB


def deep(depth: int):
    """Return so many functions that each save one activation."""
    return [weft.tanh] * depth


def peak(run) -> float:
    """Return the most memory that a step needed at once, in activations."""
    x = weft.ones(SIZE, requires_grad=True)
    run(x).sum().backward()  # loads what is loaded on first use
    x.grad = None
    tracemalloc.start()
    try:
        run(x).sum().backward()
        return tracemalloc.get_traced_memory()[1] / (4 * SIZE)
    finally:
        tracemalloc.stop()


def chain(x, steps):
    for step in steps:
        x = step(x)
    return x


@pytest.mark.parametrize("depth", [16, 64, 144])
def test_memory_grows_with_the_square_root_of_the_depth(depth):
    assert peak(lambda x: chain(x, deep(depth))) > depth
    root = math.isqrt(depth)
    # the inputs of the segments, what one of them saves, and a few that are being computed
    assert peak(lambda x: checkpoint_sequential(deep(depth), root, x)) < 2 * root + 6


def test_memory_of_nested_halves_grows_with_the_logarithm_of_the_depth():
    net = deep(64)
    assert peak(lambda x: checkpoint(halves(net, 0, 64), x)) < 2 * math.log2(64) + 6


def test_nothing_that_the_function_computes_outlives_the_forward_pass():
    seen = []

    def f(y):
        z = y.exp()
        seen.append(weakref.ref(z))
        return z.sin().sum()

    out = checkpoint(f, leaf(3))
    assert seen[0]() is None
    out.backward()
    assert seen[-1]() is None


def test_the_frame_is_freed_with_the_graph():
    class Function:
        def __call__(self, y):
            return y.exp().sin()

    f = Function()
    ref = weakref.ref(f)
    out = checkpoint(f, leaf(3)).sum()
    del f
    assert ref() is not None
    out.backward()
    assert ref() is None


# --- threads -----------------------------------------------------------------------------------


def test_checkpoints_of_several_threads_do_not_meet():
    net = [weft.tanh, weft.exp, weft.sin] * 3
    inputs = [leaf(50) for _ in range(4)]
    expected = [weft.autograd.grad(chain(x, net).sum(), x)[0] for x in inputs]
    got: dict[int, weft.Tensor] = {}

    def work(i):
        for _ in range(5):
            out = checkpoint_sequential(net, 3, inputs[i])
            got[i] = weft.autograd.grad(out.sum(), inputs[i])[0]

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(weft.equal(got[i], expected[i]) for i in range(4))
