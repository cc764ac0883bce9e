"""What the benchmarks compare is the same work: every rival's first results are PyTorch's."""

from __future__ import annotations

import functools
import importlib.util

import pytest

from benchmarks.__main__ import modules_with_cases
from benchmarks.rivals.agreement import first_results
from benchmarks.rivals.case import cases_of, library_of
from benchmarks.rivals.results import disagreement

SLOW = ("benchmarks.networks", "benchmarks.peak_memory")
#: What a rival needs beside the libraries of these tests.
NEEDS = {"jax.jit": "jax", "onnxruntime": "onnx"}


def _rivals():
    for module in modules_with_cases():
        for case in cases_of(module).values():
            for rival in case.makers:
                if rival != "torch":
                    # Whole networks take seconds each.
                    marks = [pytest.mark.slow] if module in SLOW else []
                    yield pytest.param(
                        module, case.what, rival, id=f"{case.what}-{rival}", marks=marks
                    )


@functools.lru_cache(maxsize=1)  # the rivals of a case come one after the other
def _wanted(module: str, what: str):
    return first_results(cases_of(module)[what], "torch")


@pytest.mark.parametrize(("module", "what", "rival"), list(_rivals()))
def test_a_rival_computes_what_pytorch_does(module, what, rival) -> None:
    needed = NEEDS.get(library_of(rival))
    if needed and importlib.util.find_spec(needed) is None:
        pytest.skip(f"{rival} needs {needed}, which `nox -s bench` installs")
    case = cases_of(module)[what]
    got = first_results(case, rival)
    assert not disagreement(got, _wanted(module, what), tolerance=case.tolerance)
