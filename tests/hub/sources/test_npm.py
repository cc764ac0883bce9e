"""`npm:` sources: the user's registry, a verified tarball, and one member of it."""

from __future__ import annotations

import gzip
import io
import json
import os
import random
import struct
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import weft_hub
from hub.attacks.stage import Stage, line_weights, sha256
from tests.hub.conftest import nothing_taken
from tests.hub.http.faults import Fault, Served, certificates, serving
from weft_hub._files.tarball import open_member
from weft_hub._http import waiting
from weft_hub.sources._npm_settings import NpmSettings

MEMBER = "package/data/line.bin"
CONTENT = line_weights()


def tarball(*members: tuple[str, bytes] | tarfile.TarInfo, form: int = tarfile.PAX_FORMAT) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", format=form) as archive:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                archive.addfile(member)
            else:
                info = tarfile.TarInfo(member[0])
                info.size = len(member[1])
                archive.addfile(info, io.BytesIO(member[1]))
    return buffer.getvalue()


GOOD = tarball(("package/package.json", b"{}"), (MEMBER, CONTENT), ("package/z", b"z" * 700))


def uri(data: bytes = GOOD, package: str = "lines@1.2.3", member: str = MEMBER) -> str:
    return f"npm:{package}/{member}?sha256={sha256(data)}&size={len(data)}"


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Served]:
    monkeypatch.setattr(waiting, "FIRST_WAIT_S", 0.01)
    monkeypatch.setenv("HOME", str(tmp_path))
    with serving({"/npm/lines/-/lines-1.2.3.tgz": GOOD}) as served:
        monkeypatch.setenv("NPM_CONFIG_REGISTRY", f"{served.url}/npm/")
        yield served


def fetched(stage: Stage, source: str, **changes: Any) -> bytes:
    stage.entry("a/line", CONTENT, sources=[source], **changes)
    return stage.hub().download("a/line").files["weights.safetensors"].read_bytes()


def test_one_member_of_a_tarball_is_delivered(stage: Stage, registry: Served) -> None:
    registry.script(Fault("close", 100), Fault("status", status=503))
    assert fetched(stage, uri()) == CONTENT
    assert [path.name for path in stage.cache.glob("blobs/*")] == [sha256(CONTENT)]
    assert list(stage.cache.glob("tmp/*")) == []


def test_a_package_with_a_scope_has_its_own_registry(
    stage: Stage, registry: Served, tmp_path: Path
) -> None:
    with serving({"/@lab/lines/-/lines-1.2.3.tgz": GOOD}) as own:
        (tmp_path / ".npmrc").write_text(f"; mine\n@lab:registry={own.url}/\n")
        assert fetched(stage, uri(package="@lab/lines@1.2.3")) == CONTENT
        assert len(own.asked) == 1
    assert registry.asked == []


def test_a_registry_that_keeps_tarballs_elsewhere_is_asked_where(
    stage: Stage, registry: Served
) -> None:
    with serving({"/stored/x.tgz": GOOD}) as elsewhere:
        registry.files = {
            "/npm/lines/1.2.3": json.dumps(
                {"dist": {"tarball": f"{elsewhere.url}/stored/x.tgz"}}
            ).encode()
        }
        assert fetched(stage, uri()) == CONTENT


@pytest.mark.parametrize(
    "document", [b"", b"[]", b"{", b'{"dist": {"tarball": "file:///etc/passwd"}}', b"[" * 100_000]
)
def test_a_strange_answer_of_the_registry_is_one_plain_error(
    stage: Stage, registry: Served, document: bytes
) -> None:
    registry.files = {"/npm/lines/1.2.3": document}
    with pytest.raises(weft_hub.MissingAtSourceError, match="answered 404"):
        fetched(stage, uri())
    assert nothing_taken(stage)


