"""A static mirror behind a real nginx: the server block and the layout that the guide gives."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

import weft
import weft_hub
from hub.attacks.stage import Stage, line_weights, sha256
from tests.hub.bans import no_sockets_and_no_processes
from tests.hub.repository.sentences import write_repository
from tests.hub.serve.mirrors import ask
from tests.hub.serve.nginx import KilledMidway, Nginx, lay_out, serving
from weft_hub._http import download
from weft_hub.index import Index
from weft_hub.index import document as index_document

pytestmark = pytest.mark.skipif(os.name != "posix", reason="nginx is killed as POSIX kills")

COMMIT = "0123456789abcdef0123456789abcdef01234567"
MIB = 1 << 20
BIG = random.Random(7).randbytes(40 * MIB)
SOURCE = f"hf:lab/big@{COMMIT}/parts/weights.bin"
PATH = f"/lab/big/resolve/{COMMIT}/parts/weights.bin"


@pytest.fixture
def nginx(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Nginx]:
    with serving(tmp_path / "mirror") as server:
        monkeypatch.setenv("WEFT_HUB_HF_ENDPOINT", server.url)
        monkeypatch.setenv("NO_PROXY", "*")
        yield server


def published(stage: Stage, server: Nginx, content: bytes = BIG) -> None:
    """Lay `content` out as a repository, and enter it into the index by an `hf:` source."""
    folder = stage.root / "published"
    (folder / "parts").mkdir(parents=True)
    (folder / "parts" / "weights.bin").write_bytes(content)
    lay_out(folder, server.site, "lab/big", COMMIT, license="bsd-3-clause")
    stage.entry("lab/big", content, sources=[SOURCE])


def fetched(stage: Stage) -> bytes:
    return stage.hub().download("lab/big").files["weights.safetensors"].read_bytes()


def test_a_large_file_comes_in_ranges_over_several_connections(stage: Stage, nginx: Nginx) -> None:
    published(stage, nginx)
    assert fetched(stage) == BIG
    asked = nginx.asked(PATH)
    assert {one.status for one in asked} == {206}
    spans = sorted(one.span for one in asked if one.span is not None)
    assert len(spans) > 1
    assert [start for start, _ in spans] == [0, *(stop for _, stop in spans[:-1])]
    assert spans[-1][1] == len(BIG)
    assert len({one.connection for one in asked}) > 1


def test_a_small_file_comes_whole(stage: Stage, nginx: Nginx) -> None:
    published(stage, nginx, line_weights())
    assert fetched(stage) == line_weights()
    [one] = nginx.asked(PATH)
    assert (one.status, one.span) == (200, None)


def test_other_bytes_than_the_index_pins_are_refused(stage: Stage, nginx: Nginx) -> None:
    published(stage, nginx)
    place = nginx.site / PATH[1:]
    place.write_bytes(BIG[:-1] + bytes([BIG[-1] ^ 1]))
    with pytest.raises(weft_hub.DigestMismatchError, match=r"SHA-256"):
        fetched(stage)
    place.write_bytes(BIG[:-1])
    with pytest.raises(weft_hub.SizeMismatchError, match=f"{len(BIG) - 1} came"):
        fetched(stage)
    place.unlink()
    with pytest.raises(weft_hub.MissingAtSourceError, match="answered 404"):
        fetched(stage)
    assert not list(stage.cache.glob("blobs/*"))


@pytest.mark.slow
def test_a_download_goes_on_when_nginx_is_killed_and_started_again(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(tmp_path / "mirror", rate="4m") as server:
        monkeypatch.setenv("WEFT_HUB_HF_ENDPOINT", server.url)
        published(stage, server)
        progress = KilledMidway(server, range(8 * MIB + 1, len(BIG)), 0.5)
        path = stage.hub().download("lab/big", progress=progress).files["weights.safetensors"]
        assert path.read_bytes() == BIG
        assert progress.broke
        assert progress.dones == sorted(
            progress.dones
        )  # nothing that had arrived was asked for again
        again = server.asked(PATH)
        assert {one.status for one in again} == {206}
        assert 0 < sum(one.sent for one in again) < len(BIG) - 7 * MIB


@pytest.mark.slow
def test_a_server_that_restarts_breaks_off_no_download_of_many_connections(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Eight connections break off together: that is one failure of each, and not eight of one.
    monkeypatch.setattr(download, "PIECE_BYTES", 4 * MIB)
    with serving(tmp_path / "mirror", rate="1m") as server:
        monkeypatch.setenv("WEFT_HUB_HF_ENDPOINT", server.url)
        published(stage, server)
        progress = KilledMidway(server, range(8 * MIB + 1, len(BIG)), 1.0)
        path = stage.hub().download("lab/big", progress=progress).files["weights.safetensors"]
        assert path.read_bytes() == BIG
        assert progress.broke
        assert len({one.connection for one in server.asked(PATH)}) >= 8


@pytest.mark.slow
def test_the_next_download_goes_on_from_one_that_gave_up(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEFT_HUB_RETRIES", "0")
    with serving(tmp_path / "mirror", rate="4m") as server:
        monkeypatch.setenv("WEFT_HUB_HF_ENDPOINT", server.url)
        published(stage, server)

        def progress(step: weft_hub.Step) -> None:
            if step.stage == "download" and step.done > 8 * MIB:
                server.kill()

        with pytest.raises(weft_hub.UnreachableError) as caught:
            stage.hub().download("lab/big", progress=progress)
        assert "\n" not in str(caught.value)
        assert not list(stage.cache.glob("blobs/*"))
        server.start()
        assert fetched(stage) == BIG
        again = server.asked(PATH)
        assert {one.status for one in again} == {206}
        assert 0 < sum(one.sent for one in again) < len(BIG) - 7 * MIB
    assert not list(stage.cache.glob("tmp/*"))


# ---- a repository without an entry


def test_a_repository_without_an_entry_is_loaded_from_static_files(
    nginx: Nginx, tmp_path: Path
) -> None:
    folder = tmp_path / "sentences"
    plain = write_repository(folder)
    lay_out(folder, nginx.site, "lab/sentences", COMMIT, license="apache-2.0", also=("main", "v1"))

    model = weft_hub.load(f"hf:lab/sentences@{COMMIT}")
    assert (model.card.version, model.card.license) == (COMMIT, "apache-2.0")
    assert model.card.weights.sha256 == sha256((folder / "model.safetensors").read_bytes())
    key = "embeddings.word_embeddings.weight"
    assert model.state_dict()[key].tolist() == plain.state_dict()[key].tolist()
    for revision in ("main", "v1"):
        with pytest.warns(weft_hub.UnpinnedRevisionWarning, match=COMMIT):
            weft_hub.load(f"hf:lab/sentences@{revision}")
    with no_sockets_and_no_processes():
        weft_hub.load(f"hf:lab/sentences@{COMMIT}", offline=True)
    with pytest.raises(weft_hub.MissingAtSourceError, match="answered 404"):
        weft_hub.load("hf:lab/sentences@v2")


# ---- a mirror of blobs, and an index


def test_the_blobs_of_a_cache_are_a_mirror(
    stage: Stage, nginx: Nginx, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    stage.entry("a/line", line_weights((2.0, -1.0), 0.5))
    weft_hub.Hub(cache=nginx.cache, index=stage.index).download("a/line")
    (stage.index / "a/line/weights.safetensors").unlink()  # so only the mirror has it
    with pytest.raises(weft_hub.SourceError):
        stage.hub().load("a/line")
    monkeypatch.setenv("WEFT_HUB_MIRROR", nginx.url)
    assert stage.hub().load("a/line")(weft.tensor([3.0, 4.0])).tolist() == [2.5]
    [one] = nginx.asked("/blobs/")
    assert (one.status, one.path) == (200, f"/blobs/{sha256(line_weights((2.0, -1.0), 0.5))}")
    [blob] = nginx.cache.glob("blobs/*")
    blob.chmod(0o644)
    blob.write_bytes(line_weights())  # a mirror is not trusted
    with pytest.raises(weft_hub.SourceError, match=r"index requires SHA-256"):
        weft_hub.Hub(cache=tmp_path / "other", index=stage.index).load("a/line")


def test_an_index_and_its_files_are_served_as_they_are(
    stage: Stage, nginx: Nginx, tmp_path: Path
) -> None:
    folder = stage.entry("a/line", line_weights())
    data = index_document.write(Index([stage.index]), serial=1)
    (nginx.site / "index.json").write_bytes(data)
    (nginx.site / "a" / "line").mkdir(parents=True)
    (folder / "weights.safetensors").rename(nginx.site / "a/line/weights.safetensors")
    address = f"{nginx.url}/index.json#sha256={sha256(data)}"
    hub = weft_hub.Hub(cache=tmp_path / "new", index=address)
    assert hub.list() == ["a/line"]
    assert hub.load("a/line").bias.tolist() == [0.0]


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/blobs/",
        "/blobs/../locks/x.lock",
        "/blobs/%2e%2e/locks/x.lock",
        "/blobs../locks/x.lock",
        "/locks/x.lock",
        "/../cache/locks/x.lock",
        "/api/models",
        "/api/models/../../../cache/locks/x.lock",
    ],
)
def test_nothing_but_what_is_laid_out_is_given(nginx: Nginx, path: str) -> None:
    (nginx.cache / "blobs").mkdir()
    (nginx.cache / "locks").mkdir()
    (nginx.cache / "locks" / "x.lock").write_text("of the cache")
    reply = ask(nginx, path)
    assert reply.status in (400, 404)
    assert b"of the cache" not in reply.body


def test_only_reading_is_answered(nginx: Nginx) -> None:
    (nginx.site / "x").write_text("x")
    assert ask(nginx, "/x").status == 200
    assert ask(nginx, "/x", method="HEAD").status == 200
    for method in ("PUT", "POST", "DELETE"):
        assert ask(nginx, "/x", method=method, body=b"y").status in (403, 405)
    assert (nginx.site / "x").read_text() == "x"
