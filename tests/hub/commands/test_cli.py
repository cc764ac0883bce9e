"""The command: what it prints, and one line with exit code 1 for every failure."""

from __future__ import annotations

import json
import os
import pickle
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import weft_hub
from hub.attacks import pickle_os_system
from hub.attacks.stage import Stage, checkpoint, line_weights, sha256
from tests.hub.bans import no_sockets_and_no_processes
from tests.hub.conftest import Outcome, nothing_taken
from weft_hub import cli

Command = Callable[..., Outcome]


def is_one_line(err: str) -> bool:
    return err.startswith("weft-hub: ") and err.count("\n") == 1 and "Traceback" not in err


def test_list_shows_a_line_for_each_model(stage: Stage, command: Command) -> None:
    stage.entry("a/line", line_weights())
    stage.entry("a/other", line_weights())
    code, out, err = command("list")
    assert (code, err) == (0, "")
    assert [line.split()[0] for line in out.splitlines()] == ["NAME", "a/line", "a/other"]
    assert json.loads(command("list", "--json").out)[0]["name"] == "a/line"


def test_list_says_when_no_model_has_the_task(stage: Stage, command: Command) -> None:
    stage.entry("a/line", line_weights())
    task = json.loads(command("list", "--json").out)[0]["task"]
    code, out, err = command("list", "--task", task[:-1])
    assert (code, out.count("\n")) == (0, 1)
    assert f"did you mean {task!r}?" in err and is_one_line(err)
    assert f"the index has {task}" in command("list", "--task", "none").err


def test_info_shows_the_whole_entry(stage: Stage, command: Command) -> None:
    metric = {"name": "accuracy", "value": 0.5, "data": "ten coins", "command": "toss 10"}
    stage.entry("a/line", line_weights(), card="# A line\n\nGood for sums.\n", metrics=[metric])
    code, out, err = command("info", "a/line")
    assert (code, err) == (0, "")
    for part in ("BSD-3-Clause", sha256(line_weights()), "accuracy = 0.5", "toss 10", "for sums"):
        assert part in out
    assert json.loads(command("info", "a/line", "--json").out)["metrics"] == [metric]


def test_download_prints_the_folder_and_the_cache_commands_show_it(
    stage: Stage, command: Command
) -> None:
    stage.entry("a/line", line_weights())
    code, out, err = command("download", "a/line")
    assert (code, err) == (0, "")
    assert (Path(out.strip()) / "weights.safetensors").read_bytes() == line_weights()
    shown = command("cache", "list").out
    assert "a/line/1.0.0-" in shown and "/weights.safetensors" in shown
    blobs = json.loads(command("cache", "list", "--json").out)["blobs"]
    assert [blob["sha256"] for blob in blobs] == [sha256(line_weights())]
    assert command("cache", "verify") == Outcome(0, f"1 of 1 file in {stage.cache} is whole\n", "")


def test_cache_verify_names_a_damaged_file_and_sets_it_aside(
    stage: Stage, command: Command
) -> None:
    stage.entry("a/line", line_weights())
    command("download", "a/line")
    blob = stage.cache / "blobs" / sha256(line_weights())
    blob.chmod(0o644)
    blob.write_bytes(line_weights(bias=1.0))
    code, out, err = command("cache", "verify")
    assert (code, out) == (1, f"0 of 1 file in {stage.cache} is whole\n")
    assert str(blob) in err and is_one_line(err)
    assert not blob.exists()
    assert command("download", "a/line").code == 0


def test_run_prints_the_result_of_the_task(stage: Stage, command: Command, tmp_path: Path) -> None:
    stage.entry("a/line", line_weights((1.0, 2.0)))
    numbers = tmp_path / "numbers.json"
    numbers.write_text("[3, 4]")
    assert command("run", "a/line", numbers) == Outcome(0, "sum 11.0\n", "")
    data = json.loads(command("run", "a/line", numbers, "--json", "--top", 3).out)
    assert data == {"model": "a/line", "path": str(numbers), "result": {"sum": 11.0, "top": 3}}


def test_run_goes_on_after_a_file_that_fails_and_ends_with_one(
    stage: Stage, command: Command, tmp_path: Path
) -> None:
    stage.entry("a/line", line_weights())
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    good.write_text("[1, 1]")
    bad.write_text("no numbers")
    code, out, err = command("run", "a/line", bad, good)
    assert code == 1
    assert out == f"{good}:\nsum 2.0\n"
    assert str(bad) in err and is_one_line(err)


