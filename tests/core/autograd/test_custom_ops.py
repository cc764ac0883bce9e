"""Ops that users define: their rules, what they give without some, and the check of them."""

from __future__ import annotations

import numpy as np
import pytest

import weft
from weft import Tensor
from weft._core.op import Op
from weft.library import OpcheckError, custom_op, get, opcheck

PASSED = dict.fromkeys(
    ("schema", "meta", "strides", "gradient", "forward", "second_order", "batching"), "SUCCESS"
)


def cube_over_arrays():
    @custom_op("tests::cube")
    def cube(xp, x):
        """Cube each element."""
        return x * x * x

    @cube.register_vjp(saves=("x",))
    def _(needs, g, out, x):
        return (g * 3 * x * x,)

    @cube.register_fake
    def _(x):
        return weft.empty_like(x)

    return cube


def scaled_product():
    """Return an op over tensors, with a setting by position and one by name, as in PyTorch."""

    @custom_op("tests::scaled_product", mutates_args=())
    def scaled_product(x: Tensor, y: Tensor, k: float, *, shift: float = 0.0) -> Tensor:
        return weft.from_numpy(np.asarray(x.numpy() * y.numpy() * k + shift))

    def setup_context(ctx, inputs, keyword_only_inputs, output):
        x, y, ctx.k = inputs
        assert set(keyword_only_inputs) == {"shift"}
        ctx.save_for_backward(x, y)

    def backward(ctx, g):
        x, y = ctx.saved_tensors
        return g * y * ctx.k, g * x * ctx.k, None

    scaled_product.register_autograd(backward, setup_context=setup_context)
    scaled_product.register_fake(
        lambda x, y, k, *, shift: x.new_empty(weft.broadcast_shapes(x.shape, y.shape))
    )
    return scaled_product


def sum_and_scale():
    """Return an op of a list of tensors, with two results."""

    @custom_op("tests::sum_and_scale")
    def sum_and_scale(xs: list[Tensor], weights: list[float]) -> tuple[Tensor, Tensor]:
        total = sum((x * w for x, w in zip(xs, weights, strict=True)), start=weft.zeros(()))
        return total, xs[0] * xs[0]

    @sum_and_scale.register_fake
    def _(xs, weights):
        return xs[0].new_empty(xs[0].shape), xs[0].new_empty(xs[0].shape)

    def setup_context(ctx, inputs, output):
        xs, ctx.weights = inputs
        ctx.save_for_backward(xs[0])

    def backward(ctx, g, h):
        (first,) = ctx.saved_tensors
        found = [g * w for w in ctx.weights]
        return [found[0] + 2 * h * first, *found[1:]], None

    sum_and_scale.register_autograd(backward, setup_context=setup_context)
    return sum_and_scale


CASES = {
    "over_arrays": lambda: (cube_over_arrays(), (weft.randn(2, 3),), {}),
    "over_tensors": lambda: (
        scaled_product(),
        (weft.randn(2, 3), weft.randn(2, 3), 2.0),
        {"shift": 1.0},
    ),
    "broadcasting": lambda: (scaled_product(), (weft.randn(2, 3), weft.randn(3), 2.0), {}),
    "of_lists": lambda: (sum_and_scale(), ([weft.randn(3), weft.randn(3)], [2.0, 3.0]), {}),
}


@pytest.fixture(autouse=True)
def fixed_seed():
    weft.manual_seed(3)


@pytest.mark.parametrize("case", CASES)
def test_a_custom_op_passes_every_check_that_wefts_own_ops_pass(case):
    op, args, kwargs = CASES[case]()
    if case == "broadcasting":  # without a batching rule a loop serves; nothing else is special
        assert opcheck(op, args, kwargs) == PASSED
    else:
        assert opcheck(op, args, kwargs, test_utils=tuple(PASSED)) == PASSED


def test_its_record_is_an_op_and_its_node_bears_its_name():
    cube = cube_over_arrays()
    assert isinstance(cube.op, Op)
    assert cube.op.name == "tests::cube"
    y = cube(weft.ones(2, requires_grad=True))
    assert y.grad_fn.name() == "TestsCubeBackward0"
    assert y.grad_fn._saved_x.tolist() == [1.0, 1.0]
    assert get("tests::cube") is cube
    assert cube.__doc__ == "Cube each element."
    assert repr(cube) == "<custom op tests::cube>"


def test_transforms_nest_on_it():
    cube = cube_over_arrays()
    x = weft.tensor([1.0, 2.0])
    hessian = weft.func.hessian(lambda x: cube(x).sum())(x)
    assert hessian.tolist() == [[6.0, 0.0], [0.0, 12.0]]
    slopes = weft.func.vmap(weft.func.grad(weft.func.grad(cube)))(x)
    assert slopes.tolist() == [6.0, 12.0]
    _, second = weft.func.jvp(weft.func.grad(lambda x: cube(x).sum()), (x,), (weft.ones(2),))
    assert second.tolist() == [6.0, 12.0]


