"""What a profile is shown as: tables, Chrome traces, stacks, flame graphs."""

from __future__ import annotations

import gzip
import json
import re
import threading
import xml.etree.ElementTree as ET

import pytest

import weft
from weft import nn
from weft.profiler import profile, record_function, tensorboard_trace_handler
from weft.profiler._events import Interval
from weft.profiler._flame import drawn


def training_step():
    x = weft.ones(8, 8, requires_grad=True)
    with record_function("forward"):
        loss = nn.functional.layer_norm((x @ x).exp() * 2, (8,)).sum()
    loss.backward()


@pytest.fixture(scope="module")
def prof():
    for _ in range(3):
        training_step()
    with profile(
        record_shapes=True, profile_memory=True, with_stack=True, with_flops=True
    ) as recorded:
        training_step()
        thread = threading.Thread(target=lambda: weft.ones(3).exp(), name="helper")
        thread.start()
        thread.join()
        for _ in range(3):
            weft.ones(2, 2).sin()
        weft.ones(5).sin()
    return recorded


def rows_of(table):
    """Return a table's titles and rows, by its columns."""
    lines = table.splitlines()
    rules = [i for i, line in enumerate(lines) if set(line) <= {"-", " "} and "-" in line]
    spans = [m.span() for m in re.finditer("-+", lines[rules[0]])]
    cells = [[line[a:b].strip() for a, b in spans] for line in lines[rules[0] + 1 : rules[-1]]]
    return cells[0], cells[2:]


# --- tables ------------------------------------------------------------------------------------


def test_a_table_has_pytorchs_columns(prof):
    titles, rows = rows_of(prof.key_averages().table())
    assert titles == [
        "Name",
        "Self CPU %",
        "Self CPU",
        "CPU total %",
        "CPU total",
        "CPU time avg",
        "CPU Mem",
        "Self CPU Mem",
        "# of Calls",
        "Total KFLOPs",
    ]
    by_name = {row[0]: row for row in rows}
    assert by_name["sin"][8] == "4"
    assert by_name["matmul"][9] == "1.024"
    assert by_name["matmul"][7] == "256 B"


def test_self_shares_add_up_to_the_whole(prof):
    _, rows = rows_of(prof.key_averages().table(row_limit=-1))
    assert sum(float(row[1].rstrip("%")) for row in rows) == pytest.approx(100, abs=0.5)


def test_rows_are_sorted_and_limited(prof):
    averages = prof.key_averages()
    _, rows = rows_of(averages.table(sort_by="count", row_limit=3))
    counts = sorted((event.count for event in averages), reverse=True)
    assert [int(row[8]) for row in rows] == counts[:3]
    assert f"and {len(averages) - 3} more rows" in averages.table(row_limit=3)
    names = [row[0] for row in rows_of(averages.table(sort_by="name", row_limit=-1))[1]]
    assert names == sorted(names)


def test_shapes_tell_calls_apart_when_asked_for(prof):
    averages = prof.key_averages(group_by_input_shape=True)
    sines = {str(e.input_shapes): e.count for e in averages if e.key == "sin"}
    assert sines == {"[[2, 2]]": 3, "[[5]]": 1}
    titles, rows = rows_of(averages.table())
    at = titles.index("Input Shapes")
    assert {row[at] for row in rows if row[0] == "sin"} == {"[[2, 2]]", "[[5]]"}


def test_lines_tell_calls_apart_when_asked_for(prof):
    averages = prof.key_averages(group_by_stack_n=1)
    assert [e.count for e in averages if e.key == "sin"] == [3, 1]
    assert all(len(e.stack) <= 1 for e in averages)
    titles, rows = rows_of(averages.table(max_src_column_width=60))
    at = titles.index("Source Location")
    assert all("test_outputs.py" in row[at] for row in rows if row[0] == "sin")


def test_more_lines_of_the_user_are_more_lines_of_the_table(prof):
    table = prof.key_averages(group_by_stack_n=2).table()
    assert "training_step" in table
    _, rows = rows_of(table)
    at = next(i for i, row in enumerate(rows) if row[0] == "matmul")
    assert rows[at][-1].endswith("training_step")
    assert rows[at + 1][0] == ""
    assert rows[at + 1][-1].endswith(": prof")


def test_times_have_the_unit_that_is_asked_for(prof):
    _, rows = rows_of(prof.key_averages().table(time_unit="ms"))
    assert all(re.fullmatch(r"\d+\.\d{3}ms", row[2]) for row in rows)
    with pytest.raises(ValueError, match=r"time_unit must be one of \['ms', 's', 'us'\], got 'h'"):
        prof.key_averages().table(time_unit="h")


