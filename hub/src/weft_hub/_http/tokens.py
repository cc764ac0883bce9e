"""A token for each host, in a file that only its owner can read; it is sent to that host alone."""

from __future__ import annotations

import json
import os
import re
import stat
from pathlib import Path

from weft_hub._files.whole_file import write_whole
from weft_hub.errors import TokenFileError

_TOKEN = re.compile(r"[!-~]{1,4096}")
_HOST = re.compile(r"(?:[a-z0-9_-]+(?:\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?")
_MOST_BYTES = 1 << 20


def host_key(text: str) -> str:
    """Return `HOST` or `HOST:PORT` as the file spells it.

    Raises:
        TokenFileError: `text` is no host; an address is not taken for one.
    """
    key = text.strip().lower().removesuffix(":443")
    if not _HOST.fullmatch(key):
        raise TokenFileError(
            f"a host such as hub.example or hub.example:8443 is required, not {text!r}"
        )
    return key


def read(path: Path) -> dict[str, str]:
    """Return the token of each host, from the file at `path`; none when there is no file.

    Raises:
        TokenFileError: others can read the file, it is not the user's own, or it is damaged.
    """
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise TokenFileError(f"cannot read the tokens in {path}: {error.strerror}") from error
    with os.fdopen(handle, "rb") as stream:
        _require_private(path, os.fstat(handle))
        raw = stream.read(_MOST_BYTES + 1)
    try:
        data = json.loads(raw) if len(raw) <= _MOST_BYTES else None
    except ValueError:
        data = None
    hosts = data.get("hosts") if isinstance(data, dict) else None
    if not isinstance(hosts, dict) or not all(
        isinstance(token, str) and _TOKEN.fullmatch(token) and _HOST.fullmatch(host)
        for host, token in hosts.items()
    ):
        raise TokenFileError(
            f"the tokens in {path} cannot be understood; remove the file and run "
            "`weft-hub login HOST` again"
        )
    return dict(hosts)


def _require_private(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise TokenFileError(f"the tokens in {path} are not read: it is not a regular file")
    if os.name != "posix":  # elsewhere the mode says nothing; the user's folder is private
        return
    mode = stat.S_IMODE(status.st_mode)
    if mode & 0o077:
        raise TokenFileError(
            f"the tokens in {path} are not used: others can read or change the file (mode "
            f"{mode:04o}); run `chmod 600 {path}`, and if others use this machine take new tokens"
        )
    if status.st_uid != os.geteuid():
        raise TokenFileError(
            f"the tokens in {path} are not used: the file is that of user {status.st_uid}, and "
            f"you are {os.geteuid()}"
        )


def set_token(path: Path, host: str, token: str) -> None:
    """Keep `token` for `host`; the file is made, or replaced as a whole, with mode 0600.

    Raises:
        TokenFileError: it is no token, or the file cannot be read or written.
    """
    if not _TOKEN.fullmatch(token):
        raise TokenFileError(
            f"a token is 1 to 4096 printable ASCII characters without spaces; {len(token)} "
            "characters came that are not"
        )
    _write(path, {**read(path), host_key(host): token})


def forget_token(path: Path, host: str) -> bool:
    """Remove the token of `host`, and return whether there was one."""
    known = read(path)
    found = known.pop(host_key(host), None) is not None
    if found:
        _write(path, known)
    return found


def _write(path: Path, hosts: dict[str, str]) -> None:
    text = json.dumps({"hosts": dict(sorted(hosts.items()))}, indent=2) + "\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_whole(path, text.encode("ascii"), flush=True, mode=0o600)
    except OSError as error:
        raise TokenFileError(f"cannot write the tokens to {path}: {error.strerror}") from error
