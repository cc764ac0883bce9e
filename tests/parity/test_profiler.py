"""Profiles beside PyTorch's: schedules, what is handed over when, columns, names of arguments."""

from __future__ import annotations

import inspect
import itertools
import re
import warnings

import pytest
import torch

import weft

NAMES = ("wait", "warmup", "active", "repeat", "skip_first", "skip_first_wait")
SETTINGS = [
    dict(zip(NAMES, values, strict=True))
    for values in itertools.product((0, 1, 3), (0, 1, 2), (1, 2, 4), (0, 1, 3), (0, 2), (0, 1))
]


def test_schedules_do_in_each_step_what_pytorchs_do():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # warmup=0, of both
        for settings in SETTINGS:
            ours = weft.profiler.schedule(**settings)
            theirs = torch.profiler.schedule(**settings)
            for step in range(40):
                assert ours(step).name == theirs(step).name, (settings, step)


def handed_over(lib, settings, steps):
    """Return after which step each recording is handed over, and the steps that are in it."""
    told = []

    def handler(p):
        names = {e.trace_name for e in p.events() if e.name.startswith("ProfilerStep")}
        told.append((p.step_num, sorted(names)))

    with lib.profiler.profile(
        activities=[lib.profiler.ProfilerActivity.CPU],
        schedule=lib.profiler.schedule(**settings),
        on_trace_ready=handler,
    ) as prof:
        for _ in range(steps):
            lib.ones(2).exp()
            prof.step()
    return told


# PyTorch warns that it clears events; an error in the middle of its steps would crash it
@pytest.mark.filterwarnings("ignore:.*Profiler clears events")
@pytest.mark.filterwarnings("ignore:.*Profiler won't be using warmup")
@pytest.mark.parametrize("steps", [0, 1, 3, 4, 9])
@pytest.mark.parametrize(
    "settings",
    [
        {"wait": 1, "warmup": 1, "active": 2},
        {"wait": 0, "warmup": 1, "active": 1, "repeat": 2},
        {"wait": 2, "warmup": 1, "active": 3, "skip_first": 1},
    ],
)
def test_recordings_are_handed_over_when_pytorchs_are(settings, steps):
    assert handed_over(weft, settings, steps) == handed_over(torch, settings, steps)


def own_step(lib):
    x = lib.ones(4, 4, requires_grad=True)
    ((x @ x) * 2).exp().sum().backward()


def test_the_same_calls_are_counted():
    with torch.profiler.profile() as theirs:
        own_step(torch)
    with weft.profiler.profile() as ours:
        own_step(weft)
    counts = {e.key: e.count for e in ours.key_averages()}
    others = {e.key: e.count for e in theirs.key_averages()}
    forward = {"mul": "aten::mul", "exp": "aten::exp", "sum": "aten::sum"}
    backward = {"mul backward": "MulBackward0", "exp backward": "ExpBackward0"}
    backward |= {"sum backward": "SumBackward0", "matmul backward": "MmBackward0"}
    for name, other in backward.items():
        assert counts[name] == others[other] == 1
    for name, other in forward.items():  # those of backward rules too, where they are not lowered
        assert 1 <= counts[name] <= others[other]


def test_flops_are_pytorchs():
    def run(lib):
        w = lib.ones(6, 2, 3, 3)
        image = lib.ones(2, 4, 9, 9)
        with lib.profiler.profile(with_flops=True) as prof:
            lib.ones(3, 5) @ lib.ones(5, 7)
            lib.nn.functional.conv2d(image, w, groups=2, stride=2)
        return {e.key: e.flops for e in prof.key_averages() if e.flops}

    ours, theirs = run(weft), run(torch)
    assert ours == {"matmul": theirs["aten::mm"], "convolve": theirs["aten::conv2d"]}


def titles(table):
    lines = table.splitlines()
    spans = [m.span() for m in re.finditer("-+", lines[0])]
    return [lines[1][a:b].strip() for a, b in spans]


@pytest.mark.parametrize("options", [{}, {"profile_memory": True}])
def test_tables_have_pytorchs_columns(options):
    found = []
    for lib in (weft, torch):
        with lib.profiler.profile(**options) as prof:
            own_step(lib)
        found.append(titles(prof.key_averages().table(sort_by="self_cpu_time_total")))
    assert found[0] == found[1]


def test_arguments_have_pytorchs_names_and_defaults():
    left_out = {
        "experimental_config",
        "execution_trace_observer",
        "use_cuda",
        "custom_trace_id_callback",
        "post_processing_timeout_s",
    }
    for ours, theirs in (
        (weft.profiler.profile, torch.profiler.profile),
        (weft.profiler.schedule, torch.profiler.schedule),
        (weft.profiler.record_function, torch.profiler.record_function),
        (weft.profiler.profile.key_averages, torch.profiler.profile.key_averages),
        (weft.profiler.EventList.table, torch.autograd.profiler_util.EventList.table),
    ):
        mine = {k: p.default for k, p in inspect.signature(ours).parameters.items()}
        other = {k: p.default for k, p in inspect.signature(theirs).parameters.items()}
        other.pop("group_by_overload_name", None)
        assert mine == {k: v for k, v in other.items() if k not in left_out}
