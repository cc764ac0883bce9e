"""The public gradient check passes on every differentiable function of the catalogue.

The catalogue's own tests compare slopes more finely. What this adds is what users' checks ask for:
each output by each input, two backward passes with the same bits, cotangents and tangents that are
absent, backward and forward mode under vmap, and the derivative by the cotangents.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import weft
from tests.core.catalogued import DIFFERENTIABLE, except_for
from tests.core.drawing import Call, sloped
from tests.core.tolerances import NO_BATCH, NO_SECOND_ORDER
from weft.autograd import gradcheck, gradgradcheck

pytestmark = pytest.mark.slow


def checked(entry: Any, sample: Any) -> tuple[Callable[..., Any], tuple[weft.Tensor, ...]]:
    """Return a sample as a function of its variables, and those."""
    call = Call(entry.function, sample, np.float64, entry.key)

    def func(*variables: weft.Tensor) -> tuple[weft.Tensor, ...]:
        # a function of Hermitian matrices has a slope only along such
        given = [
            (x + x.mH) / 2 if form == "positive" else x
            for x, form in zip(variables, call.forms, strict=True)
        ]
        return tuple(sloped(call.name, call.run(given)))

    return func, tuple(x.clone().requires_grad_() for x in call.tensors())


@pytest.mark.parametrize(("entry", "sample"), DIFFERENTIABLE)
def test_every_function_passes(entry, sample):
    batched = entry.key not in NO_BATCH and not entry.random
    assert gradcheck(
        *checked(entry, sample),
        fast_mode=True,
        check_forward_ad=True,
        check_grad_dtypes=True,
        check_batched_grad=batched,
        check_batched_forward_grad=batched,
        rtol=2e-6,
        atol=2e-7,
    )


@pytest.mark.parametrize(("entry", "sample"), except_for(NO_SECOND_ORDER, DIFFERENTIABLE))
def test_every_function_passes_twice(entry, sample):
    func, inputs = checked(entry, sample)
    if not any(out.requires_grad for out in func(*inputs)):
        return  # flat: there is no first derivative to differentiate
    assert gradgradcheck(func, inputs, fast_mode=True, check_grad_dtypes=True, rtol=2e-5, atol=2e-5)
