"""Functions with a derivative of the user's own: the same programs in weft and in torch."""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any

import pytest
import torch

import weft
from tests.parity.programs import Programs, leaf

# torch's own modules, imported by its transforms at first use, warn of one another
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

case = Programs()


def plain(value: Any) -> Any:
    if isinstance(value, (tuple, list)):
        return [plain(v) for v in value]
    if hasattr(value, "tolist"):
        numbers = value.tolist()
        return round(numbers, 4) if isinstance(numbers, float) else rounded(numbers)
    return value


def rounded(numbers: Any) -> Any:
    if isinstance(numbers, list):
        return [rounded(n) for n in numbers]
    return round(numbers, 4) if isinstance(numbers, float) else numbers


def made(lib: Any, **methods: Any) -> Any:
    """Return a Function called Mine with these static methods and settings."""
    static = {
        name: staticmethod(m) if isinstance(m, types.FunctionType) else m
        for name, m in methods.items()
    }
    return type("Mine", (lib.autograd.Function,), static)


def quiet(*_: Any) -> None:
    """Set up nothing."""


def twice(ctx: Any, x: Any) -> Any:
    return x * 2


def same(ctx: Any, *gs: Any) -> Any:
    return gs[0]


# --- reverse mode ------------------------------------------------------------------------------


@case
def saved_results_and_arguments_are_differentiated_again(lib: Any) -> Any:
    def forward(ctx: Any, x: Any, w: Any) -> Any:
        y = x.exp() * w
        ctx.save_for_backward(x, y, None, w)
        return y

    def backward(ctx: Any, g: Any) -> Any:
        x, y, nothing, w = ctx.saved_tensors
        assert nothing is None
        return g * y, g * x.exp() + 0 * w

    f = made(lib, forward=forward, backward=backward)
    x, w = leaf(lib, 0.1, 0.2), leaf(lib, 3.0, 4.0)
    first = lib.autograd.grad((f.apply(x, w) ** 2).sum(), [x, w], create_graph=True)
    second = lib.autograd.grad(first[0].sum() + first[1].sum(), [x, w], create_graph=True)
    third = lib.autograd.grad(second[0].sum(), [x, w])
    return plain([first, second, third])


@case
def results_that_are_no_tensors_pass_and_have_no_gradient(lib: Any) -> Any:
    seen = []

    def forward(ctx: Any, x: Any, k: Any, word: Any) -> Any:
        return x * k, word, None, x.long(), x * 3

    def backward(ctx: Any, *gs: Any) -> Any:
        seen.append(plain(gs))
        return gs[0] + 10 * gs[4], None, None

    x = leaf(lib)
    a, word, none, whole, b = made(lib, forward=forward, backward=backward).apply(x, 5, "word")
    flags = [a.requires_grad, whole.requires_grad, b.requires_grad, word, none]
    numbers = (a.output_nr, b.output_nr, a.grad_fn is b.grad_fn)
    a.sum().backward(retain_graph=True)
    (a + b).sum().backward()
    return seen, flags, numbers, plain(x.grad)


@case
def missing_gradients_may_come_as_none(lib: Any) -> Any:
    seen = []

    def forward(ctx: Any, x: Any) -> Any:
        ctx.set_materialize_grads(False)
        return x * 2, x * 3, x.long()

    def backward(ctx: Any, *gs: Any) -> Any:
        seen.append(plain(gs))
        return gs[1]

    x = leaf(lib)
    made(lib, forward=forward, backward=backward).apply(x)[1].sum().backward()
    return seen, plain(x.grad)


@case
def a_result_marked_non_differentiable_requires_no_gradient(lib: Any) -> Any:
    seen = []

    def forward(ctx: Any, x: Any) -> Any:
        a, b = x * 2, x * 3
        ctx.mark_non_differentiable(b)
        return a, b

    def backward(ctx: Any, *gs: Any) -> Any:
        seen.append(plain(gs))
        return gs[0]

    a, b = made(lib, forward=forward, backward=backward).apply(leaf(lib))
    a.sum().backward()
    return seen, a.requires_grad, b.requires_grad, b.is_leaf


