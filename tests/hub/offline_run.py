"""Every verb and every command, in a process in which no socket and no process can be made.

`python -m tests.hub.offline_run PLAN` runs what the JSON in PLAN names and prints what came of it.
"""

from __future__ import annotations

import argparse
import contextlib
import inspect
import io
import json
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.hub.bans import no_sockets_and_no_processes

SERVES = {"serve"}  # it opens a socket: that is what it is for


def main(text: str) -> None:
    """Run a plan, and print the outcome of each step and what was tried of what is forbidden."""
    plan = json.loads(text)
    with no_sockets_and_no_processes() as tried:
        import weft_hub  # under the ban, like all that it loads later

        warnings.simplefilter("ignore", weft_hub.UnpinnedRevisionWarning)
        verbs = {name: _outcome(verb, plan) for name, verb in _verbs(weft_hub)}
        commands = [_command(arguments) for arguments in plan["commands"]]
        unknown = set(_command_names()) - SERVES - {_name(one) for one in plan["commands"]}
    print(json.dumps({"verbs": verbs, "commands": commands, "tried": tried, "not run": [*unknown]}))


def _verbs(hub: Any) -> Iterator[tuple[str, Callable[[dict[str, Any]], Any]]]:
    """Yield each function of the client with a call of it."""
    calls: dict[str, Callable[[dict[str, Any]], Any]] = {
        "list": lambda plan: hub.list(),
        "search": lambda plan: [card.name for card in hub.search("stage")],
        "info": lambda plan: [hub.info(name).name for name in plan["names"]],
        "help": lambda plan: [hub.help(name)[:40] for name in plan["names"]],
        "download": lambda plan: _each(plan, lambda n: sorted(hub.download(n).files)),
        "load": lambda plan: _each(plan, lambda n: hub.load(n).training, plan["repositories"]),
        "load_state_dict": lambda plan: _each(plan, lambda n: len(hub.load_state_dict(n))),
        "preprocess": lambda plan: _each(plan, lambda n: callable(hub.preprocess(n))),
        "load_state_dict_from_url": lambda plan: len(hub.load_state_dict_from_url(**plan["url"])),
        "get_dir": lambda plan: str(hub.get_dir()),
        "set_dir": lambda plan: hub.set_dir(hub.get_dir()),
        "refresh": lambda plan: hub.refresh(),
    }
    public = {name for name in hub.__all__ if inspect.isfunction(getattr(hub, name))}
    assert set(calls) == public, set(calls) ^ public
    yield from calls.items()


def _each(plan: dict[str, Any], call: Callable[[str], Any], more: tuple[str, ...] = ()) -> Any:
    return {
        name: _outcome(lambda _, name=name: call(name), plan) for name in (*plan["names"], *more)
    }


def _outcome(call: Callable[[dict[str, Any]], Any], plan: dict[str, Any]) -> Any:
    try:
        return call(plan)
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def _command(arguments: list[str]) -> dict[str, Any]:
    from weft_hub import cli

    out, err = io.StringIO(), io.StringIO()
    before, sys.stdin = sys.stdin, io.StringIO("a-token\n")
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = cli.main(arguments)
    finally:
        sys.stdin = before
    return {"command": arguments, "code": code, "out": out.getvalue(), "err": err.getvalue()}


def _command_names() -> Iterator[str]:
    from weft_hub import cli

    def below(parser: argparse.ArgumentParser, above: str) -> Iterator[str]:
        found = [one for one in parser._actions if isinstance(one, argparse._SubParsersAction)]
        for action in found:
            for name, one in action.choices.items():
                yield from below(one, f"{above} {name}".strip())
        if not found:
            yield above

    return below(cli.parser(), "")


def _name(arguments: list[str]) -> str:
    return " ".join(arguments[: 2 if arguments[0] == "cache" else 1])


if __name__ == "__main__":
    os.chdir(Path(sys.argv[2]))
    main(sys.argv[1])
