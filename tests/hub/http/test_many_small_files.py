"""Many small files: by one thread while all goes well, and by every rule as soon as it does not."""

from __future__ import annotations

import base64
import os
import random
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import weft_hub
from hub.attacks.stage import Stage, sha256
from tests.hub.bans import no_sockets_and_no_processes
from tests.hub.conftest import nothing_taken
from tests.hub.http.faults import KINDS, Fault, Served, certificates, serving
from tests.hub.http.tunnel import tunnelling
from weft_hub._http import tokens, waiting
from weft_hub._http.download import Download
from weft_hub._http.express import Express

_DRAW = random.Random(11)
FILES = {f"{n:02}.bin": _DRAW.randbytes(_DRAW.choice([1, 300, 10_000, 65_536])) for n in range(30)}
PATHS = {f"/of/{name}": content for name, content in FILES.items()}
SECRET = "hf_SecretSecretSecret"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "FIRST_WAIT_S", 0.01)


@pytest.fixture
def no_other_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse downloads of one file by itself."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a file was asked for by itself")

    monkeypatch.setattr(Download, "__init__", refuse)


def enter(stage: Stage, *places: str, **changes: Any) -> None:
    """Write an entry whose files have a source at each of `places`."""
    files = [
        {
            "name": name,
            "role": "extra" if n else "weights",
            "format": "other" if n else "pytorch",
            "size": len(content),
            "sha256": sha256(content),
            "sources": [f"{place}/{name}" for place in places],
        }
        for n, (name, content) in enumerate(FILES.items())
    ]
    stage.entry("a/line", b"x", files=files, **changes)


def fetched(stage: Stage, **options: Any) -> dict[str, bytes]:
    snapshot = stage.hub().download("a/line", **options)
    return {name: Path(path).read_bytes() for name, path in snapshot.files.items()}


def asked(server: Served) -> Counter[str]:
    return Counter(one.path for one in server.asked)


@pytest.mark.usefixtures("no_other_way")
@pytest.mark.parametrize("connections", ["1", "3", "8"])
def test_each_is_asked_for_once_and_verified(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, connections: str
) -> None:
    monkeypatch.setenv("WEFT_HUB_CONNECTIONS", connections)
    with serving(PATHS) as server:
        enter(stage, f"{server.url}/of")
        hub = stage.hub()
        hub.download("a/line")
        assert asked(server) == dict.fromkeys(PATHS, 1)
    assert all(one.headers["accept-encoding"] == "identity" for one in server.asked)
    assert all(hub.cache.verify(sha256(content)) is None for content in FILES.values())
    assert fetched(stage, offline=True) == FILES
    assert list(stage.cache.glob("tmp/*")) == []
    # The slots are all given back: nothing waits for one afterwards.
    assert all(hub.client.slots.acquire(blocking=False) for _ in range(int(connections)))


@pytest.mark.usefixtures("no_other_way")
def test_progress_tells_of_each_file_what_it_tells_of_one(stage: Stage) -> None:
    with serving(PATHS) as server:
        enter(stage, f"{server.url}/of")
        steps: list[weft_hub.Step] = []
        fetched(stage, progress=steps.append)
    for name, content in FILES.items():
        own = [(step.stage, step.done) for step in steps if step.file == name]
        size = len(content)
        assert own == [("download", 0), ("download", size), ("verify", size), ("stored", size)]
    assert {step.source for step in steps} == {f"{server.url}{path}" for path in PATHS}


@pytest.mark.parametrize("count", [1, 4])
@pytest.mark.parametrize("kind", KINDS)
def test_whatever_goes_wrong_with_some_all_come_in_the_end(
    stage: Stage, kind: str, count: int
) -> None:
    also = {f"/also/{name}": content for name, content in FILES.items()}
    with serving(PATHS | also) as server:
        server.script(*[Fault(kind, 5, retry_after="0")] * count)
        enter(stage, f"{server.url}/of", f"{server.url}/also")
        assert fetched(stage) == FILES
        assert server.left == 0
    assert list(stage.cache.glob("tmp/*")) == []