@case
def a_write_in_place_that_is_marked_keeps_the_tensor(lib: Any) -> Any:
    def forward(ctx: Any, x: Any, y: Any) -> Any:
        x.mul_(3)
        ctx.mark_dirty(x)
        return x, y * 2

    f = made(lib, forward=forward, backward=lambda ctx, g, h: (g * 3, h * 2))
    x, y = leaf(lib), leaf(lib)
    z = x * 1
    out, other = f.apply(z, y)
    total = (out * out).sum() + other.sum()
    return out is z, plain(out), plain(lib.autograd.grad(total, [x, y]))


@case
def views_follow_a_write_in_place_that_is_marked(lib: Any) -> Any:
    def forward(ctx: Any, x: Any) -> Any:
        x.mul_(3)
        ctx.mark_dirty(x)
        return x

    f = made(lib, forward=forward, backward=lambda ctx, g: g * 3)
    x = leaf(lib)
    z = x * 1
    view = z[:1]
    f.apply(z)
    return plain(view), plain(lib.autograd.grad((view * view).sum(), x))


@case
def a_marked_write_into_what_needed_no_gradient_makes_it_need_one(lib: Any) -> Any:
    def forward(ctx: Any, target: Any, x: Any) -> Any:
        target.copy_(x)
        ctx.mark_dirty(target)
        return target

    target, x = lib.zeros(2), leaf(lib)
    made(lib, forward=forward, backward=lambda ctx, g: (None, g * 5)).apply(target, x)
    target.sum().backward()
    return target.requires_grad, plain(x.grad)


@case
def an_argument_returned_as_it_is_becomes_a_view_with_a_node_of_its_own(lib: Any) -> Any:
    f = made(lib, forward=lambda ctx, x: x, backward=lambda ctx, g: g * 7)
    x = leaf(lib)
    y = f.apply(x)
    y.sum().backward()
    constant = lib.ones(2)
    free = f.apply(constant)
    return y is x, x.is_leaf, y.grad_fn.name(), plain(x.grad), free is constant, free.requires_grad


@case
def needs_input_grad_tells_which_arguments_need_one(lib: Any) -> Any:
    seen = []

    def forward(ctx: Any, a: Any, b: Any, c: Any) -> Any:
        seen.append((ctx.needs_input_grad, lib.is_grad_enabled(), a.requires_grad))
        return a * b

    def backward(ctx: Any, g: Any) -> Any:
        seen.append((ctx.needs_input_grad, lib.is_grad_enabled()))
        return g, None, None

    f = made(lib, forward=forward, backward=backward)
    f.apply(leaf(lib), lib.ones(2), 3).sum().backward()
    f.apply(lib.ones(2), leaf(lib), 3)
    with lib.no_grad():
        out = f.apply(leaf(lib), leaf(lib), 3)
    return seen, out.requires_grad


@case
def gradients_are_summed_to_the_arguments_shape_and_cast_to_its_dtype(lib: Any) -> Any:
    x = leaf(lib)
    for backward in (
        lambda ctx, g: lib.ones(5, 2),
        lambda ctx, g: g.double(),
        lambda ctx, g: g.long(),
        lambda ctx, g: (g, None, None),
    ):
        made(lib, forward=twice, backward=backward).apply(x).sum().backward()
    return plain(x.grad), str(x.grad.dtype).partition(".")[2]


@case
def attributes_of_the_context_are_those_of_the_node(lib: Any) -> Any:
    def forward(ctx: Any, x: Any) -> Any:
        ctx.factor, ctx.args, ctx.out = 3, "mine", 5
        ctx.save_for_backward(x)
        return x * 3

    f = made(lib, forward=forward, backward=lambda ctx, g: g * ctx.factor)
    x = leaf(lib)
    y = f.apply(x)
    y.grad_fn.later = 4
    before = plain(y.grad_fn.saved_tensors)
    y.sum().backward()
    node = y.grad_fn
    return before, node.name(), node.factor, node.later, plain(x.grad), repr(y).split("=")[-1]


