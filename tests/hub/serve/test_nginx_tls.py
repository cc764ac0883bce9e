"""A static mirror over TLS, behind a real nginx: a private authority, a wrong one, a cut."""

from __future__ import annotations

import datetime
import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

import weft
import weft_hub
from hub.attacks.stage import Stage, line_weights
from tests.hub.bans import no_sockets_and_no_processes
from tests.hub.http.faults import certificates, certificates_for
from tests.hub.repository.sentences import write_repository
from tests.hub.serve.nginx import KilledMidway, Nginx, lay_out, serving
from tests.hub.serve.relay import relaying
from weft_hub._http import waiting

pytestmark = pytest.mark.skipif(os.name != "posix", reason="nginx is killed as POSIX kills")

COMMIT = "0123456789abcdef0123456789abcdef01234567"
MIB = 1 << 20
BIG = random.Random(11).randbytes(40 * MIB)
PATH = f"/lab/big/resolve/{COMMIT}/weights.bin"
BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


@pytest.fixture(autouse=True)
def _direct(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setattr(waiting, "FIRST_WAIT_S", 0.05)
    for name in BUNDLES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def nginx(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Nginx]:
    with serving(tmp_path / "mirror", tls=certificates()) as server:
        monkeypatch.setenv("WEFT_HUB_HF_ENDPOINT", server.url)
        yield server


def sentences(folder: Path, server: Nginx) -> str:
    """Lay out a repository without an entry, and return its name."""
    write_repository(folder)
    lay_out(folder, server.site, "lab/sentences", COMMIT, license="apache-2.0")
    return f"hf:lab/sentences@{COMMIT}"


def published(stage: Stage, server: Nginx, content: bytes = BIG) -> None:
    folder = stage.root / "published"
    folder.mkdir()
    (folder / "weights.bin").write_bytes(content)
    lay_out(folder, server.site, "lab/big", COMMIT, license="bsd-3-clause")
    stage.entry("lab/big", content, sources=[f"hf:lab/big@{COMMIT}/weights.bin"])


def fetched(stage: Stage) -> bytes:
    return stage.hub().download("lab/big").files["weights.safetensors"].read_bytes()


# ---- the authority that is trusted


@pytest.mark.parametrize("variable", BUNDLES)
def test_a_repository_is_loaded_by_a_private_authority(
    nginx: Nginx, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    name = sentences(tmp_path / "sentences", nginx)
    monkeypatch.setenv(variable, str(certificates().authority))
    model = weft_hub.load(name)
    assert (model.card.version, model.card.license) == (COMMIT, "apache-2.0")
    assert {one.status for one in nginx.asked()} == {200}
    with no_sockets_and_no_processes():
        weft_hub.load(name, offline=True)


def test_blobs_come_from_a_mirror_over_tls(
    stage: Stage, nginx: Nginx, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificates().authority))
    stage.entry("a/line", line_weights((2.0, -1.0), 0.5))
    weft_hub.Hub(cache=nginx.cache, index=stage.index).download("a/line")
    (stage.index / "a/line/weights.safetensors").unlink()  # so only the mirror has it
    monkeypatch.setenv("WEFT_HUB_MIRROR", nginx.url)
    assert stage.hub().load("a/line")(weft.tensor([3.0, 4.0])).tolist() == [2.5]
    [one] = nginx.asked("/blobs/")
    assert one.status == 200


# ---- certificates that are not


def refused(name: str) -> str:
    with pytest.raises(weft_hub.UnreachableError) as caught:
        weft_hub.load(name)
    said = str(caught.value)
    assert "\n" not in said
    assert "lab/sentences" in said
    assert "the certificate of 127.0.0.1" in said
    return said


@pytest.mark.parametrize("bundle", ["usual", "wrong"])
def test_another_authority_is_refused_in_one_clear_error(
    nginx: Nginx, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bundle: str
) -> None:
    name = sentences(tmp_path / "sentences", nginx)
    if bundle == "wrong":
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificates_for("127.0.0.1").authority))
    said = refused(name)
    assert "certificate verify failed" in said
    assert "set REQUESTS_CA_BUNDLE to the file" in said
    assert nginx.asked() == []  # nothing was asked, and so nothing told, before it was trusted
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificates().authority))
    weft_hub.load(name)


