"""`weft-hub login` and `weft-hub logout`: keep a token for a host, and forget it."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from weft_hub._http import tokens
from weft_hub._http.options import Options
from weft_hub.errors import TokenFileError


def add(commands: argparse._SubParsersAction[Any]) -> None:
    """Add both commands to the command line."""
    one = commands.add_parser("login", help="keep a token for a host, read from standard input")
    one.add_argument("host", metavar="HOST", help="a host, such as hub.example or hub.example:8443")
    one.set_defaults(run=login)
    one = commands.add_parser("logout", help="forget the token of a host")
    one.add_argument("host", metavar="HOST", help="the host that was given to login")
    one.set_defaults(run=logout)


def login(options: argparse.Namespace) -> int:
    """Read a token, without showing it on a terminal, and keep it."""
    host = tokens.host_key(options.host)
    path = Options.from_environment().tokens_path()
    tokens.read(path)  # a file that cannot be used is said before a token is asked for
    tokens.set_token(path, host, _asked(host))
    print(f"the token for {host} is kept in {path}, which only you can read")
    return 0


def logout(options: argparse.Namespace) -> int:
    """Remove a token."""
    host = tokens.host_key(options.host)
    path = Options.from_environment().tokens_path()
    if not tokens.forget_token(path, host):
        raise TokenFileError(f"no token for {host} is kept in {path}")
    print(
        f"the token for {host} is forgotten; the host may still accept it until it is revoked there"
    )
    return 0


def _asked(host: str) -> str:
    # Never from the command line: others on the machine can read the arguments of a process.
    if sys.stdin is None:
        raise TokenFileError("standard input is closed, so there is no token to read")
    if sys.stdin.isatty():
        import getpass

        return getpass.getpass(f"token for {host}: ").strip()
    return sys.stdin.readline(1 << 16).strip()