@pytest.mark.parametrize("kind", ["drip", "drip headers", "silent", "stall", "refuse"])
def test_a_server_that_never_says_all_is_one_typed_error(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setenv("WEFT_HUB_RETRIES", "0")
    with serving(PATHS) as server:
        server.script(*[Fault(kind, 0)] * 200)
        enter(stage, f"{server.url}/of")
        with pytest.raises(weft_hub.UnreachableError) as caught:
            fetched(stage)
    assert "\n" not in str(caught.value)
    # One byte at a time is well for a file of one.
    got = {sha256(path.read_bytes()) for path in stage.cache.glob("blobs/*")}
    assert got <= {sha256(content) for content in FILES.values() if len(content) == 1}
    assert not any(path.is_file() for path in stage.cache.glob("tmp/**/*"))


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda content: content[:-1] + bytes([content[-1] ^ 1]), weft_hub.DigestMismatchError),
        (lambda content: content + b"?", weft_hub.SizeMismatchError),
        (lambda content: content[:-1], weft_hub.SizeMismatchError),
    ],
    ids=["another byte", "longer", "shorter"],
)
def test_other_bytes_are_refused_whoever_sends_them(stage: Stage, change: Any, error: type) -> None:
    with serving({path: change(content) for path, content in PATHS.items()}) as server:
        enter(stage, f"{server.url}/of")
        with pytest.raises(error):
            fetched(stage)
    assert nothing_taken(stage)


def test_what_one_place_has_not_comes_from_the_next(stage: Stage) -> None:
    half = dict(list(PATHS.items())[::2])
    with serving(half) as first, serving(PATHS) as second:
        enter(stage, f"{first.url}/of", f"{second.url}/of")
        assert fetched(stage) == FILES


@pytest.mark.usefixtures("no_other_way")
def test_a_mirror_without_them_costs_a_few_questions(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving({}) as mirror, serving(PATHS) as server:
        monkeypatch.setenv("WEFT_HUB_MIRROR", mirror.url)
        enter(stage, f"{server.url}/of")
        assert fetched(stage) == FILES
        assert len(mirror.asked) <= 1 + 3 + 8
        assert asked(server) == dict.fromkeys(PATHS, 1)


def test_what_is_cached_is_not_asked_for(stage: Stage) -> None:
    with serving(PATHS) as server:
        enter(stage, f"{server.url}/of")
        assert fetched(stage) == FILES
        gone = list(FILES)[::3]
        for name in gone:
            stage.hub().cache.blob(sha256(FILES[name])).unlink()
        server.asked.clear()
        assert fetched(stage) == FILES
        assert asked(server) == {f"/of/{name}": 1 for name in gone}


def test_two_that_want_the_same_take_turns_and_ask_once(stage: Stage) -> None:
    got: list[dict[str, bytes]] = []
    with serving(PATHS) as server:
        server.pause_s = 0.01
        enter(stage, f"{server.url}/of")
        threads = [
            threading.Thread(target=lambda: got.append(fetched(stage, progress=False)))
            for _ in range(3)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert asked(server) == dict.fromkeys(PATHS, 1)
    assert got == [FILES] * 3


def test_what_a_killed_process_left_is_removed_by_the_next(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(express: Express) -> None:
        """Leave a half-written file, as a process does that is killed."""
        (folder,) = stage.cache.glob("tmp/*")
        (folder / ("0" * 64)).write_bytes(b"half")
        folder.rename(folder.with_name(folder.name[:-1] + "!"))
        raise OSError("killed")

    with serving(PATHS) as server:
        enter(stage, f"{server.url}/of")
        with monkeypatch.context() as patch:
            patch.setattr(Express, "run", dies)
            with pytest.raises(OSError, match="killed"):
                fetched(stage)
        assert len(list(stage.cache.glob("tmp/*"))) == 1
        assert fetched(stage) == FILES
    assert list(stage.cache.glob("tmp/*")) == []


@pytest.mark.parametrize("stage_name", ["download", "stored"])
def test_a_progress_that_raises_ends_it_with_its_error(stage: Stage, stage_name: str) -> None:
    class Enough(Exception):
        pass

    def stop(step: weft_hub.Step) -> None:
        if step.stage == stage_name and step.done:
            raise Enough

    with serving(PATHS) as server:
        enter(stage, f"{server.url}/of")
        with pytest.raises(Enough):
            fetched(stage, progress=stop)
        assert len(server.asked) < len(PATHS)
        assert fetched(stage) == FILES


def test_a_cache_that_cannot_be_written_is_one_typed_error(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    with serving(PATHS) as server:
        enter(stage, f"{server.url}/of")
        with pytest.raises(weft_hub.CacheError, match="No space left on device"):
            fetched(stage)


def test_offline_opens_no_socket(stage: Stage) -> None:
    enter(stage, "https://nowhere.example/of")
    with no_sockets_and_no_processes(), pytest.raises(weft_hub.OfflineError):
        stage.hub(offline=True).download("a/line")


# ---- whom it asks, and with what


@pytest.fixture
def tls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificates().authority))


@pytest.mark.usefixtures("no_other_way", "tls")
def test_over_tls_with_a_bundle_of_ones_own_and_a_token(stage: Stage, tmp_path: Path) -> None:
    with serving(PATHS, tls=certificates()) as server:
        server.guarded = dict.fromkeys(PATHS, f"Bearer {SECRET}")
        tokens.set_token(tmp_path / "tokens.json", server.url.partition("://")[2], SECRET)
        enter(stage, f"{server.url}/of")
        assert fetched(stage) == FILES


@pytest.mark.parametrize("bundle", [None, "none.pem", "no.pem", "folder/none.pem"])
def test_a_certificate_that_is_not_trusted_is_refused(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, bundle: str | None
) -> None:
    monkeypatch.delenv("CURL_CA_BUNDLE", raising=False)
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    (tmp_path / "no.pem").write_text("not a certificate\n")
    if bundle is not None:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / bundle))
    with serving(PATHS, tls=certificates()) as server:
        enter(stage, f"{server.url}/of")
        with pytest.raises(weft_hub.SourceError, match=bundle or "not trusted") as caught:
            fetched(stage)
        assert bundle is None or "REQUESTS_CA_BUNDLE" in str(caught.value)
        assert "\n" not in str(caught.value)
        assert server.asked == []


