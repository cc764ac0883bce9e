"""Every derivative rule of the catalogue against finite differences and against the others."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest

import weft
from tests.core.catalogued import DIFFERENTIABLE, except_for
from tests.core.drawing import Call, cast, hermitian, sloped, weighted, weights_for
from tests.core.tolerances import NO_SECOND_ORDER, REAL_INSIDE

DTYPES = pytest.mark.parametrize("dtype", ["float64", "complex128"])
#: What says that a function is of real numbers alone, or has no kernel for complex ones.
REFUSALS = (weft.DTypeError, TypeError, ValueError)


def called(entry, sample, dtype: str) -> Call | None:
    """Return the sample's call in a dtype, or None where the function refuses complex numbers."""
    call = Call(entry.function, sample, np.dtype(dtype), entry.key)
    if dtype == "complex128":
        if entry.key in REAL_INSIDE:
            return None
        if all(v.dtype.kind == "c" for v in Call(entry.function, sample, np.float64, "").variables):
            return None  # it is complex in any case
        try:
            call.run(call.tensors())
        except REFUSALS:
            return None
    return call


def directions(call: Call, seed: int) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    drawn = [
        cast(
            rng.standard_normal(v.shape)
            + (1j * rng.standard_normal(v.shape) if v.dtype.kind == "c" else 0),
            np.float64,
        )
        for v in call.variables
    ]
    # a function of Hermitian matrices has a slope only along such
    pairs = zip(drawn, call.forms, strict=True)
    return [hermitian(d) if form == "positive" else d for d, form in pairs]


def moved(call: Call, direction: list[np.ndarray], step: float) -> list[weft.Tensor]:
    pairs = zip(call.variables, direction, strict=True)
    return [weft.from_numpy(np.asarray(v + step * d)) for v, d in pairs]


def slope(call: Call, function, direction: list[np.ndarray], step: float) -> float:
    """Return a central difference, of fourth order, of a scalar function of the variables."""
    far, near = (
        function(moved(call, direction, s)).item() - function(moved(call, direction, -s)).item()
        for s in (2 * step, step)
    )
    return (8 * near - far) / (12 * step)


def dot(gradients, direction: list[np.ndarray]) -> float:
    """The slope along a direction; of a complex gradient both parts count, as in PyTorch."""
    return math.fsum(
        float((g.detach().numpy().conj() * d).sum().real)
        for g, d in zip(gradients, direction, strict=True)
        if g is not None
    )


def pulled_back(call: Call, tensors: list[weft.Tensor]) -> tuple[weft.Tensor | None, ...]:
    """Return the gradients of the weighted sum, whose weights are the cotangents of the results.

    Nothing but the call itself is differentiated, so that no second mistake can undo a first.
    """
    results = sloped(call.name, call.run(tensors))
    assert results, "a differentiable function returned no floating tensor"
    pairs = [(out, weights_for(out, i)) for i, out in enumerate(results) if out.requires_grad]
    assert pairs, "no gradient is recorded"
    seeds = [weft.from_numpy(np.asarray(weights.conj())) for _, weights in pairs]
    return weft.autograd.grad([out for out, _ in pairs], tensors, seeds, allow_unused=True)


def squared(call: Call, tensors: Sequence[weft.Tensor]) -> weft.Tensor:
    """Return the square of the weighted sum at variables that are bent where they stand.

    So everything has a second derivative, what comes before and after ops that are linear too.
    """
    starts = [weft.from_numpy(v) for v in call.variables]
    bent = [x + 0.5 * (x - x0) ** 2 for x, x0 in zip(tensors, starts, strict=True)]
    total = weighted(call, bent)
    assert total is not None
    return total * total


@DTYPES
@pytest.mark.parametrize(("entry", "sample"), DIFFERENTIABLE)
def test_the_gradient_agrees_with_finite_differences(entry, sample, dtype):
    call = called(entry, sample, dtype)
    if call is None:
        return
    tensors = call.tensors(requires_grad=True)
    gradients = pulled_back(call, tensors)
    for g, t in zip(gradients, tensors, strict=True):
        assert g is None or (g.shape == t.shape and g.dtype is t.dtype)
    direction = directions(call, 1)
    expected = slope(call, lambda ts: weighted(call, ts), direction, 1e-5)
    assert dot(gradients, direction) == pytest.approx(expected, rel=1e-7, abs=1e-8)


@DTYPES
@pytest.mark.parametrize(("entry", "sample"), DIFFERENTIABLE)
def test_forward_mode_is_the_adjoint_of_reverse_mode(entry, sample, dtype):
    call = called(entry, sample, dtype)
    if call is None:
        return
    gradients = pulled_back(call, call.tensors(requires_grad=True))
    direction = directions(call, 2)
    primals = tuple(call.tensors())
    tangents = tuple(weft.from_numpy(d) for d in direction)
    _, forward = weft.func.jvp(lambda *ts: weighted(call, list(ts)), primals, tangents)
    assert forward.item() == pytest.approx(dot(gradients, direction), rel=1e-10, abs=1e-12)


@DTYPES
@pytest.mark.parametrize(("entry", "sample"), except_for(NO_SECOND_ORDER, DIFFERENTIABLE))
def test_the_second_derivative_agrees_with_finite_differences(entry, sample, dtype):
    """And is the same in reverse over reverse, forward over reverse and reverse over forward."""
    call = called(entry, sample, dtype)
    if call is None:
        return
    ahead, along = ([weft.from_numpy(d) for d in directions(call, seed)] for seed in (3, 4))
    every = tuple(range(len(along)))
    gradient = weft.func.grad(lambda *ts: squared(call, ts), every)

    def projected(*tensors: weft.Tensor) -> weft.Tensor:
        pairs = zip(gradient(*tensors), along, strict=True)
        return sum((weft.real((g.conj() * a).sum()) for g, a in pairs), weft.tensor(0.0))

    def slope_along(*tensors: weft.Tensor) -> weft.Tensor:
        return weft.func.jvp(lambda *ts: squared(call, ts), tensors, tuple(along))[1]

    direction = [a.numpy() for a in ahead]
    tensors = call.tensors()
    expected = slope(call, lambda ts: projected(*ts), direction, 3e-5)
    found = {
        "reverse over reverse": dot(weft.func.grad(projected, every)(*tensors), direction),
        "forward over reverse": weft.func.jvp(projected, tuple(tensors), tuple(ahead))[1].item(),
        "reverse over forward": dot(weft.func.grad(slope_along, every)(*tensors), direction),
    }
    first = found["reverse over reverse"]
    assert first == pytest.approx(expected, rel=1e-6, abs=1e-6)
    assert found == {key: pytest.approx(first, rel=1e-8, abs=1e-9) for key in found}