def test_the_tape_keeps_only_what_saves_names():
    cube = cube_over_arrays()
    y = cube(weft.tensor([1.0, 2.0], requires_grad=True))
    y.mul_(2)  # the result was not saved
    y.sum().backward()

    @custom_op("tests::greedy")
    def greedy(xp, x):
        return x * x

    @greedy.register_vjp
    def _(needs, g, out, x):
        return (g * 2 * x,)

    z = greedy(weft.tensor([1.0, 2.0], requires_grad=True))
    z.mul_(2)
    with pytest.raises(weft.GradError, match=r"tests::greedy needs .* overwritten .* mul_"):
        z.sum().backward()


def test_reading_what_saves_does_not_name_is_an_error():
    @custom_op("tests::forgetful")
    def forgetful(xp, x):
        return x * x

    @forgetful.register_vjp(saves=())
    def _(needs, g, out, x):
        return (g * 2 * x.abs(),)

    with pytest.raises(weft.GradError, match=r"reads \.abs of an argument that `saves` does not"):
        forgetful(weft.ones(2, requires_grad=True)).sum().backward()
    with pytest.raises(ValueError, match=r"saves names 'y'; choose of \['x', 'out'\]"):
        forgetful.register_vjp(lambda *a: None, saves=("y",))


def test_a_vmap_rule_is_used_instead_of_the_loop():
    op = scaled_product()
    seen = []

    @op.register_vmap
    def _(info, in_dims, x, y, k, *, shift):
        seen.append((info.batch_size, in_dims, k, shift))
        y = y if in_dims[1] == 0 else y.expand((info.batch_size, *y.shape))
        return op(x, y, k, shift=shift), 0

    x, y = weft.randn(4, 3), weft.randn(3)
    together = weft.func.vmap(lambda x: op(x, y, 2.0, shift=1.0))(x)
    assert seen == [(4, (0, None, None), 2.0, 1.0)]
    assert weft.allclose(together, x * y * 2 + 1)
    assert opcheck(op, (x, x, 2.0))["batching"] == "SUCCESS"


def test_a_forward_derivative_of_its_own_is_used():
    cube = cube_over_arrays()
    calls = []

    @cube.register_jvp
    def _(tangents, out, x):
        calls.append(1)
        return tangents[0] * 3 * x * x

    _, slope = weft.func.jvp(cube, (weft.tensor(2.0),), (weft.tensor(1.0),))
    assert (slope.item(), len(calls)) == (12.0, 1)


def test_complex_derivatives_follow_pytorchs_convention():
    op, (x,), _ = CASES["over_arrays"]()
    op.register_vjp(lambda needs, g, out, x: (g * (3 * x * x).conj(),), saves=("x",))
    z = weft.complex(x, x.flip(0))
    assert opcheck(op, (z,)) == PASSED


def test_a_kernel_for_one_device_leaves_the_others_without():
    @custom_op("tests::only_there", device_types="cuda")
    def only_there(xp, x):
        return x

    with pytest.raises(weft.DeviceError, match=r"no kernel for cpu, there are kernels for cuda"):
        only_there(weft.ones(2))

    @only_there.register_kernel("cpu")
    def _(xp, x):
        return xp.negative(x)

    assert only_there(weft.ones(2)).tolist() == [-1.0, -1.0]
    with pytest.raises(ValueError, match="device_types are 'cpu' and 'cuda', got 'tpu'"):
        only_there.register_kernel("tpu", print)


def test_an_op_may_write_to_what_it_says_it_writes_to():
    @custom_op("tests::sine_", mutates_args={"x"})
    def sine_(x: Tensor) -> None:
        np.sin(x.numpy(), out=x.numpy())

    x = weft.tensor([0.0, 1.0])
    assert sine_(x) is None
    assert x.tolist() == weft.tensor([0.0, 1.0]).sin().tolist()
    y = weft.tensor([1.0], requires_grad=True) * 1
    z = y * y
    with pytest.raises(weft.GradError, match=r"writes to its arguments and has no derivative"):
        sine_(y)
    with weft.no_grad():
        sine_(y)
    with pytest.raises(weft.GradError, match="overwritten in place by tests::sine_"):
        z.sum().backward()
    with pytest.raises(weft.GradError, match="cannot have a derivative"):
        sine_.register_autograd(print)
    with pytest.raises(RuntimeError, match="which no transform of functions can follow"):
        weft.func.vmap(sine_)(weft.ones(2))
    assert opcheck(sine_, (weft.ones(2),))["meta"].startswith("does not apply")


def test_without_a_derivative_backward_says_how_to_give_one():
    @custom_op("tests::bare")
    def bare(xp, x):
        return x * 2

    y = bare(weft.ones(2, requires_grad=True))
    with pytest.raises(weft.GradError, match=r"tests::bare: backward .* register_autograd"):
        y.sum().backward()
    with pytest.raises(NotImplementedError, match=r"tests::bare: without data .* register_fake"):
        bare(weft.ones(2, device="meta"))
    report = opcheck(bare, (weft.ones(2),), test_utils=("schema", "gradient"))
    assert report == {
        "schema": "SUCCESS",
        "gradient": "does not apply: no derivative is registered",
    }


