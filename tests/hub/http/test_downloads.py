"""Downloads over HTTP: in pieces, continued, tried again, and never a wrong byte."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import weft_hub
from hub.attacks.stage import Stage, sha256
from tests.hub.bans import no_sockets_and_no_processes
from tests.hub.conftest import nothing_taken
from tests.hub.http.faults import Fault, Served, certificates, http_date, serving
from weft_hub._http import download, waiting
from weft_hub._http.answer import Answer

CONTENT = random.Random(7).randbytes(300_000)
PIECE = 32_768


@pytest.fixture(autouse=True)
def small_and_quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small pieces, so that a small file has many, and short pauses."""
    monkeypatch.setattr(download, "PIECE_BYTES", PIECE)
    monkeypatch.setattr(waiting, "FIRST_WAIT_S", 0.01)


@pytest.fixture
def server() -> Iterator[Served]:
    with serving({"/w": CONTENT}) as served:
        yield served


def enter(stage: Stage, *sources: str, content: bytes = CONTENT, **changes: Any) -> None:
    stage.entry("a/line", content, sources=list(sources), **changes)


def fetched(stage: Stage, **options: Any) -> bytes:
    return stage.hub().download("a/line", **options).files["weights.safetensors"].read_bytes()


def kept(stage: Stage) -> Path:
    return stage.cache / "tmp" / f"{sha256(CONTENT)}.part" / "file"


def is_empty(stage: Stage) -> bool:
    return list(stage.cache.glob("tmp/*")) == []


# ---- one file


