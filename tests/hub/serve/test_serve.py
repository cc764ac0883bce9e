"""A mirror gives out verified files of its index, and nothing else."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import random
import threading
from pathlib import Path
from typing import Any

import pytest

from hub.attacks.stage import Stage, line_weights, sha256
from tests.hub.conftest import Outcome
from tests.hub.serve.mirrors import ask, serving
from weft_hub import RegistryError
from weft_hub._transfer.one import obtain
from weft_hub.cache import Cache
from weft_hub.card import Card, File
from weft_hub.index import document as index_document
from weft_hub.serve import Mirror, server
from weft_hub.serve.server import ListenError

LARGE = random.Random(7).randbytes(3_000_001)
SMALL = line_weights()


@pytest.fixture
def filled(stage: Stage) -> Stage:
    """A stage with two models whose files are in the cache."""
    stage.entry("ns/small", SMALL, card="# Small\n\nWith a line.\n")
    stage.entry("ns/large", LARGE, format="pytorch")
    for name in ("ns/small", "ns/large"):
        stage.hub().download(name, progress=False)
    return stage


def blob(data: bytes) -> str:
    return f"/blobs/{sha256(data)}"


def test_a_blob_is_the_file_and_says_its_digest(mirror: Mirror) -> None:
    got = ask(mirror, blob(LARGE))
    assert (got.status, got.body == LARGE) == (200, True)
    assert got.headers["ETag"] == f'"{sha256(LARGE)}"'
    assert got.headers["Content-Length"] == str(len(LARGE))
    assert got.headers["Accept-Ranges"] == "bytes"
    assert "immutable" in got.headers["Cache-Control"]
    named = base64.b64encode(hashlib.sha256(LARGE).digest()).decode()
    assert got.headers["Repr-Digest"] == f"sha-256=:{named}:"
    assert "Location" not in got.headers


def test_head_has_the_headers_of_get_and_no_body(mirror: Mirror) -> None:
    whole, head = ask(mirror, blob(LARGE)), ask(mirror, blob(LARGE), method="HEAD")
    assert (head.status, head.body) == (200, b"")
    without_date = [
        sorted((k, v) for k, v in reply.headers.items() if k.lower() != "date")
        for reply in (whole, head)
    ]
    assert without_date[0] == without_date[1]


@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=999999-2000000", 999_999, 2_000_001),
        ("bytes=262143-", 262_143, len(LARGE)),
        ("bytes=-5", len(LARGE) - 5, len(LARGE)),
        ("bytes=3000000-9999999", 3_000_000, len(LARGE)),
    ],
)
def test_a_range_is_exactly_those_bytes(mirror: Mirror, asked: str, start: int, stop: int) -> None:
    got = ask(mirror, blob(LARGE), Range=asked)
    assert (got.status, got.body == LARGE[start:stop]) == (206, True)
    assert got.headers["Content-Range"] == f"bytes {start}-{stop - 1}/{len(LARGE)}"
    assert got.headers["Content-Length"] == str(stop - start)


def test_several_ranges_are_answered_by_the_whole_file(mirror: Mirror) -> None:
    got = ask(mirror, blob(LARGE), Range="bytes=0-1,5-6," + ",".join(["0-"] * 1000))
    assert (got.status, got.body == LARGE) == (200, True)
    assert "Content-Range" not in got.headers


def test_a_range_behind_the_end_is_refused_with_the_size(mirror: Mirror) -> None:
    got = ask(mirror, blob(SMALL), Range=f"bytes={len(SMALL)}-")
    assert (got.status, got.headers["Content-Range"]) == (416, f"bytes */{len(SMALL)}")


def test_conditions_are_judged_before_anything_is_sent(mirror: Mirror) -> None:
    tag = f'"{sha256(LARGE)}"'
    not_modified = ask(mirror, blob(LARGE), If_None_Match=tag)
    assert (not_modified.status, not_modified.body) == (304, b"")
    assert not_modified.headers["ETag"] == tag
    assert ask(mirror, blob(LARGE), If_Match='"other"').status == 412
    resumed = ask(mirror, blob(LARGE), Range="bytes=10-19", If_Range=tag)
    assert (resumed.status, resumed.body) == (206, LARGE[10:20])
    other = ask(mirror, blob(LARGE), Range="bytes=10-19", If_Range='"other"')
    assert (other.status, other.body == LARGE) == (200, True)


def test_the_index_is_one_document_with_its_digest(mirror: Mirror, filled: Stage) -> None:
    got = ask(mirror, "/index.json")
    digest = sha256(got.body)
    assert (got.status, got.headers["ETag"]) == (200, f'"{digest}"')
    assert ask(mirror, "/index.json.sha256").body == f"{digest}  index.json\n".encode()
    data = json.loads(got.body)
    assert [entry["name"] for entry in data["entries"]] == ["ns/large", "ns/small"]
    entry = data["entries"][1]
    assert entry["card.md"] == "# Small\n\nWith a line.\n"
    assert entry["model.toml"] == (filled.index / "ns/small/model.toml").read_text("utf-8")
    about = json.loads(ask(mirror, "/").body)
    assert (about["models"], about["index_sha256"]) == (2, digest)


def test_a_document_that_was_signed_before_is_given_byte_for_byte(filled: Stage) -> None:
    signed = index_document.write(filled.hub().index, serial=7)
    with serving(filled, document=signed, statement=b"{}") as mirror:
        assert ask(mirror, "/index.json").body == signed
        assert ask(mirror, "/index.json.sig").body == b"{}"
    with serving(filled) as mirror:
        assert ask(mirror, "/index.json.sig").status == 404


def test_a_document_of_other_entries_is_refused(filled: Stage) -> None:
    before = index_document.write(filled.hub().index, serial=7)
    (filled.index / "ns/small/card.md").write_text("# Changed\n", "utf-8")
    filled.entry("ns/new", SMALL)
    with pytest.raises(RegistryError) as caught:
        Mirror(filled.hub(), document=before)
    assert [text.partition(": ")[2] for text in caught.value.problems] == [
        "ns/new is not in it",
        "ns/small differs from the entry here; write it again",
    ]


def test_a_later_index_has_a_larger_serial(filled: Stage, mirror: Mirror) -> None:
    before = json.loads(ask(mirror, "/index.json").body)["serial"]
    os.utime(filled.index / "ns/small/card.md", (before + 5, before + 5))
    with serving(filled) as later:
        assert json.loads(ask(later, "/index.json").body)["serial"] == before + 5


def test_a_file_that_the_index_has_beside_it_is_beside_the_document(mirror: Mirror) -> None:
    got = ask(mirror, "/ns/small/weights.safetensors")
    assert (got.status, got.body) == (200, SMALL)
    assert ask(mirror, "/ns/small/weights.pth").status == 404


def test_the_same_index_gives_the_same_document(filled: Stage, mirror: Mirror) -> None:
    with serving(filled) as another:
        assert ask(another, "/index.json").body == ask(mirror, "/index.json").body


def test_there_is_nothing_outside_of_the_index(mirror: Mirror, filled: Stage) -> None:
    (filled.root / "secret").write_text("secret")
    (filled.cache / "blobs" / "secret").write_text("secret")
    stray = sha256(b"not in the index")
    (filled.cache / "blobs" / stray).write_bytes(b"not in the index")
    depth = "/".join([".."] * 12)
    for path in [
        "/blobs/secret",
        f"/blobs/{stray}",
        f"/blobs/../{filled.root.name}/secret",
        "/blobs/../../secret",
        "/blobs/..%2f..%2fsecret",
        "/blobs/%2e%2e/%2e%2e/secret",
        "/blobs/..\\..\\secret",
        f"/blobs/{depth}/etc/passwd",
        f"/blobs/{sha256(SMALL)}/../secret",
        f"/blobs/{sha256(SMALL).upper()}",
        f"/blobs/{sha256(SMALL)}%00",
        f"/ns/small/resolve/main/{depth}/etc/passwd",
        "/ns/small/resolve/main/..%2fmodel.toml",
        "/ns/small/resolve/main//etc/passwd",
        "/ns/small/resolve/main/%2fetc%2fpasswd",
        "/ns/small/resolve/..%2f..%2fns%2flarge/model.toml",
        "/ns/small/resolve/main/file:weights.safetensors",
        "/ns/../ns/small/resolve/main/model.toml",
        "//etc/passwd",
        "/blobs/",
        "/blobs",
        "/refs/ns/small",
        f"/http://127.0.0.1:{mirror.port}/index.json",
    ]:
        got = ask(mirror, path)
        assert got.status in (400, 404), path
        assert b"secret" not in got.body.replace(path.encode(), b""), path
        assert b"root:" not in got.body, path


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "CONNECT"])
def test_a_mirror_only_reads(mirror: Mirror, method: str) -> None:
    assert ask(mirror, blob(SMALL), method=method, body=b"").status == 405


def test_a_file_that_is_not_in_the_cache_is_not_there(stage: Stage) -> None:
    stage.entry("ns/small", SMALL)  # its source is there, and is not asked
    with serving(stage) as mirror:
        assert mirror.missing() == ["ns/small"]
        for method in ("GET", "HEAD"):
            assert ask(mirror, blob(SMALL), method=method).status == 404
        said = json.loads(ask(mirror, blob(SMALL)).body)["error"]
    assert "weft-hub download ns/small" in said
    assert not stage.cache.exists()


def test_with_fetch_it_is_fetched_by_the_source_of_the_index(stage: Stage) -> None:
    stage.entry("ns/small", SMALL)
    with serving(stage, fetch=True) as mirror:
        assert ask(mirror, blob(SMALL), method="HEAD").headers["Content-Length"] == str(len(SMALL))
        assert not (stage.cache / "blobs").exists()
        assert ask(mirror, blob(SMALL)).body == SMALL
    assert (stage.cache / "blobs" / sha256(SMALL)).read_bytes() == SMALL


def test_a_client_does_not_wait_long_for_a_file_that_is_being_fetched(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    began, arrived = threading.Event(), threading.Event()
    asked: list[str] = []

    def slowly(card: Card, file: File, cache: Cache, **options: Any) -> Path:
        asked.append(file.name)
        began.set()
        arrived.wait()
        return obtain(card, file, cache, **options)

    monkeypatch.setattr(server, "obtain", slowly)
    stage.entry("ns/small", SMALL)
    with serving(stage, fetch=True) as mirror:
        monkeypatch.setattr(mirror.blobs, "_patience_s", 0.05)
        for _ in range(3):
            got = ask(mirror, blob(SMALL))
            assert (got.status, got.headers["Retry-After"]) == (503, "2")
        assert began.wait(60)
        assert asked == ["weights.safetensors"]  # all three wait for one fetch
        arrived.set()
        monkeypatch.setattr(mirror.blobs, "_patience_s", 30.0)
        assert ask(mirror, blob(SMALL)).body == SMALL


def test_what_a_source_failed_with_is_not_told_to_clients(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    folder = stage.entry("ns/small", SMALL)
    (folder / "weights.safetensors").unlink()
    with serving(stage, fetch=True) as mirror:
        got = ask(mirror, blob(SMALL))
    assert got.status == 502
    assert str(stage.root) not in got.body.decode()
    assert str(folder) in caplog.text


def damage(stage: Stage, data: bytes) -> Path:
    path = stage.cache / "blobs" / sha256(data)
    path.chmod(0o644)
    path.write_bytes(bytes([data[0] ^ 1]) + data[1:])
    return path


def test_a_damaged_file_is_not_served(filled: Stage, caplog: pytest.LogCaptureFixture) -> None:
    damage(filled, LARGE)
    with serving(filled) as mirror:
        got = ask(mirror, blob(LARGE))
        assert ask(mirror, blob(LARGE), Range="bytes=5-9").status == 502
        assert ask(mirror, blob(SMALL)).body == SMALL
    assert (got.status, b"damaged" in got.body) == (502, True)
    assert "damaged" in caplog.text


def test_a_file_that_is_damaged_after_it_was_verified_is_not_served(
    filled: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    with serving(filled) as mirror:
        assert ask(mirror, blob(LARGE)).status == 200
        damage(filled, LARGE)
        assert ask(mirror, blob(LARGE)).status == 502


def test_with_fetch_a_damaged_file_is_replaced(
    filled: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    path = damage(filled, LARGE)
    with serving(filled, fetch=True) as mirror:
        assert ask(mirror, blob(LARGE)).body == LARGE
    assert path.read_bytes() == LARGE


@pytest.mark.skipif(os.name != "posix", reason="links and named pipes as POSIX has them")
@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
def test_what_is_no_regular_file_is_not_served(filled: Stage, kind: str) -> None:
    path = filled.cache / "blobs" / sha256(SMALL)
    path.unlink()
    if kind == "link":
        (filled.root / "elsewhere").write_bytes(SMALL)
        path.symlink_to(filled.root / "elsewhere")
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.mkdir()
    with serving(filled) as mirror:
        assert ask(mirror, blob(SMALL)).status == 404


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1:1", "[::1]", "LOCALHOST:80"])
def test_names_of_this_machine_are_answered(mirror: Mirror, name: str) -> None:
    assert ask(mirror, "/", Host=name).status == 200


@pytest.mark.parametrize(
    "name", ["evil.example", "127.0.0.1.evil.example", "", "[", "a@localhost", "localhost/"]
)
def test_on_loopback_no_other_name_is_answered(mirror: Mirror, name: str) -> None:
    got = ask(mirror, "/index.json", Host=name)
    assert got.status in (400, 421)
    assert b"entries" not in got.body


def test_answers_are_data_to_a_browser(mirror: Mirror) -> None:
    for path in ("/", "/index.json", blob(SMALL), "/nowhere", "/ns/small/resolve/main/README.md"):
        headers = ask(mirror, path).headers
        assert headers["X-Content-Type-Options"] == "nosniff", path
        assert "sandbox" in headers["Content-Security-Policy"], path
        assert "Access-Control-Allow-Origin" not in headers


def test_an_index_with_a_problem_is_refused_at_the_start(
    stage: Stage, command: object, capfd: pytest.CaptureFixture[str]
) -> None:
    stage.entry("ns/wrong", SMALL, version="one")
    assert callable(command)
    outcome = command("serve", "--port", "0")
    assert isinstance(outcome, Outcome)
    assert (outcome.code, outcome.out) == (1, "")
    assert "version" in outcome.err


def test_an_address_that_is_taken_is_one_clear_error(mirror: Mirror, filled: Stage) -> None:
    with pytest.raises(ListenError, match=f"port {mirror.port}: Address already in use"):
        Mirror(filled.hub(), port=mirror.port)
    with pytest.raises(ListenError, match=r"cannot listen on 192\.0\.2\.1"):
        Mirror(filled.hub(), host="192.0.2.1")


@pytest.mark.parametrize("port", ["-1", "65536", "x", "٣"])
def test_a_port_must_be_one(command: object, port: str) -> None:
    assert callable(command)
    outcome = command("serve", f"--port={port}")
    assert outcome.code == 1
    assert "must be from 0 to 65535" in outcome.err
