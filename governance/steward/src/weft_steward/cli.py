"""The command `steward`: check, show, owners, rules."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from weft_steward.community import FOLDER, Community, read_community
from weft_steward.ownership import owners, repository_files
from weft_steward.problems import nearest
from weft_steward.rules import check
from weft_steward.show import KINDS, counts, rules_text, show


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status: 0 good, 1 problems found, 2 wrong use."""
    options = _parser().parse_args(arguments)
    if options.command == "rules":
        print(rules_text())
        return 0
    try:
        community = read_community(_root(options.path))
    except FileNotFoundError as error:
        print(f"steward: {error}", file=sys.stderr)
        return 2
    if options.command == "check":
        return _check(community)
    if options.command == "owners":
        return _owners(community, options.file)
    print(show(community, options.kind))
    return _warn_of_problems(community)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="steward",
        description="Read a community's governance as data, and check it like code.",
        epilog="exit status: 0 all is well, 1 problems were found, 2 the command was misused",
    )
    parser.add_argument("--version", action="version", version=f"steward {version('weft-steward')}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    one = commands.add_parser("check", help="say everything that is wrong with the data")
    _add_path(one)

    one = commands.add_parser("show", help="print teams, people and RFCs for reading")
    _add_path(one)
    one.add_argument("--kind", choices=KINDS, help="only this kind of data")

    one = commands.add_parser("owners", help="say which teams own a file")
    one.add_argument("file", metavar="FILE", help="a file's path from the repository's root")
    _add_path(one, option=True)

    commands.add_parser("rules", help="list every rule with its reason")
    return parser


def _add_path(parser: argparse.ArgumentParser, *, option: bool = False) -> None:
    text = f"the repository's root (default: the nearest folder upwards that holds {FOLDER}/)"
    if option:
        parser.add_argument("--path", type=Path, help=text)
    else:
        parser.add_argument("path", type=Path, nargs="?", help=text)


def _root(given: Path | None) -> Path:
    if given is not None:
        return given
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / FOLDER).is_dir():
            return folder
    raise FileNotFoundError(f"neither {here} nor a folder above it holds {FOLDER}/")


def _check(community: Community) -> int:
    problems = check(community)
    for problem in problems:
        print(problem)
    if problems:
        files = len({problem.path for problem in problems})
        number = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        print(f"steward: {number} in {files} {'file' if files == 1 else 'files'}")
        return 1
    if not repository_files(community.root)[1]:
        print("steward: not a git work tree, so files without an owner were not looked for")
    print(f"steward: no problems ({counts(community)})")
    return 0


def _owners(community: Community, file: str) -> int:
    files, _ = repository_files(community.root)
    name = file.removeprefix("./")
    if name not in files:
        hint = nearest(name, files)
        print(f"steward: {community.root} has no file {name!r}{hint}", file=sys.stderr)
        return 2
    found = owners(community, name)
    print("\n".join(found) if found else f"no team's paths name {name}")
    return _warn_of_problems(community) or (0 if found else 1)


def _warn_of_problems(community: Community) -> int:
    """Say on standard error that unreadable files were left out, rather than hide them."""
    if not community.problems:
        return 0
    number = len({problem.path for problem in community.problems})
    print(
        f"steward: {number} of the files could not be read in full and are left out; "
        "run `steward check`",
        file=sys.stderr,
    )
    return 1
