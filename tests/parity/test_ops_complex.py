"""Gradients by complex arguments: torch's convention, the conjugate of the derivative."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import weft
from tests.core.drawing import outputs
from tests.parity.test_ops import DIFFERENTIABLE, REFUSALS, drawn, run_torch
from tests.parity.torch_side import assert_same, tensor_of, tensors_in


def weighted(module: Any, results: list[Any]) -> Any:
    """Return a real number that every floating and complex result has a part in."""
    total = 0.0
    for i, out in enumerate(results):
        rng = np.random.default_rng(i)
        real, imaginary = (np.asarray(rng.uniform(0.5, 1.5, tuple(out.shape))) for _ in range(2))
        if out.dtype.is_complex:
            total = total + (out * module.from_numpy(np.asarray(real + 1j * imaginary))).sum().real
        elif out.dtype.is_floating_point:
            total = total + (out * module.from_numpy(real).to(out.dtype)).sum()
    return total


@pytest.mark.parametrize(("entry", "number"), DIFFERENTIABLE)
def test_what_torch_differentiates_by_complex_numbers_weft_does_alike(entry, number):
    call = drawn(entry, entry.samples[number], "complex128")
    theirs = [tensor_of(v).requires_grad_() for v in call.variables]
    try:
        total = weighted(torch, tensors_in(run_torch(entry, call, theirs), torch.Tensor))
        expected = torch.autograd.grad(total, theirs, allow_unused=True)
    except (*REFUSALS, AttributeError):
        return  # torch has no such gradient; weft may have one
    ours = call.tensors(requires_grad=True)
    total = weighted(weft, outputs(call.run(ours)))
    for g, e in zip(weft.autograd.grad(total, ours, allow_unused=True), expected, strict=True):
        if g is None or e is None:  # each may know better that there is no path
            for one in (g, e):
                assert one is None or not one.count_nonzero().item()
        else:
            assert_same(g, e, f"gradient of {entry.name}", within=(1e-10, 1e-12))
