"""Whether the rivals of a case compute the same, run within this process and without timing."""

from __future__ import annotations

from benchmarks.rivals.case import Case, library_of, load
from benchmarks.rivals.results import Compared, arrays_of, disagreement


def first_results(case: Case, rival: str) -> list[Compared]:
    """Return what is compared of the first call's result."""
    return arrays_of(case.result(case.makers[rival](load(library_of(rival)))))


def disagreements(case: Case, baseline: str = "torch") -> dict[str, str]:
    """Return for each rival that differs from the baseline how it does."""
    wanted = first_results(case, baseline)
    found = {
        rival: disagreement(first_results(case, rival), wanted, tolerance=case.tolerance)
        for rival in case.makers
        if rival != baseline
    }
    return {rival: reason for rival, reason in found.items() if reason}