def test_a_file_comes_in_pieces_over_several_connections(stage: Stage, server: Served) -> None:
    server.pause_s = 0.02  # so that no worker has done everything before the others begin
    enter(stage, f"{server.url}/w")
    assert fetched(stage) == CONTENT
    assert len(server.ranges()) == -(-len(CONTENT) // PIECE)
    assert is_empty(stage)


def test_a_small_file_comes_with_one_request_and_no_range(stage: Stage) -> None:
    with serving({"/w": CONTENT[:1000]}) as server:
        enter(stage, f"{server.url}/w", content=CONTENT[:1000])
        assert fetched(stage) == CONTENT[:1000]
        assert len(server.asked) == 1
        assert server.ranges() == []
        assert server.asked[0].headers["accept-encoding"] == "identity"


def test_progress_rises_to_the_size_and_ends_with_verified_and_stored(
    stage: Stage, server: Served
) -> None:
    enter(stage, f"{server.url}/w")
    steps: list[weft_hub.Step] = []
    fetched(stage, progress=steps.append)
    downloads = [step.done for step in steps if step.stage == "download"]
    assert downloads == sorted(downloads)
    assert downloads[-1] == len(CONTENT)
    assert [step.stage for step in steps][-2:] == ["verify", "stored"]
    assert {step.total for step in steps} == {len(CONTENT)}


def test_several_files_come_at_once(stage: Stage) -> None:
    contents = {f"/f{n}": random.Random(n).randbytes(50_000 + n) for n in range(6)}
    with serving(contents) as server:
        server.pause_s = 0.05
        files = [
            {
                "name": f"f{n}.bin",
                "role": "extra" if n else "weights",
                "format": "other" if n else "safetensors",
                "size": len(data),
                "sha256": sha256(data),
                "sources": [server.url + path],
            }
            for n, (path, data) in enumerate(contents.items())
        ]
        stage.entry("a/line", b"x", files=files)
        steps: list[weft_hub.Step] = []
        snapshot = stage.hub().download("a/line", progress=steps.append)
    for n, data in enumerate(contents.values()):
        assert snapshot.files[f"f{n}.bin"].read_bytes() == data
    names = [step.file for step in steps]
    ends = {name: len(names) - names[::-1].index(name) for name in names}
    assert any(names.index(a) < ends[b] < ends[a] for a in ends for b in ends)  # they overlap
    assert is_empty(stage)


def test_one_file_that_fails_stops_the_others_with_its_error(stage: Stage) -> None:
    with serving({"/0": b"a" * 100}) as server:
        files = [
            {
                "name": f"f{n}.bin",
                "role": "extra" if n else "weights",
                "format": "other" if n else "safetensors",
                "size": 100,
                "sha256": sha256(b"a" * 100),
                "sources": [f"{server.url}/{n}"],
            }
            for n in range(2)
        ]
        files[1]["sha256"] = sha256(b"b" * 100)
        stage.entry("a/line", b"x", files=files)
        with pytest.raises(weft_hub.MissingAtSourceError, match="answered 404"):
            stage.hub().download("a/line")
    assert list(stage.cache.glob("snapshots/*")) == []


# ---- what breaks is tried again


@pytest.mark.parametrize("kind", ["reset", "close", "stall"])
@pytest.mark.parametrize("at", [0, 1, 20_000, PIECE - 1])
def test_a_connection_that_breaks_is_taken_up_where_it_broke(
    stage: Stage, server: Served, kind: str, at: int
) -> None:
    server.script(Fault(kind, at), Fault("status", status=503), Fault(kind, at))
    enter(stage, f"{server.url}/w")
    assert fetched(stage) == CONTENT
    assert server.left == 0
    assert is_empty(stage)


@pytest.mark.parametrize(
    "fault",
    [
        Fault("status", status=500),
        Fault("status", status=502),
        Fault("status", status=429, retry_after="0"),
        Fault("silent"),
        Fault("garbage"),
        Fault("refuse"),
        Fault("drip"),
        Fault("drip headers"),
        Fault("no range"),
        Fault("wrong range"),
        Fault("surplus", 5),
    ],
    ids=lambda fault: f"{fault.kind} {fault.status}",
)
def test_a_server_that_fails_once_is_asked_again(
    stage: Stage, server: Served, fault: Fault
) -> None:
    server.script(fault)
    enter(stage, f"{server.url}/w")
    assert fetched(stage) == CONTENT
    assert is_empty(stage)


@pytest.mark.parametrize("later", [1, 3])
@pytest.mark.parametrize("kind", ["no range", "wrong range"])
def test_a_server_that_forgets_about_ranges_later_is_asked_for_the_whole(
    stage: Stage, server: Served, kind: str, later: int
) -> None:
    server.pause_s = 0.01
    server.script(*[Fault("close", 100_000)] * later, Fault(kind))
    enter(stage, f"{server.url}/w")
    assert fetched(stage) == CONTENT


def test_without_ranges_a_broken_transfer_begins_again(stage: Stage, server: Served) -> None:
    server.script(*[Fault("no range")] * 2)
    server.etag = server.last_modified = ""
    enter(stage, f"{server.url}/w")
    assert fetched(stage) == CONTENT
    assert server.ranges() == [f"bytes=0-{PIECE - 1}"]


def test_it_is_given_up_after_the_retries_and_what_came_is_kept(
    stage: Stage, server: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEFT_HUB_RETRIES", "2")
    monkeypatch.setenv("WEFT_HUB_CONNECTIONS", "1")
    server.script(*[Fault("close", 50_000)] * 3)
    enter(stage, f"{server.url}/w")
    with pytest.raises(weft_hub.UnreachableError, match="given up after 3 attempts") as caught:
        fetched(stage)
    assert "\n" not in str(caught.value)
    spans = json.loads((kept(stage) / "state.json").read_text())["spans"]
    assert spans[0][0] == 0 and 60_000 < spans[0][1] < len(CONTENT)
    assert list(stage.cache.glob("blobs/*")) == []
    asked = len(server.asked)
    assert fetched(stage) == CONTENT
    again = server.asked[asked:]
    assert again[0].headers["range"] == f"bytes={spans[0][1]}-{len(CONTENT) - 1}"
    assert again[0].headers["if-range"].startswith('"')
    assert is_empty(stage)


def test_a_pause_that_the_server_asks_for_is_kept(stage: Stage, server: Served) -> None:
    server.script(Fault("status", status=429, retry_after="1"))
    enter(stage, f"{server.url}/w")
    began = time.monotonic()
    assert fetched(stage) == CONTENT
    assert time.monotonic() - began >= 1.0


@pytest.mark.parametrize("asked", [str, http_date])
def test_a_pause_that_is_too_long_is_said_and_not_waited_for(
    stage: Stage, server: Served, asked: Callable[[int], str]
) -> None:
    server.script(Fault("status", status=503, retry_after=asked(100_000)))
    enter(stage, f"{server.url}/w")
    with pytest.raises(weft_hub.UnreachableError, match=r"asks to wait (100000|999[0-9][0-9]) s"):
        fetched(stage)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        (" 0 ", 0.0),
        ("Thu, 01 Jan 1970 00:01:00 GMT", 60.0 - 10.0),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0),
        ("-1", None),
        ("soon", None),
        ("9" * 4000, 1e9),
        ("", None),
        ("Thu, 99 Jan 1970 00:01:00 GMT", None),
    ],
)
def test_retry_after_is_a_number_or_a_date_or_nothing(header: str, seconds: float | None) -> None:
    assert waiting.asked_wait_s(header, now_s=10.0) == seconds


