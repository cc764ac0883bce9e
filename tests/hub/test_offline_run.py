"""Offline as one whole run: a process of its own in which sockets and processes are forbidden."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import weft_hub
from hub.attacks.signer import new_key, private_pem, public_pem, signed_entry
from hub.attacks.stage import Stage, line_weights, sha256
from tests.hub.repository.repository_server import serving
from tests.hub.repository.sentences import files_of, write_repository
from weft_hub import cli
from weft_hub.index import Index
from weft_hub.index import document as index_document

ROOT = Path(__file__).parents[2]
# The others want a package index.
BUILTIN = ["vision/cifar-resnet20", "vision/mnist-cnn", "vision/mnist-rows"]
STAGED = ["a/line", "a/signed", "a/wheel", "n/line"]
SPARE = "a/spare"  # cached, and used by no verb, so that it can be removed
COLD = ["a/never-pip", "a/never-web"]
CARD = "# A line\n" + "".join(
    f"\n## {title}\n\nWhat a stage of a test says about it.\n"
    for title in ("Use", "Fit for, and not fit for", "Data", "Preprocessing", "Reference")
)


@dataclass
class Site:
    """A stage, an index at an address and a repository, whose server is gone by now."""

    stage: Stage
    index: str
    repository: str
    url: dict[str, str]
    work: Path
    settings: dict[str, str] = field(default_factory=dict)

    def run(self, names: list[str], commands: list[list[object]], cache: Path) -> dict[str, Any]:
        """Run a plan in a process under the ban, and return what it printed."""
        plan = {
            "names": names,
            "repositories": [f"hf:lab/sentences@{self.repository}", "hf:lab/sentences"],
            "url": self.url,
            "commands": [[str(part) for part in one] for one in commands],
        }
        kept = self.stage.environment()
        del kept["WEFT_HUB_OFFLINE"]
        done = subprocess.run(
            [sys.executable, "-m", "tests.hub.offline_run", json.dumps(plan), str(self.work)],
            cwd=ROOT,
            env={
                **kept,
                "PYTHONPATH": os.pathsep.join([str(ROOT), kept["PYTHONPATH"]]),
                "WEFT_HUB_CACHE": str(cache),
                "WEFT_HUB_INDEX": self.index,
                **self.settings,
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        assert found["tried"] == []
        return found


@pytest.fixture
def site(stage_pip: Stage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Site:
    """A site that was connected once: every source is gone, and only the cache has the files."""
    stage = stage_pip
    stage.entry("n/line", line_weights())
    document = index_document.write(Index([stage.index]), serial=1)
    shutil.rmtree(stage.index / "n")
    stage.entry("a/line", line_weights((1.0, 2.0)))
    signed_entry(stage, "a/signed", line_weights((1.0, 3.0)), new_key())
    members = {
        "w.safetensors": line_weights((1.0, 4.0)),
        "spare.safetensors": line_weights((1.0, 8.0)),
    }
    wheel = stage.wheel("line-weights", "1.0", members)
    uri = stage.pip_uri(wheel, "w.safetensors")
    stage.entry("a/wheel", line_weights((1.0, 4.0)), sources=[uri])
    stage.entry(SPARE, line_weights((1.0, 8.0)), sources=[uri.replace("w.s", "spare.s")])
    stage.entry("a/never-pip", line_weights((1.0, 5.0)), sources=[uri])
    never = ["https://nowhere.invalid/w.safetensors", "hf:lab/never@" + "0" * 40 + "/w.safetensors"]
    stage.entry("a/never-web", line_weights((1.0, 6.0)), sources=never)
    write_repository(tmp_path / "sentences")
    with serving() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        commit = server.commit("lab/sentences", files_of(tmp_path / "sentences"), "main")
        server.files["/index.json"] = document
        server.files["/n/line/weights.safetensors"] = line_weights()
        server.files["/w.safetensors"] = line_weights((1.0, 7.0))
        address = f"{server.url}/index.json#sha256={sha256(document)}"
        url = {"url": f"{server.url}/w.safetensors", "sha256": sha256(line_weights((1.0, 7.0)))}
        index = os.pathsep.join(["builtin", str(stage.index), address])
        monkeypatch.setenv("WEFT_HUB_CACHE", str(stage.cache))
        monkeypatch.setenv("WEFT_HUB_INDEX", index)
        for name in (*BUILTIN, *STAGED):
            weft_hub.download(name, progress=False)
        weft_hub.load(f"hf:lab/sentences@{commit}", progress=False)
        with pytest.warns(weft_hub.UnpinnedRevisionWarning):
            weft_hub.load("hf:lab/sentences", progress=False)
        weft_hub.load_state_dict_from_url(**url, progress=False)
    # By a process that ends, since what a living one uses cannot be removed.
    subprocess.run(
        [sys.executable, "-m", "weft_hub.cli", "download", SPARE],
        env={**stage.environment(), "WEFT_HUB_INDEX": str(stage.index)},
        check=True,
        capture_output=True,
    )
    wheel.unlink()
    for path in stage.index.rglob("*"):
        if path.suffix in (".safetensors", ".sig"):
            path.unlink()
    work = tmp_path / "work"
    work.mkdir()
    return Site(stage, index, commit, url, work)


@pytest.mark.parametrize("variable", ["WEFT_HUB_OFFLINE", "HF_HUB_OFFLINE"])
def test_every_verb_and_every_command_works_without_a_socket(
    site: Site, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.settings[variable] = "1"
    key, public = site.work / "key.pem", site.work / "key.pub"
    pair = new_key()
    key.write_bytes(private_pem(pair))
    public.write_bytes(public_pem(pair))
    (site.work / "numbers.json").write_text("[3, 4]")
    (site.work / "own.safetensors").write_bytes(line_weights())
    (site.work / "folder").mkdir()
    (site.work / "folder" / "x").write_text("x")
    draft = (
        "--file own.safetensors --task sums --license MIT --author me --package hub-stage-models "
        "--factory line --labels sums --setting inputs=2"
    ).split()
    texts = ["--summary", "A line of one's own", "--provenance", "Written down for this test."]
    monkeypatch.chdir(site.work)
    assert cli.main(["new", "own/line", *draft, *texts, "--into", "ready"]) == 0
    (site.work / "ready/own/line/card.md").write_text(CARD)  # what `new` leaves to its author
    commands: list[list[object]] = [
        ["list"],
        ["search", "stage"],
        ["info", "a/line"],
        ["help", "a/line"],
        ["refresh"],
        ["download", "a/line"],
        ["run", "a/line", "numbers.json"],
        ["measure", "a/line"],
        ["sign", "folder", "--key", key],
        ["verify", "folder", "--key", public],
        ["verify", "a/signed"],
        ["new", "own/line", *draft, *texts],
        ["check", "ready/own/line", "--private"],
        ["publish", "ready/own/line", "--private", "--to", site.stage.index],
        ["login", "hub.example"],
        ["logout", "hub.example"],
        ["cache", "list"],
        ["cache", "verify"],
        ["cache", "prune", "--max-size", "1GB"],
        ["cache", "remove", SPARE],
        ["download", SPARE],
    ]
    found = site.run([*BUILTIN, *STAGED], commands, site.stage.cache)
    assert found["not run"] == []
    verbs = found["verbs"]
    assert verbs.pop("refresh").startswith("OfflineError: ")
    assert set(STAGED) | set(BUILTIN) < set(verbs["list"])
    assert set(verbs["load"]) > {
        "a/line",
        "hf:lab/sentences",
        f"hf:lab/sentences@{site.repository}",
    }
    failed = {verb: said for verb, said in verbs.items() if "Error" in json.dumps(said)}
    assert failed == {}
    outcomes = {" ".join(one["command"][:3]): one for one in found["commands"]}
    last = outcomes.pop(f"download {SPARE}")  # it was removed just before
    for one in (outcomes.pop("refresh"), last):
        assert one["code"] == 1, one
        assert one["err"].count("\n") == 1 and "offline" in one["err"], one
    assert [one for one in outcomes.values() if one["code"] != 0] == []
    assert outcomes["run a/line numbers.json"]["out"].strip().endswith("sum 11.0")


def test_with_a_cold_cache_every_verb_says_that_it_is_offline(site: Site, tmp_path: Path) -> None:
    site.settings["WEFT_HUB_OFFLINE"] = "1"
    site.index = str(site.stage.index)
    names = ["a/line", "a/signed", "a/wheel", *COLD]
    commands: list[list[object]] = [
        *(["download", name] for name in COLD),
        ["run", "a/wheel", "numbers.json"],
        ["verify", "a/signed"],
    ]
    (site.work / "numbers.json").write_text("[3, 4]")
    cold = tmp_path / "cold"
    found = site.run(names, commands, cold)
    verbs = found["verbs"]
    needing = ("download", "load", "load_state_dict")
    said = [one for verb in needing for name, one in verbs[verb].items() if name in names[2:]]
    said += [verbs["load_state_dict_from_url"], *list(verbs["load"].values())[-2:]]
    assert len(said) == 12
    for one in said:
        assert one.startswith("OfflineError: ") and "\n" not in one, one
    for name in ("a/line", "a/signed"):  # their `file:` sources are gone: no connection would help
        assert verbs["load"][name].startswith("SourceError: ")
    for one in found["commands"][:3]:
        assert one["code"] == 1 and one["err"].count("\n") == 1 and "offline" in one["err"]
    assert not [path for path in cold.glob("blobs/*")] and not list(cold.glob("tmp/*"))


def test_with_a_cold_cache_an_index_at_an_address_is_one_plain_error(
    site: Site, tmp_path: Path
) -> None:
    site.settings["WEFT_HUB_OFFLINE"] = "1"
    found = site.run(["a/line"], [["list"]], tmp_path / "cold")
    assert found["verbs"]["list"].startswith("OfflineError: ")
    [one] = found["commands"]
    assert one["code"] == 1 and one["err"].count("\n") == 1 and "offline" in one["err"]
