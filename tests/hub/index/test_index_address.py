"""Indexes at an address: one document, trusted by digest or signature, kept, never rolled back."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

import weft_hub
from hub.attacks.stage import Stage, line_weights
from tests.hub.bans import no_powers_over_files, no_sockets_and_no_processes
from weft_hub.index import Index, builtin_index
from weft_hub.index import document as index_document
from weft_hub.index._places import BUILTIN, Address, place_of, split
from weft_hub.index._refresh import KeptIndex, Means

URL = "https://models.example/lab/index.json"


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def documents(stage: Stage) -> list[bytes]:
    """Three publications of an index, each with an entry more; the serials are 1, 2 and 3."""
    made = []
    for serial in (1, 2, 3):
        stage.entry(f"a/line-{serial}", line_weights(bias=float(serial)))
        made.append(index_document.write(Index([stage.index]), serial=serial))
    return made


def means(
    pages: dict[str, bytes],
    *,
    verify: Callable[[bytes, bytes], None] | None = None,
    offline: bool = False,
) -> Means:
    def get(url: str, limit: int) -> bytes:
        if url not in pages:
            raise weft_hub.SourceError(f"{url}: 404")
        assert len(pages[url]) <= limit
        return pages[url]

    return Means(get, verify, offline)


def accept(document: bytes, bundle: bytes) -> None:
    if bundle != b"signed " + digest(document).encode():
        raise weft_hub.TrustError("the signature is not by a key that you trust")


def pinned(data: bytes) -> Address:
    return Address(URL, digest(data))


# ---- the document


def test_a_document_holds_every_entry_as_it_is(stage: Stage, documents: list[bytes]) -> None:
    read = index_document.read(documents[2], URL)
    assert read.serial == 3
    assert list(read.entries) == ["a/line-1", "a/line-2", "a/line-3"]
    for name, entry in read.entries.items():
        assert entry.toml == (stage.index / name / "model.toml").read_text("utf-8")
        assert entry.card == (stage.index / name / "card.md").read_text("utf-8")


def test_equal_indexes_give_equal_bytes(stage: Stage, documents: list[bytes]) -> None:
    assert index_document.write(Index([stage.index]), serial=3) == documents[2]


def test_the_index_that_is_shipped_can_be_written_and_read() -> None:
    index = Index([builtin_index()])
    data = index_document.write(index, serial=1)
    assert list(index_document.read(data, URL).entries) == index.names()


def test_an_index_with_a_broken_entry_is_not_written(stage: Stage) -> None:
    for name in ("a/one", "a/two"):
        (stage.entry(name, line_weights()) / "model.toml").write_text("x = 1", "utf-8")
    with pytest.raises(weft_hub.RegistryError) as caught:
        index_document.write(Index([stage.index]), serial=1)
    assert {"one", "two"} == {Path(p.split(":")[0]).parent.name for p in caught.value.problems}
    with pytest.raises(ValueError, match="must be at least 1, but is 0"):
        index_document.write(Index([stage.index]), serial=0)


def entry(name: str = "a/x", toml: str = "", card: str = "") -> dict[str, str]:
    return {"name": name, "model.toml": toml, "card.md": card}


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"\xff", "not a JSON document"),
        (b"[1, 2", "not a JSON document"),
        (b"[" * 100_000, "not a JSON document"),
        (b'{"serial": 1, "serial": 2}', "the key 'serial' is there twice"),
        (b'{"schema": 1, "serial": NaN, "entries": []}', "NaN is no number"),
        (b"[]", "must be a table"),
        ({"schema": 2, "serial": 1, "entries": []}, "schema: must be 1, but is 2"),
        ({"schema": 1, "serial": 0, "entries": []}, "serial: must be at least 1"),
        ({"schema": 1, "serial": 1.5, "entries": []}, "serial: must be an integer"),
        ({"schema": 1, "serial": 1, "entries": [], "more": 1}, "unknown key 'more'"),
        ({"schema": 1, "serial": 1}, "the key 'entries' is missing"),
        ({"schema": 1, "serial": 1, "entries": [entry("../x")]}, "entries[0].name: must match"),
        ({"schema": 1, "serial": 1, "entries": [entry(), entry()]}, "'a/x' is there twice"),
        ({"schema": 1, "serial": 1, "entries": [{**entry(), "code": ""}]}, "unknown key 'code'"),
    ],
)
def test_what_is_no_document_is_refused_with_its_place(data: object, says: str) -> None:
    raw = data if isinstance(data, bytes) else json.dumps(data).encode()
    with pytest.raises(weft_hub.RegistryError) as caught:
        index_document.read(raw, URL)
    assert says in str(caught.value)
    assert caught.value.problems[0].startswith(f"{URL}:1: ")


def test_a_document_has_a_largest_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_document, "MAX_BYTES", 10)
    with pytest.raises(weft_hub.RegistryError, match="at most 10 bytes, not 11"):
        index_document.read(b" " * 11, URL)


def test_the_schema_of_the_document_is_valid_json_schema_and_agrees(
    documents: list[bytes],
) -> None:
    from jsonschema import Draft202012Validator

    Draft202012Validator.check_schema(index_document.schema())
    validator = Draft202012Validator(index_document.schema())
    assert validator.is_valid(json.loads(documents[0]))
    assert not validator.is_valid({**json.loads(documents[0]), "more": 1})


# ---- the setting


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("/a:/b", ("/a", "/b")),
        (f"{URL}:/b", (URL, "/b")),
        (f"/a:{URL}:builtin", ("/a", URL, "builtin")),
        (f"{URL}#sha256={'0' * 64}:{URL}", (f"{URL}#sha256={'0' * 64}", URL)),
        ("http://127.0.0.1:8080/index.json:/b", ("http://127.0.0.1:8080/index.json", "/b")),
        ("http://[::1]:80/i:http://[::1]/j", ("http://[::1]:80/i", "http://[::1]/j")),
        ("http://h/8080:/9090/x", ("http://h/8080", "/9090/x")),
        ("", ()),
        (" : /a : ", ("/a",)),
    ],
)
def test_the_setting_is_parted_as_a_path_and_an_address_stays_whole(
    text: str, parts: tuple[str, ...]
) -> None:
    assert split(text, ":") == parts


def test_on_windows_the_separator_is_no_part_of_an_address() -> None:
    assert split(f"C:\\models;{URL}", ";") == ("C:\\models", URL)


def test_a_place_is_a_folder_an_address_or_the_word_for_the_one_inside(tmp_path: Path) -> None:
    assert place_of(str(tmp_path)) == tmp_path
    assert place_of(URL) == Address(URL)
    assert place_of(f"{URL}#sha256={'a' * 64}") == Address(URL, "a" * 64)
    assert place_of("builtin") == BUILTIN


@pytest.mark.parametrize(
    "text",
    [
        "ftp://h/index.json",
        "https://h",
        "https:///index.json",
        "https://h/index.json?x=1",
        "https://h:99999/index.json",
        "https://user:secret@h/index.json",
        f"{URL}#sha256={'0' * 63}",
        f"{URL}#sha256={'A' * 64}",
        f"{URL}#md5=0",
        f"{URL}#",
    ],
)
def test_an_address_in_another_spelling_is_refused(text: str) -> None:
    with pytest.raises(weft_hub.SettingError) as caught:
        weft_hub.Hub(index=text)
    assert "secret" not in str(caught.value)


def test_the_one_inside_can_stand_beside_a_private_one(stage: Stage) -> None:
    stage.entry("a/line", line_weights())
    hub = weft_hub.Hub(index=["builtin", stage.index])
    assert "a/line" in hub.list() and "vision/mobilenet-v2" in hub.list()


# ---- trust


def test_without_digest_and_key_nothing_is_asked(tmp_path: Path, documents: list[bytes]) -> None:
    with pytest.raises(weft_hub.TrustError, match="WEFT_HUB_INDEX_KEY"):
        KeptIndex(tmp_path, Address(URL)).refresh(means({}))
    assert not (tmp_path / "indexes").exists()


def test_another_document_than_the_pinned_one_is_refused(
    tmp_path: Path, documents: list[bytes]
) -> None:
    with pytest.raises(weft_hub.DigestMismatchError) as caught:
        KeptIndex(tmp_path, pinned(documents[0])).refresh(means({URL: documents[1]}))
    assert digest(documents[0]) in str(caught.value) and digest(documents[1]) in str(caught.value)
    assert not (tmp_path / "indexes").exists()


def test_a_signed_document_is_taken_and_another_is_not(
    tmp_path: Path, documents: list[bytes]
) -> None:
    kept = KeptIndex(tmp_path, Address(URL))
    signature = b"signed " + digest(documents[0]).encode()
    done = kept.refresh(means({URL: documents[0], f"{URL}.sig": signature}, verify=accept))
    assert (done.serial, done.entries, done.changed) == (1, 1, True)
    with pytest.raises(weft_hub.TrustError, match="not by a key"):
        kept.refresh(means({URL: documents[1], f"{URL}.sig": signature}, verify=accept))
    with pytest.raises(weft_hub.SourceError, match=r"\.sig: 404"):
        kept.refresh(means({URL: documents[1]}, verify=accept))
    assert kept.document(means({}, offline=True)).serial == 1


# ---- what is there


def test_what_was_fetched_is_used_without_asking_again(
    tmp_path: Path, documents: list[bytes]
) -> None:
    kept = KeptIndex(tmp_path, pinned(documents[0]))
    assert kept.document(means({URL: documents[0]})).serial == 1
    with no_sockets_and_no_processes():
        again = KeptIndex(tmp_path, pinned(documents[0]))
        assert again.document(means({}, offline=True)).serial == 1
        assert again.document(means({})).serial == 1


def test_offline_without_one_is_said(tmp_path: Path, documents: list[bytes]) -> None:
    with pytest.raises(weft_hub.OfflineError, match="weft-hub refresh"):
        KeptIndex(tmp_path, pinned(documents[0])).document(means({}, offline=True))


def test_a_new_pin_fetches_the_new_document(tmp_path: Path, documents: list[bytes]) -> None:
    KeptIndex(tmp_path, pinned(documents[0])).document(means({URL: documents[0]}))
    newer = KeptIndex(tmp_path, pinned(documents[1]))
    assert newer.document(means({URL: documents[1]})).serial == 2
    assert [path.suffix for path in newer.folder.glob("*.json")] == [".json"]  # the old one went
    with pytest.raises(weft_hub.OfflineError):
        KeptIndex(tmp_path, pinned(documents[2])).document(means({}, offline=True))


def test_an_older_document_is_refused_and_the_newer_one_stays(
    tmp_path: Path, documents: list[bytes]
) -> None:
    kept = KeptIndex(tmp_path, pinned(documents[1]))
    kept.refresh(means({URL: documents[1]}))
    with pytest.raises(weft_hub.RollbackError, match="has serial 1, but serial 2"):
        KeptIndex(tmp_path, pinned(documents[0])).refresh(means({URL: documents[0]}))
    assert kept.document(means({}, offline=True)).serial == 2


def test_the_same_serial_with_other_content_is_refused(
    stage: Stage, tmp_path: Path, documents: list[bytes]
) -> None:
    KeptIndex(tmp_path, pinned(documents[2])).refresh(means({URL: documents[2]}))
    stage.entry("a/more", line_weights())
    other = index_document.write(Index([stage.index]), serial=3)
    with pytest.raises(weft_hub.RollbackError, match="serial 3 as before, but other content"):
        KeptIndex(tmp_path, pinned(other)).refresh(means({URL: other}))


def test_the_same_document_again_changes_nothing(tmp_path: Path, documents: list[bytes]) -> None:
    kept = KeptIndex(tmp_path, pinned(documents[0]))
    assert kept.refresh(means({URL: documents[0]})).changed
    before = {path: path.stat().st_mtime_ns for path in kept.folder.iterdir()}
    assert not kept.refresh(means({URL: documents[0]})).changed
    assert {path: path.stat().st_mtime_ns for path in kept.folder.glob("*[!k]")} == {
        path: time for path, time in before.items() if path.name != "lock"
    }


@pytest.mark.parametrize("spoil", [b"", b"{}", None])
def test_a_damaged_document_is_said_and_a_refresh_mends_it(
    tmp_path: Path, documents: list[bytes], spoil: bytes | None
) -> None:
    kept = KeptIndex(tmp_path, pinned(documents[0]))
    kept.refresh(means({URL: documents[0]}))
    path = kept.folder / f"{digest(documents[0])}.json"
    if spoil is None:
        path.unlink()
        assert kept.document(means({URL: documents[0]})).serial == 1  # simply fetched again
        return
    path.write_bytes(spoil)
    with pytest.raises(weft_hub.DamagedBlobError, match="weft-hub refresh"):
        kept.document(means({}, offline=True))
    kept.refresh(means({URL: documents[0]}))
    assert kept.document(means({}, offline=True)).serial == 1


def test_a_damaged_note_of_the_serial_does_not_open_the_way_back(
    tmp_path: Path, documents: list[bytes]
) -> None:
    kept = KeptIndex(tmp_path, pinned(documents[1]))
    kept.refresh(means({URL: documents[1]}))
    (kept.folder / "current").write_text("rubbish")
    with pytest.raises(weft_hub.DamagedBlobError, match="remove that folder"):
        KeptIndex(tmp_path, pinned(documents[0])).refresh(means({URL: documents[0]}))


def test_a_cache_that_cannot_be_written_is_one_plain_error(
    tmp_path: Path, documents: list[bytes]
) -> None:
    (tmp_path / "cache").mkdir(mode=0o555)
    with (
        no_powers_over_files(),
        pytest.raises(weft_hub.CacheError, match=r"Permission denied.*WEFT_HUB_CACHE"),
    ):
        KeptIndex(tmp_path / "cache", pinned(documents[0])).refresh(means({URL: documents[0]}))


def test_readers_find_the_old_or_the_new_index_while_it_is_replaced(
    tmp_path: Path, documents: list[bytes]
) -> None:
    signed = {
        number: means({URL: data, f"{URL}.sig": b"signed " + digest(data).encode()}, verify=accept)
        for number, data in enumerate(documents)
    }
    kept = KeptIndex(tmp_path, Address(URL))
    kept.refresh(signed[0])
    seen: list[int] = []
    wrong: list[BaseException] = []
    done = threading.Event()

    def look() -> None:
        try:
            while not done.is_set():
                seen.append(KeptIndex(tmp_path, Address(URL)).document(signed[0]).serial)
        except BaseException as error:
            wrong.append(error)

    reader = threading.Thread(target=look)
    reader.start()
    try:
        kept.refresh(signed[1])
        kept.refresh(signed[2])
    finally:
        done.set()
        reader.join()
    assert wrong == []
    assert seen == sorted(seen) and set(seen) <= {1, 2, 3}
    assert kept.document(means({}, offline=True)).serial == 3


# ---- entries of such an index


def test_a_relative_file_of_an_entry_is_beside_the_document(documents: list[bytes]) -> None:
    from weft_hub.index._shelves import DocumentShelf

    index = Index([DocumentShelf(URL, lambda: index_document.read(documents[0], URL))])
    card = index.card("a/line-1")
    assert card.weights.sources == ("https://models.example/lab/a/line-1/weights.safetensors",)


def test_a_broken_entry_is_said_with_its_place_in_the_document() -> None:
    from weft_hub.index._shelves import DocumentShelf

    raw = {"schema": 1, "serial": 1, "entries": [entry("a/x", "schema = 1\nx = 2\n", "# X\n")]}
    data = json.dumps(raw).encode()
    index = Index([DocumentShelf(URL, lambda: index_document.read(data, URL))])
    with pytest.raises(weft_hub.RegistryError) as caught:
        index.card("a/x")
    assert any(
        p.startswith(f"{URL}#a/x/model.toml:2: x: unknown key") for p in caught.value.problems
    )


def test_a_name_in_a_folder_and_a_document_is_refused(stage: Stage, documents: list[bytes]) -> None:
    from weft_hub.index._shelves import DocumentShelf

    shelf = DocumentShelf(URL, lambda: index_document.read(documents[0], URL))
    with pytest.raises(weft_hub.RegistryError, match=f"{URL}#a/line-1.*remove one of them"):
        Index([stage.index, shelf]).card("a/line-1")
