"""gradcheck and gradgradcheck pass what is right, and say of what is wrong where and how."""

from __future__ import annotations

import itertools
import random

import numpy as np
import pytest

import weft
from weft.autograd import gradcheck, gradgradcheck
from weft.autograd._problem import overlaps
from weft.autograd.gradcheck import GradcheckError

EVERYTHING = {
    "check_forward_ad": True,
    "check_batched_grad": True,
    "check_batched_forward_grad": True,
    "check_grad_dtypes": True,
}


def real(*shape: int) -> weft.Tensor:
    weft.manual_seed(len(shape) + sum(shape))
    return (weft.rand(*shape, dtype=weft.float64) + 0.3).requires_grad_()


def cplx(*shape: int) -> weft.Tensor:
    weft.manual_seed(sum(shape))
    parts = (weft.rand(*shape, dtype=weft.float64) for _ in range(2))
    return (weft.complex(*parts) + (0.2 - 0.6j)).requires_grad_()


RIGHT = {
    "one_input": (weft.sin, lambda: (real(2, 3),)),
    "zero_dims": (weft.exp, lambda: (real(),)),
    "several_inputs": (lambda x, y, z: x * y - z.sin(), lambda: (real(3), real(3), real(3))),
    "broadcast": (lambda x, y: x * y / (x + 1), lambda: (real(2, 3), real(3))),
    "broadcast_by_ones": (lambda x, y: x**2 * y, lambda: (real(2, 1), real(1, 3))),
    "several_outputs": (lambda x: (x.exp(), x.sum(0), x[0] * 2), lambda: (real(2, 3),)),
    "sorted_values_and_places": (lambda x: x.sort(), lambda: (real(5),)),
    "integers_first": (lambda x: (x.argsort(), x.square()), lambda: (real(4),)),
    "complex_to_real": (lambda z: z.abs(), lambda: (cplx(3),)),
    "complex_to_complex": (lambda z: z.exp() * z.conj(), lambda: (cplx(2, 2),)),
    "real_to_complex": (weft.fft.rfft, lambda: (real(5),)),
    "complex_with_real": (lambda z, x: z * x, lambda: (cplx(2, 3), real(3))),
    "matmul_of_mixed": (lambda a, b: a.mH @ b.to(a.dtype), lambda: (cplx(2, 2), real(2, 2))),
    "complex_and_real_outputs": (lambda z: (z * z, z.real), lambda: (cplx(3),)),
    "identity": (lambda x: x, lambda: (real(3),)),
    "view": (lambda x: x.t()[1:], lambda: (real(3, 2),)),
    "list_of_outputs": (lambda x: [x.exp(), x.log()], lambda: (real(3),)),
    "arguments_that_are_no_tensors": (lambda x, n: x**n, lambda: (real(3), 3)),
    "argument_without_grad": (lambda x, y: x * y, lambda: (real(3), real(3).detach())),
    "an_unused_input": (lambda x, y: x * 2, lambda: (real(3), real(2))),
    "empty_input": (lambda x: x.exp(), lambda: (real(0, 2),)),
    "empty_output": (lambda x: x[:0], lambda: (real(3),)),
    "transposed": (lambda x: x.exp() * x, lambda: (real(3, 2).detach().t().requires_grad_(),)),
    "no_leaf": (lambda x: x.exp(), lambda: (real(3) * 2,)),
    "matrix_inverse": (weft.linalg.inv, lambda: (real(2, 2),)),
    "custom_family": (lambda x: weft.logsumexp(x, 0), lambda: (real(3, 2),)),
    "in_place": (lambda x: x.clone().mul_(x), lambda: (real(3),)),
}  # fmt: skip


@pytest.mark.parametrize("fast", [False, True], ids=["whole", "fast"])
@pytest.mark.parametrize("name", RIGHT)
def test_right_rules_pass_every_check(name, fast):
    func, inputs = RIGHT[name]
    assert gradcheck(func, inputs(), fast_mode=fast, **EVERYTHING)


@pytest.mark.parametrize("fast", [False, True], ids=["whole", "fast"])
@pytest.mark.parametrize("name", RIGHT)
def test_right_second_derivatives_pass_every_check(name, fast):
    func, inputs = RIGHT[name]
    assert gradgradcheck(
        func, inputs(), fast_mode=fast, check_batched_grad=True, check_fwd_over_rev=True
    )


