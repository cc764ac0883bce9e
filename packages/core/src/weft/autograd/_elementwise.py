"""Gradient checks with whole Jacobians: every element of every input is moved."""

from __future__ import annotations

from typing import Any, NamedTuple

from weft._core.tensor import Tensor
from weft.autograd import _by_rule, _probing
from weft.autograd._problem import Problem, Settings, hint, units
from weft.autograd._verdict import Mismatch, described, mismatch, resemblance
from weft.autograd.gradcheck import GradcheckError
from weft.ops.joining import stack

Measured = dict[int, _probing.Slopes]  # by the place of the input


class Row(NamedTuple):
    """One output's Jacobians by all inputs, as reverse mode gives them, and where they belong."""

    output: int
    unit: complex
    by_input: list[Tensor]


def measure(problem: Problem, settings: Settings) -> Measured:
    """Return the numerical Jacobians of all outputs by all inputs."""
    pairs = zip(problem.places, problem.inputs, strict=True)
    return {i: problem.measured(_probing.jacobians, x, settings.eps) for i, x in pairs}


def check_flat(problem: Problem, measured: Measured, within: float = 0.0) -> None:
    """Raise unless nothing changes: no output requires grad, so all derivatives are zero."""
    for i, slopes in measured.items():
        for k, pair in enumerate(slopes):
            for part in pair or ():
                if part is not None and not bool((part.abs() <= within).all().item()):
                    raise problem.error(
                        f"no output of func requires grad, so the numerical gradient was expected "
                        f"to be zero, but output {k} changes with input {i}: its slope is up to "
                        f"{part.abs().max().item():.6g}; is a .detach() or no_grad in func?"
                    )


def check_reverse(problem: Problem, settings: Settings, measured: Measured) -> list[Row]:
    """Compare reverse mode with the numerical Jacobians; return what reverse mode gave."""
    found = []
    for k in problem.outputs:
        for unit in units(problem.results[k]):
            row = Row(k, unit, reverse(problem, settings, k, unit))
            for analytical, i in zip(row.by_input, problem.places, strict=True):
                numerical = gradient(measured[i][k], unit)
                wrong = mismatch(analytical, numerical, settings.rtol, settings.atol)
                if wrong is not None:
                    raise failure(problem, settings, i, k, unit, wrong, analytical, numerical)
            found.append(row)
    return found


def check_forward(problem: Problem, settings: Settings, measured: Measured) -> None:
    """Compare forward mode with the numerical Jacobians."""
    for i in problem.places:
        for unit in units(problem.arguments[i]):
            analytical = forward(problem, settings, i, unit)
            for k in problem.outputs:
                numerical = tangent(measured[i][k], unit)
                wrong = mismatch(analytical[k], numerical, settings.rtol, settings.atol)
                if wrong is not None:
                    raise failure(
                        problem, settings, i, k, unit, wrong, analytical[k], numerical, True
                    )


def reverse(problem: Problem, settings: Settings, k: int, unit: complex) -> list[Tensor]:
    """Return reverse mode's Jacobians of one output by all inputs.

    Raises:
        GradcheckError: a gradient has the wrong shape or dtype, or a second backward pass gives
            other numbers.
    """
    once, twice = (_by_rule.rows(problem.results[k], unit, problem.inputs) for _ in range(2))
    out = []
    for i, x, first, second in zip(problem.places, problem.inputs, once, twice, strict=True):
        for g in (*first, *second):
            check_gradient(problem, settings, i, k, x, g)
        a, b = _by_rule.jacobian(first, x), _by_rule.jacobian(second, x)
        check_steady(problem, settings, i, k, a, b)
        out.append(a)
    return out


def forward(problem: Problem, settings: Settings, i: int, unit: complex) -> dict[int, Tensor]:
    """Return forward mode's Jacobians of all outputs by one input, by the output's place.

    Raises:
        GradcheckError: a tangent has the wrong dtype.
    """
    found = _by_rule.columns(problem.call, problem.arguments, i, unit)
    out = {}
    for k in problem.outputs:
        result = problem.results[k]
        tangents = [one[k].detach() for one in found]
        for t in tangents:
            check_tangent(problem, settings, i, k, t)
        out[k] = (
            stack([t.reshape(-1) for t in tangents])
            if tangents
            else result.detach().new_zeros((0, result.numel()))
        )
    return out


def check_gradient(
    problem: Problem, settings: Settings, i: int, k: int, x: Tensor, g: Tensor | None
) -> None:
    """Raise unless a gradient has its input's shape, and its dtype if that is checked."""
    if g is None:
        return
    if tuple(g.shape) != tuple(x.shape):
        raise problem.error(
            f"the gradient of output {k} by input {i} must have "
            f"the shape of the input, {tuple(x.shape)}, got {tuple(g.shape)}; is a sum over "
            f"broadcast dims missing?"
        )
    if settings.check_grad_dtypes and g.dtype is not x.dtype:
        raise problem.error(
            f"the gradient of output {k} by input {i} must be of {x.dtype}, got {g.dtype}"
        )


