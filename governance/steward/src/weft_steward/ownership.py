"""Which files a repository has and whose they are: team paths in the syntax of .gitignore."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from pathspec import PathSpec

from weft_steward.community import Community

# Never part of a repository's own content, whatever the tool that made them.
_PRUNED = {".git", ".nox", ".venv", "venv", "__pycache__", "node_modules"}


def repository_files(root: Path) -> tuple[list[str], bool]:
    """Return the repository's files, and whether they are exactly what git would commit.

    In a git work tree those are the tracked files and the new ones that git does not ignore.
    Elsewhere, every file below the root counts, the folders that tools make left out.
    """
    listed = _listed_by_git(root)
    if listed is not None:
        return listed, True
    found = []
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(set(folders) - _PRUNED)
        found += [(Path(folder) / name).relative_to(root).as_posix() for name in files]
    return sorted(found), False


def _listed_by_git(root: Path) -> list[str] | None:
    # Only where the root is itself the top of a work tree: an outer one says nothing of it.
    git = shutil.which("git")
    if git is None or not (root / ".git").exists():
        return None
    asked = [git, "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(asked, capture_output=True, check=False)
    if done.returncode != 0:
        return None
    names = done.stdout.decode("utf-8", "surrogateescape").split("\0")
    return sorted({name for name in names if name and (root / name).exists()})


def matching(pattern: str, files: Iterable[str]) -> list[str]:
    """Return the files that one pattern names."""
    return list(PathSpec.from_lines("gitignore", [pattern]).match_files(files))


def owners(community: Community, file: str) -> list[str]:
    """Return the teams whose paths name the file, those with the most particular path first."""
    found = []
    for slug, team in community.teams.items():
        lengths = [len(pattern) for pattern in team.paths if matching(pattern, [file])]
        if lengths:
            found.append((-max(lengths), slug))
    return [slug for _, slug in sorted(found)]