def test_one_tensor_may_stand_for_the_tuple_of_inputs():
    x = real(3)
    assert gradcheck(weft.sin, x)
    assert gradcheck(weft.sin, [x])
    assert gradgradcheck(weft.sin, x, weft.ones(3, dtype=weft.float64))


def test_inputs_are_as_before_even_after_an_error():
    x = real(2, 2)
    before = x.detach().clone()
    calls = []

    def fails_at_the_fifth(x):
        calls.append(1)
        if len(calls) == 5:
            raise KeyError("five")
        return x.sin()

    with pytest.raises(KeyError):
        gradcheck(fails_at_the_fifth, x)
    assert x.equal(before)
    assert gradcheck(weft.sin, x)
    assert x.equal(before)
    assert x.grad is None


def test_a_function_may_read_its_inputs_from_elsewhere():
    weight = real(3)
    assert gradcheck(lambda *_: weight.square(), weight, fast_mode=True)
    assert gradcheck(lambda *_: weight.square(), weight)
    linear = weft.nn.Linear(2, 3, dtype=weft.float64)
    x = real(4, 2)
    assert gradcheck(lambda *_: linear(x), (x, *linear.parameters()))


def test_no_random_numbers_of_the_user_are_drawn():
    weft.manual_seed(3)
    before = weft.get_rng_state()
    gradcheck(weft.sin, weft.ones(2, dtype=weft.float64, requires_grad=True), fast_mode=True)
    assert weft.get_rng_state().equal(before)


def test_grad_mode_of_the_caller_does_not_matter():
    x = real(3)
    with weft.no_grad():
        assert gradcheck(weft.sin, x)
        assert gradgradcheck(weft.sin, x)


# --- cotangents of gradgradcheck ---------------------------------------------------------------


def test_a_cotangent_of_gradgradcheck_may_be_none():
    x = real(3)
    one = real(3)
    assert gradgradcheck(lambda x: (x.exp(), x.square()), x, (one, None))
    assert gradgradcheck(lambda x: (x.exp(), x.square()), x, [None, one])


def test_cotangents_that_need_no_gradient_are_constants():
    assert gradgradcheck(weft.exp, real(3), weft.ones(3, dtype=weft.float64))
    assert gradgradcheck(lambda x: 2 * x, real(3), weft.ones(3, dtype=weft.float64))


def test_cotangents_must_be_as_many_as_outputs():
    with pytest.raises(ValueError, match=r"2 outputs of func require grad.*got 1"):
        gradgradcheck(lambda x: (x.exp(), x.sin()), real(3), real(3))


@pytest.mark.parametrize("shape", [(), (3,), (2, 3)], ids=str)
def test_drawn_cotangents_can_be_noncontiguous(shape):
    seen = []

    def func(x):
        out = x.sin()
        if out.requires_grad:
            out.register_hook(lambda g: seen.append(g.is_contiguous()))
        return out

    assert gradgradcheck(func, real(*shape), gen_non_contig_grad_outputs=True)
    assert not shape or not all(seen)


def test_gradgradcheck_names_what_its_outputs_and_inputs_are():
    def half_of_the_slope_is_constant(x, y):
        return x.sin().detach() * x * y + (x.sin() - x.sin().detach())

    with pytest.raises(GradcheckError) as caught:
        gradgradcheck(half_of_the_slope_is_constant, (real(3), real(3)))
    text = str(caught.value)
    assert text.startswith("gradgradcheck: ")
    assert "the gradient by argument 0 of func" in text


# --- messages ----------------------------------------------------------------------------------


def hooked(func, hook):
    """Return the function with a mistake in its backward pass."""

    def wrong(x, *rest):
        y = x.clone()
        if y.requires_grad:
            y.register_hook(hook)
        return func(y, *rest)

    return wrong


def nearly_zero(*shape: int) -> weft.Tensor:
    return weft.zeros(*shape, dtype=weft.float64, requires_grad=True)


def failure(func, inputs, **settings) -> str:
    with pytest.raises(GradcheckError) as caught:
        gradcheck(func, inputs, **settings)
    assert gradcheck(func, inputs, raise_exception=False, **settings) is False
    return str(caught.value)


