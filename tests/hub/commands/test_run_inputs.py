"""`weft-hub run` on files, folders, standard input, and on what is no sound input."""

from __future__ import annotations

import io
import json
import math
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from hub.attacks.stage import MODULE, Stage, line_weights
from tests.hub.conftest import Outcome, nothing_taken
from weft_hub._commands import inputs

Command = Callable[..., Outcome]


@pytest.fixture
def line(stage: Stage) -> Stage:
    """The stage with a model whose task knows the ending `.json`."""
    module = stage.site / f"{MODULE}.py"
    text = module.read_text("utf-8")
    module.write_text(text.replace('"""A task:', '"""A task:', 1) + "\nSums.endings = ('.json',)\n")
    stage.entry("a/line", line_weights((1.0, 2.0)))
    return stage


def numbers(path: Path, first: float, second: float) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"[{first}, {second}]")
    return path


def test_a_folder_is_searched_recursively_in_order_for_the_endings_of_the_task(
    line: Stage, command: Command, tmp_path: Path
) -> None:
    folder = tmp_path / "inputs"
    later = numbers(folder / "b" / "1.json", 1, 0)
    first = numbers(folder / "a.JSON", 2, 0)
    numbers(folder / "notes.txt", 9, 9)
    numbers(folder / ".hidden.json", 9, 9)
    numbers(folder / ".git" / "x.json", 9, 9)
    (folder / "b" / "loop").symlink_to(folder)
    code, out, err = command("run", "a/line", folder, "--json")
    assert (code, err) == (0, "")
    rows = [json.loads(row) for row in out.splitlines()]
    assert [row["path"] for row in rows] == [str(first), str(later)]
    assert [row["result"]["sum"] for row in rows] == [2.0, 1.0]
    assert command("run", "a/line", folder).out == f"{first}:\nsum 2.0\n{later}:\nsum 1.0\n"


def test_a_folder_without_such_a_file_says_which_endings_are_known(
    line: Stage, command: Command, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    code, out, err = command("run", "a/line", tmp_path / "empty")
    assert (code, out) == (1, "")
    assert "holds no file that ends in .json" in err and err.count("\n") == 1


def test_standard_input_is_read_as_a_file(
    line: Stage, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"[3, 4]")))
    outcome = command("run", "a/line", "-", "--json")
    assert json.loads(outcome.out)["path"] == "-"
    assert json.loads(outcome.out)["result"]["sum"] == 11.0
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"no numbers")))
    code, out, err = command("run", "a/line", "-")
    assert (code, out) == (1, "")
    assert err.startswith("weft-hub: a/line: standard input: ") and err.count("\n") == 1


@pytest.mark.parametrize(
    ("content", "says"), [(b"", "standard input is empty"), (b"x" * 11, "has more than 10 B")]
)
def test_standard_input_is_bounded_and_not_empty(
    line: Stage, command: Command, monkeypatch: pytest.MonkeyPatch, content: bytes, says: str
) -> None:
    monkeypatch.setattr(inputs, "MAX_STANDARD_INPUT", 10)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    code, out, err = command("run", "a/line", "-")
    assert (code, out) == (1, "")
    assert says in err and err.count("\n") == 1


def test_an_endless_standard_input_is_given_up_at_the_limit(
    line: Stage, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Endless(io.RawIOBase):
        given = 0

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: bytearray) -> int:  # type: ignore[override] # any writable one
            self.given += len(buffer)
            return len(buffer)

    endless = Endless()
    monkeypatch.setattr(inputs, "MAX_STANDARD_INPUT", 1 << 20)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(endless, 4096)))
    assert "has more than 1.0 MiB" in command("run", "a/line", "-").err
    assert endless.given < 2 << 20


def test_a_named_pipe_a_device_and_a_socket_are_refused_before_they_are_opened(
    line: Stage, command: Command, tmp_path: Path
) -> None:
    pipe, door = tmp_path / "pipe", tmp_path / "socket"
    os.mkfifo(pipe)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(door))
        kinds = {"/dev/zero": "a device", pipe: "a named pipe", door: "a socket"}
        for path, kind in kinds.items():
            code, out, err = command("run", "a/line", path)
            assert (code, out) == (1, "")
            assert f"{path} is {kind}" in err and "`-`" in err and err.count("\n") == 1
    assert nothing_taken(line)


def test_a_pipe_in_a_folder_fails_alone(line: Stage, command: Command, tmp_path: Path) -> None:
    folder = tmp_path / "inputs"
    good = numbers(folder / "z.json", 1, 1)
    os.mkfifo(folder / "a.json")
    code, out, err = command("run", "a/line", folder)
    assert (code, out) == (1, f"{good}:\nsum 3.0\n")
    assert "a.json is no regular file" in err and err.count("\n") == 1


def test_whatever_a_task_raises_over_one_file_the_others_are_run(
    line: Stage, command: Command, tmp_path: Path
) -> None:
    table, good = tmp_path / "table.json", numbers(tmp_path / "good.json", 1, 1)
    table.write_text('[{"a": 1}, 2]')  # a number times a table is a TypeError of Python's
    code, out, err = command("run", "a/line", table, good)
    assert (code, out) == (1, f"{good}:\nsum 3.0\n")
    assert "TypeError" in err and str(table) in err and err.count("\n") == 1


def test_an_answer_that_is_no_number_is_refused_with_its_place(
    line: Stage, command: Command, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.json"
    bad.write_text("[NaN, 1]")
    code, out, err = command("run", "a/line", bad, "--json")
    assert (code, out) == (1, "")
    assert f"{bad}: the model's answer is no finite number at sum" in err


def test_a_file_name_cannot_steer_the_terminal(
    line: Stage, command: Command, tmp_path: Path
) -> None:
    evil = numbers(tmp_path / "a\x1b[2J\n.json", 1, 1)
    out = command("run", "a/line", evil, evil).out
    assert "\x1b" not in out and "a\\x1b[2J\\n.json:" in out
    evil.write_text("no numbers")
    err = command("run", "a/line", evil).err
    assert "\x1b" not in err and err.count("\n") == 1


def test_standard_input_twice_is_a_mistake(line: Stage, command: Command) -> None:
    assert "only once" in command("run", "a/line", "-", "-").err


def test_a_pipeline_of_the_shell_works(line: Stage) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "weft_hub.cli", "run", "a/line", "-"],
        input="[1, 2]", env=line.environment(), capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "sum 5.0\n", "")


def test_figures_of_a_task_are_in_the_data(line: Stage, command: Command, tmp_path: Path) -> None:
    module = line.site / f"{MODULE}.py"
    with module.open("a") as out:
        out.write("Sums.figures = lambda self, result: {'the sum': result['sum']}\n")
    row = json.loads(command("run", "a/line", numbers(tmp_path / "n.json", 1, 1), "--json").out)
    assert row["figures"] == {"the sum": 3.0}
    assert not math.isnan(row["figures"]["the sum"])
