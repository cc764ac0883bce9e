"""weft.utils.benchmark: what is measured, how it is told, and how it stands in a table."""

from __future__ import annotations

import pytest

import weft
from weft.utils.benchmark import Compare, Measurement, TaskSpec, Timer, timer


class Clock:
    """A clock that goes on by a second whenever a statement runs, and stands still otherwise."""

    def __init__(self):
        self.now, self.runs = 0.0, 0

    def __call__(self):
        return self.now

    def tick(self, seconds=1.0):
        self.now += seconds
        self.runs += 1


def ticking(seconds=1.0, **settings):
    clock = Clock()
    names = {"tick": clock.tick, "seconds": seconds}
    return clock, Timer("tick(seconds)", timer=clock, globals=names, **settings)


def task(row="r", column="c", label="table", env=None, threads=1):
    return TaskSpec("f(x)", "", "", label, row, column, env, threads)


def measured(*times, number=1, **told):
    return Measurement(number, list(times), task(**told))


def test_a_number_of_runs_is_one_time():
    clock, one = ticking(2.0)
    found = one.timeit(10)
    assert found.raw_times == [20.0]
    assert found.times == [2.0]
    assert found.median == found.mean == 2.0
    assert clock.runs == 12  # two to warm up
    with pytest.raises(ValueError, match="must be positive, got 0"):
        one.timeit(0)


def test_blocks_fill_the_time_that_was_asked_for():
    told = []
    _, one = ticking(1e-3)
    found = one.blocked_autorange(lambda *block: told.append(block), min_run_time=0.1)
    assert sum(found.raw_times) >= 0.1
    assert sum(found.raw_times[:-1]) < 0.1
    assert told == [(found.number_per_run, seconds) for seconds in found.raw_times]
    assert found.median == pytest.approx(1e-3)


def test_short_statements_run_many_times_in_a_block():
    _, one = ticking(1e-6)
    assert one.blocked_autorange(min_run_time=0.5).number_per_run >= 500


def test_it_goes_on_until_quartiles_are_near_each_other_or_time_is_up():
    _, one = ticking()
    assert len(one.adaptive_autorange(min_run_time=1, max_run_time=1000).times) == 4
    uneven = iter([1.0, 5.0] * 100_000)
    clock = Clock()
    one = Timer("tick(next(uneven))", timer=clock, globals={"tick": clock.tick, "uneven": uneven})
    found = one.adaptive_autorange(min_run_time=1, max_run_time=300)
    assert 300 <= sum(found.raw_times) < 310
    assert found.has_warnings


def test_the_statement_finds_weft_and_runs_with_so_many_threads():
    before = weft.get_num_threads()
    seen = []
    Timer(
        """
        y = x + 1
        seen.append((weft.get_num_threads(), y.item()))
        """,
        setup="x = weft.tensor(2)",
        globals={"seen": seen},
    ).timeit(1)
    assert set(seen) == {(1, 3)}
    assert weft.get_num_threads() == before
    with pytest.raises(ZeroDivisionError):
        Timer("1 / 0", num_threads=1).timeit(1)
    assert weft.get_num_threads() == before


def test_what_is_no_python_is_refused():
    with pytest.raises(ValueError, match=r"Python alone, got language='c\+\+'"):
        Timer("x;", language="c++")
    with pytest.raises(ValueError, match="global_setup='#include"):
        Timer("x", global_setup="#include <vector>")
    with pytest.raises(SyntaxError):
        Timer("x +")


def test_the_clock_goes_on():
    assert timer() <= timer()


def test_digits_that_mean_something_follow_from_how_times_scatter():
    assert measured(*[1.0] * 50).significant_figures == 4
    assert measured(*[1.0, 1.1, 1.2, 1.3] * 5).significant_figures == 1
    assert measured(1e-9).significant_figures == 1  # less than a clock can tell


def test_a_measurement_tells_what_it_is():
    text = repr(measured(1e-3, 1.02e-3, 1.04e-3, number=1))
    assert "table: r\nc" in text
    assert "median 1.02 ms, middle half 1.01 to 1.03 ms" in text
    assert "3 times of 1 run, 1 thread" in text
    assert "quiet machine" not in text
    assert "spans 50% of the median" in repr(measured(1.0, 2.0, 3.0))
    assert "1 time of 5 runs" in repr(measured(1.0, number=5))
    spec = TaskSpec("f()", "x = 1", env="main")
    assert "setup: x = 1" in repr(Measurement(1, [1.0], spec))
    with pytest.raises(ValueError, match=r"'f\(\)' has no times"):
        repr(Measurement(1, [], spec))


def test_equal_tasks_count_together():
    one, two, other = measured(1.0, 2.0), measured(6.0, number=2), measured(9.0, row="s")
    merged = Measurement.merge([one, two, other])
    assert [m.times for m in merged] == [[1.0, 2.0, 3.0], [9.0]]
    assert merged[1] is other


def test_a_table_has_a_row_for_each_sub_label_and_threads_and_a_column_for_each_description():
    table = Compare(
        [
            measured(1e-3, row="small", column="old"),
            measured(2e-3, row="small", column="new"),
            measured(0.123, row="large", column="old"),
            measured(5e-4, row="small", column="old", threads=2),
            measured(1.0, label="other"),
        ]
    )
    first, second = str(table).split("\n\n")
    lines = first.splitlines()
    assert [cell.strip() for cell in lines[1].split("|")] == ["", "old", "new"]
    assert lines[2].startswith("1 thread: ---")
    assert [cell.strip() for cell in lines[3].split("|")] == ["small", "1000", "2000"]
    assert [cell.strip() for cell in lines[4].split("|")] == ["large", "123000", ""]
    assert lines[5].startswith("2 threads: ---")
    assert lines[-1] == "Times are in microseconds (us)."
    assert "other" in second.splitlines()[0]
    assert second.endswith("Times are in seconds (s).")


def test_environments_stand_in_rows_where_there_are_several():
    text = str(Compare([measured(1.0, env="main"), measured(2.0, env="branch")]))
    assert "(main) r" in text
    assert "(branch) r" in text
    assert "(" not in str(Compare([measured(1.0, env="main")])).splitlines()[3]


def test_only_digits_that_mean_something_are_shown_if_so_asked():
    table = Compare([measured(1.2345, 1.3345, 1.4345, 1.5)])
    assert "1.38" in str(table)
    table.trim_significant_figures()
    assert "1.38" not in str(table)
    assert "| 1" in str(table).replace("  ", " ")
    table.highlight_warnings()
    assert "(!" in str(table)


def test_colours_mark_the_fastest_and_what_takes_twice_as_long():
    table = Compare([measured(1.0, row="a"), measured(1.5, row="b"), measured(3.0, row="c")])
    assert "\033" not in str(table)
    table.colorize()
    a, b, c = str(table).splitlines()[3:6]
    assert "\033[92m\033[1m" in a
    assert "\033" not in b
    assert "\033[91m" in c
    across = Compare([measured(1.0, row="a"), measured(3.0, row="b")])
    across.colorize(rowwise=True)
    assert str(across).count("\033[92m\033[1m") == 2


def test_results_may_be_added_and_printed(capsys):
    table = Compare([measured(1.0)])
    table.extend_results([measured(3.0)])
    table.print()
    assert "| 2" in capsys.readouterr().out
    with pytest.raises(TypeError, match="expected Measurements, got float"):
        table.extend_results([1.0])