@pytest.mark.parametrize(
    ("define", "message"),
    [
        (lambda: custom_op("cube", lambda xp, x: x), "qualified name such as 'mylib::cube'"),
        (lambda: custom_op("a::b", lambda xp, *x: x), "names each of its arguments"),
        (lambda: custom_op("a::b", lambda x: x, mutates_args="y"), "'y', which is no tensor"),
        (lambda: custom_op("a::b", _returns_nothing), "must say which arguments it writes to"),
        (lambda: custom_op("a::b", _named_tensor), "the tensor x can be passed by name only"),
    ],
)
def test_what_cannot_be_an_op_is_refused(define, message):
    with pytest.raises((ValueError, TypeError), match=message):
        define()


def _returns_nothing(x: Tensor) -> None:
    """Do nothing."""


def _named_tensor(y: Tensor, *, x: Tensor) -> Tensor:
    return x


def test_an_unknown_name_suggests_the_nearest():
    cube_over_arrays()
    with pytest.raises(KeyError, match="did you mean 'tests::cube'"):
        get("tests::cuba")


def test_rules_can_be_registered_by_name():
    @custom_op("tests::named", device_types="cpu")
    def named(xp, x):
        return x * 5

    library = weft.library
    library.register_fake("tests::named", lambda x: weft.empty_like(x))
    library.register_autograd("tests::named", lambda ctx, g: g * 5, saves=())
    library.register_vmap("tests::named", lambda info, dims, x: (named(x), 0))
    library.register_kernel("tests::named", "cuda", lambda xp, x: x * 5)
    assert opcheck(named, (weft.randn(3),)) == PASSED


# --- the check finds what is wrong --------------------------------------------------------------


def wrong(name: str):
    """Return a cube with one wrong rule."""
    cube = cube_over_arrays()
    if name == "gradient":
        cube.register_vjp(lambda needs, g, out, x: (g * 2 * x * x,))
    if name == "second_order":  # right values, but its own derivative is cut off

        @cube.register_vjp
        def _(needs, g, out, x):
            return (g * 3 * (x * x).detach(),)

    if name == "forward":
        cube.register_jvp(lambda tangents, out, x: tangents[0] * 3 * x)
    if name == "meta":
        cube.register_fake(lambda x: x.new_empty((*x.shape, 1)))
    if name == "batching":
        cube.register_vmap(lambda info, dims, x: (cube(x).flip(0), 0))
    if name == "schema":

        @cube.register_kernel("cpu")
        def _(xp, x):
            x *= 2
            return x * x * x

    if name == "strides":

        @cube.register_kernel("cpu")
        def _(xp, x):
            flat = x.ravel(order="K").reshape(x.shape)
            return flat * flat * flat

    return cube


@pytest.mark.parametrize("name", PASSED)
def test_the_check_finds_a_wrong_rule_of_every_kind(name):
    report = opcheck(wrong(name), (weft.randn(2, 3) + 3,), test_utils=name, raise_exception=False)
    assert isinstance(report[name], Exception), report
    with pytest.raises(Exception) as raised:  # of whichever kind the check has
        opcheck(wrong(name), (weft.randn(2, 3) + 3,), test_utils=name)
    assert any("tests::cube" in note for note in raised.value.__notes__)


def test_the_check_finds_a_result_that_is_the_argument():
    @custom_op("tests::lazy")
    def lazy(xp, x):
        return x[:1]

    with pytest.raises(OpcheckError, match="result 0 is memory of tensor argument 0"):
        opcheck(lazy, (weft.ones(2),), test_utils="schema")


def test_the_check_finds_a_result_that_changes():
    import itertools

    count = itertools.count()

    @custom_op("tests::counting")
    def counting(xp, x):
        return x + next(count)

    with pytest.raises(OpcheckError, match="differs from one call to the next"):
        opcheck(counting, (weft.ones(2),), test_utils="schema")


def test_an_unknown_check_is_refused():
    with pytest.raises(ValueError, match="no check is called 'speed'"):
        opcheck(cube_over_arrays(), (weft.ones(2),), test_utils="speed")


@pytest.mark.parametrize(
    ("kernel", "message"),
    [
        (lambda xp, x: (x, x), "promises 1 result.* returned a tuple of 2"),
        (lambda x: 3, "the kernel must return tensors, got int"),
    ],
)
def test_a_kernel_that_returns_something_else_is_told(kernel, message):
    with pytest.raises((ValueError, TypeError), match=message):
        custom_op("tests::odd", kernel)(weft.ones(2))


def test_wrong_gradients_of_a_custom_op_are_told():
    op = scaled_product()
    x = weft.ones(2, requires_grad=True)
    op.register_autograd(lambda ctx, g: (g, g))
    with pytest.raises(weft.GradError, match="each of the 3 arguments, got 2"):
        op(x, x, 1.0).sum().backward()
    op.register_autograd(lambda ctx, g: (weft.ones(3), g, None))
    with pytest.raises(weft.ShapeError, match=r"gradient of shape \(3,\) in place 0"):
        op(x, x, 1.0).sum().backward()
