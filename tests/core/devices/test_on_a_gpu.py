"""What only a real GPU can show: CuPy itself under weft's kernels. Skipped where there is none."""

from __future__ import annotations

import numpy as np
import pytest

import weft
from tests.core.drawing import Call, cast, outputs, reads_floats, weighted_sum
from tests.core.tolerances import NOT_THE_SLOPE
from weft._core import catalogue
from weft.ops import load_all

load_all()
pytestmark = pytest.mark.gpu
UNDEFINED = ("empty", "empty_like", "empty_permuted", "empty_strided", "transfer", "block_diag")
SAMPLES = [
    pytest.param(entry, sample, id=f"{entry.key}-{i}")
    for entry in catalogue.public.values()
    if entry.key not in UNDEFINED and not entry.random
    for i, sample in enumerate(entry.samples)
    if reads_floats(sample)
]
DIFFERENTIABLE = [
    p for p in SAMPLES if not p.values[0].not_differentiable and p.id not in NOT_THE_SLOPE
]


def values(x: weft.Tensor) -> np.ndarray:
    wide = weft.complex128 if x.dtype.is_complex else weft.float64
    return np.asarray(x.detach().cpu().to(wide).numpy())


def test_the_gpu_answers():
    assert weft.cuda.is_available()
    x = weft.arange(5.0, device="cuda")
    weft.cuda.synchronize()
    assert (x * 2).sum().item() == 20.0
    assert weft.cuda.memory_allocated() > 0
    assert weft.cuda.get_device_name()


@pytest.mark.parametrize("dtype", ["float64", "float16"])
@pytest.mark.parametrize(("entry", "sample"), SAMPLES)
def test_results_on_the_gpu_are_those_of_the_cpu(entry, sample, dtype):
    call = Call(entry.function, sample, np.float64, entry.key)
    call.variables = [cast(v, getattr(weft, dtype).numpy) for v in call.variables]
    try:
        expected = outputs(call.run(call.tensors()))
    except TypeError:
        return  # what refuses a dtype on the CPU; the refusal has tests of its own
    got = outputs(call.on("cuda"))
    tolerance = 1e-8 if dtype == "float64" else 4e-3
    for g, e in zip(got, expected, strict=True):
        assert (g.shape, g.dtype, g.device.type) == (e.shape, e.dtype, "cuda")
        np.testing.assert_allclose(values(g), values(e), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(("entry", "sample"), DIFFERENTIABLE)
def test_gradients_on_the_gpu_are_those_of_the_cpu(entry, sample):
    call = Call(entry.function, sample, np.float64, entry.key)

    def gradients(results, tensors):
        return weft.autograd.grad(weighted_sum(entry.key, results), tensors, allow_unused=True)

    tensors = call.tensors(requires_grad=True)
    expected = gradients(call.run(tensors), tensors)
    there = [t.detach().cuda().requires_grad_() for t in tensors]
    for g, e in zip(gradients(call.on("cuda", there), there), expected, strict=True):
        assert (g is None) == (e is None)
        if g is not None:
            np.testing.assert_allclose(values(g), values(e), rtol=1e-6, atol=1e-8)