@pytest.mark.usefixtures("no_other_way", "tls")
def test_a_redirect_to_another_host_carries_no_token(stage: Stage, tmp_path: Path) -> None:
    with serving(PATHS, tls=certificates()) as other, serving({}, tls=certificates()) as server:
        tokens.set_token(tmp_path / "tokens.json", server.url.partition("://")[2], SECRET)
        server.redirects = {path: other.url + path for path in PATHS}
        enter(stage, f"{server.url}/of")
        assert fetched(stage) == FILES
        assert {one.headers.get("authorization") for one in server.asked} == {f"Bearer {SECRET}"}
        assert {one.headers.get("authorization") for one in other.asked} == {None}


@pytest.mark.usefixtures("no_other_way", "tls")
def test_a_redirect_within_the_host_keeps_the_token(stage: Stage, tmp_path: Path) -> None:
    moved = {f"/moved{path}": content for path, content in PATHS.items()}
    with serving(moved, tls=certificates()) as server:
        tokens.set_token(tmp_path / "tokens.json", server.url.partition("://")[2], SECRET)
        server.guarded = dict.fromkeys(moved, f"Bearer {SECRET}")
        server.redirects = {path: f"/moved{path}?of=%2Fa" for path in PATHS}
        enter(stage, f"{server.url}/of")
        assert fetched(stage) == FILES
        assert len(server.asked) == 2 * len(PATHS)


@pytest.mark.usefixtures("no_other_way", "tls")
def test_a_token_stays_away_also_if_the_way_leads_back(stage: Stage, tmp_path: Path) -> None:
    back = {f"/back{path}": content for path, content in PATHS.items()}
    with serving({}, tls=certificates()) as other, serving(back, tls=certificates()) as server:
        for one in (server, other):
            tokens.set_token(tmp_path / "tokens.json", one.url.partition("://")[2], SECRET)
        server.redirects = {path: other.url + path for path in PATHS}
        other.redirects = {path: f"{server.url}/back{path}" for path in PATHS}
        enter(stage, f"{server.url}/of")
        assert fetched(stage) == FILES
        assert {one.headers.get("authorization") for one in other.asked} == {None}
        said = {one.path: one.headers.get("authorization") for one in server.asked}
        assert {said[path] for path in PATHS} == {f"Bearer {SECRET}"}
        assert {said[path] for path in back} == {None}