def test_an_error_shows_input_output_both_jacobians_and_the_largest_difference():
    def func(x, y):
        wrong = hooked(lambda y: y * 3, lambda g: g * weft.tensor([1.0, 1.0, 5.0]))
        return x.exp(), wrong(y)

    text = failure(func, (real(2), weft.ones(3, dtype=weft.float64, requires_grad=True)))
    assert "Jacobian of output 1 by input 1 by backward mode is not" in text
    assert "1 of 9 entries differ by more than atol" in text
    assert "Largest difference: 12, for element (2,) of the output and element (2,)" in text
    assert "analytical 15, numerical 3." in text
    assert "numerical:\n  [3  0  0]\n  [0  3  0]\n  [0  0  3]" in text
    assert "analytical:\n  [ 3   0   0]\n  [ 0   3   0]\n  [ 0   0  15]" in text


def test_a_large_jacobian_is_shown_around_its_largest_difference():
    weights = weft.ones(40, dtype=weft.float64)
    weights[35] = 2.0
    text = failure(hooked(weft.sin, lambda g: g * weights), real(40))
    assert "of 40 rows and 40 columns, rows 32 to 37 and columns 32 to 37 are shown" in text
    assert len(text) < 2000


@pytest.mark.parametrize(
    ("func", "make", "says"),
    [
        (hooked(weft.sin, lambda g: -g), real, "is the numerical one negated: a sign is wrong"),
        (hooked(weft.sin, lambda g: 2 * g), real, "is 2 times the numerical one everywhere"),
        (hooked(weft.sin, lambda g: 0 * g), real, "zero everywhere: no gradient comes through"),
        (hooked(weft.exp, lambda g: g.conj()), cplx, "is the conjugate of the numerical one"),
        (lambda x: weft.nn.functional.dropout(x), real, "func itself gives another output 0"),
        (lambda x: (x * 0.1 - 1e-8).relu(), nearly_zero, "slope 0 on one side and 0.0"),
        (lambda x: (x - 1e-7).abs(), nearly_zero, "may have a kink or a step there"),
        (hooked(weft.sin, lambda g: g / 0), real, "analytical Jacobian is not finite"),
    ],
    ids="negated doubled zero conjugate random relu abs infinite".split(),
)  # fmt: skip
def test_an_error_names_what_the_wrong_jacobian_resembles(func, make, says):
    weft.manual_seed(0)
    assert says in failure(func, make(5))


def test_fast_mode_explains_a_failure_with_the_whole_jacobian():
    text = failure(hooked(weft.sin, lambda g: -g), real(5), fast_mode=True)
    assert "Jacobian of output 0 by input 0 by backward mode is not" in text
    assert "Fast mode: along random directions the analytical slope is -" in text
    assert "5 of 25 entries differ" in text


def test_fast_mode_says_if_the_whole_jacobians_agree():
    root = hooked(lambda y: 1 * y, lambda g: g.abs().sqrt() * g.sign())  # right for 0 and 1 only
    text = failure(lambda x: root(x.sin()), real(5), fast_mode=True)
    assert "the Jacobians agree: the check may pass with fast_mode=False" in text


# --- what cannot be checked --------------------------------------------------------------------


def test_an_input_must_require_grad():
    with pytest.raises(ValueError, match="at least one input must require grad"):
        gradcheck(weft.sin, weft.ones(2, dtype=weft.float64))
    with pytest.raises(ValueError, match="at least one input must require grad"):
        gradgradcheck(weft.sin, (weft.ones(2, dtype=weft.float64), 3))


def test_input_without_data_is_refused():
    x = weft.ones(2, dtype=weft.float64, device="meta", requires_grad=True)
    with pytest.raises(ValueError, match="meta, which has no numbers"):
        gradcheck(weft.sin, x)


@pytest.mark.parametrize(
    "make",
    [
        lambda: weft.ones(1, dtype=weft.float64).expand(3),
        lambda: weft.ones(3, 1, dtype=weft.float64).expand(3, 2),
        lambda: weft.ones(4, dtype=weft.float64).as_strided((3, 2), (1, 1)),
        lambda: weft.ones(9, dtype=weft.float64).as_strided((2, 2, 2), (1, 2, 3)),
    ],
    ids=["expanded", "expanded_column", "windows", "no_dim_overlaps_by_itself"],
)
def test_inputs_that_overlap_themselves_are_refused(make):
    with pytest.raises(RuntimeError, match="share memory"):
        gradcheck(weft.sin, make().requires_grad_())


