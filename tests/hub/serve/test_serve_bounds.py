"""No client can make a mirror work without end: heads, connections and time are bounded."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterator

import pytest

from hub.attacks.stage import Stage, sha256
from tests.hub.serve.mirrors import TIMEOUT_S, ask, serving
from weft_hub.serve import Mirror, server


@contextlib.contextmanager
def connected(mirror: Mirror) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", mirror.port), timeout=TIMEOUT_S) as client:
        yield client


def everything(client: socket.socket) -> bytes:
    """Read until the mirror hangs up."""
    got = b""
    with contextlib.suppress(ConnectionError):
        while chunk := client.recv(65536):
            got += chunk
    return got


def status(reply: bytes) -> int | None:
    return int(reply.split(b" ")[1]) if reply.startswith(b"HTTP/1.1 ") else None


@pytest.mark.parametrize("end", [b"", b"\r\n\r\n"])
def test_a_head_that_is_too_long_is_refused(filled: Stage, end: bytes) -> None:
    with serving(filled) as mirror, connected(mirror) as client:
        head = b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * (2 * server.HEAD_BYTES) + end
        with contextlib.suppress(ConnectionError):
            client.sendall(head)
        got = client.recv(65536)
        assert status(got) == (431 if end else 400)
        assert ask(mirror, "/").status == 200


@pytest.mark.parametrize("request_", [b"\x16\x03\x01\x02", b"GET\r\n\r\n", b"\x00" * 100, b"PRI *"])
def test_what_is_no_request_harms_nobody(filled: Stage, request_: bytes) -> None:
    with serving(filled) as mirror:
        with connected(mirror) as client:
            client.sendall(request_ + b"\r\n\r\n")
            assert status(everything(client)) in (400, None)
        assert ask(mirror, "/").status == 200


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"GET / HTTP/1.1\r\nHost: loc",
        b"POST /api/models/ns/small/paths-info/main HTTP/1.1\r\n"
        b"Host: localhost\r\nContent-Length: 9\r\n\r\n{",
    ],
)
def test_a_client_that_never_ends_its_request_is_left(
    filled: Stage, monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    monkeypatch.setattr(server, "REQUEST_S", 0.3)
    with serving(filled) as mirror:
        with connected(mirror) as client:
            with contextlib.suppress(ConnectionError):  # it may be left before it has sent this
                client.sendall(sent)
            assert everything(client) == b""
        monkeypatch.setattr(server, "REQUEST_S", TIMEOUT_S)
        assert ask(mirror, "/").status == 200


def test_bytes_in_drops_do_not_prolong_a_request(
    filled: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "REQUEST_S", 0.5)
    with serving(filled) as mirror, connected(mirror) as client:
        client.settimeout(0.05)
        deadline = time.monotonic() + TIMEOUT_S
        drop = b"GET / HTTP/1.1\r\n"
        while time.monotonic() < deadline:
            try:
                client.sendall(drop)
                drop = b"A: b\r\n"
                if client.recv(1) == b"":
                    break
            except TimeoutError:
                continue
            except ConnectionError:
                break
        else:
            pytest.fail(f"the mirror listened to drops for {TIMEOUT_S:g} s")


def test_a_client_that_takes_nothing_is_left(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "STALL_S", 0.3)
    data = bytes(30_000_000)
    stage.entry("ns/large", data, format="pytorch")
    stage.hub().download("ns/large", progress=False)
    with serving(stage) as mirror, connected(mirror) as client:
        client.sendall(f"GET /blobs/{sha256(data)} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        deadline = time.monotonic() + TIMEOUT_S
        while mirror.open_connections != 1 and time.monotonic() < deadline:
            time.sleep(0.01)
        while mirror.open_connections and time.monotonic() < deadline:
            time.sleep(0.01)
        assert mirror.open_connections == 0
        assert len(everything(client)) < len(data)


def test_connections_beyond_the_limit_are_told_to_come_again(filled: Stage) -> None:
    with contextlib.ExitStack() as stack:
        mirror = stack.enter_context(serving(filled, connections=3))
        idle = [stack.enter_context(connected(mirror)) for _ in range(3)]
        deadline = time.monotonic() + TIMEOUT_S
        while mirror.open_connections < 3 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert ask(mirror, "/").status == 503
        for client in idle:
            client.close()
        while mirror.open_connections and time.monotonic() < deadline:
            time.sleep(0.01)
        assert ask(mirror, "/").status == 200


def test_connections_far_beyond_the_limit_are_closed_unheard(filled: Stage) -> None:
    with contextlib.ExitStack() as stack:
        mirror = stack.enter_context(serving(filled, connections=2))
        most = 2 + server.SPARE
        clients = [stack.enter_context(connected(mirror)) for _ in range(most + 5)]
        assert everything(clients[-1]) == b""
        assert mirror.open_connections <= most


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/json", b'{"paths": ["' + b"a" * 70_000 + b'"]}'),
        ("application/x-www-form-urlencoded", b"paths=" + b"a" * 70_000),
    ],
)
def test_a_question_that_is_too_long_is_refused(filled: Stage, kind: str, body: bytes) -> None:
    with serving(filled) as mirror:
        path = "/api/models/ns/small/paths-info/main"
        assert ask(mirror, path, method="POST", body=body, Content_Type=kind).status == 413


@pytest.mark.parametrize(
    "body", [b"", b"[", b"[1]", b'{"paths": 1}', b'{"paths": [1]}', b"[" * 60_000, b"\xff", b"null"]
)
def test_a_question_that_is_none_is_refused(filled: Stage, body: bytes) -> None:
    with serving(filled) as mirror:
        path = "/api/models/ns/small/paths-info/main"
        got = ask(mirror, path, method="POST", body=body, Content_Type="application/json")
        assert got.status == 400
