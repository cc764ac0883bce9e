"""One gradient check from beginning to end."""

from __future__ import annotations

from weft._core.modes import differentiating
from weft.autograd import _consistency, _elementwise, _projected
from weft.autograd._problem import Problem, Settings, as_tuple

__all__ = ["Problem", "Settings", "as_tuple", "run"]


def run(problem: Problem, settings: Settings) -> None:
    """Check everything the settings ask for.

    Raises:
        GradcheckError: something does not hold.
    """
    with differentiating():
        found = (_along_directions if settings.fast_mode else _whole)(problem, settings)
        if not problem.outputs:
            return
        if settings.check_forward_ad and settings.check_undefined_grad:
            _consistency.check_undefined_forward(problem, settings)
        if settings.check_batched_forward_grad:
            _consistency.check_batched_forward(problem)
        if not settings.check_backward_ad:
            return
        _consistency.check_linear(problem, settings, found)
        if settings.check_batched_grad:
            _consistency.check_batched_reverse(problem)
        _consistency.check_zero(problem, settings)
        if settings.check_undefined_grad:
            _consistency.check_undefined_reverse(problem, settings)


def _whole(problem: Problem, settings: Settings) -> list[_elementwise.Row]:
    measured = _elementwise.measure(problem, settings)
    if not problem.outputs:
        _elementwise.check_flat(problem, measured)
        return []
    found = []
    if settings.check_backward_ad:
        found = _elementwise.check_reverse(problem, settings, measured)
    if settings.check_forward_ad:
        _elementwise.check_forward(problem, settings, measured)
    return found


def _along_directions(problem: Problem, settings: Settings) -> list[_projected.Pulled]:
    drawn = _projected.draw(problem)
    measured = _projected.measure(problem, settings, drawn)
    if not problem.outputs:
        _elementwise.check_flat(problem, measured, settings.nondet_tol)
        return []
    found = []
    if settings.check_backward_ad:
        found = _projected.check_reverse(problem, settings, drawn, measured)
    if settings.check_forward_ad:
        _projected.check_forward(problem, settings, drawn, measured)
    return found