def test_another_tarball_than_the_pinned_one_is_refused(stage: Stage, registry: Served) -> None:
    changed = bytearray(GOOD)
    changed[len(changed) // 2] ^= 1
    registry.files["/npm/lines/-/lines-1.2.3.tgz"] = bytes(changed)
    with pytest.raises(weft_hub.DigestMismatchError) as caught:
        fetched(stage, uri())
    assert caught.value.expected == sha256(GOOD)
    assert nothing_taken(stage)


def test_the_users_token_goes_to_the_registry_alone(
    stage: Stage, registry: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = registry.url.partition(":")[2]
    monkeypatch.setenv("MY_TOKEN", "secret")
    (tmp_path / ".npmrc").write_text(
        f"{host}/other/:_authToken=wrong\n{host}/npm/:_authToken=${{MY_TOKEN}}\n"
    )
    with serving({"/x.tgz": GOOD}) as elsewhere:
        registry.redirects["/npm/lines/-/lines-1.2.3.tgz"] = f"{elsewhere.url}/x.tgz"
        assert fetched(stage, uri()) == CONTENT
        assert registry.asked[0].headers["authorization"] == "Bearer secret"
        assert "authorization" not in elsewhere.asked[0].headers


def test_without_a_setting_and_without_npm_it_says_what_to_set(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(weft_hub.SourceError, match=r"not installed.*NPM_CONFIG_REGISTRY"):
        fetched(stage, uri())


@pytest.mark.skipif(os.name != "posix", reason="a shell script stands in for a missing setting")
def test_npm_itself_is_asked_when_nothing_is_set(
    stage: Stage, registry: Served, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("NPM_CONFIG_REGISTRY")
    program = tmp_path / "npm"
    program.write_text(f'#!/bin/sh\n[ "$*" = "config get registry" ] && echo {registry.url}/npm/\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert fetched(stage, uri()) == CONTENT


@pytest.mark.parametrize("in_file", [True, False])
def test_certificates_that_are_not_to_be_checked_are_refused_before_anything_is_asked(
    stage: Stage,
    registry: Served,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    in_file: bool,
) -> None:
    if in_file:
        (tmp_path / ".npmrc").write_text("strict-ssl = false\n")
    else:
        monkeypatch.setenv("NPM_CONFIG_STRICT_SSL", "false")
    with pytest.raises(weft_hub.SettingError, match="strict-ssl=false, which the hub does not"):
        fetched(stage, uri())
    assert registry.asked == []
    assert nothing_taken(stage)


def test_the_certificates_that_npm_trusts_are_trusted_for_its_registry(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    tls = certificates()
    with serving({"/lines/-/lines-1.2.3.tgz": GOOD}, tls=tls) as served:
        monkeypatch.setenv("NPM_CONFIG_REGISTRY", served.url)
        with pytest.raises(weft_hub.UnreachableError, match="is not trusted"):
            fetched(stage, uri())
        (tmp_path / ".npmrc").write_text("cafile=~/none.pem\n")
        with pytest.raises(weft_hub.SettingError, match=r"cafile=~/none\.pem, but .* is no file"):
            stage.hub().download("a/line")
        (tmp_path / ".npmrc").write_text(f"cafile={tls.authority}\n")
        path = stage.hub().download("a/line").files["weights.safetensors"]
        assert path.read_bytes() == CONTENT


@pytest.mark.parametrize("value", ["ftp://host", "host", "https://u:p@host/"])
def test_a_registry_that_is_no_address_is_said(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, value: str
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NPM_CONFIG_REGISTRY", value)
    with pytest.raises(weft_hub.SettingError, match="NPM_CONFIG_REGISTRY"):
        fetched(stage, uri())


@pytest.mark.parametrize(
    "source",
    [
        "npm:lines/x?sha256=D&size=1",
        "npm:lines@latest/x?sha256=D&size=1",
        "npm:lines@^1.0.0/x?sha256=D&size=1",
        "npm:lines@1.0/x?sha256=D&size=1",
        "npm:lines@1.0.0/../x?sha256=D&size=1",
        "npm:lines@1.0.0//etc/passwd?sha256=D&size=1",
        "npm:lines@1.0.0/x",
        "npm:lines@1.0.0/x?sha256=D&size=0",
        "npm:../lines@1.0.0/x?sha256=D&size=1",
        "hf:owner/name@main/x",
        "hf:owner/name@COMMIT/../x",
        "hf:owner/name@COMMIT//x",
        "hf:owner/name@COMMIT/a%2f..%2fx",
        "hf:name@COMMIT/x",
        "hf:../name@COMMIT/x",
    ],
)
def test_a_source_that_is_not_pinned_or_not_plain_is_refused_in_the_index(
    stage: Stage, source: str
) -> None:
    spelled = source.replace("D&", f"{'0' * 64}&").replace("COMMIT", "0" * 40)
    stage.entry("a/line", CONTENT, sources=[spelled])
    with pytest.raises(weft_hub.RegistryError, match=r"sources\[0\]"):
        stage.hub().info("a/line")


# ---- the archive


def read(data: bytes, tmp_path: Path, *, member: str = MEMBER, size: int = len(CONTENT)) -> bytes:
    path = tmp_path / "x.tgz"
    path.write_bytes(data)
    parts = []
    with open_member(path, member, size=size, what="it") as stream:
        while part := stream.read(7):
            parts.append(part)
    return b"".join(parts)


def special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT])
@pytest.mark.parametrize("length", [20, 130, 220])
def test_members_are_found_in_each_form_of_tar(tmp_path: Path, form: int, length: int) -> None:
    name = ("package/" + "/".join(letter * 40 for letter in "abcdefg"))[:length]
    other = name[:-1] + "_"
    data = tarball((other, b"other"), (name, CONTENT), ("z", b""), form=form)
    assert read(data, tmp_path, member=name) == CONTENT
    assert read(data, tmp_path, member=other, size=5) == b"other"


@pytest.mark.parametrize("seed", range(20))
def test_whatever_is_in_an_archive_is_read_as_tarfile_reads_it(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    members = {
        "p/" + "".join(rng.choices("abü/ .", k=rng.randrange(1, 150))) + str(n): rng.randbytes(
            rng.choice([0, 1, 511, 512, 513, 5000])
        )
        for n in range(20)
    }
    form = rng.choice([tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
    data = tarball(*members.items(), form=form)
    for name, content in members.items():
        assert read(data, tmp_path, member=name, size=len(content)) == content


@pytest.mark.parametrize(
    ("kind", "called"),
    [
        (tarfile.SYMTYPE, "a symbolic link"),
        (tarfile.LNKTYPE, "a hard link"),
        (tarfile.CHRTYPE, "a device"),
        (tarfile.BLKTYPE, "a device"),
        (tarfile.FIFOTYPE, "a named pipe"),
        (tarfile.DIRTYPE, "a folder"),
    ],
)
def test_a_member_that_is_no_regular_file_is_refused(
    tmp_path: Path, kind: bytes, called: str
) -> None:
    name = MEMBER + "/" if kind == tarfile.DIRTYPE else MEMBER
    with pytest.raises(weft_hub.SourceError, match=called):
        read(tarball(special(name, kind, "/etc/passwd")), tmp_path, member=name)


def test_links_and_climbing_names_beside_the_member_have_no_effect(tmp_path: Path) -> None:
    data = tarball(
        special("package/data", tarfile.SYMTYPE, "/etc"),
        ("../../evil", b"evil"),
        ("/tmp/evil", b"evil"),
        (MEMBER, CONTENT),
    )
    assert read(data, tmp_path) == CONTENT
    assert [path.name for path in tmp_path.rglob("*")] == ["x.tgz"]


@pytest.mark.parametrize("first", [CONTENT, b"other"])
def test_a_member_that_is_there_twice_is_refused(tmp_path: Path, first: bytes) -> None:
    data = tarball((MEMBER, first), ("package/z", b""), (MEMBER, CONTENT))
    with pytest.raises(weft_hub.SourceError, match="more than once"):
        read(data, tmp_path, size=len(first))


def test_another_size_than_the_index_states_is_refused(tmp_path: Path) -> None:
    with pytest.raises(weft_hub.SizeMismatchError):
        read(GOOD, tmp_path, size=len(CONTENT) + 1)


def test_a_missing_member_is_answered_with_the_nearest_one(tmp_path: Path) -> None:
    with pytest.raises(weft_hub.SourceError, match=f"did you mean '{MEMBER}'"):
        read(GOOD, tmp_path, member=MEMBER[:-1])


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    data = tarball(("package/zeros", bytes(120 << 20)), (MEMBER, CONTENT))
    assert len(data) < 200_000
    with pytest.raises(weft_hub.SourceError, match="it is a bomb"):
        read(data, tmp_path)


def header(kind: bytes, size: int) -> bytes:
    info = tarfile.TarInfo("x")
    info.type, info.size = kind, size
    return info.tobuf(tarfile.USTAR_FORMAT)


@pytest.mark.parametrize("kind", [b"x", b"L"])
def test_a_long_extended_header_is_not_kept_in_memory(tmp_path: Path, kind: bytes) -> None:
    data = gzip.compress(header(kind, 1 << 30) + bytes(1 << 20))
    with pytest.raises(weft_hub.SourceError, match=r"extended header of 1073741824 bytes"):
        read(data, tmp_path)


@pytest.mark.parametrize(
    "body", [b"0 path=x\n", b"-5 path=x\n", b"99 path=x\n", b"x", b"5 a\n", b"3 =", b"\xff" * 9]
)
def test_a_damaged_extended_header_is_refused(tmp_path: Path, body: bytes) -> None:
    data = gzip.compress(header(b"x", len(body)) + body.ljust(512, b"\0") + header(b"0", 0))
    with pytest.raises(weft_hub.SourceError, match=r"damaged extended header|has no file"):
        read(data, tmp_path)


def test_damage_anywhere_is_one_plain_error_or_does_not_touch_the_member(tmp_path: Path) -> None:
    rng = random.Random(3)
    plain = gzip.decompress(GOOD)
    for _ in range(1500):
        raw = bytearray(plain)
        for _ in range(rng.choice([1, 1, 4])):
            raw[rng.randrange(len(raw))] = rng.choice([0, 255, rng.randrange(256)])
        packed = gzip.compress(bytes(raw[: rng.choice([len(raw), rng.randrange(len(raw))])]), 1)
        if rng.random() < 0.3:
            broken = bytearray(packed)
            broken[rng.randrange(len(broken))] ^= 1 << rng.randrange(8)
            packed = bytes(broken[: rng.choice([len(broken), rng.randrange(len(broken))])])
        try:
            assert len(read(packed, tmp_path)) == len(CONTENT)
        except weft_hub.HubError as error:
            assert "\n" not in str(error)


def test_a_huge_stated_size_is_refused(tmp_path: Path) -> None:
    raw = bytearray(header(b"0", 0))
    raw[124:136] = b"\x80" + bytes(3) + struct.pack(">Q", 1 << 60)
    raw[148:156] = b" " * 8
    raw[148:156] = b"%06o\0 " % sum(raw)
    with pytest.raises(weft_hub.SourceError, match=r"it is a bomb|cut short"):
        read(gzip.compress(bytes(raw) + bytes(1024)), tmp_path)


# ---- the settings


def test_the_longest_address_that_fits_has_the_token(tmp_path: Path) -> None:
    settings = NpmSettings(
        {
            "//host/:_authToken": "a",
            "//host/npm/:_authToken": "b",
            "//host/npm/deep/:_auth": "Yzpk",
            "//host:8/:_authToken": "d",
        }
    )
    assert settings.authorization("https://host/x") == "Bearer a"
    assert settings.authorization("https://host/npm/x") == "Bearer b"
    assert settings.authorization("https://host/npm/deep/x?y") == "Basic Yzpk"
    assert settings.authorization("https://host/npmx") == "Bearer a"
    assert settings.authorization("https://host:8/x") == "Bearer d"
    assert settings.authorization("https://hostess/x") is None
    assert settings.authorization("http://host/x") is None  # never without encryption
    assert "Yzpk" not in repr(settings)
