"""`hf:` repositories for a user who pinned keys: `model.sig` is verified first, then each file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import weft_hub
from hub.attacks.signer import new_key, private_pem, public_pem
from hub.attacks.stage import Stage
from tests.hub.bans import no_sockets_and_no_processes
from tests.hub.conftest import Outcome
from tests.hub.repository.repository_server import Repositories, serving
from tests.hub.repository.sentences import files_of, write_repository
from weft_hub import signing


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Repositories]:
    with serving() as repositories:
        monkeypatch.setenv("HF_ENDPOINT", repositories.url)
        monkeypatch.setenv("WEFT_HUB_RETRIES", "0")
        yield repositories


@pytest.fixture
def signed(stage: Stage) -> dict[str, bytes]:
    """The files of a sentence encoder and their signature by the key in `key.pem`."""
    folder, key = stage.root / "sentences", new_key()
    write_repository(folder)
    (folder / "README.md").write_text("# Signed too, and never fetched")
    (stage.root / "key.pem").write_bytes(public_pem(key))
    signing.sign(folder, signing.KeySigner(private_pem(key)))
    return files_of(folder)


def pinned(stage: Stage, *, offline: bool = False) -> weft_hub.Hub:
    keys = [stage.root / "key.pem"]
    return weft_hub.Hub(cache=stage.cache, index=stage.index, offline=offline, keys=keys)


def test_a_repository_signed_by_a_pinned_key_is_loaded_and_then_offline_too(
    stage: Stage, server: Repositories, signed: dict[str, bytes]
) -> None:
    name = f"hf:lab/sentences@{server.commit('lab/sentences', signed)}"
    files = {file.name for file in pinned(stage).load(name).card.files}
    assert files == set(signed) - {"model.sig", "README.md"}
    fetched = [path for path in server.asked if "/resolve/" in path]
    assert fetched[0].endswith("/model.sig")  # before all others
    assert not any("README" in path for path in fetched)
    with no_sockets_and_no_processes():
        pinned(stage, offline=True).load(name)


def test_without_pinned_keys_a_signature_is_not_even_fetched(
    stage: Stage, server: Repositories, signed: dict[str, bytes]
) -> None:
    name = f"hf:lab/sentences@{server.commit('lab/sentences', signed)}"
    stage.hub().load(name)
    assert not any("model.sig" in path for path in server.asked)
    with no_sockets_and_no_processes(), pytest.raises(weft_hub.OfflineError, match=r"model\.sig"):
        pinned(stage, offline=True).load(name)


def test_a_changed_file_is_refused_before_any_weights_are_fetched(
    stage: Stage, server: Repositories, signed: dict[str, bytes]
) -> None:
    for changed in ("vocab.txt", "config.json", "model.safetensors"):
        other = {**signed, changed: signed[changed] + b" "}
        name = f"hf:lab/sentences@{server.commit('lab/sentences', other)}"
        with pytest.raises(signing.SignedFilesError, match="1 changed since") as caught:
            pinned(stage).load(name)
        assert caught.value.changed == (changed,)
    assert not any("model.safetensors" in path for path in server.asked)


@pytest.mark.parametrize("bundle", [b"", b"{}", b"[" * 9999, b"\xff"])
def test_a_signature_that_is_none_is_refused_before_anything_else_is_fetched(
    stage: Stage, server: Repositories, signed: dict[str, bytes], bundle: bytes
) -> None:
    name = f"hf:lab/sentences@{server.commit('lab/sentences', {**signed, 'model.sig': bundle})}"
    with pytest.raises(signing.MalformedSignatureError) as caught:
        pinned(stage).load(name)
    assert "\n" not in str(caught.value)
    assert [path for path in server.asked if "/resolve/" in path and "model.sig" not in path] == []


def test_a_signature_too_large_to_be_one_is_not_fetched(
    stage: Stage, server: Repositories, monkeypatch: pytest.MonkeyPatch, signed: dict[str, bytes]
) -> None:
    from weft_hub.signing import _bundle

    monkeypatch.setattr(_bundle, "MOST_BYTES", 100)
    name = f"hf:lab/sentences@{server.commit('lab/sentences', signed)}"
    with pytest.raises(signing.MalformedSignatureError, match="must have 1 to 100 bytes"):
        pinned(stage).load(name)
    assert not any("/resolve/" in path for path in server.asked)


def test_a_key_that_cannot_be_read_is_said_before_anything_is_asked(
    stage: Stage, server: Repositories, tmp_path: Path
) -> None:
    hub = weft_hub.Hub(cache=stage.cache, index=stage.index, keys=[tmp_path / "none.pem"])
    with pytest.raises(signing.SignatureKeyError, match="cannot read"):
        hub.load("hf:lab/sentences@" + "0" * 40)
    assert server.asked == []


def test_the_command_verifies_a_repository_by_name(
    stage: Stage, server: Repositories, signed: dict[str, bytes], command: Callable[..., Outcome]
) -> None:
    name = f"hf:lab/sentences@{server.commit('lab/sentences', signed)}"
    key = stage.root / "key.pem"
    code, out, err = command("verify", name, "--key", key)
    assert (code, err) == (0, "")
    assert out.startswith(f"{name}: {len(signed) - 2} files are as signed by the key ")
    assert "not looked at: README.md, model.sig" in out
    changed = {**signed, "vocab.txt": b"[UNK]"}
    other = f"hf:lab/sentences@{server.commit('lab/sentences', changed)}"
    for arguments, says in [
        ((other, "--key", key), "1 changed since ('vocab.txt')"),
        ((name,), "whose signature counts?"),
        ((name, "--key", key, "--ignore", "x"), "--ignore do not go with it"),
        (("hf:nonsense", "--key", key), "is not hf:OWNER/NAME@REVISION"),
    ]:
        code, out, err = command("verify", *arguments)
        assert (code, out) == (1, "") and says in err and err.count("\n") == 1


@pytest.mark.parametrize("verb", ["info", "help", "download"])
def test_other_commands_say_that_a_repository_has_no_entry(
    command: Callable[..., Outcome], verb: str
) -> None:
    code, out, err = command(verb, "hf:lab/sentences")
    assert (code, out) == (1, "")
    assert "hf:lab/sentences: a repository has no entry in an index" in err
    assert err.count("\n") == 1