def test_a_table_says_what_it_cannot_be_sorted_by(prof):
    with pytest.raises(ValueError, match="self_cpu_time_total"):
        prof.key_averages().table(sort_by="self_cpu_time")
    with pytest.raises(ValueError, match="cannot sort by 'cuda_time_total'"):
        prof.key_averages().table(sort_by="cuda_time_total")


def test_top_level_tables_leave_out_what_is_inside(prof):
    _, rows = rows_of(prof.events().table(top_level_events_only=True))
    assert "forward" in [row[0] for row in rows]
    assert "matmul" not in [row[0] for row in rows]


def test_long_names_and_headers():
    with profile() as prof, record_function("n" * 80):
        pass
    table = prof.key_averages().table(max_name_column_width=20, header="A header")
    assert "n" * 17 + "..." in table
    assert "n" * 18 not in table
    assert table.splitlines()[1] == "A header"


def test_no_events_give_an_empty_table():
    with profile() as prof:
        pass
    assert prof.key_averages().table() == ""


def test_the_total_is_that_of_all_events(prof):
    total = prof.events().total_average()
    assert total.count == len(prof.events())
    assert total.self_cpu_time_total == pytest.approx(prof.events().self_cpu_time_total)
    assert total.flops == sum(e.flops for e in prof.events())


# --- traces ------------------------------------------------------------------------------------


@pytest.fixture(params=["trace.json", "trace.json.gz"])
def trace(prof, tmp_path, request):
    path = tmp_path / request.param
    prof.add_metadata("run", "a test")
    prof.add_metadata_json("sizes", "[1, 2]")
    prof.export_chrome_trace(path)
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt") as file:
        return json.load(file)


def test_a_trace_has_what_the_format_asks_for(trace):
    assert trace["displayTimeUnit"] == "ms"
    assert (trace["run"], trace["sizes"]) == ("a test", [1, 2])
    phases = {"M", "X", "s", "f", "C"}
    assert {e["ph"] for e in trace["traceEvents"]} == phases
    for event in trace["traceEvents"]:
        assert isinstance(event["name"], str)
        assert isinstance(event["pid"], int)
        assert isinstance(event["tid"], int)
        assert event["ts"] >= 0
        if event["ph"] == "X":
            assert event["dur"] >= 0
            assert event["cat"] in ("cpu_op", "user_annotation", "python_function")


def test_a_trace_has_every_event_on_the_track_of_its_thread(trace, prof):
    slices = [e for e in trace["traceEvents"] if e["ph"] == "X"]
    assert [(e["name"], e["tid"]) for e in slices] == [
        (e.trace_name, e.thread) for e in prof.events()
    ]
    names = {
        e["tid"]: e["args"]["name"] for e in trace["traceEvents"] if e["name"] == "thread_name"
    }
    assert set(names) == {e["tid"] for e in slices}
    assert any(name.startswith("helper") for name in names.values())


def test_slices_of_one_track_nest(trace):
    """Slices that overlap without nesting are drawn wrongly, and refused by some viewers."""
    tracks = {}
    for e in trace["traceEvents"]:
        if e["ph"] == "X":
            tracks.setdefault(e["tid"], []).append((e["ts"], e["ts"] + e["dur"]))
    for slices in tracks.values():
        open_ends = []
        for start, end in slices:
            while open_ends and start >= open_ends[-1] - 1e-6:
                open_ends.pop()
            assert not open_ends or end <= open_ends[-1] + 1e-6
            open_ends.append(end)


def test_arrows_lead_from_each_forward_call_to_its_rule(trace):
    slices = [e for e in trace["traceEvents"] if e["ph"] == "X"]
    ends = {"s": {}, "f": {}}
    for e in trace["traceEvents"]:
        if e["ph"] in ends:
            ends[e["ph"]][e["id"]] = e
    assert ends["s"].keys() == ends["f"].keys()
    assert len(ends["s"]) > 3
    for number, arrow in ends["f"].items():
        rule = next(e for e in slices if e["args"]["External id"] == number)
        start = ends["s"][number]
        source = [e for e in slices if (e["ts"], e["tid"]) == (start["ts"], start["tid"])]
        assert arrow["ts"] == rule["ts"]
        assert f"{source[-1]['name']} backward" == rule["name"]


def test_slices_have_their_facts(trace):
    slices = [e for e in trace["traceEvents"] if e["ph"] == "X"]
    product = next(e for e in slices if e["name"] == "matmul")
    assert product["args"]["Input Dims"] == [[8, 8], [8, 8]]
    assert product["args"]["FLOPs"] == 1024
    assert product["args"]["Bytes"] == 256
    assert "test_outputs.py" in product["args"]["Call stack"]