@case
def vjp_is_another_name_of_backward(lib: Any) -> Any:
    x = leaf(lib)
    made(lib, forward=twice, vjp=lambda ctx, g: g * 9).apply(x).sum().backward()
    return plain(x.grad)


@case
def arguments_come_by_name_and_by_default(lib: Any) -> Any:
    seen = []

    def setup(ctx: Any, inputs: Any, output: Any) -> None:
        seen.append((plain(inputs), plain(output), output.requires_grad, ctx.needs_input_grad))

    f = made(
        lib,
        forward=lambda x, k=3: x * k,
        setup_context=setup,
        backward=lambda ctx, g: (g * 2, None),
    )
    x = leaf(lib)
    f.apply(x, k=4).sum().backward()
    f.apply(x).sum().backward()
    old = made(lib, forward=lambda ctx, x, k=3: x * k, backward=same)
    return seen, plain(x.grad), plain(old.apply(x, k=4))


@case
def hooks_of_a_custom_node_see_its_tensor_arguments(lib: Any) -> Any:
    seen = []
    x, w = leaf(lib), leaf(lib)
    f = made(lib, forward=lambda ctx, a, k, b: a * b, backward=lambda ctx, g: (g, None, g * 2))
    y = f.apply(x, 3, w)
    y.register_hook(lambda g: g * 10)
    y.grad_fn.register_prehook(lambda go: (go[0] + 1,))
    y.grad_fn.register_hook(lambda gi, go: seen.append(plain([gi, go])))
    y.sum().backward()
    return seen, plain([x.grad, w.grad]), len(y.grad_fn.next_functions)


@case
def a_backward_differentiable_once_runs_without_recording(lib: Any) -> Any:
    seen = []
    once = lib.autograd.function.once_differentiable

    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x)
        return x * x

    def backward(ctx: Any, g: Any) -> Any:
        seen.append(lib.is_grad_enabled())
        return g * 2 * ctx.saved_tensors[0]

    f = made(lib, forward=forward, backward=once(backward))
    x, seed = leaf(lib), leaf(lib, 1.0, 1.0)
    (plainly,) = lib.autograd.grad(f.apply(x).sum(), x, create_graph=True)
    (g,) = lib.autograd.grad(f.apply(x), x, seed, create_graph=True)
    return seen, plainly.requires_grad, g.requires_grad, plain(g)


@case
def a_call_that_saved_nothing_runs_backward_twice(lib: Any) -> Any:
    x = leaf(lib)
    y = made(lib, forward=twice, backward=lambda ctx, g: g * 2).apply(x).sum()
    y.backward(retain_graph=True)
    y.backward()
    return plain(x.grad)


@case
def one_function_calls_another_in_its_backward(lib: Any) -> Any:
    times = made(
        lib,
        forward=lambda ctx, a, b: (ctx.save_for_backward(a, b), a * b)[1],
        backward=lambda ctx, g: (g * ctx.saved_tensors[1], g * ctx.saved_tensors[0]),
    )
    square = made(
        lib,
        forward=lambda ctx, a: (ctx.save_for_backward(a), a * a)[1],
        backward=lambda ctx, g: times.apply(times.apply(g, ctx.saved_tensors[0]), g * 0 + 2),
    )
    square.backward = staticmethod(
        lambda ctx, g: times.apply(times.apply(g, ctx.saved_tensors[0]), lib.full((2,), 2.0))
    )
    x = leaf(lib)
    (first,) = lib.autograd.grad((square.apply(x) ** 2).sum(), x, create_graph=True)
    return plain([first, *lib.autograd.grad(first.sum(), x)])


# --- transforms --------------------------------------------------------------------------------