@pytest.mark.parametrize("wrong", ["for another host", "run out"])
def test_a_certificate_that_does_not_fit_is_refused_though_its_authority_is_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    yesterday = datetime.datetime.now() - datetime.timedelta(days=1)
    tls = (
        certificates_for("mirror.example")
        if wrong == "for another host"
        else certificates_for("127.0.0.1", until=yesterday)
    )
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tls.authority))
    with serving(tmp_path / "mirror", tls=tls) as server:
        monkeypatch.setenv("WEFT_HUB_HF_ENDPOINT", server.url)
        said = refused(sentences(tmp_path / "sentences", server))
        why = {"for another host": "not valid for '127.0.0.1'", "run out": "has expired"}
        assert why[wrong] in said
        assert "REQUESTS_CA_BUNDLE" not in said  # no other authority would mend it


def test_a_mirror_that_is_not_trusted_is_named_where_nothing_else_has_the_file(
    stage: Stage, nginx: Nginx, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.entry("a/line", line_weights())
    weft_hub.Hub(cache=nginx.cache, index=stage.index).download("a/line")
    (stage.index / "a/line/weights.safetensors").unlink()
    monkeypatch.setenv("WEFT_HUB_MIRROR", nginx.url)
    with pytest.raises(weft_hub.SourceError, match=r"the certificate of 127\.0\.0\.1") as caught:
        stage.hub().load("a/line")
    assert "\n" not in str(caught.value)
    assert not list(stage.cache.glob("blobs/*"))


@pytest.mark.parametrize("content", [None, "no certificate"], ids=["missing", "no PEM"])
def test_a_bundle_that_is_none_is_said(
    nginx: Nginx, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | None
) -> None:
    bundle = tmp_path / "bundle.pem"
    if content is not None:
        bundle.write_text(content)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
    with pytest.raises(weft_hub.SourceError) as caught:
        weft_hub.load(sentences(tmp_path / "sentences", nginx))
    assert "\n" not in str(caught.value)
    assert "REQUESTS_CA_BUNDLE" in str(caught.value)
    assert str(bundle) in str(caught.value)


# ---- connections that break off


def test_connections_that_are_cut_within_tls_are_gone_on_from(
    stage: Stage, nginx: Nginx, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificates().authority))
    published(stage, nginx)
    with relaying(nginx.port) as relay:
        monkeypatch.setenv("WEFT_HUB_HF_ENDPOINT", f"https://127.0.0.1:{relay.port}")
        # In the handshake, at the head of an answer, and twice within a file.
        relay.cuts = [700, 2500, 3 * MIB, 5 * MIB]
        dones: list[int] = []

        def progress(step: weft_hub.Step) -> None:
            if step.stage == "download":
                dones.append(step.done)

        path = stage.hub().download("lab/big", progress=progress).files["weights.safetensors"]
        assert relay.made == 4
    assert path.read_bytes() == BIG
    assert dones == sorted(dones)
    spans = [one.span for one in nginx.asked(PATH) if one.span is not None]
    assert len({start for start, _ in spans}) > 4  # what broke off was asked for from there


def test_a_small_file_that_was_cut_is_never_taken_for_whole(
    stage: Stage, nginx: Nginx, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificates().authority))
    content = BIG[:200_000]
    published(stage, nginx, content)
    with relaying(nginx.port) as relay:
        monkeypatch.setenv("WEFT_HUB_HF_ENDPOINT", f"https://127.0.0.1:{relay.port}")
        relay.cuts = [100_000] * 3
        assert fetched(stage) == content
        assert relay.made >= 1
    monkeypatch.setenv("WEFT_HUB_RETRIES", "0")
    with relaying(nginx.port) as relay:
        monkeypatch.setenv("WEFT_HUB_HF_ENDPOINT", f"https://127.0.0.1:{relay.port}")
        relay.cuts = [60_000] * 50
        hub = weft_hub.Hub(cache=stage.root / "another", index=stage.index)
        with pytest.raises(weft_hub.UnreachableError) as caught:
            hub.download("lab/big")
        assert "\n" not in str(caught.value)
    assert not list((stage.root / "another").glob("blobs/*"))


@pytest.mark.slow
def test_a_download_over_tls_goes_on_when_nginx_is_killed_and_started_again(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificates().authority))
    with serving(tmp_path / "mirror", rate="4m", tls=certificates()) as server:
        monkeypatch.setenv("WEFT_HUB_HF_ENDPOINT", server.url)
        published(stage, server)
        progress = KilledMidway(server, range(8 * MIB + 1, len(BIG)), 0.5)
        path = stage.hub().download("lab/big", progress=progress).files["weights.safetensors"]
        assert path.read_bytes() == BIG
        assert progress.broke
        again = server.asked(PATH)
        assert 0 < sum(one.sent for one in again) < len(BIG) - 7 * MIB
