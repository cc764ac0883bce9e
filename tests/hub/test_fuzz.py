"""Seeded damage: a value or one typed error of one line, soon, in little memory, nothing done."""

from __future__ import annotations

import random
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytest.importorskip("resource", reason="the watch bounds and measures memory as Unix does")

from tests.hub.fuzz.reader import ACCEPTED, refused
from tests.hub.fuzz.readers import READERS, SHARES
from tests.hub.fuzz.run import run_cases
from tests.hub.fuzz.watch import Watch, peak_bytes


@pytest.fixture(scope="module")
def watch() -> Iterator[Watch]:
    """One watch, whose hook is idle outside of cases."""
    with Watch.of_this_process() as made:
        yield made


@pytest.mark.parametrize("name", READERS)
def test_damaged_input_gives_a_value_or_one_typed_error(
    name: str, watch: Watch, tmp_path: Path
) -> None:
    reader = READERS[name](tmp_path)
    run_cases(reader, range(10**12, 10**12 + 30), watch)  # loads what is loaded when first used
    figures = run_cases(reader, range(300), watch)
    assert figures.broken == []
    # Some damage hits what nothing depends on; most is seen.
    assert 0 < figures.accepted < figures.refused


def test_a_full_run_has_over_a_million_cases_and_at_least_a_hundred_thousand_of_each() -> None:
    assert sum(SHARES.values()) > 1_000_000
    assert min(SHARES.values()) >= 100_000


class _Told:
    """A reader that does one wrong thing."""

    name = "told"

    def __init__(self, what: Callable[[], object]) -> None:
        self._what = what

    def make(self, draw: random.Random) -> bytes:
        return b""

    def ready(self, content: bytes, draw: random.Random) -> Callable[[], str]:
        def read() -> str:
            self._what()
            return ACCEPTED

        return read


def _loop() -> None:
    while True:
        pass


@pytest.mark.parametrize(
    ("what", "seen"),
    [
        (lambda: {}["a"], "KeyError: 'a'"),
        (lambda: warnings.warn("careful", RuntimeWarning, stacklevel=1), "warned: RuntimeWarning"),
        (lambda: Path("/nowhere/x").write_text(""), "opened '/nowhere/x' for writing"),
        (lambda: subprocess.run(["true"], check=True), "subprocess.Popen"),
        (lambda: eval("1 + 1"), "exec of '<string>'"),
        (lambda: refused(ValueError("two\nlines")), "not one plain line"),
        (lambda: refused(ValueError("x" * 5_000)), "has 5000 characters"),
        (lambda: bytearray(peak_bytes() + (300 << 20)), "MiB of memory"),
    ],
)
def test_the_run_would_notice(what: Callable[[], object], seen: str, watch: Watch) -> None:
    figures = run_cases(_Told(what), range(1), watch)
    assert [seed for seed, _ in figures.broken] == [0]
    assert seen in figures.broken[0][1]


def test_the_run_would_notice_a_hang(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.hub.fuzz.watch.CASE_S", 0.05)
    figures = run_cases(_Told(_loop), range(1), watch)
    assert "of the processor's time" in figures.broken[0][1]


@pytest.mark.slow
def test_the_program_goes_on_after_a_case_and_prints_its_figures() -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "tests.hub.fuzz", "--reader", "safetensors"),
            *("--first", "5000", "--cases", "2500"),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "| safetensors | 2,500 |" in done.stdout
    assert "in all: 2,500 cases" in done.stdout
