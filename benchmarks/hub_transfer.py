"""Files of a model: the hub beside huggingface_hub and curl, all from one mirror on loopback.

`weft-hub serve` gives the same bytes to all of them. Each turn is a fresh process with an empty
cache on the same disk, which is flushed before. What is timed is the call, without the imports; of
curl, the process. weft-hub verifies the digest of every file and flushes large ones to the disk,
the others do neither; a second row of curl adds `sha256sum`.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measure import Row, asked, main, row_of

LARGE_BYTES = 1_000_000_000
SMALL_FILES = 2_000
SMALL_BYTES = 10_000
ROUNDS = 3

DOWNLOAD = """
import time
import weft_hub
hub = weft_hub.Hub()
start = time.perf_counter()
hub.download("bench/{name}", progress=False{more})
print(time.perf_counter() - start)
"""
DOWNLOAD_THE_REST = """
import time
import weft_hub
hub = weft_hub.Hub()
steps = []
start = time.perf_counter()
hub.download("bench/{name}", progress=steps.append)
taken = time.perf_counter() - start
there = next(step.done for step in steps if step.stage == "download")
assert there == {there}, f"it went on from {{there}} bytes"
print(taken)
"""
SNAPSHOT = """
import time
from huggingface_hub import snapshot_download
start = time.perf_counter()
snapshot_download("bench/{name}"{more})
print(time.perf_counter() - start)
"""


@dataclass(frozen=True)
class Site:
    """What is served, and where."""

    folder: Path
    index: Path
    url: str
    digests: dict[str, dict[str, str]]  # by entry and file

    def of(self, name: str, file: str) -> str:
        """Return the address of a file."""
        return f"{self.url}/bench/{name}/resolve/main/{file}"


class Client(ABC):
    """What gets an entry into an empty folder."""

    def __init__(self, site: Site, name: str) -> None:
        self.site, self.name = site, name

    def prepare(self, folder: Path) -> None:  # noqa: B027  # most leave nothing
        """Leave in `folder` what an earlier call left."""

    @abstractmethod
    def seconds(self, folder: Path) -> float:
        """Get the entry into `folder` and return how long that took."""

    def whole(self, folder: Path) -> bool:
        """Whether every file is there."""
        found = {
            hashlib.sha256(path.read_bytes()).hexdigest()
            for path in folder.rglob("*")
            if path.is_file() and not path.is_symlink()
        }
        return found.issuperset(self.site.digests[self.name].values())


class Weft(Client):
    """weft-hub."""

    more = ""

    def seconds(self, folder: Path) -> float:
        environment = {
            "WEFT_HUB_CACHE": str(folder / "cache"),
            "WEFT_HUB_VERIFIED": str(folder / "verified"),
            "WEFT_HUB_INDEX": str(self.site.index),
            "WEFT_HUB_MIRROR": self.site.url,
        }
        return _printed(self.program(), environment)

    def program(self) -> str:
        """Return what downloads the entry and prints how long that took."""
        return DOWNLOAD.format(name=self.name, more=self.more)


class HuggingFace(Client):
    """huggingface_hub."""

    more = ""

    def seconds(self, folder: Path) -> float:
        environment = {"HF_HOME": str(folder), "HF_ENDPOINT": self.site.url}
        environment |= {"HF_HUB_DISABLE_PROGRESS_BARS": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
        return _printed(SNAPSHOT.format(name=self.name, more=self.more), environment)


class Curl(Client):
    """curl, with its own parallel transfers for many files."""

    more: tuple[str, ...] = ()

    def seconds(self, folder: Path) -> float:
        files = folder / "files"
        files.mkdir(exist_ok=True)
        pairs = [
            f'url = "{self.site.of(self.name, file)}"\noutput = "{files / file}"\n'
            for file in self.site.digests[self.name]
        ]
        (folder / "list").write_text("".join(pairs), encoding="ascii")
        command = ["curl", "-sSfL", "--parallel", *self.more, "-K", str(folder / "list")]
        start = time.perf_counter()
        subprocess.run(command, check=True)
        self.finish(folder)
        return time.perf_counter() - start

    def finish(self, folder: Path) -> None:
        """Do what is to be done with the files."""


class CurlAndSums(Curl):
    """curl, and then sha256sum on what came."""

    def prepare(self, folder: Path) -> None:
        super().prepare(folder)
        lines = [f"{digest}  {file}" for file, digest in self.site.digests[self.name].items()]
        (folder / "sums").write_text("\n".join(lines) + "\n", encoding="ascii")

    def finish(self, folder: Path) -> None:
        command = ["sha256sum", "--check", "--quiet", str(folder / "sums")]
        subprocess.run(command, check=True, cwd=folder / "files")


def _half(site: Site, name: str) -> bytes:
    (path,) = (site.folder / "entries" / "bench" / name).glob("*.bin")
    with path.open("rb") as stream:
        return stream.read(LARGE_BYTES // 2)


class WeftGoesOn(Weft):
    """weft-hub, after half of the file."""

    def prepare(self, folder: Path) -> None:
        (digest,) = self.site.digests[self.name].values()
        part = folder / "cache" / "tmp" / f"{digest}.part" / "file"
        part.mkdir(parents=True)
        (part / "data").write_bytes(_half(self.site, self.name))
        state = {
            "size": LARGE_BYTES,
            "sha256": digest,
            "source": f"{self.site.url}/blobs/{digest}",
            "validator": None,
            "spans": [[0, LARGE_BYTES // 2]],
        }
        (part / "state.json").write_text(json.dumps(state), encoding="ascii")

    def program(self) -> str:
        return DOWNLOAD_THE_REST.format(name=self.name, there=LARGE_BYTES // 2)


class HuggingFaceGoesOn(HuggingFace):
    """huggingface_hub, after half of the file; version 2.4 begins anew whatever is there."""

    def prepare(self, folder: Path) -> None:
        (digest,) = self.site.digests[self.name].values()
        blobs = folder / "hub" / f"models--bench--{self.name}" / "blobs"
        blobs.mkdir(parents=True)
        (blobs / f"{digest}.incomplete").write_bytes(_half(self.site, self.name))


class CurlGoesOn(Curl):
    """curl, after half of the file."""

    more = ("--continue-at", "-")

    def prepare(self, folder: Path) -> None:
        (file,) = self.site.digests[self.name]
        (folder / "files").mkdir()
        (folder / "files" / file).write_bytes(_half(self.site, self.name))


def _again(kind: type[Client], more: str = "") -> type[Client]:
    """Return a client whose cache has everything."""

    class Again(kind):  # type: ignore[valid-type, misc]  # the base is an argument
        def prepare(self, folder: Path) -> None:
            super().seconds(folder)
            super().seconds(folder)  # the second is the first that finds the files there
            time.sleep(3.5)  # then weft-hub takes note of what it verified

        def seconds(self, folder: Path) -> float:
            self.more = more
            super().seconds(folder)
            return float(super().seconds(folder))

    return Again


_FRESH: dict[str, type[Client]] = {
    "weft": Weft,
    "huggingface_hub": HuggingFace,
    "curl": Curl,
    "curl, sha256sum": CurlAndSums,
}
CASES: dict[str, tuple[str, dict[str, type[Client]]]] = {
    "a file of 1 GB": ("large", _FRESH),
    "a file of 1 GB, half of it there": (
        "large",
        {"weft": WeftGoesOn, "huggingface_hub": HuggingFaceGoesOn, "curl": CurlGoesOn},
    ),
    "2,000 files of 10 kB": ("small", _FRESH),
    "a file of 1 GB, cached": (
        "large",
        {"weft": _again(Weft), "huggingface_hub": _again(HuggingFace)},
    ),
    "2,000 files of 10 kB, cached, offline": (
        "small",
        {
            "weft": _again(Weft, ", offline=True"),
            "huggingface_hub": _again(HuggingFace, ", local_files_only=True"),
        },
    ),
}  # fmt: skip


def rows() -> Iterator[Row]:
    """Yield a row for each case, with ratios to huggingface_hub."""
    options = asked()
    rounds = 2 if options.quick else ROUNDS
    wanted = {what: case for what, case in CASES.items() if options.rows in what}
    with tempfile.TemporaryDirectory(prefix="weft-") as folder, _serving(Path(folder)) as site:
        for what, (name, kinds) in wanted.items():
            samples: dict[str, list[float]] = {kind: [] for kind in kinds}
            for turn in range(rounds):
                for kind, client in kinds.items():
                    place = site.folder / "clients" / what / kind / str(turn)
                    samples[kind].append(_turn(client(site, name), place, turn))
            yield row_of(what, samples, baseline="huggingface_hub")


def _turn(client: Client, folder: Path, turn: int) -> float:
    folder.mkdir(parents=True)
    client.prepare(folder)
    os.sync()
    taken = client.seconds(folder)
    if turn == 0 and not client.whole(folder):
        raise RuntimeError(f"{type(client).__name__}: the files of {client.name} did not all come")
    if client.name == "large":
        shutil.rmtree(folder)  # many files only in the end: it slows down the next to be made
    return taken


def _printed(program: str, environment: dict[str, str]) -> float:
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout)


@contextlib.contextmanager
def _serving(folder: Path) -> Iterator[Site]:
    """Write two entries, fill a cache with them and serve it from a process of its own."""
    index = folder / "entries"
    draw = random.Random(7)
    small = [(f"{n:04}.bin", draw.randbytes(SMALL_BYTES)) for n in range(SMALL_FILES)]
    digests = {
        "large": _entry(index, "large", [("weights.bin", _bytes(draw, LARGE_BYTES))]),
        "small": _entry(index, "small", small),
    }
    settings = {"WEFT_HUB_CACHE": str(folder / "served"), "WEFT_HUB_INDEX": str(index)}
    environment = {**os.environ, **settings}
    run: Callable[[str], list[str]] = lambda verb: [
        *(sys.executable, "-c", "import sys; from weft_hub.cli import main; sys.exit(main())"),
        *verb.split(),
    ]
    for name in digests:
        subprocess.run(run(f"download bench/{name}"), env=environment, check=True, stdout=-3)
    server = subprocess.Popen(
        run("serve --port 0 --quiet"), env=environment, stdout=subprocess.PIPE, text=True
    )
    try:
        assert server.stdout is not None
        url = server.stdout.readline().split()[-1]
        site = Site(folder, index, url, digests)
        _verified_by(site)
        yield site
    finally:
        server.terminate()
        server.wait()


def _verified_by(site: Site) -> None:
    """Ask for the first byte of each file: the mirror hashes a file before it first gives it out.

    Whoever came first would wait for that.
    """
    connection = http.client.HTTPConnection(site.url.removeprefix("http://"))
    with contextlib.closing(connection):
        for name, files in site.digests.items():
            for file in files:
                place = site.of(name, file).removeprefix(site.url)
                connection.request("GET", place, headers={"Range": "bytes=0-0"})
                answer = connection.getresponse()
                answer.read()
                if answer.status != 206:
                    raise RuntimeError(f"the mirror answers {answer.status} for {place}")


def _bytes(draw: random.Random, count: int) -> bytes:
    return b"".join(draw.randbytes(1_000_000) for _ in range(count // 1_000_000))


def _entry(index: Path, name: str, files: list[tuple[str, bytes]]) -> dict[str, str]:
    """Write an entry of an index with its files, and return their digests."""
    folder = index / "bench" / name
    folder.mkdir(parents=True)
    digests = {}
    lines = [
        'schema = 1\nversion = "1.0.0"\ntask = "none"\nsummary = "Bytes to be moved"\n'
        f'name = "bench/{name}"\nlicense = "BSD-3-Clause"\nauthors = ["a benchmark"]\n'
        'provenance = "Drawn at random by benchmarks."\nlabels = ["none"]\n[preprocess]\n'
        '[build]\nkind = "factory"\npackage = "none"\nfactory = "none"\n'
    ]
    for number, (file, content) in enumerate(files):
        (folder / file).write_bytes(content)
        digests[file] = hashlib.sha256(content).hexdigest()
        role, form = ("weights", "pytorch") if number == 0 else ("extra", "other")
        lines.append(
            f'[[files]]\nname = "{file}"\nrole = "{role}"\nformat = "{form}"\n'
            f'size = {len(content)}\nsha256 = "{digests[file]}"\nsources = ["file:{file}"]\n'
        )
    (folder / "model.toml").write_text("".join(lines), encoding="utf-8")
    (folder / "card.md").write_text(f"# {name}\n", encoding="utf-8")
    return digests


if __name__ == "__main__":
    main(rows)
