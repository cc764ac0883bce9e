"""Gradient checks and comparisons of tensors on another device than the CPU."""

from __future__ import annotations

import pytest

import weft
from weft.autograd import gradcheck, gradgradcheck
from weft.autograd.gradcheck import GradcheckError
from weft.testing import assert_close, make_tensor


def hidden_constant(x: weft.Tensor) -> weft.Tensor:
    return x * x.detach()


@pytest.mark.parametrize("fast", [False, True], ids=["whole", "fast"])
@pytest.mark.parametrize("dtype", [weft.float64, weft.complex128], ids=str)
def test_gradient_checks_run_where_the_inputs_are(fake_gpus, dtype, fast):
    x = make_tensor(3, dtype=dtype, device="cuda:1", low=0.5, high=1.5, requires_grad=True)
    y = make_tensor(2, 3, dtype=dtype, device="cuda:1", requires_grad=True)
    before = x.detach().clone()
    assert gradcheck(lambda x, y: (x * y).exp(), (x, y), fast_mode=fast, check_forward_ad=True)
    assert gradgradcheck(lambda x, y: x * y, (x, y), fast_mode=fast)
    with pytest.raises(GradcheckError, match="times the numerical one everywhere"):
        gradcheck(hidden_constant, x, fast_mode=fast)
    assert_close(x.detach(), before, rtol=0, atol=0)


@pytest.mark.parametrize("dtype", [weft.int16, weft.float16, weft.float32, weft.complex64], ids=str)
def test_tensors_are_made_and_compared_there(fake_gpus, dtype):
    x = make_tensor(4, 5, dtype=dtype, device="cuda:1", noncontiguous=True, exclude_zero=True)
    assert x.device.type == "cuda" and not x.is_contiguous()
    assert_close(x, x.clone())
    with pytest.raises(AssertionError, match="20 of 20 elements"):
        assert_close(x, x + 1)
    with pytest.raises(AssertionError, match="differ in device"):
        assert_close(x, x.cpu())
    assert_close(x, x.cpu(), check_device=False)