def test_waits_double_up_to_a_limit_with_jitter_and_progress_starts_them_anew() -> None:
    patience = waiting.Patience("it", 9)
    waits = [patience.wait_s(waiting.Retry("it broke")) for _ in range(9)]
    whole = [min(waiting.FIRST_WAIT_S * 2**n, waiting.LONGEST_WAIT_S) for n in range(9)]
    assert all(w / 2 <= wait <= w for wait, w in zip(waits, whole, strict=True))
    patience.got(waiting.PROGRESS_BYTES)
    assert patience.wait_s(waiting.Retry("it broke")) <= waiting.FIRST_WAIT_S
    for _ in range(8):
        patience.wait_s(waiting.Retry("it broke"))
    with pytest.raises(weft_hub.UnreachableError, match="10 attempts: it broke"):
        patience.wait_s(waiting.Retry("it broke"))


def test_each_connection_of_a_transfer_has_failures_of_its_own() -> None:
    patience = waiting.Patience("it", 1)
    for who in range(8):
        assert patience.wait_s(waiting.Retry("it broke"), who) <= waiting.FIRST_WAIT_S
    with pytest.raises(weft_hub.UnreachableError, match="2 attempts: it broke"):
        patience.wait_s(waiting.Retry("it broke"), 3)
    patience.got(waiting.PROGRESS_BYTES)  # of any of them
    assert patience.wait_s(waiting.Retry("it broke"), 3) <= waiting.FIRST_WAIT_S


# ---- what is wrong is refused


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault("long", 3), weft_hub.SizeMismatchError),
        (Fault("short", 3), weft_hub.SizeMismatchError),
        (Fault("endless"), weft_hub.SizeMismatchError),
        (Fault("wrong bytes", 4321), weft_hub.DigestMismatchError),
        (Fault("gzip"), weft_hub.SourceError),
        (Fault("status", status=418), weft_hub.SourceError),
        (Fault("status", status=401), weft_hub.AccessDeniedError),
        (Fault("status", status=403), weft_hub.AccessDeniedError),
        (Fault("status", status=404), weft_hub.MissingAtSourceError),
        (Fault("status", status=410), weft_hub.MissingAtSourceError),
    ],
    ids=lambda value: getattr(value, "kind", ""),
)
def test_a_wrong_answer_is_refused_and_leaves_nothing(
    stage: Stage, server: Served, monkeypatch: pytest.MonkeyPatch, fault: Fault, error: type
) -> None:
    monkeypatch.setenv("WEFT_HUB_CONNECTIONS", "1")
    server.script(fault)
    enter(stage, f"{server.url}/w")
    with pytest.raises(error) as caught:
        fetched(stage)
    assert type(caught.value) is error
    assert server.url in str(caught.value) and "\n" not in str(caught.value)
    assert server.left == 0
    assert nothing_taken(stage)