@pytest.mark.parametrize(
    "where",
    [
        "http://weights.example.invalid{path}",  # not encrypted
        "https://weights.example.invalid:99999{path}",
        "ftp://localhost{path}",
        "//[::1{path}",
        "{path}",  # itself
        "/of/../../etc{path}",
        "\\\\elsewhere\\{path}",
    ],
)
def test_a_redirect_that_is_not_followed_is_one_typed_error(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    monkeypatch.setenv("WEFT_HUB_RETRIES", "0")
    with serving({}) as server:
        server.redirects = {path: where.format(path=path) for path in PATHS}
        enter(stage, f"{server.url}/of")
        with pytest.raises(weft_hub.SourceError) as caught:
            fetched(stage)
        assert len(server.asked) < 150
    assert "\n" not in str(caught.value)
    assert nothing_taken(stage)


@pytest.mark.usefixtures("tls")
def test_a_redirect_out_of_tls_is_refused(stage: Stage) -> None:
    with serving(PATHS) as plain, serving({}, tls=certificates()) as server:
        server.redirects = {path: plain.url + path for path in PATHS}
        enter(stage, f"{server.url}/of")
        with pytest.raises(weft_hub.UnsafeRedirectError, match="from https to http"):
            fetched(stage)
        assert plain.asked == []


@pytest.mark.usefixtures("tls")
def test_netrc_is_not_read(stage: Stage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text(f"machine localhost login me password {SECRET}\n")
    monkeypatch.setenv("NETRC", str(netrc))
    with serving(PATHS, tls=certificates()) as server:
        enter(stage, f"{server.url}/of")
        assert fetched(stage) == FILES
        assert {one.headers.get("authorization") for one in server.asked} == {None}


@pytest.mark.usefixtures("no_other_way")
@pytest.mark.parametrize("user", ["", "me:a%40secret@"])
def test_a_proxy_is_asked_in_place_of_the_host(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, user: str
) -> None:
    host = "http://weights.example.invalid"
    monkeypatch.setenv("WEFT_HUB_HTTP_HOSTS", "weights.example.invalid")
    enter(stage, f"{host}/of")
    with serving({host + path: content for path, content in PATHS.items()}) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url.replace("://", f"://{user}"))
        assert fetched(stage) == FILES
        said = {one.headers.get("proxy-authorization") for one in proxy.asked}
        assert said == {f"Basic {base64.b64encode(b'me:a@secret').decode()}" if user else None}
        assert {one.headers["host"] for one in proxy.asked} == {"weights.example.invalid"}


@pytest.mark.usefixtures("no_other_way", "tls")
@pytest.mark.parametrize("user", ["", "me:secret@"])
def test_a_proxy_is_a_tunnel_for_tls(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, user: str
) -> None:
    with serving(PATHS, tls=certificates()) as server, tunnelling() as proxy:
        tokens.set_token(tmp_path / "tokens.json", server.url.partition("://")[2], SECRET)
        server.guarded = dict.fromkeys(PATHS, f"Bearer {SECRET}")
        monkeypatch.setenv("HTTPS_PROXY", proxy.url.replace("://", f"://{user}"))
        enter(stage, f"{server.url}/of")
        assert fetched(stage) == FILES
        where = server.url.partition("://")[2]
        assert {target for target, _ in proxy.asked} == {where}
        basic = f"Basic {base64.b64encode(b'me:secret').decode()}" if user else None
        assert {said.get("proxy-authorization") for _, said in proxy.asked} == {basic}
        assert all("authorization" not in said for _, said in proxy.asked)
        assert all("proxy-authorization" not in one.headers for one in server.asked)


@pytest.mark.usefixtures("tls")
def test_a_tunnel_that_is_refused_is_one_typed_error(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEFT_HUB_RETRIES", "0")
    with serving(PATHS, tls=certificates()) as server, tunnelling(refuse=True) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        enter(stage, f"{server.url}/of")
        with pytest.raises(weft_hub.UnreachableError, match="proxy"):
            fetched(stage)
        assert server.asked == []


def test_a_proxy_by_another_protocol_is_left_to_requests(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEFT_HUB_RETRIES", "0")
    with serving(PATHS) as server:
        monkeypatch.setenv("HTTP_PROXY", "socks5://localhost:1")
        enter(stage, f"{server.url}/of")
        with pytest.raises(weft_hub.SourceError):
            fetched(stage)
        assert server.asked == []


@pytest.mark.usefixtures("no_other_way")
def test_no_proxy_is_asked_for_hosts_that_are_taken_out(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving({}) as proxy, serving(PATHS) as server:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("NO_PROXY", "localhost")
        enter(stage, f"{server.url}/of")
        assert fetched(stage) == FILES
        assert proxy.asked == []


def test_http_to_another_host_is_refused_before_a_socket_opens(stage: Stage) -> None:
    enter(stage, "http://weights.example.invalid/of")
    with (
        no_sockets_and_no_processes(),
        pytest.raises(weft_hub.SourceError, match="http is not encrypted"),
    ):
        fetched(stage)


@pytest.mark.usefixtures("no_other_way")
def test_a_repository_of_hugging_face_comes_this_way_too(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = "0123456789abcdef" * 2 + "01234567"
    files = {f"/o/n/resolve/{commit}/{name}": content for name, content in FILES.items()}
    with serving(files) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        enter(stage, f"hf:o/n@{commit}")
        assert fetched(stage) == FILES
        assert asked(server) == dict.fromkeys(files, 1)


# ---- the snapshot, whose links are made as the files come


def test_the_snapshot_appears_whole_though_its_links_are_made_early(stage: Stage) -> None:
    ahead: list[int] = []

    def look(step: weft_hub.Step) -> None:
        if step.stage == "stored":
            assert not (stage.cache / "snapshots").exists()
            ahead.append(len(list(stage.cache.glob("tmp/links-*/*"))))

    with serving(PATHS) as server:
        enter(stage, f"{server.url}/of")
        assert fetched(stage, progress=look) == FILES
    assert ahead == sorted(ahead) and 0 < ahead[0] < len(FILES) // 2 and ahead[-1] == len(FILES)
    assert list(stage.cache.glob("tmp/*")) == []
    assert all(path.is_symlink() for path in stage.cache.glob("snapshots/a/line/*/*"))


def test_of_an_entry_that_did_not_come_whole_no_snapshot_is_left(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEFT_HUB_RETRIES", "0")
    some = dict(list(PATHS.items())[:20])
    with serving(some) as server:
        enter(stage, f"{server.url}/of")
        with pytest.raises(weft_hub.MissingAtSourceError):
            fetched(stage)
    # How many came before the first that was missed depends on the lanes; no other is there.
    assert {path.name for path in stage.cache.glob("blobs/*")} <= set(map(sha256, some.values()))
    assert not (stage.cache / "snapshots").exists() and not (stage.cache / "refs").exists()
    assert list(stage.cache.glob("tmp/*")) == []


def test_a_snapshot_that_another_made_meanwhile_stays(stage: Stage) -> None:
    other: list[Path] = []

    def download_too(step: weft_hub.Step) -> None:
        if step.stage == "stored" and step.done and not other and len(FILES) == stored(stage):
            for path in stage.cache.glob("blobs/*"):
                assert path.is_file()
            other.append(stage.hub().cache.link(stage.hub().info("a/line")))

    with serving(PATHS) as server:
        enter(stage, f"{server.url}/of")
        assert fetched(stage, progress=download_too) == FILES
    assert len(other) == 1 and len(list(other[0].iterdir())) == len(FILES)
    assert list(stage.cache.glob("tmp/*")) == []


def stored(stage: Stage) -> int:
    return len(list(stage.cache.glob("blobs/*")))


@pytest.mark.parametrize(("age_s", "stays"), [(3600, True), (2 * 86400, False)])
def test_links_that_a_killed_process_left_are_removed_after_a_day(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, age_s: float, stays: bool
) -> None:
    with serving(PATHS) as server:
        enter(stage, f"{server.url}/of")
        with monkeypatch.context() as patch:
            patch.setattr("weft_hub.cache._links.Links.finish", lambda links: links.folder)
            patch.setattr("weft_hub.cache._links.Links.end", lambda links: None)  # killed
            stage.hub().download("a/line")
        (left,) = stage.cache.glob("tmp/links-*")
        then = left.stat().st_mtime - age_s
        os.utime(left, (then, then))
        for path in list(stage.cache.glob("blobs/*")):
            path.unlink()
        assert fetched(stage) == FILES
    assert left.exists() == stays
