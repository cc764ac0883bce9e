"""Every function of the catalogue with its tensors on a device that NumPy cannot read.

The device is CuPy's stand-in (``fake_cupy``), whose arrays NumPy's functions refuse: a kernel, rule
or composite that reached for NumPy, made a helper tensor on the CPU, or forgot on which GPU (never
the current one) it works, fails here.
"""

from __future__ import annotations

import inspect

import numpy as np
import pytest

import weft
from tests.core.devices.exceptions import ON_CPU, UNDEFINED
from tests.core.drawing import Call, cast, outputs, reads_floats, weighted_sum
from tests.core.tolerances import NOT_THE_SLOPE
from weft._core import catalogue
from weft.ops import load_all

load_all()
SAMPLES = [
    pytest.param(entry, sample, f"{entry.key}-{i}", id=f"{entry.key}-{i}")
    for entry in catalogue.public.values()
    for i, sample in enumerate(entry.samples)
]
DIFFERENTIABLE = [
    p
    for p in SAMPLES
    if reads_floats(p.values[1])
    and not (p.values[0].not_differentiable or p.values[0].random or p.id in NOT_THE_SLOPE)
    and p.id not in ON_CPU
]
pytestmark = pytest.mark.usefixtures("fake_gpus")


def values(x: weft.Tensor) -> np.ndarray:
    wide = weft.complex128 if x.dtype.is_complex else weft.float64
    return np.asarray(x.detach().cpu().to(wide).numpy())


def made_of_settings(entry) -> bool:
    """Whether a function makes tensors where its ``device`` says, of no tensor of its own."""
    return "device" in inspect.signature(entry.function, follow_wrapped=True).parameters


@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize(("entry", "sample", "name"), SAMPLES)
def test_results_on_a_device_are_those_of_the_cpu(entry, sample, name, dtype):
    call = Call(entry.function, sample, np.float32, entry.key)
    call.variables = [cast(v, getattr(weft, dtype).numpy) for v in call.variables]
    try:
        expected = outputs(call.run(call.tensors()))
    except TypeError:
        return  # what refuses a dtype on the CPU; the refusal has tests of its own
    with weft.device("cuda:1" if made_of_settings(entry) else "cpu"):
        got = outputs(call.on("cuda:1"))
    assert len(got) == len(expected)
    for g, e in zip(got, expected, strict=True):
        assert (g.shape, g.dtype) == (e.shape, e.dtype)
        assert g.device.type == ("cpu" if name in ON_CPU else "cuda")
        if entry.key not in UNDEFINED:
            np.testing.assert_allclose(values(g), values(e), rtol=2e-3, atol=2e-3)


@pytest.mark.parametrize(("entry", "sample", "name"), DIFFERENTIABLE)
def test_gradients_on_a_device_are_those_of_the_cpu(entry, sample, name):
    call = Call(entry.function, sample, np.float64, entry.key)

    def gradients(results, tensors):
        return weft.autograd.grad(weighted_sum(entry.key, results), tensors, allow_unused=True)

    tensors = call.tensors(requires_grad=True)
    expected = gradients(call.run(tensors), tensors)
    there = [t.detach().cuda(1).requires_grad_() for t in tensors]
    got = gradients(call.on("cuda:1", there), there)
    for g, e in zip(got, expected, strict=True):
        assert (g is None) == (e is None)
        if g is not None:
            assert g.device.type == "cuda"
            np.testing.assert_allclose(values(g), values(e), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize(("entry", "sample", "name"), SAMPLES)
def test_the_default_device_is_only_for_tensors_that_users_make(entry, sample, name):
    """Helpers inside a function lie where its arguments do, not where new tensors are made."""
    call = Call(entry.function, sample, np.float32, entry.key)
    if made_of_settings(entry) or name in ON_CPU:
        return
    expected = outputs(call.run(call.tensors()))
    with weft.device("meta"):
        got = outputs(call.run(call.tensors()))
    assert [g.device.type for g in got] == [e.device.type for e in expected]
