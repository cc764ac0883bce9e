"""The one thread pool: its width, who is told of it, forks, and several Python threads at once."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import subprocess
import sys
import threading

import pytest
from threadpoolctl import threadpool_info, threadpool_limits

import weft
from weft._backend.cpu import cores, threads

TASK = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
PARALLEL = ctypes.CFUNCTYPE(None, TASK, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint)
needs_pool = pytest.mark.skipif(threads.library() is None, reason=threads.why_none())


def members(n: int) -> set[int]:
    """Return the numbers of the threads that a parallel region of the pool runs in."""
    found: list[int] = []
    task = TASK(lambda _: found.append(threads.library().omp_get_thread_num()))
    PARALLEL(threads.addresses()["GOMP_parallel"])(task, None, n, 0)
    return set(found)


@pytest.fixture
def restored():
    before = threads.count()
    yield
    threads.set_count(before)


def test_libgomp_is_found_where_this_runs_on_linux():
    assert (threads.library() is None) == bool(threads.why_none())
    if sys.platform == "linux":
        assert all(threads.addresses().values())


def test_without_libgomp_addresses_are_zero_and_the_reason_is_told(monkeypatch):
    monkeypatch.setattr(threads._state, "looked", False)
    monkeypatch.setattr(threads._state, "library", None)
    monkeypatch.setattr(threads.sys, "platform", "win32")
    assert threads.addresses() == {
        "GOMP_parallel": 0,
        "omp_get_thread_num": 0,
        "omp_get_num_threads": 0,
    }
    assert "Linux alone" in threads.why_none()
    threads.align()  # nothing to align


def test_listeners_hear_the_count_at_once_and_when_it_is_set(restored):
    heard: list[int] = []
    threads.on_change(heard.append)
    try:
        threads.set_count(3)
        assert heard[-2:] == [heard[0], 3]
        assert threads.count() == 3
    finally:
        threads._listeners.remove(heard.append)


@needs_pool
def test_openmp_is_set_in_each_thread_that_aligns(restored):
    seen: list[int] = []

    def ask() -> None:
        threads.align()
        seen.append(threads.library().omp_get_max_threads())

    for n in (3, 2):
        threads.set_count(n)
        other = threading.Thread(target=ask)
        other.start()
        other.join()
        ask()
    assert seen == [3, 3, 2, 2]


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"OMP_NUM_THREADS": "3"}, 3),
        ({"OMP_NUM_THREADS": "5,2"}, 5),
        ({"OMP_NUM_THREADS": "many"}, None),
        ({"OMP_NUM_THREADS": "0"}, None),
        ({"OMP_THREAD_LIMIT": "1"}, 1),
        ({}, None),
    ],
)
def test_the_first_count_is_the_environments_or_the_usable_cores(monkeypatch, variables, expected):
    for name in ("OMP_NUM_THREADS", "OMP_THREAD_LIMIT"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert threads.default() == (cores.usable() if expected is None else expected)


def machine(tmp_path, monkeypatch, cpus, siblings, groups):
    """Write a machine of some CPUs, of which several may share a core, and control groups."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(cpus), raising=False)
    for cpu in cpus:
        folder = tmp_path / "devices" / "system" / "cpu" / f"cpu{cpu}" / "topology"
        folder.mkdir(parents=True)
        (folder / "thread_siblings_list").write_text(siblings(cpu))
    for name, text in groups.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return cores.usable(tmp_path, tmp_path / "self")


def test_two_threads_of_one_core_count_once(tmp_path, monkeypatch):
    assert machine(tmp_path, monkeypatch, range(8), lambda cpu: f"{cpu % 4},{cpu % 4 + 4}", {}) == 4


def test_only_the_cpus_of_the_affinity_count(tmp_path, monkeypatch):
    assert machine(tmp_path, monkeypatch, [2, 5, 6], str, {}) == 3


@pytest.mark.parametrize(
    ("quota", "expected"), [("150000 100000", 2), ("max 100000", 8), ("900000 100000", 8)]
)
def test_a_share_of_cpu_time_limits_the_threads(tmp_path, monkeypatch, quota, expected):
    groups = {
        "self/cgroup": "0::/pod/box\n",
        "fs/cgroup/pod/cpu.max": quota + "\n",
        "fs/cgroup/pod/box/cpu.max": "max 100000\n",
    }
    assert machine(tmp_path, monkeypatch, range(8), str, groups) == expected


def test_a_share_under_the_first_version_of_control_groups_limits_too(tmp_path, monkeypatch):
    groups = {
        "self/cgroup": "9:memory:/x\n3:cpu,cpuacct:/far/away\n",
        "fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "300000\n",  # the path is the host's
        "fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000\n",
    }
    assert machine(tmp_path, monkeypatch, range(8), str, groups) == 3


def _in_child(queue) -> None:
    queue.put((sorted(members(4)), threads.count()))


def forked():
    """Run the pool in a forked process and return what it says; fail if it hangs."""
    context = multiprocessing.get_context("fork")
    queue = context.SimpleQueue()
    child = context.Process(target=_in_child, args=(queue,))
    child.start()
    child.join(60)
    if child.is_alive():
        child.kill()
        child.join()
        pytest.fail("the forked process waits for threads that it does not have")
    assert child.exitcode == 0
    return queue.get()


@needs_pool
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_the_pool_works_on_both_sides_of_a_fork():
    assert members(4) == {0, 1, 2, 3}
    assert forked() == ([0, 1, 2, 3], threads.count())
    assert members(4) == {0, 1, 2, 3}


@needs_pool
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_a_child_of_a_fork_that_kept_the_pool_runs_alone(monkeypatch, restored):
    threads.set_count(2)
    monkeypatch.setattr(threads.library(), "omp_pause_resource_all", lambda kind: -1)
    members(2)
    context = multiprocessing.get_context("fork")
    queue = context.SimpleQueue()

    def child() -> None:
        threads.set_count(2)
        queue.put((threads.count(), members(threads.count())))

    process = context.Process(target=child)
    process.start()
    process.join(60)
    assert process.exitcode == 0
    assert queue.get() == (1, {0})
    assert threads.count() == 2


@needs_pool
def test_eight_python_threads_use_the_pool_at_once():
    seen: list[set[int]] = []

    def work() -> None:
        seen.extend(members(3) for _ in range(20))

    workers = [threading.Thread(target=work) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
    assert seen == [{0, 1, 2}] * 160


def test_set_num_threads_sets_the_pool(restored):
    weft.set_num_threads(3)
    assert weft.get_num_threads() == threads.count() == 3


@needs_pool
def test_without_a_pool_set_num_threads_sets_linear_algebra(monkeypatch, restored):
    monkeypatch.setattr(threads._state, "library", None)
    with threadpool_limits(1, user_api="blas"):
        weft.set_num_threads(2)
        counts = [one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"]
        assert counts and set(counts) == {2}


def test_importing_weft_looks_for_no_libgomp():
    program = (
        "import weft, sys; from weft._backend.cpu import threads; weft.get_num_threads();"
        "sys.exit(threads._state.looked)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