@pytest.mark.parametrize(
    "make",
    [
        lambda: weft.ones(1, 3, dtype=weft.float64),
        lambda: weft.ones(7, dtype=weft.float64).as_strided((2, 2), (3, 2)),
        lambda: weft.ones(3, 4, dtype=weft.float64)[:, ::2].t(),
        lambda: weft.ones(0, dtype=weft.float64).expand(3, 0),
    ],
    ids=["one_long", "interleaved", "steps", "empty"],
)
def test_strides_alone_do_not_refuse_an_input(make):
    assert gradcheck(lambda x: x.sin(), make().detach().requires_grad_())


def test_overlap_is_told_from_strides_alone():
    draw = random.Random(5)
    seen = {False: 0, True: 0}
    for _ in range(2000):
        shape = [draw.choice((0, 1, 2, 3, 4)) for _ in range(draw.randint(0, 4))]
        strides = [draw.randint(-6, 6) for _ in shape]
        places = [
            sum(i * step for i, step in zip(index, strides, strict=True))
            for index in itertools.product(*map(range, shape))
        ]
        overlap = len(set(places)) < len(places)
        assert overlaps(shape, strides) is overlap, (shape, strides)
        seen[overlap] += 1
    assert min(seen.values()) > 200, seen


def test_an_input_whose_memory_is_read_only_is_refused():
    x = weft.from_numpy(np.frombuffer(bytes(24))).requires_grad_()
    with pytest.raises(RuntimeError, match=r"input 0 .* read-only.*clone"):
        gradcheck(weft.sin, x)


@pytest.mark.parametrize("dtype", [weft.float32, weft.complex64], ids=str)
@pytest.mark.parametrize("check", [gradcheck, gradgradcheck])
def test_inputs_of_less_than_double_precision_are_warned_of_where_the_user_calls(check, dtype):
    x = weft.ones(2, dtype=dtype, requires_grad=True)
    with pytest.warns(UserWarning, match=r"input \d .* not of double precision") as seen:
        check(lambda x: 2 * x, x, eps=1e-2, atol=1e-2)
    assert seen[0].filename == __file__


def test_checks_that_exclude_each_other_are_refused():
    x = real(2)
    with pytest.raises(ValueError, match="cannot both be False"):
        gradcheck(weft.sin, x, check_backward_ad=False)
    with pytest.raises(ValueError, match="check_batched_grad=True needs check_backward_ad"):
        gradcheck(weft.sin, x, check_backward_ad=False, check_forward_ad=True,
                  check_batched_grad=True)  # fmt: skip
    with pytest.raises(ValueError, match="check_batched_forward_grad=True needs"):
        gradcheck(weft.sin, x, check_batched_forward_grad=True)
    with pytest.raises(ValueError, match="cannot both be False"):
        gradgradcheck(weft.sin, x, check_rev_over_rev=False)
    with pytest.raises(ValueError, match="check_undefined_grad=True needs check_rev_over_rev"):
        gradgradcheck(weft.sin, x, check_rev_over_rev=False, check_fwd_over_rev=True)
    with pytest.raises(ValueError, match="check_batched_grad=True needs check_rev_over_rev"):
        gradgradcheck(weft.sin, x, check_rev_over_rev=False, check_fwd_over_rev=True,
                      check_undefined_grad=False, check_batched_grad=True)  # fmt: skip


def test_a_function_must_return_tensors():
    with pytest.raises(TypeError, match="output 1 is a str"):
        gradcheck(lambda x: (x, "no"), real(2))


def test_a_function_whose_shape_depends_on_the_values_is_refused():
    x = weft.tensor([0.0, 1.0], dtype=weft.float64, requires_grad=True)
    assert "must not depend on the values" in failure(lambda x: x[x > 0] * 2, x)


def test_a_function_whose_outputs_change_in_number_is_refused():
    x = weft.tensor(0.0, dtype=weft.float64, requires_grad=True)
    assert "returned 1 tensors and then 2" in failure(lambda x: (x,) * (1 if x > 0 else 2), x)


def test_the_places_torch_has_are_there():
    assert weft.autograd.gradcheck is gradcheck
    assert weft.autograd.gradgradcheck is gradgradcheck
    from weft.autograd.gradcheck import gradcheck as same

    assert same is gradcheck
    assert issubclass(GradcheckError, RuntimeError)
    assert weft.autograd.gradcheck.GradcheckError is GradcheckError
