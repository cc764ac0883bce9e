"""Joints: who is around a function sees every call of it, and nobody else pays."""

from __future__ import annotations

import pytest

import weft
from weft._core import dispatch
from weft._core.joints import CodeJoint, Joint


def double(x, *, plus=0):
    return 2 * x + plus


def test_a_joint_runs_later_comers_further_outside():
    scope = {"double": double}
    joint = Joint(scope, "double")
    seen = []

    def first(run, x):
        seen.append("first")
        return run(x) + 1

    def second(run, x):
        seen.append("second")
        return run(x) * 10

    joint.enter(first)
    joint.enter(second)
    assert scope["double"](1) == 30
    assert seen == ["second", "first"]
    joint.leave(first)
    assert scope["double"](1) == 20
    joint.leave(second)
    assert scope["double"] is double


def test_an_around_that_entered_twice_runs_once_and_stays_until_it_left_twice():
    scope = {"double": double}
    joint = Joint(scope, "double")

    def around(run, x):
        return run(x) + 1

    joint.enter(around)
    joint.enter(around)
    assert scope["double"](1) == 3
    joint.leave(around)
    assert scope["double"](1) == 3
    joint.leave(around)
    assert scope["double"] is double


def test_a_code_joint_is_seen_by_all_who_hold_the_function():
    held, code = double, double.__code__
    joint = CodeJoint(double)

    def around(run, *args, **kwargs):
        return ("around", run(*args, **kwargs))

    joint.enter(around)
    try:
        assert held(3, plus=1) == ("around", 7)
        assert held.__name__ == "double"
    finally:
        joint.leave(around)
    assert held(3, plus=1) == 7
    assert double.__code__ is code


def test_errors_go_through_a_joint_and_leave_it_in_place():
    joint = CodeJoint(dispatch.apply)
    seen = []

    def around(run, op, args, params):
        seen.append(op.name)
        return run(op, args, params)

    joint.enter(around)
    try:
        with pytest.raises(weft.ShapeError, match="matmul"):
            weft.ones(2, 3, dtype=weft.float16) @ weft.ones(2, 3, dtype=weft.float16)
    finally:
        joint.leave(around)
    assert "matmul" in seen


def test_nan_origin_and_anomaly_mode_see_the_same_backward_pass():
    x = weft.tensor([0.0], requires_grad=True)
    with (
        weft.debug.nan_origin(raise_error=False) as report,
        weft.autograd.detect_anomaly(),
        pytest.warns(UserWarning, match="SqrtBackward0"),
        pytest.raises(weft.GradError, match="NaN"),
    ):
        (x.sqrt() * 0).sum().backward()
    assert report.first is not None
    assert report.first.phase == "backward"