def test_a_stream_without_an_end_is_stopped_after_one_byte_too_many(
    stage: Stage, server: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts: list[int] = []
    read, read_into = Answer.read, Answer.read_into

    def counted(answer: Answer, count: int) -> bytes:
        data = read(answer, count)
        counts.append(len(data))
        return data

    def counted_into(answer: Answer, memory: memoryview) -> int:
        counts.append(read_into(answer, memory))
        return counts[-1]

    monkeypatch.setattr(Answer, "read", counted)
    monkeypatch.setattr(Answer, "read_into", counted_into)
    monkeypatch.setenv("WEFT_HUB_CONNECTIONS", "1")
    server.script(Fault("endless"))
    enter(stage, f"{server.url}/w")
    with pytest.raises(weft_hub.SizeMismatchError, match="at least 300001 came"):
        fetched(stage)
    assert sum(counts) == len(CONTENT) + 1


def test_a_range_with_other_bytes_is_found_by_the_digest(stage: Stage, server: Served) -> None:
    server.script(Fault("liar range", 99))
    enter(stage, f"{server.url}/w")
    with pytest.raises(weft_hub.DigestMismatchError) as caught:
        fetched(stage)
    assert caught.value.expected == sha256(CONTENT)
    assert nothing_taken(stage)


def test_the_next_source_is_asked_when_one_lies(stage: Stage, server: Served) -> None:
    server.files["/lie"] = CONTENT[:-1] + b"?"
    enter(stage, f"{server.url}/missing", f"{server.url}/lie", f"{server.url}/w")
    steps: list[weft_hub.Step] = []
    assert fetched(stage, progress=steps.append) == CONTENT
    assert [step.source[-4:] for step in steps if step.stage == "failed"] == ["sing", "/lie"]
    assert is_empty(stage)


def test_the_next_source_goes_on_where_the_first_broke(
    stage: Stage, server: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEFT_HUB_RETRIES", "0")
    monkeypatch.setenv("WEFT_HUB_CONNECTIONS", "1")
    server.files["/mirror"] = CONTENT
    server.script(Fault("close", 200_000))
    enter(stage, f"{server.url}/w", f"{server.url}/mirror")
    assert fetched(stage) == CONTENT
    (asked,) = server.ranges()
    assert int(asked[6:].partition("-")[0]) > 100_000


def test_bytes_of_a_liar_do_not_spoil_the_next_source(
    stage: Stage, server: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEFT_HUB_RETRIES", "0")
    monkeypatch.setenv("WEFT_HUB_CONNECTIONS", "1")
    server.files["/lie"] = b"?" * len(CONTENT)
    server.script(Fault("close", 200_000))
    enter(stage, f"{server.url}/lie", f"{server.url}/w")
    assert fetched(stage) == CONTENT
    assert is_empty(stage)


def test_a_file_that_changed_at_the_server_is_asked_for_anew(
    stage: Stage, server: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEFT_HUB_RETRIES", "0")
    monkeypatch.setenv("WEFT_HUB_CONNECTIONS", "1")
    server.files["/w"] = b"old" * 100_000
    server.script(Fault("close", 200_000))
    enter(stage, f"{server.url}/w")
    with pytest.raises(weft_hub.UnreachableError):
        fetched(stage)
    server.files["/w"] = CONTENT
    assert fetched(stage) == CONTENT
    assert len(server.ranges()) == 1  # If-Range was not met, so the whole file came at once


@pytest.mark.parametrize(
    "state",
    [
        "",
        "{",
        "[]",
        "null",
        '{"spans": [[0, 5]]}',
        '{"spans": [[0, 99999999999]], "size": SIZE, "sha256": "DIGEST"}',
        '{"spans": [[5, 1]], "size": SIZE, "sha256": "DIGEST"}',
        '{"spans": [["0", "5"]], "size": SIZE, "sha256": "DIGEST"}',
        '{"spans": [[0, 500]], "size": SIZE, "sha256": "DIGEST", "source": 5, "validator": {}}',
        '{"spans": [[0, 500], [600, 300000]], "size": SIZE, "sha256": "DIGEST"}',
        "[" * 100_000,
    ],
)
def test_a_strange_part_in_the_cache_does_no_harm(stage: Stage, server: Served, state: str) -> None:
    folder = kept(stage)
    folder.mkdir(parents=True)
    (folder / "data").write_bytes(b"?" * len(CONTENT))
    text = state.replace("SIZE", str(len(CONTENT))).replace("DIGEST", sha256(CONTENT))
    (folder / "state.json").write_text(text)
    enter(stage, f"{server.url}/w")
    assert fetched(stage) == CONTENT
    assert is_empty(stage)


def test_a_full_disk_is_one_cache_error(
    stage: Stage, server: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("weft_hub.cache._part._write_at", full)
    enter(stage, f"{server.url}/w", f"{server.url}/other")
    with pytest.raises(weft_hub.CacheError, match=r"No space left on device.*WEFT_HUB_CACHE"):
        fetched(stage)
    assert nothing_taken(stage)
    assert not any(asked.path == "/other" for asked in server.asked)  # no source could help


def test_a_disk_without_room_is_said_before_a_byte_is_asked_for(
    stage: Stage, server: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    from types import SimpleNamespace

    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=1000))
    enter(stage, f"{server.url}/w")
    with pytest.raises(weft_hub.CacheError, match=r"300000 bytes are to be written.*only 1000 are"):
        fetched(stage)
    assert server.asked == []


# ---- redirects


def test_a_redirect_is_followed(stage: Stage, server: Served) -> None:
    server.redirects["/here"] = "/there?x=1"
    server.redirects["/there"] = f"{server.url}/w"
    enter(stage, f"{server.url}/here")
    assert fetched(stage) == CONTENT


def test_redirects_in_a_circle_are_refused(stage: Stage, server: Served) -> None:
    server.redirects["/a"] = "/b"
    server.redirects["/b"] = "/a"
    enter(stage, f"{server.url}/a")
    with pytest.raises(weft_hub.UnsafeRedirectError, match="more than 10 times"):
        fetched(stage)
    assert len(server.asked) == 11
    assert nothing_taken(stage)


@pytest.mark.parametrize(
    ("target", "why"),
    [
        ("ftp://localhost/w", "scheme must be https or http"),
        ("file:///etc/passwd", "scheme must be https or http"),
        ("http://example.invalid/w", "http is not encrypted"),
        ("https://user:secret@localhost/w", "user name or password"),
        ("https://", "names no host"),
        ("", "does not say where to"),
    ],
)
def test_a_redirect_to_where_the_hub_does_not_go_is_refused(
    stage: Stage, server: Served, target: str, why: str
) -> None:
    server.redirects["/a"] = target
    enter(stage, f"{server.url}/a")
    with pytest.raises(weft_hub.SourceError, match=why) as caught:
        fetched(stage)
    assert "secret" not in str(caught.value) and "\n" not in str(caught.value)
    assert len(server.asked) == 1


def test_a_redirect_out_of_https_is_refused(
    stage: Stage, server: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    tls = certificates()
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tls.authority))
    with serving({}, tls=tls) as safe:
        safe.redirects["/w"] = f"{server.url}/w"
        enter(stage, f"{safe.url}/w")
        with pytest.raises(weft_hub.UnsafeRedirectError, match="from https to http"):
            fetched(stage)
    assert server.asked == []


# ---- TLS, proxies and where http is allowed


def test_https_with_a_bundle_of_ones_own_certificates(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    tls = certificates()
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tls.authority))
    with serving({"/w": CONTENT}, tls=tls) as server:
        server.script(Fault("close", 10_000), Fault("reset", 20_000))  # no goodbye of TLS
        enter(stage, f"{server.url}/w")
        assert fetched(stage) == CONTENT
        assert server.left == 0


def test_a_certificate_that_is_not_trusted_is_said_at_once(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    monkeypatch.delenv("CURL_CA_BUNDLE", raising=False)
    with serving({"/w": CONTENT}, tls=certificates()) as server:
        enter(stage, f"{server.url}/w")
        with pytest.raises(weft_hub.UnreachableError, match=r"not trusted.*REQUESTS_CA_BUNDLE"):
            fetched(stage)
        assert server.asked == []


def test_a_bundle_that_is_not_there_is_said(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "none.pem"))
    with serving({"/w": CONTENT}, tls=certificates()) as server:
        enter(stage, f"{server.url}/w")
        with pytest.raises(weft_hub.SourceError, match=r"none\.pem"):
            fetched(stage)


def test_a_proxy_is_asked_in_place_of_the_host(
    stage: Stage, server: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.files["http://weights.example.invalid/w"] = CONTENT  # what a proxy is asked for
    monkeypatch.setenv("HTTP_PROXY", server.url)
    monkeypatch.setenv("WEFT_HUB_HTTP_HOSTS", "weights.example.invalid")
    enter(stage, "http://weights.example.invalid/w")
    assert fetched(stage) == CONTENT


def test_no_proxy_is_asked_for_hosts_that_are_taken_out(
    stage: Stage, server: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving({}) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("NO_PROXY", "localhost")
        enter(stage, f"{server.url}/w")
        assert fetched(stage) == CONTENT
        assert proxy.asked == []


def test_http_is_for_this_machine_and_for_hosts_that_the_user_names(stage: Stage) -> None:
    enter(stage, "http://weights.example.invalid/w")
    with (
        no_sockets_and_no_processes(),
        pytest.raises(weft_hub.SourceError, match=r"weights\.example\.invalid into WEFT_HUB_HTTP"),
    ):
        fetched(stage)


@pytest.mark.parametrize(
    ("uri", "why"),
    [
        ("https://user:password@host/w", "user name or password"),
        ("https:///w", "names no host"),
        ("https://host/w#part", "fragment"),
        ("https://host/a b", "written as %XX"),
        ("https://host\\@evil/w", "written as %XX"),
        ("https://host/ü", "written as %XX"),
        ("https://host:port/w", "ort"),
        ("https://host:0/w", "names no host"),
    ],
)
def test_an_address_that_is_not_plain_is_refused_in_the_index(
    stage: Stage, uri: str, why: str
) -> None:
    enter(stage, uri)
    with pytest.raises(weft_hub.RegistryError, match=why):
        stage.hub().info("a/line")


# ---- offline


@pytest.mark.parametrize(
    "source",
    [
        "https://mirror.example/w",
        "http://localhost:1/w",
        f"hf:o/n@{'0' * 40}/w",
        f"npm:n@1.0.0/w?sha256={'0' * 64}&size=1",
    ],
)
def test_offline_opens_no_socket_whatever_the_source(stage: Stage, source: str) -> None:
    enter(stage, source)
    with no_sockets_and_no_processes(), pytest.raises(weft_hub.OfflineError):
        stage.hub(offline=True).download("a/line")


@pytest.mark.parametrize(
    ("ours", "theirs", "is_offline"),
    [("", "1", True), ("0", "1", False), ("1", "0", True), ("", "", False)],
)
def test_the_offline_setting_of_hugging_face_counts_where_ours_is_not_set(
    monkeypatch: pytest.MonkeyPatch, ours: str, theirs: str, is_offline: bool
) -> None:
    monkeypatch.setenv("WEFT_HUB_OFFLINE", ours)
    monkeypatch.setenv("HF_HUB_OFFLINE", theirs)
    assert weft_hub.Hub().offline is is_offline


def test_an_offline_client_opens_no_socket() -> None:
    from weft_hub._http import Client, Options

    client = Client(Options(), offline=True)
    with no_sockets_and_no_processes(), pytest.raises(weft_hub.OfflineError):
        client.document("https://mirror.example/index", limit=10)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WEFT_HUB_CONNECTIONS", "0"),
        ("WEFT_HUB_CONNECTIONS", "many"),
        ("WEFT_HUB_RETRIES", "-1"),
        ("WEFT_HUB_STALL_TIMEOUT", "nan"),
        ("WEFT_HUB_STALL_TIMEOUT", "0"),
        ("WEFT_HUB_CONNECT_TIMEOUT", "inf"),
        ("HF_ENDPOINT", "mirror.example"),
        ("WEFT_HUB_HF_ENDPOINT", "https://u:p@mirror.example"),
    ],
)
def test_a_setting_that_cannot_be_used_is_said_with_its_name_and_value(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(weft_hub.SettingError, match=name) as caught:
        weft_hub.Hub()
    assert value in str(caught.value)


# ---- small documents


def test_a_document_is_bounded_and_tried_again(server: Served) -> None:
    from weft_hub._http import Client

    client = Client.from_environment()
    server.files["/index"] = b"x" * 100
    server.script(Fault("status", status=503), Fault("close", 50))
    assert client.document(f"{server.url}/index", limit=100).content == b"x" * 100
    assert client.size(f"{server.url}/w") == len(CONTENT)
    with pytest.raises(weft_hub.SourceError, match="at most 99 bytes"):
        client.document(f"{server.url}/index", limit=99)
    server.script(Fault("endless"))
    with pytest.raises(weft_hub.SourceError, match="at most 200 bytes"):
        client.document(f"{server.url}/index", limit=200)
