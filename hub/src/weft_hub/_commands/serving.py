"""The command `weft-hub serve`: its arguments, and what it says when it starts and ends."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from weft_hub.errors import MissingPackageError, SettingError
from weft_hub.hub import Hub


def add(commands: Any) -> None:
    """Add the command to the parser's commands."""
    one = commands.add_parser("serve", help="serve the index and the cached files to others")
    one.add_argument("--host", default="127.0.0.1", help="the address to bind to (127.0.0.1)")
    one.add_argument("--port", type=_port, default=8478, help="the port; 0 takes a free one (8478)")
    one.add_argument(
        "--fetch", action="store_true", help="get what is not in the cache by the index's sources"
    )
    one.add_argument(
        "--connections", metavar="N", type=_count, default=256, help="how many at a time (256)"
    )
    one.add_argument(
        "--document",
        metavar="FILE",
        type=Path,
        help="the index as a document that was written before, with its signature in FILE.sig",
    )
    one.add_argument("--quiet", action="store_true", help="write no access log")
    one.set_defaults(run=serve)


def serve(options: argparse.Namespace) -> int:
    """Serve until Ctrl-C or SIGTERM."""
    try:
        from weft_hub.serve import Mirror
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in ("starlette", "uvicorn", "h11"):
            raise
        raise MissingPackageError(
            f"`weft-hub serve` needs {package}, which is not installed; "
            "run `python -m pip install 'weft-hub[serve]'`"
        ) from error
    document, statement = _signed(options.document) if options.document else (None, None)
    mirror = Mirror(
        Hub(),
        host=options.host,
        port=options.port,
        fetch=options.fetch,
        connections=options.connections,
        document=document,
        statement=statement,
        log=None if options.quiet else _say,
    )
    count = len(mirror.contents.repositories)
    missing = mirror.missing()
    if missing and not options.fetch:
        _say(
            f"weft-hub: not in the cache, so not served: {', '.join(missing)} "
            "(`weft-hub download NAME` gets them here; --fetch gets them when they are asked for)"
        )

    def started() -> None:
        # One line that a script can wait for and read the port from.
        print(f"weft-hub: serving {count} models on {mirror.url}", flush=True)

    mirror.run(started)
    _say("weft-hub: stopped")
    return 0


def _signed(path: Path) -> tuple[bytes, bytes | None]:
    """Read a document, and its signature if it has one."""
    bundle = path.with_name(f"{path.name}.sig")
    try:
        return path.read_bytes(), bundle.read_bytes() if bundle.exists() else None
    except OSError as error:
        raise SettingError(
            f"--document {path}: cannot read {error.filename}: {error.strerror or error}"
        ) from error


def _say(line: str) -> None:
    if sys.stderr is not None:
        print(line, file=sys.stderr, flush=True)


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) < 65536):
        raise argparse.ArgumentTypeError(f"must be from 0 to 65535, but is {text!r}")
    return int(text)


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) <= 100_000):
        raise argparse.ArgumentTypeError(f"must be from 1 to 100000, but is {text!r}")
    return int(text)
