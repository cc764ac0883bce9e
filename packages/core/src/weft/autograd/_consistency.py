"""What a derivative rule owes beside the right Jacobian: it is linear, takes None, and batches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from weft._core.generator import Generator
from weft._core.tensor import Tensor
from weft.autograd import _by_rule, _elementwise, _projected
from weft.autograd._problem import Problem, Settings, units
from weft.autograd._verdict import close
from weft.ops.filled_like import zeros_like
from weft.ops.joining import stack
from weft.ops.random import rand
from weft.transforms.vmap import vmap

_SEED = 0x62617463686564


def check_linear(problem: Problem, settings: Settings, rows: Sequence[Any]) -> None:
    """Raise unless backward from all outputs together is the sum of those from each.

    A Jacobian is taken with one cotangent after the other, so it does not show a rule that uses
    only one of several cotangents, or the square of one.

    Args:
        problem: what is checked.
        settings: how.
        rows: what reverse mode gave, of whole Jacobians or of fast mode.
    """
    if not rows:
        return
    seeds, expected = _together(problem, rows)
    scale = max(1.0, sum(float(v.abs().sum().item()) for v in seeds))
    outputs = [problem.results[k] for k in problem.outputs]
    found = _by_rule.pulled(outputs, problem.inputs, seeds)
    atol = (settings.atol + settings.nondet_tol) * scale
    for i, x, g, sum_of_each in zip(problem.places, problem.inputs, found, expected, strict=True):
        _elementwise.check_gradient(problem, settings, i, problem.outputs[0], x, g)
        got = _by_rule.filled(g, x).reshape(-1)
        near = close(got, sum_of_each, settings.rtol, atol) | ~sum_of_each.isfinite()
        if not bool(near.all().item()):
            apart = (got - sum_of_each).abs()
            worst = int(apart.argmax().item())
            raise problem.error(
                f"backward is not linear in the cotangents: with one of each of outputs "
                f"{problem.outputs} at once, the gradient by input {i} is {got[worst].item():.6g} "
                f"at its element {worst} (counted flat), where the cotangents one by one give a "
                f"sum of {sum_of_each[worst].item():.6g}"
            )


def _together(problem: Problem, rows: Sequence[Any]) -> tuple[list[Tensor], list[Tensor]]:
    """Return cotangents of all outputs, and the gradients by all inputs they must give."""
    generator = Generator(seed=_SEED)
    seeds = {k: zeros_like(problem.results[k].detach()) for k in problem.outputs}
    expected: list[Any] = [0.0] * len(problem.inputs)
    for row in rows:
        k = row.output
        if isinstance(row, _projected.Pulled):
            seeds[k] = seeds[k] - 2.5 * row.seed  # another factor than those were taken with
            parts = [-2.5 * g.reshape(-1) for g in row.by_input]
        else:
            v = _random(problem.results[k], generator)
            seeds[k] = seeds[k] + v * row.unit
            parts = [matrix @ v.reshape(-1).to(matrix.dtype) for matrix in row.by_input]
        expected = [total + part for total, part in zip(expected, parts, strict=True)]
    return [seeds[k] for k in problem.outputs], expected


def check_zero(problem: Problem, settings: Settings) -> None:
    """Raise unless zero cotangents give zero gradients, of the inputs' shapes and dtypes."""
    outputs = [problem.results[k] for k in problem.outputs]
    zeros = [zeros_like(out.detach()) for out in outputs]
    found = _by_rule.pulled(outputs, problem.inputs, zeros)
    for i, x, g in zip(problem.places, problem.inputs, found, strict=True):
        if g is None:
            continue
        if not _is_zero(g, settings):
            raise problem.error(
                f"backward not multiplied by grad_output: with all cotangents zero the gradient by "
                f"input {i} is not zero but up to {g.abs().max().item():.6g}"
            )
        if g.dtype is not x.dtype:
            raise problem.error(f"grad is incorrect type: input {i} is {x.dtype}, got {g.dtype}")
        if g.device != x.device:
            raise problem.error(f"grad is on {g.device}, and its input {i} is on {x.device}")
        if tuple(g.shape) != tuple(x.shape):
            raise problem.error(
                f"the gradient of input {i} must have its shape {tuple(x.shape)}, got "
                f"{tuple(g.shape)}"
            )


def check_undefined_reverse(problem: Problem, settings: Settings) -> None:
    """Raise unless backward takes outputs whose cotangent is None, as if it were zero."""
    every = problem.outputs
    if len(every) < 2:
        return  # a rule whose only cotangent is None is never asked
    for undefined in every:
        for defined in ([k for k in every if k != undefined], [undefined]):
            outputs = [problem.results[k] for k in defined]
            zeros = [zeros_like(out.detach()) for out in outputs]
            absent = [k for k in every if k not in defined]
            try:
                found = _by_rule.pulled(outputs, problem.inputs, zeros)
            except Exception as error:
                raise problem.error(
                    f"expected the backward function to take undefined (None) gradients, here of "
                    f"outputs {absent}, as zeros, but it raised {type(error).__name__}: {error}"
                ) from error
            for i, g in zip(problem.places, found, strict=True):
                if g is not None and not _is_zero(g, settings):
                    raise problem.error(
                        f"expected all gradients to be undefined or zero when those of outputs "
                        f"{absent} are undefined (None) and the others zero, but that by input "
                        f"{i} is up to {g.abs().max().item():.6g}"
                    )


