"""Anomaly mode: the forward call behind a backward that fails or makes NaN is shown."""

from __future__ import annotations

import threading
import warnings

import pytest

import weft
from weft.autograd import detect_anomaly, set_detect_anomaly
from weft.transforms import walk


def leaf(*values: float) -> weft.Tensor:
    return weft.tensor(list(values), requires_grad=True)


def warned(run) -> str:
    """Run what must raise, and return the one warning that went before."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with pytest.raises(RuntimeError):
            run()
    (one,) = caught
    return str(one.message)


def nan_of_a_root() -> None:
    y = leaf(-1.0, 2.0).sqrt()  # the line to blame
    (y * 0).sum().backward()


def test_nan_in_backward_raises_and_shows_the_forward_call():
    with detect_anomaly():
        text = warned(nan_of_a_root)
    assert "error in SqrtBackward0" in text
    assert "in nan_of_a_root" in text
    assert text.rstrip().endswith("y = leaf(-1.0, 2.0).sqrt()  # the line to blame")
    assert "weft/ops" not in text


def test_the_error_names_the_node_and_which_gradient():
    with (
        detect_anomaly(),
        pytest.warns(UserWarning, match="SqrtBackward0"),
        pytest.raises(weft.GradError, match=r"SqrtBackward0 returned NaN in its gradient 0"),
    ):
        nan_of_a_root()


def test_without_the_mode_nothing_is_told():
    nan_of_a_root()
    with detect_anomaly(check_nan=False):
        nan_of_a_root()
    with detect_anomaly():
        y = leaf(-1.0).sqrt()
    (y * 0).sum().backward()


def test_an_infinite_gradient_is_no_anomaly():
    x = leaf(0.0)
    with detect_anomaly():
        x.sqrt().sum().backward()
    assert x.grad.tolist() == [float("inf")]


def test_a_forward_outside_the_mode_is_named_without_its_lines():
    y = leaf(-1.0).sqrt()
    with detect_anomaly():
        text = warned(lambda: (y * 0).sum().backward())
    assert "error in SqrtBackward0. No forward call is known" in text


def test_a_backward_that_raises_shows_its_call_too():
    class Failing(weft.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            raise RuntimeError("mine")

    def run() -> None:
        Failing.apply(leaf(1.0)).sum().backward()  # applied here

    with detect_anomaly():
        text = warned(run)
    assert "error in FailingBackward" in text
    assert "# applied here" in text


def test_an_overwritten_saved_tensor_shows_the_call_that_saved_it():
    def run() -> None:
        y = leaf(1.0).exp()
        z = y * y  # saved here
        y.add_(1)
        z.sum().backward()

    with detect_anomaly():
        assert "# saved here" in warned(run)


def test_a_second_backward_shows_what_induced_it():
    x = weft.tensor(0.0, requires_grad=True)

    def run() -> None:
        y = x**1.5  # first
        (g,) = weft.autograd.grad(y, x, create_graph=True)
        weft.autograd.grad(g * 0, x)

    with detect_anomaly():
        text = warned(run)
    assert text.index("create_graph=True") < text.index("made in the backward of PowBackward0")
    assert text.rstrip().endswith("# first")


def test_the_switch_works_at_once_and_as_a_context():
    assert not weft.is_anomaly_enabled()
    set_detect_anomaly(True)
    assert (weft.is_anomaly_enabled(), weft.is_anomaly_check_nan_enabled()) == (True, True)
    set_detect_anomaly(False)
    weft.set_anomaly_enabled(True, check_nan=False)
    assert (weft.is_anomaly_enabled(), weft.is_anomaly_check_nan_enabled()) == (True, False)
    weft.set_anomaly_enabled(False)
    with set_detect_anomaly(True, check_nan=False):
        assert (weft.is_anomaly_enabled(), weft.is_anomaly_check_nan_enabled()) == (True, False)
        with detect_anomaly():
            assert weft.is_anomaly_check_nan_enabled()
        assert not weft.is_anomaly_check_nan_enabled()
    assert not weft.is_anomaly_enabled()


def test_the_mode_is_of_one_thread_and_leaves_the_tape_as_it_was():
    plain = walk._cotangents
    seen = []
    with detect_anomaly():
        assert walk._cotangents is not plain
        worker = threading.Thread(
            target=lambda: (nan_of_a_root(), seen.append(weft.is_anomaly_enabled()))
        )
        worker.start()
        worker.join()
    assert seen == [False]
    assert walk._cotangents is plain


def test_a_failing_backward_of_another_thread_is_not_told_of():
    def fail() -> None:
        y = (leaf(1.0) ** 2).sum()
        y.backward()
        with pytest.raises(weft.GradError, match="was freed"):
            y.backward()

    with detect_anomaly(), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        worker = threading.Thread(target=fail)
        worker.start()
        worker.join()
    assert not caught


def test_gradients_under_vmap_are_looked_at_too():
    def slope(x):
        return weft.func.grad(lambda x: (x.sqrt() * 0).sum())(x)

    with detect_anomaly():
        assert "SqrtBackward0" in warned(
            lambda: weft.func.vmap(slope)(weft.tensor([[1.0], [-1.0]]))
        )
