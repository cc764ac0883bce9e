"""`weft-hub publish`: put a contribution into a checkout of the registry, ready for a pull request.

It copies, makes a branch and stages; it commits and pushes nothing. The commit is the author's: its
sign-off says something that no program can say for them.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from weft_hub._contribution.checking import Report, local_files
from weft_hub._contribution.scaffold import ContributionError
from weft_hub._texts.quantities import show_size
from weft_hub.card import Card
from weft_hub.errors import RegistryError
from weft_hub.index import read_entry

_GIT_TIMEOUT_S = 120


@dataclass(frozen=True)
class Published:
    """What was written: the entry's folder, its branch (None without git), the request's text."""

    folder: Path
    branch: str | None
    text: Path


def publish(report: Report, checkout: Path, text: Path) -> Published:
    """Copy the contribution of `report`, which passed its check, into `checkout`.

    Args:
        report: what `check` found out.
        checkout: a checkout of weft, or an index folder.
        text: where the text of the pull request is written.

    Raises:
        ContributionError: the check failed, the checkout cannot take the entry, or something would
            be overwritten that git does not keep. The checkout is then as it was.
    """
    card = report.card
    if card is None or not report.passed:
        raise ContributionError(f"{report.folder} is not published: `weft-hub check` finds faults")
    index = _index_of(checkout)
    target = index / card.name
    if target.resolve() == report.folder:
        raise ContributionError(f"{target} is in that checkout already; there is nothing to copy")
    if os.path.lexists(text):
        raise ContributionError(f"{text} exists already; nothing is ever overwritten")
    git = _git_of(checkout)
    older = _older(target, card, git)
    branch = f"model-{card.name.replace('/', '-')}-{card.version}" if git is not None else None
    with contextlib.ExitStack() as undo:
        if git is not None and branch is not None:
            _switch(git, branch, undo)
        with _whole_copy(card, report.folder, target, replace=older is not None):
            if git is not None:
                git.run("add", "--", str(target.resolve()))
            try:
                with text.open("x", encoding="utf-8") as out:
                    out.write(request_text(report, card, older))
            except OSError as error:
                raise ContributionError(
                    f"cannot write {text}: {error.strerror or error}; the checkout is as it was"
                ) from error
        undo.pop_all()
    return Published(target, branch, text)


def request_text(report: Report, card: Card, older: str | None) -> str:
    """Return the text of the pull request, Markdown."""
    what = f"Update {card.name} from {older} to" if older else f"Add {card.name}"
    rows = [
        f"| `{file.name}` | {file.format} | {show_size(file.size)} | `{file.sha256}` |"
        for file in card.files
    ]
    found = [
        f"- {finding.state}: {finding.part}: {finding.text.replace(str(report.folder), card.name)}"
        for finding in report.findings
    ]
    return "\n".join(
        [
            f"hub: {what} {card.version}",
            "",
            card.summary,
            "",
            f"- task: `{card.task}`",
            f"- licence of the weights: `{card.license}`",
            f"- made by: {', '.join(card.authors)}",
            f"- built by: {card.build}",
            "",
            "## Where the weights come from",
            "",
            card.provenance.strip(),
            "",
            "## Files",
            "",
            "| file | format | size | SHA-256 |",
            "|---|---|---|---|",
            *rows,
            "",
            "## What `weft-hub check` found",
            "",
            *found,
            "",
            "## To be confirmed by the author",
            "",
            "- [ ] I may publish these weights under the licence above.",
            "- [ ] The commit is signed off.",
            "",
        ]
    )


def _index_of(checkout: Path) -> Path:
    for folder in (checkout / "hub" / "registry", checkout):
        if any(folder.glob("*/*/model.toml")):
            return folder
    raise ContributionError(
        f"{checkout} is neither a checkout with hub/registry nor a folder of entries "
        "(NAMESPACE/NAME/model.toml); give one with --to"
    )


def _older(target: Path, card: Card, git: _Git | None) -> str | None:
    """Return the version of the entry that is there, which must be older and kept by git."""
    if not os.path.lexists(target):
        return None
    if git is None:
        raise ContributionError(
            f"{target} exists already, and no git keeps what would be overwritten"
        )
    unkept = git.run("status", "--porcelain", "--ignored", "--", str(target.resolve()))
    if unkept or not git.run("ls-files", "--", str(target.resolve())):
        raise ContributionError(f"{target} has files that git does not keep; nothing was written")
    try:
        there = read_entry(target, card.name).version
    except RegistryError as error:
        raise ContributionError(
            f"the entry that is to be replaced is not valid: {error}"
        ) from error
    if _numbers(there) >= _numbers(card.version):
        raise ContributionError(
            f"{target} has version {there} already; raise the version, which is {card.version}"
        )
    return there


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


@contextlib.contextmanager
def _whole_copy(card: Card, source: Path, target: Path, *, replace: bool) -> Iterator[None]:
    """Let the entry appear at `target` by one rename; take it back if the block fails."""
    mark = secrets.token_hex(8)
    work, before = (target.with_name(f".{target.name}.{end}.{mark}") for end in ("new", "old"))
    made = not target.parent.exists()
    placed = done = False
    try:
        for inside in (Path("model.toml"), Path("card.md"), *local_files(card)):
            (work / inside).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source / inside, work / inside)
        if replace:
            os.rename(target, before)
        os.rename(work, target)
        placed = True
        yield
        done = True
    except OSError as error:
        raise ContributionError(
            f"cannot copy {source} to {target}: {error.strerror or error}; "
            "the checkout is as it was"
        ) from error
    finally:
        if placed and not done:
            shutil.rmtree(target, ignore_errors=True)
        if not done and before.exists():
            os.rename(before, target)
        for left in (work, before):
            shutil.rmtree(left, ignore_errors=True)
        if not done and made:
            with contextlib.suppress(OSError):
                target.parent.rmdir()


class _Git:
    """git in one checkout."""

    def __init__(self, program: str, checkout: Path) -> None:
        self._start = [program, "-C", str(checkout)]

    def run(self, *arguments: str) -> str:
        """Run one command and return what it prints."""
        try:
            done = subprocess.run(
                [*self._start, *arguments],
                capture_output=True,
                text=True,
                errors="replace",
                stdin=subprocess.DEVNULL,
                timeout=_GIT_TIMEOUT_S,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise ContributionError(f"`git {arguments[0]}` could not be run: {error}") from error
        if done.returncode != 0:
            said = " ".join((done.stderr or done.stdout).split())[:300]
            raise ContributionError(
                f"`git {' '.join(arguments)}` failed: {said or 'it said nothing'}"
            )
        return done.stdout.strip()


def _git_of(checkout: Path) -> _Git | None:
    program = shutil.which("git")
    if program is None or not (checkout / ".git").exists():
        return None
    return _Git(program, checkout)


def _switch(git: _Git, branch: str, undo: contextlib.ExitStack) -> None:
    """Make and enter a new branch; `undo` goes back and removes it."""
    changed = git.run("status", "--porcelain", "--untracked-files=no")
    if changed:
        first = changed.splitlines()[0]
        raise ContributionError(
            f"the checkout has changes that are not committed ({first}); commit or stash them first"
        )
    if git.run("branch", "--list", branch):
        raise ContributionError(
            f"the checkout has a branch {branch} already; remove it (`git branch -D {branch}`) or "
            "raise the version"
        )
    git.run("switch", "--quiet", "--create", branch)

    def back() -> None:
        with contextlib.suppress(ContributionError):
            git.run("reset", "--quiet")
            git.run("switch", "--quiet", "-")
            git.run("branch", "--quiet", "-D", branch)

    undo.callback(back)