def test_memory_is_a_counter(trace, prof):
    levels = [e["args"]["bytes"] for e in trace["traceEvents"] if e["ph"] == "C"]
    assert max(levels) == prof.peak_memory


def test_names_with_quotes_and_other_letters_come_through(tmp_path):
    name = 'a "quoted" \\ näme <&> \n 線'
    with profile() as prof, record_function(name):
        weft.ones(2)
    prof.export_chrome_trace(tmp_path / "t.json")
    prof.export_flame_graph(tmp_path / "t.svg", title=name)
    events = json.loads((tmp_path / "t.json").read_text())["traceEvents"]
    assert name in [e["name"] for e in events]
    ET.parse(tmp_path / "t.svg")


def test_a_trace_that_cannot_be_written_leaves_the_old_one(prof, tmp_path, monkeypatch):
    path = tmp_path / "trace.json"
    path.write_text("the old one")
    with monkeypatch.context() as patch:
        patch.setattr(type(prof.events()[-1]), "cpu_time_total", property(lambda e: 1 / 0))
        with pytest.raises(ZeroDivisionError):
            prof.export_chrome_trace(path)
    assert path.read_text() == "the old one"
    assert list(tmp_path.iterdir()) == [path]


def test_the_tensorboard_handler_writes_one_file_for_each_recording(tmp_path):
    folder = tmp_path / "runs" / "first"
    handler = tensorboard_trace_handler(str(folder), worker_name="w", use_gzip=True)
    for _ in range(2):
        with profile(on_trace_ready=handler):
            weft.ones(2)
    files = sorted(folder.iterdir())
    assert len(files) == 2
    assert all(re.fullmatch(r"w\.\d+\.pt\.trace\.json\.gz", file.name) for file in files)
    with gzip.open(files[0], "rt") as file:
        assert "ones" in file.read()


# --- stacks and pictures -----------------------------------------------------------------------


def test_stacks_are_lines_of_code_with_their_time(prof, tmp_path):
    prof.export_stacks(tmp_path / "stacks.txt")
    lines = (tmp_path / "stacks.txt").read_text().splitlines()
    assert lines
    for line in lines:
        stack, time = line.rsplit(" ", 1)
        assert int(time) > 0
        assert " " not in stack
    assert any("training_step" in line.split(";")[-1] for line in lines)
    with pytest.raises(ValueError, match="metric must be one of"):
        prof.export_stacks(tmp_path / "x.txt", "self_cuda_time_total")


def test_without_stacks_there_are_none_to_write(tmp_path):
    with profile() as prof:
        weft.ones(2)
    with pytest.raises(ValueError, match="with_stack=True"):
        prof.export_stacks(tmp_path / "stacks.txt")
    assert list(tmp_path.iterdir()) == []


def test_a_flame_graph_has_a_box_as_wide_as_its_time(tmp_path):
    weft.ones(64, 64).exp()  # or what is compiled at first takes all the width
    with profile() as prof, record_function("all"):
        for _ in range(5):
            weft.ones(64, 64).exp()
    prof.export_flame_graph(tmp_path / "flame.svg", title="Five times")
    svg = "{http://www.w3.org/2000/svg}"
    boxes = {}
    for group in ET.parse(tmp_path / "flame.svg").iter(f"{svg}g"):
        title = group.find(f"{svg}title").text
        boxes[title.split(":")[0]] = (title, float(group.find(f"{svg}rect").get("width")))
    assert "5 calls" in boxes["exp"][0]
    times = {e.key: e.cpu_time_total for e in prof.key_averages()}
    for name in ("exp", "ones"):
        share = times[name] / times["all"]
        assert (boxes[name][1] + 0.6) / (boxes["all"][1] + 0.6) == pytest.approx(share, abs=0.01)


def test_a_flame_graph_calls_modules_by_what_the_one_above_does_not_say():
    net = nn.Sequential(nn.Sequential(nn.Linear(64, 64)))
    with profile(with_modules=True) as prof:
        net(weft.ones(256, 64))
    events = [event for event in prof.events() if event.kind == "module"]
    for event in events:  # each as wide as the graph, so that its label fits
        event.time_range = Interval(0.0, 100.0)
    drawing = ET.fromstring(drawn(events))
    svg = "{http://www.w3.org/2000/svg}"
    labels = [text.text for text in drawing.iter(f"{svg}text")]
    assert any(label.startswith("0 (Sequential)") for label in labels)
    assert any(label.startswith("0 (Linear)") for label in labels)
    titles = [title.text for title in drawing.iter(f"{svg}title")]
    assert any(title.startswith("Sequential.0.0 (Linear):") for title in titles)
