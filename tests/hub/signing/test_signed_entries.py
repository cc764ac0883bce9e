"""Signed entries of the index, and the keys that a user pins."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

import weft_hub
from hub.attacks.signer import new_key, private_pem, public_pem, signed_entry
from hub.attacks.stage import Stage, line_weights, sha256
from tests.hub.bans import no_sockets_and_no_processes
from tests.hub.conftest import Outcome
from weft_hub import signing
from weft_hub.card import Card
from weft_hub.index import Index
from weft_hub.index import document as index_document
from weft_hub.index._means import index_means
from weft_hub.index._places import Address
from weft_hub.index._refresh import KeptIndex
from weft_hub.settings import Settings

Command = Callable[..., Outcome]


def pinned(stage: Stage, *keys: ec.EllipticCurvePrivateKey) -> weft_hub.Hub:
    """A hub of a user who pinned keys."""
    paths = []
    for number, key in enumerate(keys):
        paths.append(stage.root / f"{number}.pem")
        paths[-1].write_bytes(public_pem(key))
    return weft_hub.Hub(cache=stage.cache, index=stage.index, keys=paths)


def test_a_signed_entry_loads_and_its_card_says_who_signed(stage: Stage) -> None:
    key = new_key()
    signed_entry(stage, "a/line", line_weights((1.0, 2.0)), key)
    hub = stage.hub()
    card = hub.info("a/line")
    assert card.signature == weft_hub.Signature("model.sig", public_pem(key).decode())
    assert hub.load("a/line").card is not None
    snapshot = hub.download("a/line")
    assert set(snapshot.files) == {"weights.safetensors", "model.sig"}
    again = Card.from_data(json.loads(json.dumps(card.as_data())), text="", folder=stage.root)
    assert again.signature == card.signature


@pytest.mark.parametrize("verb", ["download", "load", "load_state_dict"])
def test_an_entry_whose_signature_is_not_good_is_refused_each_time(stage: Stage, verb: str) -> None:
    signed_entry(stage, "a/line", line_weights(), new_key(), signed=b"other")
    hub = stage.hub()
    for _ in range(2):  # the signature is fetched, then cached
        with pytest.raises(signing.SignedFilesError, match="changed since"):
            getattr(hub, verb)("a/line")
    [blob] = stage.cache.glob("blobs/*")  # the signature: weights were not even fetched
    assert blob.name != sha256(line_weights())
    assert not list(stage.cache.glob("snapshots/*/*/*"))


def test_another_key_in_the_entry_than_the_one_that_signed_is_refused(stage: Stage) -> None:
    other = {"file": "model.sig", "key": public_pem(new_key()).decode()}
    signed_entry(stage, "a/line", line_weights(), new_key(), signature=other)
    with pytest.raises(signing.SignatureKeyError, match="which is not trusted"):
        stage.hub().load("a/line")


def test_with_pinned_keys_only_what_one_of_them_signed_is_taken(stage: Stage) -> None:
    ours, theirs = new_key(), new_key()
    signed_entry(stage, "a/ours", line_weights(), ours)
    signed_entry(stage, "a/theirs", line_weights(), theirs)
    stage.entry("a/unsigned", line_weights())
    hub = pinned(stage, new_key(), ours)
    hub.load("a/ours")
    with pytest.raises(signing.SignatureKeyError, match="but WEFT_HUB_KEYS has only"):
        hub.load("a/theirs")
    with pytest.raises(signing.MissingSignatureError, match=r"asks for one \(2 keys\)"):
        hub.load("a/unsigned")
    stage.hub().load("a/unsigned")


def test_the_variable_pins_keys(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    key = new_key()
    path = stage.root / "key.pem"
    path.write_bytes(public_pem(key))
    monkeypatch.setenv("WEFT_HUB_KEYS", str(path))
    signed_entry(stage, "a/line", line_weights(), key)
    stage.entry("a/unsigned", line_weights())
    stage.hub().load("a/line")
    with pytest.raises(signing.MissingSignatureError):
        stage.hub().load("a/unsigned")
    path.unlink()
    with pytest.raises(signing.SignatureKeyError, match="cannot read"):
        stage.hub().load("a/line")


def test_a_signed_entry_is_verified_offline_too(stage: Stage) -> None:
    signed_entry(stage, "a/line", line_weights(), new_key())
    stage.hub().download("a/line")
    with no_sockets_and_no_processes():
        stage.hub(offline=True).load("a/line")


def test_what_contradicts_itself_in_an_entry_is_named_with_its_line(stage: Stage) -> None:
    key = public_pem(new_key()).decode()
    cases = {
        "a/none": ({"file": "other.sig", "key": key}, "must be the one file with the role"),
        "a/key": ({"file": "model.sig", "key": "-----BEGIN PRIVATE KEY-----"}, "signature.key"),
        "a/less": ({"file": "model.sig"}, "key"),
    }
    for name, (signature, says) in cases.items():
        signed_entry(stage, name, line_weights(), new_key(), signature=signature)
        with pytest.raises(weft_hub.RegistryError, match=says):
            stage.hub().info(name)
    folder = signed_entry(stage, "a/unnamed", line_weights(), new_key())
    text = (folder / "model.toml").read_text()
    (folder / "model.toml").write_text(text.replace("[signature]", "[preprocess.x]"))
    with pytest.raises(weft_hub.RegistryError, match="no \\[signature\\] names its key"):
        stage.hub().info("a/unnamed")


def test_the_command_verifies_a_model_by_name(stage: Stage, command: Command) -> None:
    key = new_key()
    signed_entry(stage, "a/line", line_weights(), key)
    stage.entry("a/unsigned", line_weights())
    code, out, err = command("verify", "a/line")
    assert (code, err) == (0, "") and f"signed by the key {sha256(public_pem(key))}" in out
    data = json.loads(command("verify", "a/line", "--json").out)
    assert data["files"] == {"weights.safetensors": sha256(line_weights())}
    other = stage.root / "other.pem"
    other.write_bytes(public_pem(new_key()))
    assert "which is not trusted" in command("verify", "a/line", "--key", other).err
    assert "a/unsigned has no signature" in command("verify", "a/unsigned").err
    assert "did you mean 'a/line'?" in command("verify", "a/lime").err
    assert "--signature and --ignore" in command("verify", "a/line", "--ignore", "x").err


def test_the_digests_are_those_of_the_index_and_no_file_is_read_again(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    from weft_hub.signing import _verbs

    def never(path: Path, algorithm: str) -> str:
        raise AssertionError(f"{path} is read again")

    signed_entry(stage, "a/line", line_weights(), new_key())
    monkeypatch.setattr(_verbs, "digest_of", never)
    stage.hub().load("a/line")


def test_a_refreshed_index_is_trusted_by_a_real_signature_and_by_no_other(stage: Stage) -> None:
    key, path = new_key(), stage.root / "index.pub"
    path.write_bytes(public_pem(key))
    stage.entry("a/line", line_weights())
    document = index_document.write(Index([stage.index]), serial=1)
    url = "https://models.example/index.json"
    means = index_means(stage.hub(), Settings(cache=stage.cache, index_keys=(path,)))
    kept = KeptIndex(stage.cache, Address(url, None))

    def refresh(bundle: bytes) -> weft_hub.Refreshed:
        pages = {url: document, f"{url}.sig": bundle}
        return kept.refresh(dataclasses.replace(means, get=lambda at, limit: pages[at]))

    theirs = signing.KeySigner(private_pem(new_key()))
    signer = signing.KeySigner(private_pem(key))
    for bundle, error in [
        (b"", signing.MalformedSignatureError),
        (signing.sign_document(document, theirs), signing.SignatureKeyError),
        (signing.sign_document(document + b" ", signer), signing.SignedFilesError),
        (signing.sign_document(document, signer, name="other.json"), signing.SignedFilesError),
    ]:
        with pytest.raises(error):
            refresh(bundle)
        assert not list(kept.folder.glob("*.json"))
    assert refresh(signing.sign_document(document, signer)).serial == 1
    assert list(kept.folder.glob("*.json"))
