"""The C library's allocator keeps memory, unless somebody says otherwise."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

import pytest

import weft
from weft._backend.cpu import allocator

NAMES = ("MMAP_MAX", "MMAP_THRESHOLD", "TRIM_THRESHOLD", "TOP_PAD")


def run(program: str, **environment: str) -> str:
    """Run a program in a process where nobody has said anything about the allocator."""
    removed = {f"MALLOC_{name}_" for name in NAMES} | {
        "GLIBC_TUNABLES",
        "LD_PRELOAD",
        "WEFT_MALLOC",
    }
    kept = {name: value for name, value in os.environ.items() if name not in removed}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        check=True,
        env={**kept, **environment},
    )
    return done.stdout.strip()


@pytest.fixture(scope="module")
def settled():
    """Skip where the allocator cannot be set."""
    if run("from weft._backend.cpu import allocator; print(allocator.kept())") == "0":
        pytest.skip(run("from weft._backend.cpu import allocator; print(allocator.why_not())"))


FAULTS = """
import resource, weft
x = weft.ones(12 * 2**20)  # 48 MB
for _ in range(3):
    y = x + 1
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    y = x + 1
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def test_large_results_meet_no_fresh_pages(settled):
    # The kernel counts one fault for each huge page, so one fresh array takes some hundreds here.
    assert int(run(FAULTS)) < 100
    assert int(run(FAULTS, WEFT_MALLOC="0")) > 1000


def test_memory_goes_back_when_asked(settled):
    program = """
    import weft

    def resident():
        with open("/proc/self/statm") as told:
            return int(told.read().split()[1]) * 4096

    few = [weft.ones(2**20) for _ in range(64)]  # 256 MB
    end = weft.ones(1000)
    full = resident()
    del few
    kept = resident()
    weft.cpu.empty_cache()
    print(full - kept < 2**26, full - resident() > 200 * 2**20, float(end.sum()))
    """
    assert run(program) == "True True 1000.0"


SAID = "from weft._backend.cpu import allocator; print(allocator.kept(), allocator.why_not())"


@pytest.mark.parametrize("value", ["0", "off", "False"])
def test_one_switch_leaves_the_allocator_as_it_came(value):
    assert run(SAID, WEFT_MALLOC=value) == "0 WEFT_MALLOC is off"


@pytest.mark.parametrize("name", NAMES)
def test_what_the_user_set_is_left(settled, name):
    said = run(SAID, **{f"MALLOC_{name}_": "100000"})
    assert said == f"0 the environment sets the allocator: MALLOC_{name}_"
    said = run(SAID, GLIBC_TUNABLES=f"glibc.malloc.{name.lower()}=100000")
    assert "GLIBC_TUNABLES" in said and said.startswith("0 ")


def test_a_setting_of_something_else_is_no_hindrance(settled):
    assert not run(SAID, MALLOC_ARENA_MAX="2").startswith("0 ")


def test_another_allocator_is_left_alone(monkeypatch):
    monkeypatch.setattr(allocator.switches, "malloc", True)
    monkeypatch.setattr(allocator.sys, "platform", "linux")
    monkeypatch.setattr(allocator, "_glibc", lambda: True)
    for name in NAMES:
        monkeypatch.delenv(f"MALLOC_{name}_", raising=False)
    monkeypatch.setenv("LD_PRELOAD", "/usr/lib/libjemalloc.so.2")
    assert allocator._against() == "another allocator serves this process: jemalloc"


def test_another_system_is_left_alone(monkeypatch):
    monkeypatch.setattr(allocator.switches, "malloc", True)
    monkeypatch.setattr(allocator.sys, "platform", "darwin")
    assert allocator._against() == "only GNU's C library has these settings"
    assert allocator.give_back() is False


def test_a_c_library_of_another_name_is_not_glibc(monkeypatch):
    def unknown(name):
        raise ValueError("unrecognized configuration name")

    monkeypatch.setattr(os, "confstr", unknown, raising=False)
    assert allocator._glibc() is False


def test_refused_settings_are_told(monkeypatch):
    class Refusing:
        def __init__(self, name):
            self.mallopt = lambda what, value: 0

    monkeypatch.setattr(allocator, "_against", lambda: "")
    monkeypatch.setattr(allocator.ctypes, "PyDLL", Refusing)
    monkeypatch.setattr(allocator, "_state", allocator._State())
    allocator.settle()
    assert (allocator.kept(), allocator.why_not()) == (0, "the C library refused the settings")


def test_emptying_twice_is_no_error():
    weft.cpu.empty_cache()
    weft.cpu.empty_cache()