def cube(lib: Any, **more: Any) -> Any:
    """Return x**3 with its slope as a second result, every derivative by hand."""

    def setup(ctx: Any, inputs: Any, output: Any) -> None:
        (x,), (_, slope) = inputs, output
        ctx.shape = tuple(x.shape)
        ctx.save_for_backward(x, slope)
        ctx.save_for_forward(x, slope)

    def backward(ctx: Any, g: Any, h: Any) -> Any:
        x, slope = ctx.saved_tensors
        assert tuple(x.shape) == ctx.shape
        return g * slope + h * 6 * x

    def jvp(ctx: Any, t: Any) -> Any:
        x, slope = ctx.saved_tensors
        return t * slope, t * 6 * x

    return made(
        lib,
        forward=lambda x: (x**3, 3 * x**2),
        setup_context=setup,
        backward=backward,
        jvp=jvp,
        **more,
    )


def scaled(lib: Any, **more: Any) -> Any:
    """Return x * w * k of two tensors and a number."""

    def setup(ctx: Any, inputs: Any, output: Any) -> None:
        x, w, ctx.k = inputs
        ctx.save_for_backward(x, w, x * 2)
        ctx.save_for_forward(x, w, x * 2)  # as many as above: torch's generated rule needs it

    def backward(ctx: Any, g: Any) -> Any:
        _, w, double = ctx.saved_tensors
        return g * w * ctx.k, g * double / 2 * ctx.k, None

    def jvp(ctx: Any, t: Any, u: Any, _: Any) -> Any:
        x, w, _ = ctx.saved_tensors
        return (t * w + x * u) * ctx.k

    return made(
        lib,
        forward=lambda x, w, k: x * w * k,
        setup_context=setup,
        backward=backward,
        jvp=jvp,
        **more,
    )


def own_rule(lib: Any) -> dict[str, Any]:
    """Return a batching rule for the cube that calls the function again on the whole batch."""

    def vmap(info: Any, in_dims: Any, x: Any) -> Any:
        assert info.batch_size == x.shape[in_dims[0]]
        return made_once[0].apply(x), (in_dims[0], in_dims[0])

    made_once: list[Any] = []
    f = cube(lib, vmap=vmap)
    made_once.append(f)
    return {"f": f}


FORMS = {
    "own": lambda lib: own_rule(lib)["f"],
    "generated": lambda lib: cube(lib, generate_vmap_rule=True),
}


def transformed(lib: Any, f: Any) -> Any:
    """Return every nesting of two transforms on a custom function."""
    func = lib.func

    def first(x: Any) -> Any:
        return f.apply(x)[0]

    def total(x: Any) -> Any:
        a, b = f.apply(x)
        return (a * b).sum()

    x, t = lib.tensor([0.5, -1.5, 2.0]), lib.tensor([1.0, 2.0, -1.0])
    many = lib.tensor([[0.5, -1.5], [2.0, 1.0], [0.3, 0.1]])
    along = lib.tensor([[1.0, 0.0], [2.0, 1.0], [0.5, -1.0]])
    return plain(
        [
            func.grad(total)(x),
            func.vjp(first, x)[1](t)[0],
            func.jvp(first, (x,), (t,)),
            func.jvp(func.grad(total), (x,), (t,)),
            func.grad(lambda x: func.jvp(total, (x,), (t,))[1])(x),
            func.grad(lambda x: func.grad(total)(x).sum())(x),
            func.vmap(first)(many),
            func.vmap(first, in_dims=1, out_dims=1)(many),
            func.vmap(func.grad(total))(many),
            func.grad(lambda m: func.vmap(total)(m).sum())(many),
            func.vmap(func.grad(lambda x: func.grad(total)(x).sum()))(many),
            func.vmap(lambda x, t: func.jvp(first, (x,), (t,))[1])(many, along),
            func.jvp(func.vmap(first), (many,), (along,)),
            func.vmap(func.vmap(first))(many),
            func.vmap(func.vmap(func.grad(lambda x: f.apply(x)[0])))(many),
            func.vmap(lambda x, t: func.jvp(func.grad(total), (x,), (t,))[1])(many, along),
        ]
    )


@pytest.mark.parametrize("form", FORMS)
def test_a_custom_function_nests_in_every_transform_as_in_torch(form):
    assert transformed(weft, FORMS[form](weft)) == transformed(torch, FORMS[form](torch))


