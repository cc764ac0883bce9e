"""Tokens: kept so that only their owner can read them, and sent to their own host alone."""

from __future__ import annotations

import io
import logging
import os
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import weft_hub
from hub.attacks.stage import Stage, line_weights
from tests.hub.conftest import Outcome
from tests.hub.http.faults import Served, certificates, serving
from weft_hub._http import Client, Options, tokens

CONTENT = line_weights()
SECRET = "hf_SecretSecretSecret"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tokens.json"  # where the environment of the tests says


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificates().authority))
    with serving({"/w": CONTENT, "/open": CONTENT}, tls=certificates()) as served:
        served.guarded["/w"] = f"Bearer {SECRET}"
        yield served


def host(server: Served) -> str:
    return server.url.partition("://")[2]


def sent(server: Served) -> list[str | None]:
    return [asked.headers.get("authorization") for asked in server.asked]


def log_in(monkeypatch: pytest.MonkeyPatch, command: Callable[..., Outcome], name: str) -> Outcome:
    monkeypatch.setattr(sys, "stdin", io.StringIO(SECRET + "\n"))
    return command("login", name)


def test_login_keeps_a_token_that_opens_what_is_closed_without_it(
    stage: Stage,
    server: Served,
    path: Path,
    command: Callable[..., Outcome],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stage.entry("a/line", CONTENT, sources=[f"{server.url}/w"])
    code, _, err = command("download", "a/line")
    assert code == 1 and "weft-hub login localhost" in err and err.count("\n") == 1
    code, out, err = log_in(monkeypatch, command, host(server))
    assert (code, err) == (0, "") and SECRET not in out and str(path) in out
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert command("download", "a/line").code == 0
    assert sent(server) == [None, f"Bearer {SECRET}"]
    assert command("logout", host(server)).code == 0
    assert tokens.read(path) == {}
    code, _, err = command("logout", host(server))
    assert code == 1 and "no token for" in err


@pytest.mark.skipif(os.name != "posix", reason="modes of files say nothing on this system")
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o777])
def test_a_file_that_others_can_read_is_refused(path: Path, mode: int) -> None:
    tokens.set_token(path, "hub.example", SECRET)
    path.chmod(mode)
    client = Client(Options(tokens_file=path))
    with pytest.raises(weft_hub.TokenFileError, match=rf"mode {mode:04o}.*chmod 600") as caught:
        client.token_for("https://hub.example/w")
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"hosts": []}',
        '{"hosts": {"hub.example": 5}}',
        '{"hosts": {"hub.example": "a\\nX: y"}}',
        '{"hosts": {"hub.example": ""}}',
        '{"hosts": {"https://hub.example": "t"}}',
        "[" * 2_000_000,
    ],
)
def test_a_file_that_is_damaged_is_refused(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(weft_hub.TokenFileError, match="cannot be understood"):
        tokens.read(path)


def test_a_folder_or_a_pipe_in_its_place_is_refused_and_not_waited_for(path: Path) -> None:
    if hasattr(os, "mkfifo"):
        os.mkfifo(path, 0o600)
    else:
        path.mkdir()
    with pytest.raises(weft_hub.TokenFileError):
        tokens.read(path)


@pytest.mark.parametrize("token", ["", "a b", "a\r\nX-Evil: 1", "ü", "x" * 5000])
def test_what_is_no_token_is_not_kept(path: Path, token: str) -> None:
    with pytest.raises(weft_hub.TokenFileError, match="printable ASCII"):
        tokens.set_token(path, "hub.example", token)
    assert not path.exists()


@pytest.mark.parametrize("name", ["https://hub.example", "hub.example/x", "", "a b", "h:x", "@h"])
def test_what_is_no_host_is_refused(path: Path, name: str) -> None:
    with pytest.raises(weft_hub.TokenFileError, match="a host such as"):
        tokens.set_token(path, name, SECRET)


def test_each_host_and_port_has_its_own_token(path: Path) -> None:
    tokens.set_token(path, "Hub.Example", "one")
    tokens.set_token(path, "hub.example:8443", "two")
    client = Client(Options(tokens_file=path))
    assert client.token_for("https://hub.example/w") == "one"
    assert client.token_for("https://HUB.example:443/w") == "one"
    assert client.token_for("https://hub.example:8443/w") == "two"
    assert client.token_for("https://hub.example:8444/w") is None
    assert client.token_for("https://sub.hub.example/w") is None
    assert client.token_for("http://hub.example/w") is None  # never without encryption


def test_a_redirect_to_another_host_does_not_carry_the_token(
    stage: Stage, server: Served, path: Path
) -> None:
    tokens.set_token(path, host(server), SECRET)
    with serving({"/blob": CONTENT}, tls=certificates()) as other:
        server.redirects["/moved"] = f"{other.url}/blob?signed=1"
        stage.entry("a/line", CONTENT, sources=[f"{server.url}/moved"])
        stage.hub().download("a/line")
        assert sent(server) == [f"Bearer {SECRET}"]
        assert sent(other) == [None]


def test_a_token_stays_away_when_the_way_leads_back(
    stage: Stage, server: Served, path: Path
) -> None:
    tokens.set_token(path, host(server), SECRET)
    with serving({}, tls=certificates()) as other:
        server.redirects["/there"] = f"{other.url}/back"
        other.redirects["/back"] = f"{server.url}/open"
        stage.entry("a/line", CONTENT, sources=[f"{server.url}/there"])
        stage.hub().download("a/line")
        assert sent(server) == [f"Bearer {SECRET}", None]
        assert sent(other) == [None]


def test_netrc_is_not_read(
    stage: Stage, server: Served, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text(f"machine localhost login me password {SECRET}\n")
    monkeypatch.setenv("NETRC", str(netrc))
    stage.entry("a/line", CONTENT, sources=[f"{server.url}/open"])
    stage.hub().download("a/line")
    assert sent(server) == [None]


def test_hf_token_goes_to_the_endpoint_and_to_no_other_host(
    stage: Stage, server: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = "0123456789abcdef" * 2 + "01234567"
    place = f"/o/n/resolve/{commit}/sub%20folder/w"
    server.files[place] = CONTENT
    server.guarded[place] = f"Bearer {SECRET}"
    monkeypatch.setenv("HF_TOKEN", SECRET)
    monkeypatch.setenv("HF_ENDPOINT", f"{server.url}/")
    stage.entry("a/line", CONTENT, sources=[f"hf:o/n@{commit}/sub folder/w"])
    stage.hub().download("a/line")
    assert sent(server) == [f"Bearer {SECRET}"]
    with serving({"/w": CONTENT[:-1]}, tls=certificates()) as other:
        stage.entry("a/other", CONTENT + b"?", sources=[f"{other.url}/w"])
        with pytest.raises(weft_hub.SizeMismatchError):
            stage.hub().download("a/other")
        assert sent(other) == [None]


def test_a_token_is_in_no_message_and_no_log(
    stage: Stage, server: Served, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tokens.set_token(path, host(server), SECRET + "old")
    stage.entry("a/line", CONTENT, sources=[f"{server.url}/w"])
    with (
        caplog.at_level(logging.DEBUG),
        pytest.raises(weft_hub.AccessDeniedError, match="was refused") as caught,
    ):
        stage.hub().download("a/line")
    assert sent(server) == [f"Bearer {SECRET}old"]
    assert SECRET not in str(caught.value) + caplog.text
    assert SECRET not in repr(Options(hf_token=SECRET))
