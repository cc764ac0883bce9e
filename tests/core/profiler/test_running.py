"""How a profile runs: which steps, which threads, one at a time, and nothing left behind."""

from __future__ import annotations

import contextlib
import inspect
import threading

import pytest

import weft
from weft._core import dispatch, inplace
from weft._core.catalogue import public
from weft.ops import load_all
from weft.ops.families import elementwise_calls
from weft.profiler import (
    ProfilerAction,
    ProfilerActivity,
    profile,
    record_function,
    schedule,
    supported_activities,
)
from weft.transforms import lowering, plans, tape, walk


def test_each_thread_has_a_track_of_its_own():
    def work(name):
        with record_function(name):
            weft.ones(3).exp()

    with profile() as prof:
        threads = [threading.Thread(target=work, args=(f"block {i}",)) for i in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        work("main")
    blocks = {e.name: e for e in prof.events() if e.kind == "user"}
    assert set(blocks) == {"main", "block 0", "block 1", "block 2"}
    assert blocks["main"].thread == threading.get_native_id()
    for block in blocks.values():
        assert [e.name for e in block.cpu_children] == ["ones", "exp"]
        assert {e.thread for e in block.cpu_children} == {block.thread}


def test_a_rule_that_runs_in_another_thread_knows_the_thread_of_its_forward_call():
    x = weft.ones(3, requires_grad=True)
    with profile() as prof:
        out = x.exp().sum()
        thread = threading.Thread(target=out.backward)
        thread.start()
        thread.join()
    rule = next(e for e in prof.events() if e.name == "exp backward")
    assert rule.thread != rule.fwd_thread == threading.get_native_id()


def test_everything_is_as_it_was_when_a_profile_has_ended():
    def state():
        return (
            [f.__code__ for f in (dispatch.apply, dispatch.apply_one, inplace.write)],
            (tape.walk, walk._cotangents, walk._add_data, lowering.lowered, lowering._made),
            plans._watch,
            [p.function.__globals__.get("_body") for p in public.values()],
            [p.function.__code__ for p in public.values()],
        )

    load_all()
    before, short = state(), elementwise_calls._SHORT32
    with profile(record_shapes=True, profile_memory=True, with_stack=True, with_modules=True):
        assert state() != before
        assert elementwise_calls._SHORT32 is short  # ops take the paths that they take without
    assert state() == before


def test_functions_whose_file_is_loaded_meanwhile_are_seen():
    """In a process of its own: which files are loaded depends on what ran before."""
    import subprocess
    import sys

    program = (
        "import weft\n"
        "from weft._core.catalogue import public\n"
        "assert 'huber_loss' not in public\n"
        "with weft.profiler.profile() as prof:\n"
        "    weft.nn.functional.huber_loss(weft.ones(3), weft.zeros(3))\n"
        "assert 'huber_loss' in [e.name for e in prof.events()], prof.events()\n"
        "assert public['huber_loss'].function.__globals__['_body'] is "
        "public['huber_loss'].function.__wrapped__\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_ops_are_seen_beside_nan_origin_and_anomaly_mode():
    x = weft.tensor([0.0], requires_grad=True)
    with profile() as prof, weft.debug.nan_origin(raise_error=False) as report:
        (x.sqrt() * 0).sum().backward()
    assert report.first is not None
    assert "sqrt backward" in [e.name for e in prof.events()]
    with weft.autograd.detect_anomaly(), profile() as prof:
        x.exp().sum().backward()
    assert "exp backward" in [e.name for e in prof.events()]


@pytest.mark.parametrize(
    "compute",
    [
        lambda x: x.log(),
        lambda x: weft.nn.functional.cosine_similarity(x / x, x, dim=0),
        lambda x: weft.xlogy(x * 0, x),  # NaN inside that does not get out
        lambda x: x.sqrt().sum().backward(),
    ],
)
def test_nan_origin_says_the_same_under_a_profile(compute):
    reports = []
    for looks in (contextlib.nullcontext(), profile(with_modules=True)):
        x = weft.tensor([0.0, 1.0], requires_grad=True)
        with looks, weft.debug.nan_origin(raise_error=False) as report:
            compute(x)
        events = report.events
        reports.append([(e.op, e.called, e.kind, e.phase, e.site.line, e.values) for e in events])
    assert str(reports[0]) == str(reports[1])


def test_only_one_profile_runs_at_a_time():
    with profile():
        second = profile()
        with pytest.raises(RuntimeError, match="another profile is running"):
            second.start()
    with profile() as third:
        weft.ones(2).exp()
    assert len(third.events()) > 0


def test_results_are_there_only_after_the_end():
    prof = profile()
    for ask in (prof.events, prof.key_averages):
        with pytest.raises(RuntimeError, match="nothing is recorded yet"):
            ask()
    with prof, pytest.raises(RuntimeError, match="nothing is recorded yet"):
        prof.events()
    assert len(prof.events()) == 0
    with pytest.raises(RuntimeError, match="not running"):
        prof.step()


def test_what_was_not_recorded_cannot_be_grouped_by():
    with profile() as prof:
        weft.ones(2)
    with pytest.raises(ValueError, match="record_shapes=True"):
        prof.key_averages(group_by_input_shape=True)
    with pytest.raises(ValueError, match="with_stack=True"):
        prof.key_averages(group_by_stack_n=1)


def test_a_profile_can_run_again():
    prof = profile()
    with prof:
        weft.ones(2).exp()
    with prof:
        weft.ones(2).sin()
    assert [e.name for e in prof.events()] == ["ones", "sin"]


def test_the_schedule_says_which_steps_are_recorded_and_handed_over():
    handed = []
    steps = schedule(wait=1, warmup=1, active=2, repeat=2)
    with profile(
        schedule=steps,
        on_trace_ready=lambda p: handed.append(
            [e.trace_name for e in p.events() if e.kind in ("step", "op")]
        ),
    ) as prof:
        for i in range(10):
            (weft.exp if i % 2 else weft.sin)(weft.ones(2))
            prof.step()
    assert handed == [
        ["ProfilerStep#2", "sin", "ProfilerStep#3", "exp"],
        ["ProfilerStep#6", "sin", "ProfilerStep#7", "exp"],
    ]


def test_without_a_schedule_the_profile_is_handed_over_at_the_end():
    handed = []
    with profile(on_trace_ready=handed.append) as prof:
        weft.ones(2)
        prof.step()
        assert handed == []
    assert handed == [prof]
    assert [e.name for e in prof.events()] == ["ones"]


def test_events_of_several_cycles_are_gathered_when_asked_for():
    for gathers, expected in ((False, 1), (True, 3)):
        steps = schedule(wait=0, warmup=1, active=1, repeat=3)
        with profile(schedule=steps, acc_events=gathers) as prof:
            for _ in range(6):
                weft.ones(2).exp()
                prof.step()
        assert [e.name for e in prof.events()].count("exp") == expected


def test_a_schedule_that_stops_without_saving_warns():
    actions = [ProfilerAction.RECORD, ProfilerAction.NONE]
    with profile(schedule=lambda step: actions[step]) as prof:
        weft.ones(2)
        with pytest.warns(UserWarning, match="RECORD_AND_SAVE"):
            prof.step()
    assert "ones" in [e.name for e in prof.events()]


def test_a_schedule_that_fails_ends_the_profile():
    code = dispatch.apply.__code__

    def failing(step):
        if step:
            raise LookupError("no such step")
        return ProfilerAction.RECORD

    prof = profile(schedule=failing)
    with prof, pytest.raises(LookupError, match="no such step"):
        prof.step()
    assert dispatch.apply.__code__ is code
    with (
        pytest.raises(TypeError, match="must return a ProfilerAction"),
        profile(schedule=lambda step: True),
    ):
        pass
    assert dispatch.apply.__code__ is code


def test_an_error_in_on_trace_ready_reaches_the_user_and_leaves_nothing_behind():
    def handler(prof):
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"), profile(on_trace_ready=handler):
        weft.ones(2)
    with profile() as again:
        weft.ones(2)
    assert len(again.events()) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"active": 0},
        {"wait": -1},
        {"warmup": -1},
        {"repeat": -1},
        {"skip_first": -2},
    ],
)
def test_a_schedule_refuses_what_makes_no_sense(wrong):
    with pytest.raises(ValueError, match="active must be at least 1"):
        schedule(**{"wait": 1, "warmup": 1, "active": 1, **wrong})


