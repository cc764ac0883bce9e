"""The command `weft-hub`: parse the arguments, run the command, say every failure in one line."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from weft_hub._commands import (
    caching,
    contributing,
    finding,
    login,
    measuring,
    running,
    serving,
    showing,
    signing,
)
from weft_hub._commands.arguments import add_fetching, add_json, add_name
from weft_hub._texts.nearest import did_you_mean
from weft_hub.errors import HubError, RegistryError

_LOOKS = """\
environment:
  WEFT_HUB_CACHE    folder of the cache
  WEFT_HUB_INDEX    folders and addresses of indexes to use instead of the built-in one
  WEFT_HUB_KEYS     public keys of which one must have signed a model
  WEFT_HUB_MIRROR   address of a mirror (`weft-hub serve`) that is asked first
  WEFT_HUB_OFFLINE  1: open no connection
  WEFT_HUB_CACHE_LIMIT  size that the cache is kept at, such as 20GB
  HTTPS_PROXY, NO_PROXY, REQUESTS_CA_BUNDLE  as for pip; the guide lists more
"""


class UsageError(Exception):
    """The command line is not understood."""


class _Parser(argparse.ArgumentParser):
    """A parser whose complaint is one line and whose exit code is decided by `main`."""

    def error(self, message: str) -> NoReturn:
        if "invalid choice: " in message and self._subparsers is not None:
            chosen = message.partition("'")[2].partition("'")[0]
            actions = self._subparsers._group_actions
            names = [name for action in actions for name in action.choices or ()]
            hint = did_you_mean(chosen, names) or f"the commands are {', '.join(names)}"
            message = f"unknown command {chosen!r}; {hint}"
        raise UsageError(f"{message} (`{self.prog} --help` shows the usage)")


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    top = _Parser(
        prog="weft-hub",
        description="Find, verify and run pretrained models.",
        epilog=_LOOKS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="store_true", help="print the version and stop")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", parser_class=_Parser)

    one = commands.add_parser("list", help="list the models of the index")
    one.add_argument("--task", help="only the models for this task")
    add_json(one)
    one.set_defaults(run=showing.list_models)

    finding.add_to(commands)

    one = commands.add_parser("info", help="show what the index says about a model")
    add_name(one)
    add_json(one)
    one.set_defaults(run=showing.info)

    one = commands.add_parser("run", help="run a model on files, by its task")
    add_name(one)
    one.add_argument(
        "paths", metavar="PATH", nargs="+", help="a file, a folder, or - for standard input"
    )
    one.add_argument("--top", metavar="N", type=_positive, help="show the N likeliest answers")
    add_json(one)
    add_fetching(one)
    one.set_defaults(run=running.run)

    one = commands.add_parser("measure", help="measure a model, or its metrics again")
    add_name(one)
    measuring.add_arguments(one)
    add_json(one)
    add_fetching(one)
    one.set_defaults(run=measuring.run)

    one = commands.add_parser("download", help="fetch and verify a model; print its folder")
    add_name(one)
    add_json(one)
    add_fetching(one)
    one.set_defaults(run=showing.download)

    signing.add(commands)
    serving.add(commands)

    cache = commands.add_parser("cache", help="look after the cache")
    under = cache.add_subparsers(
        dest="cache_command", metavar="COMMAND", required=True, parser_class=_Parser
    )
    caching.add_to(under)

    login.add(commands)
    contributing.add_to(commands)

    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code: 0, or 1 after one line on standard error."""
    # A library's log record becomes one more plain line, such as a damaged file set aside.
    logging.basicConfig(format="weft-hub: %(message)s", level=logging.WARNING)
    try:
        top = parser()
        options = top.parse_args(arguments)
        if options.version:
            return showing.version()
        if options.command is None:
            raise UsageError("a command is required (`weft-hub --help` shows them)")
        if sys.stdout is None:
            raise UsageError("standard output is closed, so there is nowhere to print")
        code: int = options.run(options)
        sys.stdout.flush()
        return code
    except RegistryError as error:
        if len(error.problems) < 2:
            return _say(str(error))
        _say(f"{error.head}:")
        for problem in error.problems:
            _say(problem, who="  ")
        return 1
    except (HubError, UsageError) as error:
        return _say(str(error))
    except KeyboardInterrupt:
        _say("interrupted")
        return 130
    except BrokenPipeError:
        # The reader, such as `head`, has what it wants; the interpreter must not flush again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        if os.environ.get("WEFT_HUB_TRACEBACK"):
            raise
        if isinstance(error, OSError) and error.strerror:
            # A full disk or a forbidden folder is the machine's state, not a bug.
            return _say(f"{error.filename or 'reading or writing failed'}: {error.strerror}")
        return _say(
            f"{type(error).__name__}: {error} (this is a bug of weft-hub or of a package that it "
            "uses; WEFT_HUB_TRACEBACK=1 shows where it was raised)"
        )


def _say(text: str, who: str = "weft-hub: ") -> int:
    if sys.stderr is not None:  # print() would take a closed one for standard output
        print(who + " ".join(text.split()), file=sys.stderr)
    return 1


def _positive(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number from 1 up, but is {text!r}")
    return number


if __name__ == "__main__":
    sys.exit(main())