def check_tangent(problem: Problem, settings: Settings, i: int, k: int, t: Tensor) -> None:
    """Raise unless a tangent has its output's shape, and its dtype if that is checked."""
    out = problem.results[k]
    if tuple(t.shape) != tuple(out.shape):
        raise problem.error(
            f"the tangent of output {k} by input {i} must have the shape "
            f"of the output, {tuple(out.shape)}, got {tuple(t.shape)}"
        )
    if settings.check_grad_dtypes and t.dtype is not out.dtype:
        raise problem.error(
            f"the tangent of output {k} by input {i} must be of {out.dtype}, got {t.dtype}"
        )


def check_steady(
    problem: Problem, settings: Settings, i: int, k: int, once: Tensor, twice: Tensor
) -> None:
    """Raise if two backward passes with one cotangent gave different gradients."""
    apart = (once - twice).abs()
    if apart.numel() and apart.max().item() > settings.nondet_tol:
        raise problem.error(
            f"Backward is not reentrant: two backward passes from output {k} with the same "
            f"cotangent gave gradients by input {i} that differ by {apart.max().item():.6g}; "
            f"nondet_tol={settings.nondet_tol:g} allows less. If the rule is meant to be "
            f"nondeterministic, pass a larger nondet_tol"
        )


def gradient(pair: Any, unit: complex) -> Tensor:
    """Return the numerical gradient of an output's real or imaginary part, PyTorch's convention.

    By a complex input z = x + iy it is ∂L/∂x + i ∂L/∂y of the real number L.
    """
    real, imaginary = pair
    first = _part(real, unit)
    return first if imaginary is None else first + 1j * _part(imaginary, unit)


def tangent(pair: Any, unit: complex) -> Tensor:
    """Return an output's numerical slope when the input's real (1) or imaginary (1j) part moves."""
    found: Tensor = pair[1] if unit == 1j else pair[0]
    return found


def _part(value: Tensor, unit: complex) -> Tensor:
    if not value.dtype.is_complex:
        return value
    return value.imag if unit == 1j else value.real


def headline(problem: Problem, i: int, k: int, unit: complex, is_forward: bool) -> str:
    """Return the first lines of a failure: which Jacobian it is."""
    is_complex = (problem.arguments[i] if is_forward else problem.results[k]).dtype.is_complex
    part = "imaginary" if unit == 1j else "real"
    elements = "inputs" if is_forward else "outputs"
    only = f", in the {part} part of complex {elements}" if is_complex else ""
    mode = "forward" if is_forward else "backward"
    return (
        f"the Jacobian of output {k} by input {i} by {mode} mode is not the measured one{only}.\n"
        f"{problem.about(i, k)}"
    )


def failure(
    problem: Problem,
    settings: Settings,
    i: int,
    k: int,
    unit: complex,
    wrong: Mismatch,
    analytical: Tensor,
    numerical: Tensor,
    is_forward: bool = False,
    note: str = "",
) -> GradcheckError:
    """Return the error for two Jacobians that differ, with what may have caused it."""
    x, out = problem.arguments[i], problem.results[k]
    lines = [
        headline(problem, i, k, unit, is_forward) + note,
        described(wrong, analytical, numerical, x.shape, out.shape, settings.rtol, settings.atol),
    ]
    lines += [
        resemblance(analytical, numerical, unit, settings.rtol, settings.atol) or "",
        hint(problem, i) or _kink(problem, settings, i, k, wrong),
    ]
    return problem.error("\n".join(line for line in lines if line))


def _kink(problem: Problem, settings: Settings, i: int, k: int, wrong: Mismatch) -> str:
    """Return a sentence if the slopes on both sides of the point differ."""
    x, eps = problem.arguments[i], settings.eps
    place = []
    flat = wrong.row
    for length in reversed(x.shape):
        flat, at = divmod(flat, length)
        place.append(at)
    here = problem.evaluate()[k].reshape(-1)[wrong.column]
    sides = [
        _probing.moved(problem.evaluate, x, tuple(reversed(place)), step)[k] for step in (-eps, eps)
    ]
    behind, ahead = (side.reshape(-1)[wrong.column] for side in sides)
    left, right = ((here - behind) / eps).item(), ((ahead - here) / eps).item()
    # second derivatives and rounding part them a little, a kink by its height
    if abs(left - right) <= 1e-2 * max(1.0, abs(left), abs(right)):
        return ""
    return (
        f"At that element func has slope {left:.6g} on one side and {right:.6g} on the other: it "
        f"may have a kink or a step there; move the input away from it."
    )
