"""weft.utils.benchmark: of the same times it says the same numbers as torch's."""

from __future__ import annotations

import numpy as np
import pytest
import torch.utils.benchmark as theirs

import weft.utils.benchmark as ours
from weft.compat.torch import alias

TIMES = {
    "even": [1e-3] * 20,
    "scattered": np.random.default_rng(0).normal(1e-3, 1e-4, 101).tolist(),
    "nearly even": np.random.default_rng(1).normal(2.0, 1e-5, 30).tolist(),
    "two": [1.0, 3.0],
    "one": [4e-7],
}


def measurements(library, times, number):
    spec = library.TaskSpec(
        stmt="f(x)", setup="pass", global_setup="", label="l", sub_label="s",
        description="d", env=None, num_threads=2,
    )  # fmt: skip
    return library.Measurement(number_per_run=number, raw_times=times, task_spec=spec)


@pytest.mark.parametrize("times", TIMES.values(), ids=TIMES)
@pytest.mark.parametrize("number", [1, 8])
def test_statistics_are_torchs(times, number):
    one, other = measurements(ours, times, number), measurements(theirs, times, number)
    assert one.times == other.times
    for name in ("median", "mean", "iqr"):
        assert getattr(one, name) == pytest.approx(getattr(other, name), rel=1e-12), name
    for name in ("significant_figures", "has_warnings", "title", "as_row_name", "env"):
        assert getattr(one, name) == getattr(other, name), name
    assert one.meets_confidence(0.3) == other.meets_confidence(0.3)


def test_merged_times_are_torchs():
    def merged(library):
        parts = [measurements(library, [1.0, 2.0], 1), measurements(library, [6.0], 2)]
        return [one.times for one in library.Measurement.merge(parts)]

    assert merged(ours) == merged(theirs)


def test_a_program_of_torchs_runs_under_the_alias(capsys):
    program = """
import torch
from torch.utils.benchmark import Compare, Timer

found = []
for size in (8, 32):
    for name in ("mm", "matmul"):
        timer = Timer(
            f"torch.{name}(x, x)", setup=f"import torch; x = torch.ones({size}, {size})",
            label="products", sub_label=str(size), description=name,
        )
        found.append(timer.blocked_autorange(min_run_time=0.002))
Compare(found).print()
"""
    with alias():
        exec(compile(program, "program", "exec"), {})
    assert "products" in capsys.readouterr().out
