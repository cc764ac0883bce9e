"""The command `weft-hub serve` as a process: what it prints, and how it ends."""

from __future__ import annotations

import contextlib
import http.client
import os
import random
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from hub.attacks.stage import Stage, line_weights, sha256

SMALL = line_weights()
TIMEOUT_S = 60.0

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them"),
]


class Running:
    """A mirror as a process of its own."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        assert process.stdout is not None
        self.first = process.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:(\d+)$", self.first.strip())
        assert found, (self.first, process.stderr and process.stderr.read())
        self.port = int(found[1])

    def end(self, number: int) -> tuple[int, str]:
        """Send a signal, and return the exit code and what was on standard error."""
        self.process.send_signal(number)
        _, err = self.process.communicate(timeout=TIMEOUT_S)
        return self.process.returncode, err


@contextlib.contextmanager
def started(stage: Stage, *arguments: str) -> Iterator[Running]:
    process = subprocess.Popen(
        [sys.executable, "-m", "weft_hub.cli", "serve", "--port", "0", *arguments],
        env=stage.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield Running(process)
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=TIMEOUT_S)


def connected(running: Running) -> socket.socket:
    return socket.create_connection(("127.0.0.1", running.port), timeout=TIMEOUT_S)


def wait_until_it_listens_no_more(running: Running) -> None:
    """Try to connect until the mirror, which was told to end, takes no connection."""
    deadline = time.monotonic() + TIMEOUT_S
    while time.monotonic() < deadline:
        try:
            connected(running).close()
        except ConnectionError:
            return
        time.sleep(0.01)
    pytest.fail("the mirror still takes connections")


def get(port: int, path: str) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
    try:
        connection.request("GET", path)
        return connection.getresponse().read()
    finally:
        connection.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_prints_its_port_logs_requests_and_ends_when_told_to(filled: Stage, number: int) -> None:
    with started(filled) as running:
        assert "serving 1 models" in running.first
        assert get(running.port, f"/blobs/{sha256(SMALL)}?a=%22x%0d") == SMALL
        get(running.port, "/nowhere")
        code, err = running.end(number)
    assert code == 0
    lines = err.splitlines()
    assert len(lines) == 3, err
    said = f'"GET /blobs/{sha256(SMALL)}?a=%22x%0d HTTP/1.1" 200 {len(SMALL)} '
    assert lines[0].startswith("127.0.0.1 - - [")
    assert said in lines[0]
    assert '"GET /nowhere HTTP/1.1" 404 ' in lines[1]
    assert lines[2] == "weft-hub: stopped"


def test_quiet_writes_no_access_log(filled: Stage) -> None:
    with started(filled, "--quiet") as running:
        get(running.port, "/")
        assert running.end(signal.SIGTERM) == (0, "weft-hub: stopped\n")


def test_it_says_which_models_it_lacks(stage: Stage) -> None:
    stage.entry("ns/small", SMALL)
    with started(stage) as running:
        code, err = running.end(signal.SIGTERM)
    assert code == 0
    assert "not in the cache, so not served: ns/small" in err


def test_what_is_being_sent_is_sent_before_the_end(stage: Stage) -> None:
    data = random.Random(3).randbytes(30_000_000)  # more than the buffers of a connection hold
    stage.entry("ns/large", data, format="pytorch")
    stage.hub().download("ns/large", progress=False)
    with started(stage) as running:
        with connected(running) as client:
            request = f"GET /blobs/{sha256(data)} HTTP/1.1\r\nHost: localhost\r\n\r\n"
            client.sendall(request.encode())
            got = client.recv(65536)
            running.process.send_signal(signal.SIGTERM)
            wait_until_it_listens_no_more(running)  # with the answer half sent
            while chunk := client.recv(1 << 20):
                got += chunk
        running.process.communicate(timeout=TIMEOUT_S)
    assert got.partition(b"\r\n\r\n")[2] == data
    assert running.process.returncode == 0


def test_a_second_signal_ends_it_at_once(stage: Stage) -> None:
    data = random.Random(3).randbytes(30_000_000)
    stage.entry("ns/large", data, format="pytorch")
    stage.hub().download("ns/large", progress=False)
    with started(stage) as running, connected(running) as client:
        request = f"GET /blobs/{sha256(data)} HTTP/1.1\r\nHost: localhost\r\n\r\n"
        client.sendall(request.encode())
        client.recv(1)  # and no more: the answer waits for this client
        running.process.send_signal(signal.SIGINT)
        wait_until_it_listens_no_more(running)
        code, _ = running.end(signal.SIGINT)
    assert code == 0


def test_without_the_extra_the_command_says_what_to_install(stage: Stage) -> None:
    code = (
        "import sys; sys.modules['starlette'] = None; from weft_hub import cli; "
        "sys.exit(cli.main(['serve']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=stage.environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT_S,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "weft-hub: `weft-hub serve` needs starlette, which is not installed; "
        "run `python -m pip install 'weft-hub[serve]'`\n"
    )