def check_undefined_forward(problem: Problem, settings: Settings) -> None:
    """Raise unless an argument without a tangent counts as one whose tangent is zero."""
    generator = Generator(seed=_SEED)
    tangents = {
        i: _random(x, generator).to(x.dtype)
        for i, x in zip(problem.places, problem.inputs, strict=True)
    }
    for i in problem.places:
        others = {j: t for j, t in tangents.items() if j != i}
        zero = zeros_like(tangents[i])
        with_zero = _by_rule.pushed(problem.call, problem.arguments, {**others, i: zero})[1]
        if others:
            without = _by_rule.pushed(problem.call, problem.arguments, others)[1]
        else:
            without = tuple(zeros_like(out.detach()) for out in problem.results)
        for k in problem.outputs:
            a, b = with_zero[k].detach(), without[k].detach()
            if not bool(close(a, b, 1e-5, 1e-8).all().item()):
                raise problem.error(
                    f"Mismatch in tangent values for output {k} when input {i} has an undefined "
                    f"tangent: they differ by up to {(a - b).abs().max().item():.6g} from those "
                    f"for a tangent of zeros"
                )


def check_batched_reverse(problem: Problem) -> None:
    """Raise unless backward under ``vmap`` gives what a loop over the cotangents gives."""
    generator = Generator(seed=_SEED)
    for k in problem.outputs:
        out = problem.results[k]

        def pull(v: Tensor, out: Tensor = out) -> tuple[Tensor, ...]:
            found = _by_rule.pulled([out], problem.inputs, [v])
            pairs = zip(found, problem.inputs, strict=True)
            return tuple(zeros_like(x.detach()) if g is None else g for g, x in pairs)

        seeds = [_random(out, generator, parts=len(units(out))) for _ in range(2)]
        _check_batched(problem, pull, seeds, f"the gradient of output {k} by input", problem.places)


def check_batched_forward(problem: Problem) -> None:
    """Raise unless forward mode under ``vmap`` gives what a loop over the tangents gives."""
    generator = Generator(seed=_SEED)
    for i, x in zip(problem.places, problem.inputs, strict=True):

        def push(t: Tensor, i: int = i) -> tuple[Tensor, ...]:
            tangents = _by_rule.pushed(problem.call, problem.arguments, {i: t})[1]
            return tuple(tangents[k] for k in problem.outputs)

        seeds = [_random(x, generator, parts=len(units(x))) for _ in range(2)]
        _check_batched(problem, push, seeds, f"the tangent by input {i} of output", problem.outputs)


def _check_batched(
    problem: Problem,
    function: Callable[[Tensor], tuple[Tensor, ...]],
    seeds: list[Tensor],
    what: str,
    places: Sequence[int],
) -> None:
    expected = [stack(list(many)) for many in zip(*map(function, seeds), strict=True)]
    try:
        found = vmap(function)(stack(seeds))
    except Exception as error:  # whatever it is, the rule cannot be batched
        raise problem.error(
            f"while computing batched gradients ({what} …), vmap raised {type(error).__name__}: "
            f"{error}. The rule uses something that cannot be batched; if that is meant, pass "
            f"check_batched_grad=False or check_batched_forward_grad=False"
        ) from error
    for place, got, loop in zip(places, found, expected, strict=True):
        got, loop = got.detach(), loop.detach()
        if tuple(got.shape) != tuple(loop.shape):
            raise problem.error(
                f"batched gradients are wrong: {what} {place} has shape {tuple(got.shape)} under "
                f"vmap and {tuple(loop.shape)} in a loop"
            )
        if not bool(close(got, loop, 1e-5, 1e-8).all().item()):
            raise problem.error(
                f"batched gradients are wrong: {what} {place} differs by up to "
                f"{(got - loop).abs().max().item():.6g} between vmap and a loop"
            )


def _is_zero(g: Tensor, settings: Settings) -> bool:
    small = g.abs() <= 1e-8 if settings.masked else g == 0
    return bool(small.all().item())


def _random(x: Tensor, generator: Generator, parts: int = 1) -> Tensor:
    """Return numbers in ±[0.5, 1.5], of a tensor's shape; complex if it has two parts."""
    real = x.real.dtype if x.dtype.is_complex else x.dtype

    def one() -> Tensor:
        drawn: Tensor = rand(tuple(x.shape), generator=generator, dtype=real, device=x.device)
        return (drawn + 0.5) * ((drawn * 997).floor() % 2 * 2 - 1)

    return one() if parts == 1 else one() + 1j * one()
