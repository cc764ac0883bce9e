"""Gradient checks in fast mode: Jacobians are compared along random directions only.

For random u and v the number vᵀJu is one central difference along u on one side, and one backward
pass with the cotangent v on the other, however large the Jacobian J is.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from weft._core.generator import Generator
from weft._core.tensor import Tensor
from weft.autograd import _by_rule, _elementwise, _probing
from weft.autograd._problem import Problem, Settings, units
from weft.autograd._verdict import close, mismatch
from weft.autograd.gradcheck import GradcheckError
from weft.ops.random import rand

#: Fixed, so that a check that passes today passes tomorrow, and no user's stream is touched.
_SEED = 0x67726164636865636B

#: Whole Jacobians of more entries are not computed only to explain a failure.
_EXPLAINED = 1_000_000


class Directions(NamedTuple):
    """Where the inputs move (a second direction is that of the imaginary part), and cotangents."""

    of_inputs: dict[int, list[Tensor]]
    of_outputs: dict[int, Tensor]


class Pulled(NamedTuple):
    """The gradients of all inputs for the cotangent of one output, and where they belong."""

    output: int
    seed: Tensor
    by_input: list[Tensor]


def draw(problem: Problem) -> Directions:
    """Return unit vectors without negative entries, so that tolerances scale by their sums."""
    generator = Generator(seed=_SEED)
    inputs = {
        i: [_unit(x, generator) for _ in units(x)]
        for i, x in zip(problem.places, problem.inputs, strict=True)
    }
    outputs = {k: _unit(problem.results[k], generator) for k in problem.outputs}
    return Directions(inputs, outputs)


def measure(problem: Problem, settings: Settings, drawn: Directions) -> _elementwise.Measured:
    """Return the numerical slopes of all outputs along the direction of each input."""
    return {
        i: problem.measured(_probing.projected, x, drawn.of_inputs[i], settings.eps)
        for i, x in zip(problem.places, problem.inputs, strict=True)
    }


def check_reverse(
    problem: Problem, settings: Settings, drawn: Directions, measured: _elementwise.Measured
) -> list[Pulled]:
    """Compare reverse mode with the numerical slopes; return what reverse mode gave."""
    found = []
    for k in problem.outputs:
        v = drawn.of_outputs[k]
        for unit in units(problem.results[k]):
            seed = v.to(problem.results[k].dtype) * unit
            gradients = reverse(problem, settings, k, seed)
            for g, i in zip(gradients, problem.places, strict=True):
                directions = drawn.of_inputs[i]
                analytical = _along(g, directions)
                slope = _elementwise.gradient(measured[i][k], unit)
                numerical = (v.reshape(-1) * slope).sum()
                atol = settings.atol * float(sum(u.sum().item() for u in directions))
                atol *= float(v.sum().item())
                if not _agree(analytical, numerical, settings.rtol, atol):
                    raise _failure(problem, settings, i, k, unit, analytical, numerical, atol)
            found.append(Pulled(k, seed, gradients))
    return found


def check_forward(
    problem: Problem, settings: Settings, drawn: Directions, measured: _elementwise.Measured
) -> None:
    """Compare forward mode with the numerical slopes."""
    for i in problem.places:
        x = problem.arguments[i]
        directions = drawn.of_inputs[i]
        for unit in units(x):
            u = directions[1 if unit == 1j else 0]
            along = u.to(x.dtype) * unit
            tangents = _by_rule.pushed(problem.call, problem.arguments, {i: along})[1]
            for k in problem.outputs:
                t = tangents[k].detach()
                _elementwise.check_tangent(problem, settings, i, k, t)
                numerical = _elementwise.tangent(measured[i][k], unit)
                atol = settings.atol * float(u.sum().item())
                if not _agree(t.reshape(-1), numerical, settings.rtol, atol):
                    raise _failure(
                        problem, settings, i, k, unit, t.reshape(-1), numerical, atol, True
                    )


def reverse(problem: Problem, settings: Settings, k: int, seed: Tensor) -> list[Tensor]:
    """Return all inputs' gradients for a cotangent of one output, checked to be steady."""
    result = problem.results[k]
    once, twice = (_by_rule.pulled([result], problem.inputs, [seed]) for _ in range(2))
    out = []
    for i, x, a, b in zip(problem.places, problem.inputs, once, twice, strict=True):
        for g in (a, b):
            _elementwise.check_gradient(problem, settings, i, k, x, g)
        first, second = _by_rule.filled(a, x), _by_rule.filled(b, x)
        _elementwise.check_steady(problem, settings, i, k, first, second)
        out.append(first)
    return out


def _unit(x: Tensor, generator: Generator) -> Tensor:
    real = x.real.dtype if x.dtype.is_complex else x.dtype
    drawn: Tensor = rand(tuple(x.shape), generator=generator, dtype=real, device=x.device)
    return drawn / drawn.square().sum().sqrt() if x.numel() else drawn


def _along(g: Tensor, directions: list[Tensor]) -> Tensor:
    """Return a gradient's product with a direction, for each part of a complex one by itself."""
    if len(directions) == 1:
        return (g * directions[0]).sum()
    whole = g if g.dtype.is_complex else g + 0j
    return (whole.real * directions[0]).sum() + 1j * (whole.imag * directions[1]).sum()


def _agree(analytical: Tensor, numerical: Tensor, rtol: float, atol: float) -> bool:
    return bool(close(analytical, numerical, rtol, atol).all().item())


def _failure(
    problem: Problem,
    settings: Settings,
    i: int,
    k: int,
    unit: complex,
    analytical: Any,
    numerical: Any,
    atol: float,
    is_forward: bool = False,
) -> GradcheckError:
    """Return the error, explained by the whole Jacobians if they are not too large."""
    x, out = problem.arguments[i], problem.results[k]
    apart = (analytical - numerical).abs().reshape(-1)
    worst = int(apart.argmax().item())
    a, n = (value.reshape(-1)[worst].item() for value in (analytical, numerical))
    note = (
        f"\nFast mode: along random directions the analytical slope is {a:.6g} and the numerical "
        f"one {n:.6g} (atol={atol:.3g} for these directions, rtol={settings.rtol:g})."
    )
    head = _elementwise.headline(problem, i, k, unit, is_forward) + note
    if x.numel() * out.numel() > _EXPLAINED:
        return problem.error(f"{head}\nPass fast_mode=False, and smaller inputs, to see where.")
    pair = problem.measured(_probing.jacobians, x, settings.eps)[k]
    if is_forward:
        whole = _elementwise.forward(problem, settings, i, unit)[k]
        measured = _elementwise.tangent(pair, unit)
    else:
        whole = _elementwise.reverse(problem, settings, k, unit)[problem.places.index(i)]
        measured = _elementwise.gradient(pair, unit)
    wrong = mismatch(whole, measured, settings.rtol, settings.atol)
    if wrong is None:
        return problem.error(
            f"{head}\nElement by element the Jacobians agree: the check may pass with "
            f"fast_mode=False, if the rule is not wrong for cotangents that are not 0 or 1."
        )
    return _elementwise.failure(
        problem, settings, i, k, unit, wrong, whole, measured, is_forward, note
    )