def test_a_schedule_without_warm_up_warns():
    with pytest.warns(UserWarning, match="warmup"):
        steps = schedule(wait=0, warmup=0, active=1)
    with pytest.raises(ValueError, match="at least 0"):
        steps(-1)


def test_activities_are_the_cpus():
    assert supported_activities() == {ProfilerActivity.CPU}
    assert profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]).activities
    with pytest.raises(ValueError, match="CPU's activity is the only one"):
        profile(activities=[ProfilerActivity.CUDA])
    with pytest.raises(TypeError, match="ProfilerActivity"):
        profile(activities=["cpu"])


def test_arguments_are_keywords_as_in_pytorch():
    kinds = {p.kind for p in inspect.signature(profile).parameters.values()}
    assert kinds == {inspect.Parameter.KEYWORD_ONLY}


def test_threads_that_compute_do_not_mind_profiles_that_come_and_go():
    x = weft.ones(3, 3, requires_grad=True)
    failed = []
    done = threading.Event()

    def work():
        try:
            while not done.is_set():
                y = weft.nn.functional.layer_norm((x * 2).exp() @ x, (3,))
                (g,) = weft.autograd.grad(y.sum(), x)
                assert tuple(g.shape) == (3, 3)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(8):
            with profile(record_shapes=True, profile_memory=True) as prof:
                (weft.ones(4).exp() + 1).sum()
            mine = [e.name for e in prof.events() if e.thread == threading.get_native_id()]
            assert mine == ["ones", "exp", "add", "sum"]
    finally:
        done.set()
        for thread in threads:
            thread.join()
    assert failed == []
