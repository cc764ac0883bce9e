"""The zip archive around a checkpoint: names, links, bombs and lies of its directory."""

from __future__ import annotations

import io
import re
import stat
import struct
import warnings
import zipfile
from pathlib import Path

import pytest

import weft
from tests.core.io.torch_files import storage, tensor, zip_checkpoint

Unsafe = weft.io.UnsafeCheckpointError
Format = weft.io.FormatError
VALUE = {"w": tensor(storage("0", "FloatStorage", 6), (6,))}
STORAGES = {"0": struct.pack("<6f", *range(6))}


def member(name: str, *, mode: int = 0, compression: int = zipfile.ZIP_STORED) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo("x")
    info.filename = name  # set afterwards: the constructor would tidy it
    info.external_attr = mode << 16
    info.compress_type = compression
    return info


def edited(content: bytes, signature: bytes, offset: int, form: str, value: int) -> bytes:
    """Return `content` with one field changed in every header of a kind."""
    changed = bytearray(content)
    start = changed.find(signature)
    while start >= 0:
        struct.pack_into(form, changed, start + offset, value)
        start = changed.find(signature, start + 4)
    return bytes(changed)


LOCAL, CENTRAL, END = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"


@pytest.fixture
def refused(tmp_path: Path):
    def check(content: bytes, error: type[Exception], why: str) -> None:
        path = tmp_path / "hostile.pth"
        path.write_bytes(content)
        with pytest.raises(weft.io.WeightsError, match=re.escape(why)) as caught:
            weft.io.load_pytorch(path)
        assert caught.type is error, caught.value
        assert str(path) in str(caught.value)
        assert [entry.name for entry in tmp_path.iterdir()] == ["hostile.pth"]

    return check


@pytest.mark.parametrize(
    "name",
    [
        "../evil",
        "archive/../../evil",
        "/etc/cron.d/evil",
        "archive//evil",
        "./evil",
        "archive/.",
        "..\\evil",
        "C:/evil",
        "archive/\x1b[2J",
        "archive/a\x00b",
    ],
)
def test_a_name_that_leads_outside_is_refused(refused, name):
    harmless = "P" * len(name)  # the writer would tidy the name itself
    content = zip_checkpoint(VALUE, STORAGES, extra=[(member(harmless), b"x")])
    content = content.replace(harmless.encode(), name.encode())
    refused(content, Unsafe, "has a name that leads outside of the archive or hides")


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFSOCK])
def test_links_and_special_files_are_refused(refused, kind):
    link = member("archive/data/1", mode=kind | 0o777)
    content = zip_checkpoint(VALUE, STORAGES, extra=[(link, b"/etc/passwd")])
    refused(content, Unsafe, "'archive/data/1' is a link or a special file")


def test_a_name_twice_is_refused(refused):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # zipfile warns the writer, which here means it
        content = zip_checkpoint(VALUE, STORAGES, extra=[("archive/data.pkl", b"\x80\x02N.")])
    refused(content, Unsafe, "'archive/data.pkl' stands twice")


def test_folders_as_members_are_harmless(tmp_path):
    path = tmp_path / "folders.pth"
    folder = member("archive/data/", mode=stat.S_IFDIR | 0o755)
    path.write_bytes(zip_checkpoint(VALUE, STORAGES, extra=[(folder, b"")]))
    assert weft.io.load_pytorch(path)["w"].tolist() == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("flag", [0x1, 0x40, 0x2000])
def test_an_encrypted_member_is_refused(refused, flag):
    content = edited(zip_checkpoint(VALUE, STORAGES), CENTRAL, 8, "<H", flag)
    refused(content, Unsafe, "is encrypted")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_compressions_are_refused(refused, method):
    refused(zip_checkpoint(VALUE, STORAGES, compression=method), Format, "compressed by method")


def test_a_bomb_is_refused_before_it_goes_off(refused):
    zeros = {"0": bytes(200 << 20)}
    value = tensor(storage("0", "ByteStorage", 200 << 20), (200 << 20,))
    content = zip_checkpoint(value, zeros, compression=zipfile.ZIP_DEFLATED)
    assert len(content) < 300_000
    refused(content, Unsafe, "inflates")


def test_a_bomb_in_a_member_that_no_tensor_needs_is_refused_too(refused):
    bomb = member("archive/data/99", compression=zipfile.ZIP_DEFLATED)
    refused(
        zip_checkpoint(VALUE, STORAGES, extra=[(bomb, bytes(20 << 20))]), Unsafe, "99' inflates"
    )


def test_a_member_that_inflates_to_more_than_it_announces_is_refused(refused):
    content = zip_checkpoint(VALUE, STORAGES, compression=zipfile.ZIP_DEFLATED)
    refused(edited(content, CENTRAL, 24, "<L", 3), Unsafe, "announces 3 bytes but inflates to an")


def test_a_member_that_inflates_to_less_than_it_announces_is_refused(refused):
    content = zip_checkpoint(VALUE, STORAGES, compression=zipfile.ZIP_DEFLATED)
    refused(edited(content, CENTRAL, 24, "<L", 30), Unsafe, "announces 30 bytes")