def test_forward_mode_over_forward_mode_of_a_custom_function_is_the_second_derivative():
    # torch's own answer is zero here
    f, x, t = cube(weft), weft.tensor([0.5, -1.5, 2.0]), weft.tensor([1.0, 2.0, -1.0])

    def along(x: Any) -> Any:
        return weft.func.jvp(lambda x: f.apply(x)[0], (x,), (t,))[1]

    _, second = weft.func.jvp(along, (x,), (t,))
    assert second.tolist() == pytest.approx((6 * x * t * t).tolist())


@case
def a_generated_rule_batches_some_arguments_and_shares_others(lib: Any) -> Any:
    f = scaled(lib, generate_vmap_rule=True)
    func = lib.func
    many, w = lib.tensor([[0.5, -1.5], [2.0, 1.0], [0.3, 0.1]]), lib.tensor([3.0, 4.0])

    def total(x: Any, w: Any) -> Any:
        return f.apply(x, w, 2.0).sum()

    def over(x: Any, w: Any) -> Any:
        return func.vmap(total, in_dims=(0, None))(x, w).sum()

    a, b = many.clone().requires_grad_(), w.clone().requires_grad_()
    outer = func.vmap(lambda x: f.apply(x, b, 2.0))(a)
    return plain(
        [
            func.vmap(total, in_dims=(0, None))(many, w),
            func.vmap(func.grad(total, argnums=(0, 1)), in_dims=(0, None))(many, w),
            func.vmap(func.grad(total, argnums=(0, 1)), in_dims=(None, 0))(w, many),
            func.grad(over, argnums=(0, 1))(many, w),
            func.jvp(lambda w: func.vmap(total, in_dims=(0, None))(many, w), (w,), (w,))[1],
            func.vmap(lambda x: func.jvp(lambda w: total(x, w), (w,), (w,))[1])(many),
            *lib.autograd.grad((outer * outer).sum(), [a, b]),
        ]
    )


@case
def a_generated_rule_draws_as_vmap_is_told(lib: Any) -> Any:
    f = made(
        lib,
        forward=lambda x: x + lib.rand(x.shape),
        setup_context=quiet,
        backward=lambda ctx, g: g,
        generate_vmap_rule=True,
    )
    ones = lib.ones(3, 1)
    counts = [
        len(set(lib.func.vmap(f.apply, randomness=how)(ones).flatten().tolist()))
        for how in ("same", "different")
    ]
    try:
        lib.func.vmap(f.apply)(ones)
    except RuntimeError as error:
        counts.append(len(str(error)) > 0)
    return counts


