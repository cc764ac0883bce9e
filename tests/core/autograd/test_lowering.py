"""Lowered rules give what the rules give, and only where that is safe."""

from __future__ import annotations

import numpy as np
import pytest

import weft
from tests.core.catalogued import DIFFERENTIABLE
from tests.core.drawing import Call, weighted
from weft._core import catalogue
from weft._core.kernels import for_arrays
from weft.transforms import lowering


def gradients(entry, sample, dtype) -> list[np.ndarray | None]:
    call = Call(entry.function, sample, dtype, entry.key)
    tensors = call.tensors(requires_grad=True)
    found = weft.autograd.grad(weighted(call, tensors), tensors, allow_unused=True)
    return [None if g is None else g.numpy() for g in found]


@pytest.mark.parametrize("dtype", [np.float32, pytest.param(np.float64, marks=pytest.mark.slow)])
@pytest.mark.parametrize(("entry", "sample"), DIFFERENTIABLE)
def test_a_lowered_rule_gives_what_the_rule_gives(entry, sample, dtype, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(lowering, "lowered", lambda node, g, wanted: None)
        as_written = gradients(entry, sample, dtype)
    for _ in range(3):  # seen, lowered, and run again
        lowered = gradients(entry, sample, dtype)
    rtol, atol = (2e-5, 2e-5) if dtype is np.float32 else (1e-11, 1e-11)
    for a, b in zip(lowered, as_written, strict=True):
        assert (a is None) is (b is None)
        if a is not None:
            assert a.dtype == b.dtype
            np.testing.assert_allclose(
                a, b, rtol=rtol, atol=atol * max(1.0, np.abs(b).max(initial=0))
            )


def programs_of(name: str) -> list:
    known = lowering._programs.get(catalogue.ops[name], {})
    return [p for p in known.values() if callable(p)]


def test_rules_of_common_ops_are_lowered():
    x = weft.ones(3, 4, requires_grad=True)
    w = weft.ones(5, 4, requires_grad=True)
    for _ in range(2):
        out = weft.nn.functional.linear(x, w, weft.ones(5, requires_grad=True)).tanh()
        weft.nn.functional.cross_entropy(out, weft.tensor([0, 1, 2])).backward()
    for name in ("affine", "tanh", "class_losses"):
        assert programs_of(name), name


def test_memory_that_two_gradients_share_is_not_written():
    for _ in range(3):
        x, y = (weft.ones(4, requires_grad=True) for _ in range(2))
        z = x + y  # both get the very same cotangent
        (z + z * 2 + x).sum().backward()
        x.grad.mul_(10)
        assert x.grad.tolist() == [40] * 4
        assert y.grad.tolist() == [3] * 4


def test_a_cotangent_that_the_user_gave_stays_as_it_was():
    g = weft.ones(3)
    for _ in range(3):
        x = weft.ones(3, requires_grad=True)
        (x * 1.0 + x.view(3)).backward(g)
        x.grad.add_(1)
        assert g.tolist() == [1, 1, 1]


def test_other_shapes_and_dtypes_have_programs_of_their_own():
    for shape in ((2,), (2, 3), (1, 3), ()):
        for dtype in (weft.float32, weft.float64, weft.float16, weft.complex64):
            for _ in range(3):
                x = weft.ones(shape, dtype=dtype, requires_grad=True)
                weft.real((x * x).sum()).backward()
                assert x.grad.dtype is dtype
                assert (x.grad == 2).all()


def test_numbers_in_a_call_are_part_of_the_program():
    for factor in (2, 2.0, 3.0, True, 2):
        for _ in range(3):
            x = weft.ones(2, requires_grad=True)
            (x * factor).sum().backward()
            assert x.grad.tolist() == [float(factor)] * 2


def test_broadcasting_is_undone():
    for _ in range(3):
        x = weft.ones(3, 1, requires_grad=True)
        y = weft.ones(2, requires_grad=True)
        (x * y).sum().backward()
        assert x.grad.tolist() == [[2]] * 3
        assert y.grad.tolist() == [3, 3]


def test_the_cache_of_one_op_is_bounded():
    for n in range(1, lowering._MOST + 20):
        for _ in range(2):
            x = weft.ones(n, requires_grad=True)
            x.sin().backward(weft.ones(n))
    assert len(lowering._programs[catalogue.ops["sin"]]) <= lowering._MOST + 1


def test_a_result_that_another_views_is_not_written():
    for _ in range(3):
        x = weft.ones(4, requires_grad=True)
        y = x * 1.0
        a, b = y.view(2, 2), y.view(4)
        (a.sum() * 2 + (b * b).sum() + y.sum()).backward()
        assert x.grad.tolist() == [5] * 4


def test_settings_that_hold_tensors_are_not_kept():
    assert not lowering._is_plain(weft.ones(2))
    assert not lowering._is_plain((1, weft.ones(2)))
    assert lowering._is_plain(((1, 2.0), "mean", None, slice(0, 2), weft.float32))


def test_small_arrays_are_taken_past_kernels_that_would_decline_them():
    op = catalogue.ops["mul"]
    assert for_arrays(op, [64, 1]).of_any_array
    assert for_arrays(op, []).of_any_array
    assert for_arrays(op, [64, 10**6]) is op.kernels[np.ndarray]


@pytest.mark.parametrize("dim", [0, 1])
def test_a_sum_gives_the_same_bits_however_its_dim_is_counted(dim):
    x = weft.tensor(np.random.default_rng(0).standard_normal((6, 5)))
    kernel = catalogue.ops["sum"].kernels[np.ndarray]
    wanted = kernel(x.numpy(), dim=(dim,), keepdim=False)
    assert np.array_equal(x.sum(dim).numpy(), wanted)
    assert np.array_equal(x.sum(dim - 2).numpy(), wanted)