def test_archives_that_inflate_to_too_much_together_are_refused(refused, monkeypatch):
    monkeypatch.setattr("weft.io._zip_archive.MAX_INFLATED_BYTES", 100)
    content = zip_checkpoint(VALUE, STORAGES, compression=zipfile.ZIP_DEFLATED)
    refused(content, Unsafe, "more than 100; save it uncompressed")


def test_a_stored_member_of_two_sizes_is_refused(refused):
    content = edited(zip_checkpoint(VALUE, STORAGES), CENTRAL, 24, "<L", 3)
    refused(content, Format, "is stored as it is, yet announces")


def test_members_that_overlap_are_refused(refused):
    """The trick of the quoted and overlapping bombs: many entries, one stretch of data."""
    content = bytearray(zip_checkpoint(VALUE, STORAGES, extra=[("archive/data/1", b"x" * 40)]))
    first = content.find(CENTRAL)
    starts = []
    while first >= 0:
        starts.append(first)
        first = content.find(CENTRAL, first + 4)
    target = struct.unpack_from("<L", content, starts[0] + 42)[0]
    struct.pack_into("<L", content, starts[-1] + 42, target)
    refused(bytes(content), Unsafe, "overlap")


def test_a_member_whose_own_header_says_another_name_is_refused(refused):
    content = zip_checkpoint(VALUE, STORAGES, extra=[("archive/data/1", b"x")])
    at = content.find(b"archive/data/1")
    changed = content[:at] + b"archive/data/2" + content[at + 14 :]
    refused(changed, Format, "has a header of its own")


def test_a_member_that_begins_outside_of_the_archive_is_refused(refused):
    content = edited(zip_checkpoint(VALUE, STORAGES), CENTRAL, 42, "<L", 0x7FFFFFFF)
    refused(content, Format, "outside of the archive's data")


def test_a_member_that_runs_into_the_directory_is_refused(refused):
    content = edited(zip_checkpoint([1]), CENTRAL, 20, "<L", 5000)
    content = edited(content, CENTRAL, 24, "<L", 5000)
    refused(content, Format, "after the archive's directory begins")


def test_a_directory_too_large_for_any_checkpoint_is_refused(refused, monkeypatch):
    monkeypatch.setattr("weft.io._zip_archive.MAX_DIRECTORY_BYTES", 1 << 17)
    many = [(f"archive/data/{i}", b"") for i in range(4000)]
    refused(zip_checkpoint([1], extra=many, align=1), Unsafe, "no checkpoint has so many members")


def test_a_damaged_pickle_is_refused_by_its_checksum(refused):
    content = zip_checkpoint({"key": "value"})
    refused(content.replace(b"value", b"VALUE", 1), Format, "'archive/data.pkl' does not match its")


def test_damaged_weights_are_refused_when_asked_for(tmp_path):
    path = tmp_path / "damaged.pth"
    content = zip_checkpoint(VALUE, STORAGES)
    path.write_bytes(content.replace(STORAGES["0"], bytes(24), 1))
    assert weft.io.load_pytorch(path)["w"].tolist() == [0.0] * 6
    with pytest.raises(Format, match="'archive/data/0' does not match its CRC-32"):
        weft.io.load_pytorch(path, check_crc=True)


def test_a_zip_without_a_pickle_is_refused_with_what_it_has(refused):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("word/document.xml", "x")
    refused(out.getvalue(), Format, "its 1 members are 'word/document.xml'")


def test_a_zip_with_two_pickles_is_refused(refused):
    content = zip_checkpoint([1], extra=[("other/data.pkl", b"\x80\x02N.")])
    refused(content, Format, "has one data.pkl, this zip 2")


@pytest.mark.parametrize("version", ["11\n", "999999"])
def test_a_newer_version_is_refused_with_what_to_do(refused, version):
    refused(zip_checkpoint([1], version=version), Format, "10 is the newest that is read; update")


@pytest.mark.parametrize("version", ["", "x", "-3", "3.0", "9" * 50])
def test_a_version_that_is_no_number_is_refused(refused, version):
    refused(zip_checkpoint([1], version=version), Format, "version is a number")


def test_a_missing_version_is_refused(refused):
    refused(zip_checkpoint([1], version=None), Format, "has no member 'archive/version'")


def test_an_unknown_byteorder_is_refused(refused):
    refused(zip_checkpoint([1], byteorder="middle"), Format, "little or big, not 'middle'")


def test_a_torchscript_archive_is_pointed_to_its_reader(refused):
    content = zip_checkpoint([1], extra=[("archive/constants.pkl", b"\x80\x02).")])
    refused(content, Format, "weft.io.load_torchscript reads the weights alone")


def test_an_archive_cut_anywhere_is_refused(tmp_path):
    path = tmp_path / "cut.pth"
    whole = zip_checkpoint(VALUE, STORAGES)
    for size in range(1, len(whole)):
        path.write_bytes(whole[:size])
        with pytest.raises(Format):
            weft.io.load_pytorch(path)


def test_something_before_the_archive_is_refused(refused):
    refused(b"#!/bin/sh\n" + zip_checkpoint([1]), Format, "begins with 'PK' or a pickle's 0x80")