@case
def results_that_are_no_tensors_pass_through_vmap(lib: Any) -> Any:
    def setup(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.k = inputs[1]
        ctx.mark_non_differentiable(output[2])

    f = made(
        lib,
        forward=lambda x, k: (x * k, "word", x.argmax()),
        setup_context=setup,
        backward=lambda ctx, g, *rest: (g * ctx.k, None),
        generate_vmap_rule=True,
    )
    many = lib.tensor([[1.0, 2.0], [4.0, 3.0]])
    func = lib.func
    return plain(
        [
            func.vmap(lambda x: f.apply(x, 3)[0])(many),
            func.vmap(lambda x: f.apply(x, 3)[2])(many),
            func.vmap(func.grad(lambda x: f.apply(x, 3)[0].sum()))(many),
            func.jacrev(lambda x: f.apply(x, 3)[0])(many[0]),
        ]
    )


@case
def writing_in_place_under_transforms(lib: Any) -> Any:
    def forward(x: Any) -> Any:
        x.add_(1)
        return x

    def vmap(info: Any, in_dims: Any, x: Any) -> Any:
        x.add_(1)
        return x, in_dims[0]

    f = made(
        lib,
        forward=forward,
        setup_context=lambda ctx, inputs, output: ctx.mark_dirty(inputs[0]),
        backward=lambda ctx, g: g,
        jvp=lambda ctx, t: t.mul_(3),
        vmap=vmap,
    )

    def written(x: Any) -> Any:
        y = x * 1
        f.apply(y)
        return y * 2

    x = lib.tensor([1.0, 2.0])
    return plain([lib.func.jvp(written, (x,), (x,)), lib.func.vmap(written)(lib.ones(3, 2))])


@case
def tangents_come_as_zeros_or_as_none(lib: Any) -> Any:
    seen = []

    def jvp(ctx: Any, *ts: Any) -> Any:
        seen.append([t is None for t in ts])
        return ts[0] * 2

    results = []
    for choice in (True, False):

        def setup(ctx: Any, inputs: Any, output: Any, choice: bool = choice) -> None:
            ctx.set_materialize_grads(choice)

        f = made(lib, forward=lambda a, b, k: a * 2 + b, setup_context=setup, jvp=jvp)
        x = lib.tensor([1.0, 2.0])
        results.append(lib.func.jvp(lambda a, f=f, x=x: f.apply(a, x, 3), (x,), (lib.ones(2),))[1])
    return seen, plain(results)


@pytest.mark.parametrize("program", case, ids=lambda p: p.__name__)
def test_a_custom_function_does_what_it_does_in_torch(program):
    assert program(weft) == program(torch)


# --- errors ------------------------------------------------------------------------------------


def backward_returns(value: Callable[[Any, Any], Any]) -> Callable[[Any], Any]:
    def program(lib: Any) -> Any:
        f = made(lib, forward=lambda ctx, a, k: a * k, backward=lambda ctx, g: value(lib, g))
        return f.apply(leaf(lib), 2).sum().backward()

    return program


def forward_mode(jvp: Callable[..., Any] | None) -> Callable[[Any], Any]:
    def program(lib: Any) -> Any:
        methods = {} if jvp is None else {"jvp": lambda ctx, t: jvp(lib, t)}
        f = made(lib, forward=lambda x: x * 2, setup_context=quiet, **methods)
        x = lib.ones(2)
        return lib.func.jvp(f.apply, (x,), (x,))

    return program


def batching(**methods: Any) -> Callable[[Any], Any]:
    def program(lib: Any) -> Any:
        f = made(lib, forward=lambda x: x * 2, setup_context=quiet, **methods)
        return lib.func.vmap(f.apply)(lib.ones(3, 2))

    return program


def dirty_leaf(lib: Any) -> Any:
    def forward(ctx: Any, x: Any) -> Any:
        x.add_(1)
        ctx.mark_dirty(x)
        return x

    return made(lib, forward=forward, backward=same).apply(leaf(lib))


def dirty_but_not_returned(lib: Any) -> Any:
    def forward(ctx: Any, x: Any) -> Any:
        ctx.mark_dirty(x)
        return x * 2

    return made(lib, forward=forward, backward=same).apply(leaf(lib) * 1)


def overwritten(lib: Any) -> Any:
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x)
        return x * 2

    x = leaf(lib) * 1
    y = made(lib, forward=forward, backward=lambda ctx, g: g * ctx.saved_tensors[0]).apply(x)
    x.add_(1)
    y.sum().backward()


def freed(lib: Any) -> Any:
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x)
        return x * 2

    y = made(lib, forward=forward, backward=lambda ctx, g: g * ctx.saved_tensors[0])
    y = y.apply(leaf(lib)).sum()
    y.backward()
    y.backward()


def read_after_it_was_freed(lib: Any) -> Any:
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x)
        return x * 2

    y = made(lib, forward=forward, backward=same).apply(leaf(lib))
    y.sum().backward()
    return y.grad_fn.saved_tensors


def saves(value: Any) -> Callable[[Any], Any]:
    def program(lib: Any) -> Any:
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x, value)
            return x * 2

        return made(lib, forward=forward, backward=same).apply(leaf(lib))

    return program


