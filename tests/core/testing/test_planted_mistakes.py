"""Wrong derivative rules planted into functions and ops: the checks catch each, and pass the right.

A check that no wrong rule can fail would prove nothing.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

import weft
from tests.core.testing import planted
from weft._core import catalogue
from weft._core.dispatch import apply
from weft._core.op import Op
from weft.autograd import gradcheck, gradgradcheck
from weft.autograd.gradcheck import GradcheckError
from weft.ops import load_all

load_all()
WRONG = planted.wrong_rules(weft)
RIGHT = planted.right_rules(weft)
MODES = pytest.mark.parametrize("fast", [False, True], ids=["whole", "fast"])


@MODES
@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_rule_is_caught(name, fast):
    case = WRONG[name]
    check = {"gradcheck": gradcheck, "gradgradcheck": gradgradcheck}[case.check]
    with pytest.raises(GradcheckError, match=rf"(?s){case.says}"):
        check(case.func, case.inputs, fast_mode=fast, **case.settings)
    assert not check(case.func, case.inputs, fast_mode=fast, raise_exception=False, **case.settings)


def test_at_least_twenty_kinds_of_mistakes_are_planted():
    assert len(WRONG) >= 40


@MODES
@pytest.mark.parametrize("name", RIGHT)
def test_a_right_rule_passes(name, fast):
    func, inputs = RIGHT[name]
    assert gradcheck(func, inputs, fast_mode=fast, check_forward_ad=True)
    assert gradgradcheck(func, inputs, fast_mode=fast)


@MODES
@pytest.mark.parametrize("name", [n for n in WRONG if WRONG[n].check == "gradgradcheck"])
def test_a_wrong_second_derivative_does_not_fail_the_check_of_the_first(name, fast):
    assert gradcheck(WRONG[name].func, WRONG[name].inputs, fast_mode=fast)


@MODES
@pytest.mark.parametrize("name", [n for n in WRONG if "check_forward_ad" in WRONG[n].settings])
def test_a_wrong_tangent_is_no_matter_of_reverse_mode(name, fast):
    assert gradcheck(WRONG[name].func, WRONG[name].inputs, fast_mode=fast)
    with pytest.raises(GradcheckError, match="forward mode"):
        gradcheck(
            WRONG[name].func,
            WRONG[name].inputs,
            fast_mode=fast,
            check_forward_ad=True,
            check_backward_ad=False,
        )


@MODES
def test_a_wrong_gradient_is_no_matter_of_forward_mode(fast):
    wrong = planted.function(
        weft, lambda x: x.sin(), lambda saved, g: -g, lambda args, t: t * args[0].cos()
    )
    x = planted.Maker(weft).real(3)
    assert gradcheck(wrong, x, fast_mode=fast, check_forward_ad=True, check_backward_ad=False)
    with pytest.raises(GradcheckError):
        gradcheck(wrong, x, fast_mode=fast, check_forward_ad=True)


@MODES
def test_nondeterminism_within_the_tolerance_passes(fast):
    case = planted.wrong_rules(weft)["not_deterministic"]
    assert gradcheck(case.func, case.inputs, fast_mode=fast, nondet_tol=1e-3)


@MODES
def test_a_backward_that_fails_for_an_undefined_gradient_says_so(fast):
    func = planted.absent_cotangent_unexpected(weft)
    with pytest.raises(TypeError) as caught:
        gradcheck(func, planted.Maker(weft).real(3), fast_mode=fast)
    assert "other outputs having no gradient (None)" in "".join(caught.value.__notes__)


# --- mistakes in the records of ops, which Function does not let through -------------------------


def changed(name: str, change: Callable[[Op], dict[str, Any]]) -> Callable[..., Any]:
    """Return an op of the catalogue as a function, with some of its rules replaced."""
    op = catalogue.ops[name]
    wrong = dataclasses.replace(op, **change(op))
    return lambda *args: apply(wrong, args, {})


def wrong_vjp(name: str, mistake: Callable[[Any], Any]) -> Callable[..., Any]:
    def change(op: Op) -> dict[str, Any]:
        return {"vjp": lambda *args, **params: mistake(op.vjp(*args, **params))}

    return changed(name, change)


def wrong_jvp(name: str, mistake: Callable[..., Any]) -> Callable[..., Any]:
    def change(op: Op) -> dict[str, Any]:
        return {"jvp": lambda tangents, *args, **params: mistake(op, tangents, args, params)}

    return changed(name, change)


def batch_reversed(op: Op) -> dict[str, Any]:
    return {"batch": lambda *args, **params: op.batch(*args, **params).flip(0)}


def sine_with_a_slope_that_batches_wrongly() -> Callable[..., Any]:
    times = changed("mul", batch_reversed)
    return changed("sin", lambda op: {"vjp": lambda needs, g, out, x: (times(g, x.cos()),)})


def ones_for_absent(op: Op, tangents: Any, args: Any, params: Any) -> Any:
    _, x, y = args
    t, u = (weft.ones_like(x) if t is None else t for t in tangents)
    return t * y + u * x


real = planted.Maker(weft).real
IN_OPS: dict[str, tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any], str]] = {
    "dtype_of_the_gradient": (
        wrong_vjp("sin", lambda found: tuple(g.to(weft.float32) for g in found)),
        (real(3),),
        {"check_grad_dtypes": True},
        r"the gradient of .* must be of weft\.float64, got weft\.float32",
    ),
    "size_of_the_gradient": (
        changed("mul", lambda op: {"vjp": lambda needs, g, out, x, y: (g * y, g * x)}),
        (real(2, 3), real(3)),
        {},
        r"the gradient of .*by input 1 .*\(3,\), got \(2, 3\); is a sum .* missing",
    ),
    "dtype_of_the_tangent": (
        wrong_jvp("sin", lambda op, t, args, params: op.jvp(t, *args).to(weft.float32)),
        (real(3),),
        {"check_forward_ad": True, "check_grad_dtypes": True},
        "the tangent of .* must be of",
    ),
    "size_of_the_tangent": (
        wrong_jvp("sin", lambda op, t, args, params: op.jvp(t, *args).sum()),
        (real(3),),
        {"check_forward_ad": True},
        "the tangent of .* must have the shape",
    ),
    "batched_gradient": (
        sine_with_a_slope_that_batches_wrongly(),
        (real(3),),
        {"check_batched_grad": True},
        "batched gradients are wrong: the gradient of output 0 by input 0",
    ),
    "batched_tangent": (
        wrong_jvp("sin", lambda op, t, args, params: changed("neg", batch_reversed)(-t[0])
                  * args[1].cos()),
        (real(3),),
        {"check_forward_ad": True, "check_batched_forward_grad": True},
        "batched gradients are wrong: the tangent by input 0 of output 0",
    ),
    "absent_tangent": (
        wrong_jvp("mul", ones_for_absent),
        (real(3), real(3, start=7)),
        {"check_forward_ad": True, "check_backward_ad": False},
        "forward mode|undefined tangent",
    ),
}  # fmt: skip


@MODES
@pytest.mark.parametrize("name", IN_OPS)
def test_a_wrong_rule_of_an_op_is_caught(name, fast):
    func, inputs, settings, says = IN_OPS[name]
    with pytest.raises(GradcheckError, match=rf"(?s){says}"):
        gradcheck(func, inputs, fast_mode=fast, **settings)


@MODES
@pytest.mark.parametrize("name", [n for n in IN_OPS if n.startswith(("batched", "absent"))])
def test_what_is_not_asked_for_is_not_checked(name, fast):
    func, inputs, _, _ = IN_OPS[name]
    assert gradcheck(func, inputs, fast_mode=fast)


def test_gradients_of_another_dtype_are_refused_in_any_case():
    func, inputs, _, _ = IN_OPS["dtype_of_the_gradient"]
    with pytest.raises(GradcheckError, match=r"input 0 is weft\.float64, got weft\.float32"):
        gradcheck(func, inputs)
