"""Saved tensors that wait on the CPU, and users' kernels for a GPU, on the stand-in's GPUs."""

from __future__ import annotations

import pytest

import weft
from weft._core.saving import Packed
from weft.autograd import graph

pytestmark = pytest.mark.usefixtures("fake_gpus")


def test_saved_tensors_wait_on_the_cpu_and_come_back():
    x = weft.tensor([2.0, 3.0], device="cuda:1", requires_grad=True)
    with graph.save_on_cpu():
        y = x * x
    kept = [a for a in y.grad_fn.args if isinstance(a, Packed)]
    assert kept
    assert all(str(a.held[1].device) == "cpu" for a in kept)
    assert str(y.grad_fn._saved_self.device) == "cuda:1"
    y.sum().backward()
    assert str(x.grad.device) == "cuda:1"
    assert x.grad.cpu().tolist() == [4.0, 6.0]


def test_one_kernel_over_xp_runs_on_every_device():
    @weft.library.custom_op("tests::everywhere")
    def everywhere(xp, x):
        return xp.exp(x) * 2

    everywhere.register_autograd(lambda ctx, g: g * ctx.out, setup_context=_keep, saves=("out",))
    x = weft.tensor([0.0, 1.0], device="cuda:1", requires_grad=True)
    y = everywhere(x)
    assert str(y.device) == "cuda:1"
    y.sum().backward()
    assert x.grad.cpu().tolist() == y.cpu().tolist()


def _keep(ctx, inputs, output):
    ctx.out = output


def test_a_kernel_registered_for_a_gpu_runs_there_alone():
    @weft.library.custom_op("tests::told")
    def told(xp, x):
        return x * 1

    @told.register_kernel("cuda")
    def _(xp, x):
        return x * 10

    assert told(weft.ones(2)).tolist() == [1.0, 1.0]
    assert told(weft.ones(2, device="cuda")).cpu().tolist() == [10.0, 10.0]


def test_a_kernel_over_tensors_gets_tensors_of_the_device():
    seen = []

    @weft.library.custom_op("tests::of_tensors", device_types=("cuda",))
    def of_tensors(x: weft.Tensor) -> weft.Tensor:
        seen.append(str(x.device))
        return x * 3

    assert of_tensors(weft.ones(2, device="cuda:1")).cpu().tolist() == [3.0, 3.0]
    assert seen == ["cuda:1"]
    with pytest.raises(weft.DeviceError, match="no kernel for cpu"):
        of_tensors(weft.ones(2))


def test_a_custom_functions_missing_gradients_are_zeros_on_its_device():
    class Two(weft.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2, x * 3

        @staticmethod
        def backward(ctx, g, h):
            assert str(h.device) == "cuda:1"
            return g * 2 + h * 3

    x = weft.ones(2, device="cuda:1", requires_grad=True)
    Two.apply(x)[0].sum().backward()
    assert x.grad.cpu().tolist() == [2.0, 2.0]