def differentiated_twice(lib: Any) -> Any:
    once = lib.autograd.function.once_differentiable(lambda ctx, g: g * 2)
    f = made(lib, forward=twice, backward=once)
    seed = leaf(lib)
    (g,) = lib.autograd.grad(f.apply(leaf(lib)), [leaf(lib)], seed, allow_unused=True)
    x = leaf(lib)
    (g,) = lib.autograd.grad(f.apply(x), x, seed, create_graph=True)
    g.sum().backward()


def old_style_under_vmap(lib: Any) -> Any:
    return lib.func.vmap(made(lib, forward=twice, backward=same).apply)(lib.ones(2))


def unimplemented_backward(lib: Any) -> Any:
    made(lib, forward=twice).apply(leaf(lib)).sum().backward()


def both_names(lib: Any) -> Any:
    made(lib, forward=twice, backward=same, vjp=same).apply(leaf(lib)).sum().backward()


def no_forward(lib: Any) -> Any:
    return made(lib).apply(leaf(lib))


def called_as_an_instance(lib: Any) -> Any:
    return made(lib, forward=twice)()(leaf(lib))


REFUSED: list[tuple[Callable[[Any], Any], str]] = [
    (backward_returns(lambda lib, g: g), "for each of the 2 arguments of forward, got 1"),
    (backward_returns(lambda lib, g: (g, None, g)), "of the 2 arguments of forward, got 3"),
    (backward_returns(lambda lib, g: (g, g)), "place 1, but that argument of forward was no"),
    (backward_returns(lambda lib, g: (lib.ones(3), None)), r"shape \(3,\) in place 0, whose .*2,"),
    (backward_returns(lambda lib, g: (lib.tensor(3.0), None)), r"shape \(\) in place 0"),
    (backward_returns(lambda lib, g: (3.0, None)), "got float in place 0"),
    (backward_returns(lambda lib, g: [g, None]), "return a gradient or None for each of the 2"),
    (backward_returns(lambda lib, g: (g + 1j, None)), "complex64 in place 0.*return its real part"),
    (forward_mode(None), "define the static method jvp"),
    (forward_mode(lambda lib, t: lib.ones(3)), r"tangent of shape \(3,\) in place 0"),
    (forward_mode(lambda lib, t: (t, t)), "each of the 1 results of forward, got 2"),
    (forward_mode(lambda lib, t: 3), "got int in place 0"),
    (batching(), "define the static method vmap"),
    (batching(vmap=lambda info, dims, x: x), "must return two values.*got Tensor"),
    (batching(vmap=lambda info, dims, x: (x, 0, 0)), "must return two values.*got 3 values"),
    (batching(vmap=lambda info, dims, x: (x, (0, 0))), r"out_dims=\(0, 0\), which does not fit"),
    (batching(vmap=lambda info, dims, x: (x, 0), generate_vmap_rule=True), "keep one of them"),
    (dirty_leaf, "a leaf tensor that requires grad, or a view of one, cannot be written"),
    (dirty_but_not_returned, r"mark_dirty names a tensor of shape \(2,\) that forward does not"),
    (overwritten, r"Mine needs a tensor that was since overwritten in place by add_"),
    (freed, "the graph through Mine was freed"),
    (read_after_it_was_freed, "the saved tensors were freed"),
    (saves(3), "got int in place 1"),
    (saves([1]), "got list in place 1"),
    (differentiated_twice, "marked once_differentiable"),
    (old_style_under_vmap, r"must define setup_context\(ctx, inputs, output\)"),
    (unimplemented_backward, "define the static method backward"),
    (both_names, "two names of one thing"),
    (no_forward, "must define the static method forward"),
    (called_as_an_instance, r"call Mine.apply\(...\)"),
]


@pytest.mark.parametrize(("program", "words"), REFUSED, ids=[words for _, words in REFUSED])
def test_what_torch_refuses_is_refused_with_the_functions_name(program, words):
    with pytest.raises((RuntimeError, TypeError)):
        program(torch)
    with pytest.raises((RuntimeError, TypeError), match=words) as refused:
        program(weft)
    assert "Mine" in str(refused.value) or "save_for" in str(refused.value) or program is no_forward