def test_a_file_that_is_missing_is_said_before_anything_is_downloaded(
    stage: Stage, command: Command, tmp_path: Path
) -> None:
    stage.entry("a/line", line_weights())
    code, out, err = command("run", "a/line", tmp_path / "nowhere.json")
    assert (code, out) == (1, "")
    assert "there is no file" in err and is_one_line(err)
    assert nothing_taken(stage)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["info", "a/lime"], "did you mean 'a/line'?"),
        (["download", "nothing/like-it"], "`weft-hub list` shows the names"),
        (["lsit"], "did you mean 'list'?"),
        (["cache", "verfy"], "did you mean 'verify'?"),
        ([], "a command is required"),
        (["info"], "NAME"),
        (["run", "a/line"], "PATH"),
        (["run", "a/line", "x", "--top", "0"], "whole number from 1 up"),
        (["run", "a/line", "/"], "is a folder"),
        (["list", "--frobnicate"], "--frobnicate"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_1(
    stage: Stage, command: Command, arguments: list[str], says: str
) -> None:
    stage.entry("a/line", line_weights())
    code, out, err = command(*arguments)
    assert (code, out) == (1, "")
    assert says in err and is_one_line(err)


FAULTS = {
    "wrong digest": "requires SHA-256",
    "truncated": "bytes, but",
    "too long": "at least",
    "missing file": "No such file",
    "no network": "check the network",
    "offline": "the hub is offline",
    "later transport": "cannot fetch from oci: sources",
    "cache is a file": "WEFT_HUB_CACHE",
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("verb", ["download", "run"])
def test_a_fault_is_one_line_and_nothing_half_written(
    stage_pip: Stage,
    command: Command,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    fault: str,
    verb: str,
) -> None:
    stage = stage_pip
    content = line_weights()
    wheel = stage.wheel("stage-weights", "1.0", {"w/line.bin": content})
    sources = {
        "no network": stage.pip_uri(wheel, "w/line.bin"),
        "offline": stage.pip_uri(wheel, "w/line.bin"),
        "later transport": "oci:mirror.example/w",
    }
    source = sources.get(fault, "file:weights.safetensors")
    path = stage.entry("a/line", content, sources=[source]) / "weights.safetensors"
    if fault == "wrong digest":
        path.write_bytes(line_weights(bias=3.0))
    elif fault == "truncated":
        path.write_bytes(content[:-1])
    elif fault == "too long":
        path.write_bytes(content + b"x")
    elif fault == "missing file":
        path.unlink()
    elif fault == "no network":
        monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
        monkeypatch.setenv("PIP_NO_INDEX", "0")
        monkeypatch.setenv("PIP_FIND_LINKS", "")
        monkeypatch.setenv("PIP_RETRIES", "0")
    elif fault == "offline":
        monkeypatch.setenv("WEFT_HUB_OFFLINE", "1")
    elif fault == "cache is a file":
        stage.cache.write_text("")
    numbers = tmp_path / "numbers.json"
    numbers.write_text("[1, 2]")
    arguments = ["a/line", numbers] if verb == "run" else ["a/line"]
    code, out, err = command(verb, *arguments)
    assert (code, out) == (1, "")
    assert FAULTS[fault] in err and is_one_line(err)
    assert nothing_taken(stage)


def test_a_malicious_checkpoint_is_refused_by_name_on_one_line(
    stage: Stage, command: Command, tmp_path: Path
) -> None:
    pickled = pickle.dumps({"weight": pickle_os_system.Command(f"echo > {stage.harm}")}, protocol=2)
    stage.entry("a/line", checkpoint(pickled), format="pytorch")
    code, out, err = command("run", "a/line", __file__)
    assert (code, out) == (1, "")
    assert f"{os.system.__module__}.system" in err and is_one_line(err)
    assert not stage.harm.exists()


def test_each_problem_of_an_index_entry_has_a_line(stage: Stage, command: Command) -> None:
    folder = stage.entry("a/line", line_weights())
    (folder / "model.toml").write_text('schema = 1\nnmae = "x"\n')
    code, _, err = command("info", "a/line")
    assert code == 1
    head, *lines = err.splitlines()
    assert head == f"weft-hub: the index has {len(lines)} problems:" and len(lines) > 5
    assert all(line.startswith(f"  {folder}/model.toml:") for line in lines)
    assert sum("did you mean 'name'?" in line for line in lines) == 1


def test_one_problem_of_an_index_entry_is_one_line(stage: Stage, command: Command) -> None:
    stage.entry("a/line", line_weights(), task="No task")
    code, _, err = command("info", "a/line")
    assert code == 1 and "model.toml:" in err and is_one_line(err)


def test_the_message_of_very_many_problems_is_bounded(stage: Stage, command: Command) -> None:
    folder = stage.entry("a/line", line_weights())
    text = (folder / "model.toml").read_text("utf-8")
    many = "".join(f"unknown{n} = 1\n" for n in range(500))
    (folder / "model.toml").write_text(many + text, "utf-8")
    with pytest.raises(weft_hub.RegistryError) as caught:
        stage.hub().info("a/line")
    assert len(caught.value.problems) == 101
    assert str(caught.value).endswith("; and 81 more, in `problems`")
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 20_000
    assert len(command("info", "a/line").err.splitlines()) == 102


def test_a_damaged_file_is_named_on_a_line_of_its_own_while_the_command_succeeds(
    stage: Stage,
) -> None:
    stage.entry("a/line", line_weights())
    stage.hub().download("a/line")
    blob = stage.cache / "blobs" / sha256(line_weights())
    blob.chmod(0o644)
    blob.write_bytes(b"damaged")
    ended = subprocess.run(
        [sys.executable, "-m", "weft_hub.cli", "download", "a/line"],
        env=stage.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0
    assert str(blob) in ended.stderr and is_one_line(ended.stderr)


def test_a_bug_is_one_line_too_and_says_how_to_see_more(
    stage: Stage, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_self: weft_hub.Hub, **_: object) -> list[str]:
        raise ZeroDivisionError("oops")

    monkeypatch.setattr(weft_hub.Hub, "list", broken)
    code, _, err = command("list")
    assert code == 1
    assert "ZeroDivisionError: oops" in err and "WEFT_HUB_TRACEBACK" in err and is_one_line(err)
    monkeypatch.setenv("WEFT_HUB_TRACEBACK", "1")
    with pytest.raises(ZeroDivisionError):
        cli.main(["list"])


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a full device")
def test_output_that_cannot_be_written_is_no_bug_but_one_line(stage: Stage) -> None:
    stage.entry("a/line", line_weights())
    with open("/dev/full", "w") as full:
        ended = subprocess.run(
            [sys.executable, "-m", "weft_hub.cli", "list"],
            env=stage.environment(),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert ended.stderr == "weft-hub: reading or writing failed: No space left on device\n"
    assert ended.returncode in (1, 120)  # 120: the interpreter's own last flush failed too


def test_a_folder_that_may_not_be_entered_is_no_bug(
    stage: Stage, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(_self: weft_hub.Hub, **_: object) -> list[str]:
        raise PermissionError(13, "Permission denied", "/locked/photo.jpg")

    monkeypatch.setattr(weft_hub.Hub, "list", forbidden)
    assert command("list") == Outcome(1, "", "weft-hub: /locked/photo.jpg: Permission denied\n")


def test_a_closed_output_is_said_and_a_closed_error_stream_is_not_put_on_the_output(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(sys, "stdout", None)
        assert cli.main(["list"]) == 1
    out, err = capfd.readouterr()
    assert out == "" and "standard output is closed" in err and is_one_line(err)
    with monkeypatch.context() as patched:
        patched.setattr(sys, "stderr", None)
        assert cli.main(["info", "nothing"]) == 1
    assert capfd.readouterr() == ("", "")


def test_a_reader_that_has_enough_is_no_error_to_speak_of(stage: Stage) -> None:
    stage.entry("a/line", line_weights())
    process = subprocess.Popen(
        [sys.executable, "-m", "weft_hub.cli", "info", "a/line", "--json"],
        env=stage.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    process.stdout.close()
    assert process.wait(60) == 1
    assert process.stderr is not None
    with process.stderr:
        assert process.stderr.read() == b""


def test_listing_and_showing_load_no_heavy_module(stage: Stage) -> None:
    stage.entry("a/line", line_weights())
    script = (
        "import sys; from weft_hub import cli; cli.main(['list']); cli.main(['info', 'a/line']); "
        "print([name for name in ('weft', 'numpy', 'tqdm', 'requests') if name in sys.modules])"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script], env=stage.environment(), capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    assert ended.stdout.splitlines()[-1] == "[]"


def test_a_bar_is_shown_only_on_a_terminal_or_when_asked_for(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    stage.entry("a/line", line_weights())
    stage.hub().download("a/line")
    assert capsys.readouterr().err == ""
    for path in stage.cache.glob("blobs/*"):
        path.unlink()
    with no_sockets_and_no_processes():
        stage.hub().download("a/line", progress=True)
    assert "verify weights.safetensors: 100%" in capsys.readouterr().err


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="this system has no pseudo-terminals")
def test_on_a_terminal_the_command_draws_a_bar_for_each_stage(stage: Stage) -> None:
    import fcntl
    import termios

    stage.entry("a/line", line_weights())
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("4H", 30, 100, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-m", "weft_hub.cli", "download", "a/line"],
        env=stage.environment(),
        stdout=subprocess.DEVNULL,
        stderr=theirs,
    )
    os.close(theirs)
    shown = b""
    while True:
        try:
            part = os.read(ours, 4096)
        except OSError:  # Linux says so when the other end is closed
            part = b""
        if not part:
            break
        shown += part
    os.close(ours)
    assert process.wait(60) == 0
    for stage_name in (b"download", b"verify"):
        assert stage_name + b" weights.safetensors" in shown
    assert b"100%" in shown
