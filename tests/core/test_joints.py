"""Joints: who is around a function sees every call of it, and nobody else pays."""

from __future__ import annotations

import sys
import traceback

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


def made(*closure):
    a, b, c = closure

    def closed(x):
        return a * x + b + c

    return closed


def test_a_joint_of_a_closure_runs_it_with_its_variables_and_keeps_its_frames_readable():
    function = made(2, 3, 4)
    joint = CodeJoint(function)
    seen = []

    def around(run, x):
        frame = sys._getframe()
        while frame is not None:  # as debuggers do
            seen.append((frame.f_code.co_name, dict(frame.f_locals)))
            frame = frame.f_back
        return run(x)

    joint.enter(around)
    try:
        assert function(10) == 27
    finally:
        joint.leave(around)
    assert ("closed", {"args": (10,), "kwargs": {}, "a": 2, "b": 3, "c": 4}) in seen
    assert function(1) == 9


def test_an_error_within_a_joint_of_a_closure_can_be_read_with_its_locals():
    function = made(2, None, 4)
    joint = CodeJoint(function)

    def around(run, x):
        return run(x)

    joint.enter(around)
    try:
        with pytest.raises(TypeError) as caught:
            function(10)
    finally:
        joint.leave(around)
    text = traceback.TracebackException.from_exception(caught.value, capture_locals=True).format()
    assert "b = None" in "".join(text)
