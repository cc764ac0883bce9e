"""Signing and verifying folders, files and documents with keys; what is refused, and how."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
)

from hub.attacks.signer import Signed, certify, new_key, private_pem, public_pem
from hub.attacks.stage import sha256
from weft_hub import HubError, MissingPackageError, SignatureError, signing
from weft_hub.signing import _statement, _tree

CURVES = [ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()]


@pytest.fixture
def signed(tmp_path: Path) -> Signed:
    """A signed folder with two files."""
    return Signed.at(tmp_path / "model")


def tree_of(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("curve", CURVES, ids=lambda curve: curve.name)
def test_what_was_signed_verifies_and_says_who_signed_what(
    tmp_path: Path, curve: ec.EllipticCurve
) -> None:
    folder = tmp_path / "model"
    (folder / "a").mkdir(parents=True)
    (folder / "a" / "b.bin").write_bytes(b"one")
    (folder / "a.bin").write_bytes(b"")
    key = new_key(curve)
    signer = signing.KeySigner(private_pem(key))
    assert signing.sign(folder, signer) == folder / "model.sig"
    found = signing.verify(folder, signing.KeyTrust(public_pem(key)))
    assert found.files == {"a.bin": sha256(b""), "a/b.bin": sha256(b"one")}
    assert found.signer == signing.Identity("key", signer.key_id, signer.key_id)
    assert (found.name, found.unchecked) == ("model", ("model.sig",))


def test_the_id_of_a_key_is_the_sha256_of_its_pem() -> None:
    key = new_key()
    assert signing.KeyTrust(public_pem(key)).key_ids == (sha256(public_pem(key)),)


def test_the_files_are_listed_by_the_code_points_of_their_names(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    names = ["a/x", "a.txt", "B", "é", "a", "z/y/x"]
    for name in ["a.txt", "B", "é", "a/x", "z/y/x"]:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    made = Signed(folder)
    signing.sign(folder, made.signer())
    resources = made.statement()["predicate"]["resources"]
    listed = [one["name"] for one in resources]
    assert listed == sorted(set(names) - {"a"}) == ["B", "a.txt", "a/x", "z/y/x", "é"]
    together = b"".join(bytes.fromhex(one["digest"]) for one in resources)
    assert made.statement()["subject"] == [
        {"name": "model", "digest": {"sha256": sha256(together)}}
    ]
    made.verify()


def test_what_is_left_out_is_stated_and_named_again_on_verifying(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    for name in (".git/HEAD", ".gitignore", "sub/.git/HEAD", "notes/x.txt", "weights.bin"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    made = Signed(folder)
    signing.sign(folder, made.signer(), ignore=["notes"])
    stated = made.statement()["predicate"]["serialization"]["ignore_paths"]
    assert stated == [".git", ".gitattributes", ".github", ".gitignore", "model.sig", "notes"]
    found = made.verify()
    assert set(found.files) == {"sub/.git/HEAD", "weights.bin"}
    assert found.unchecked == (".git", ".gitignore", "model.sig", "notes")


def test_every_file_that_is_not_as_it_was_signed_is_named(signed: Signed) -> None:
    (signed.folder / "config.json").write_text("{ }")
    (signed.folder / "weights.safetensors").unlink()
    for number in range(7):
        (signed.folder / f"extra-{number}").write_text("")
    with pytest.raises(signing.SignedFilesError) as caught:
        signed.verify()
    error = caught.value
    assert (error.changed, error.missing) == (("config.json",), ("weights.safetensors",))
    assert len(error.extra) == 7
    assert "7 there but not signed ('extra-0', " in str(error) and "and 2 more" in str(error)


def test_the_caller_may_ignore_further_paths_and_they_are_named(signed: Signed) -> None:
    (signed.folder / "log.txt").write_text("")
    with pytest.raises(signing.SignedFilesError, match="not signed"):
        signed.verify()
    found = signing.verify(signed.folder, signed.trust(), ignore=["log.txt"])
    assert found.unchecked == ("log.txt", "model.sig")


def test_what_was_signed_may_not_be_ignored(signed: Signed) -> None:
    with pytest.raises(signing.SignedFilesError, match="signed but not there"):
        signing.verify(signed.folder, signed.trust(), ignore=["config.json"])


def test_a_signature_may_be_kept_elsewhere(tmp_path: Path, signed: Signed) -> None:
    elsewhere = tmp_path / "signatures" / "model.sig"
    elsewhere.parent.mkdir()
    signed.signature.unlink()
    assert signing.sign(signed.folder, signed.signer(), signature=elsewhere) == elsewhere
    found = signing.verify(signed.folder, signed.trust(), signature=elsewhere)
    assert found.unchecked == ()


def test_one_file_is_signed_beside_itself(tmp_path: Path) -> None:
    file, key = tmp_path / "index.json", new_key()
    file.write_text("{}")
    path = signing.sign(file, signing.KeySigner(private_pem(key)))
    assert path == tmp_path / "index.json.sig"
    trust = signing.KeyTrust(public_pem(key))
    assert signing.verify(file, trust).files == {"index.json": sha256(b"{}")}
    signing.verify_document(b"{}", path.read_bytes(), trust=trust)
    file.write_text("[]")
    with pytest.raises(signing.SignedFilesError, match="1 changed"):
        signing.verify(file, trust)


def test_a_document_is_only_accepted_under_the_name_it_was_signed_for() -> None:
    key = new_key()
    trust = signing.KeyTrust(public_pem(key))
    bundle = signing.sign_document(b"data", signing.KeySigner(private_pem(key)), name="other.json")
    signing.verify_document(b"data", bundle, trust=trust, name="other.json")
    with pytest.raises(signing.SignedFilesError, match=r"index.json must be over that file alone"):
        signing.verify_document(b"data", bundle, trust=trust)
    with pytest.raises(signing.SignedFilesError, match="other bytes"):
        signing.verify_document(b"date", bundle, trust=trust, name="other.json")


def test_a_signature_that_is_there_is_not_lost(signed: Signed) -> None:
    before = signed.signature.read_bytes()
    with pytest.raises(signing.SignedFilesError, match="is there already"):
        signing.sign(signed.folder, signed.signer())
    assert signed.signature.read_bytes() == before
    signing.sign(signed.folder, signed.signer(), replace=True)
    assert signed.signature.read_bytes() != before  # ECDSA draws a number each time
    signed.verify()


def test_only_a_signature_is_replaced_and_never_a_file_of_the_model(signed: Signed) -> None:
    before = tree_of(signed.folder)
    weights = signed.folder / "weights.safetensors"
    for target in (weights, signed.folder):
        with pytest.raises(
            signing.SignedFilesError, match="is no signature, so it is not replaced"
        ):
            signing.sign(signed.folder, signed.signer(), signature=target, replace=True)
    assert tree_of(signed.folder) == before


def test_a_failed_signing_leaves_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "a").write_text("a")
    (folder / "b").symlink_to("a")
    before = tree_of(folder)
    with pytest.raises(signing.SignedFilesError, match="'b' is a link"):
        signing.sign(folder, Signed(folder).signer())
    assert tree_of(folder) == before
    (folder / "b").unlink()
    with pytest.raises(signing.SignedFilesError, match="cannot write"):
        signing.sign(folder, Signed(folder).signer(), signature=tmp_path / "no" / "model.sig")
    assert tree_of(folder) == {"a": b"a"}


def test_a_folder_without_files_is_not_signed(tmp_path: Path) -> None:
    with pytest.raises(signing.SignedFilesError, match="no file to sign"):
        signing.sign(tmp_path, Signed(tmp_path).signer())
    with pytest.raises(signing.SignedFilesError, match="there is no folder or file"):
        signing.sign(tmp_path / "nowhere", Signed(tmp_path).signer())


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_refused_and_not_waited_for(signed: Signed) -> None:
    os.mkfifo(signed.folder / "pipe")
    with pytest.raises(signing.SignedFilesError, match="'pipe' is neither a file nor a folder"):
        signed.verify()


@pytest.mark.parametrize("name", ["a\nb", "a\\b", "a\u202eb", "C:x"])
def test_a_file_whose_name_would_mislead_is_refused(signed: Signed, name: str) -> None:
    (signed.folder / name).write_text("")
    for verb in (lambda: signing.sign(signed.folder, signed.signer(), replace=True), signed.verify):
        with pytest.raises(signing.SignedNamesError) as caught:
            verb()
        assert "\n" not in str(caught.value)


def test_a_name_that_is_not_unicode_is_refused(signed: Signed) -> None:
    try:
        (signed.folder / "a\udcff").write_text("")
    except (OSError, UnicodeError):
        pytest.skip("this file system takes only Unicode names")
    with pytest.raises(signing.SignedNamesError):
        signed.verify()


def test_folders_too_deep_and_files_too_many_are_refused(
    signed: Signed, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = signed.folder.joinpath(*["d"] * 70)
    deep.mkdir(parents=True)
    (deep / "x").write_text("")
    with pytest.raises(signing.SignedFilesError, match="over 64 folders deep"):
        signed.verify()
    monkeypatch.setattr(_tree, "MOST_FILES", 1)
    with pytest.raises(signing.SignedFilesError):
        signed.verify()


def test_a_missing_signature_is_said(signed: Signed) -> None:
    signed.signature.unlink()
    with pytest.raises(signing.MissingSignatureError, match=r"there is no signature .*model.sig"):
        signed.verify()
    signed.signature.mkdir()
    with pytest.raises(SignatureError, match="is not a file"):
        signed.verify()


def set_at(path: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(data: dict[str, Any]) -> None:
        *above, last = path.split(".")
        here: Any = data
        for key in above:
            here = here[int(key)] if isinstance(here, list) else here[key]
        if value is DROP:
            del here[last]
        elif isinstance(here, list):
            here[int(last)] = value
        else:
            here[last] = value

    return change


DROP = object()
MALFORMED = signing.MalformedSignatureError
UNSUPPORTED = signing.UnsupportedSignatureError


@pytest.mark.parametrize(
    ("path", "value", "error", "says"),
    [
        ("mediaType", DROP, MALFORMED, "must have the key 'mediaType'"),
        ("mediaType", "application/json", UNSUPPORTED, "the media type must be application/vnd"),
        ("dsseEnvelope", DROP, MALFORMED, "must have the key 'dsseEnvelope'"),
        ("dsseEnvelope", [], MALFORMED, "'dsseEnvelope' must be an object, but is []"),
        ("dsseEnvelope.payload", "?", MALFORMED, "the payload is not base64"),
        ("dsseEnvelope.payload", 1, MALFORMED, "'payload' must be a string, but is 1"),
        ("dsseEnvelope.payloadType", "text/plain", UNSUPPORTED, "the payload type must be"),
        ("dsseEnvelope.signatures", [], MALFORMED, "exactly one signature, but has 0"),
        ("dsseEnvelope.signatures.0", None, MALFORMED, "must be an object, but is None"),
        ("dsseEnvelope.signatures.0.sig", "", MALFORMED, "1 to 512 bytes, but has 0"),
        ("dsseEnvelope.signatures.0.sig", "AAAA", signing.BadSignatureError, "does not fit"),
        ("verificationMaterial", {}, MALFORMED, "exactly one of publicKey"),
        ("verificationMaterial.certificate", {}, MALFORMED, "publicKey and certificate"),
        ("verificationMaterial.publicKey.hint", 7, MALFORMED, "'hint' must be a string"),
        ("verificationMaterial.publicKey.hint", "ab", signing.SignatureKeyError, "key 'ab'"),
    ],
)
def test_a_bundle_of_another_form_is_refused_by_name(
    signed: Signed, path: str, value: Any, error: type[HubError], says: str
) -> None:
    signed.change(set_at(path, value))
    with pytest.raises(error) as caught:
        signed.verify()
    assert type(caught.value) is error
    assert says in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("path", "value", "error", "says"),
    [
        ("_type", "https://in-toto.io/Statement/v0.1", UNSUPPORTED, "the statement's type must be"),
        ("predicateType", "https://model_signing/Digests/v0.1", UNSUPPORTED, "signature/v1.0"),
        ("predicate", DROP, MALFORMED, "must have the key 'predicate'"),
        ("subject", [], MALFORMED, "one subject, but has 0"),
        ("subject.0.digest.sha256", "0" * 64, MALFORMED, "contradicts itself"),
        ("predicate.serialization.method", "shards", UNSUPPORTED, "the method must be files"),
        ("predicate.serialization.hash_type", "md5", UNSUPPORTED, "but are 'md5'"),
        ("predicate.serialization.allow_symlinks", "no", MALFORMED, "true or false, but is 'no'"),
        ("predicate.serialization.ignore_paths", ["../x"], signing.SignedNamesError, "'../x'"),
        ("predicate.serialization.ignore_paths", [3], MALFORMED, "a string, but is 3"),
        ("predicate.resources", [], MALFORMED, "1 to 100000 files, but lists 0"),
        ("predicate.resources.0", "x", MALFORMED, "must be an object, but is 'x'"),
        ("predicate.resources.0.algorithm", "blake2b", UNSUPPORTED, "must be sha256, but is"),
        ("predicate.resources.0.digest", "AB" * 32, MALFORMED, "lower-case hexadecimal"),
        ("predicate.resources.0.digest", "ab", MALFORMED, "64 lower-case"),
        ("predicate.resources.0.name", "/etc/passwd", signing.SignedNamesError, "'/etc/passwd'"),
        ("predicate.resources.0.name", "a/./b", signing.SignedNamesError, "plain path"),
        ("predicate.resources.0.name", "a\\b", signing.SignedNamesError, "plain path"),
        ("predicate.resources.0.name", "c:/b", signing.SignedNamesError, "plain path"),
        ("predicate.resources.0.name", "a\nb", signing.SignedNamesError, "plain path"),
        ("predicate.resources.0.name", "", signing.SignedNamesError, "plain path"),
    ],
)  # fmt: skip
def test_a_signed_statement_of_another_form_is_refused_by_name(
    signed: Signed, path: str, value: Any, error: type[HubError], says: str
) -> None:
    statement = signed.statement()
    set_at(path, value)(statement)
    signed.state(statement)
    with pytest.raises(error) as caught:
        signed.verify()
    assert type(caught.value) is error
    assert says in str(caught.value) and "\n" not in str(caught.value)


def test_a_key_twice_is_refused_in_the_bundle_and_in_what_was_signed(signed: Signed) -> None:
    payload = json.dumps(signed.statement()).replace("{", '{"predicate": {}, ', 1).encode()
    signed.state(payload)
    with pytest.raises(MALFORMED, match="the payload has the key 'predicate' twice"):
        signed.verify()
    text = signed.signature.read_text()
    signed.signature.write_text(text.replace("{", '{"mediaType": "", ', 1))
    with pytest.raises(MALFORMED, match="has the key 'mediaType' twice"):
        signed.verify()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"", "is not JSON"),
        (b"\xff\xfe", "is not JSON"),
        (b"[" * 9_000 + b"]" * 9_000, "nested too deeply"),
        (b'{"mediaType": NaN}', "NaN, which is no JSON number"),
        (b"[" + b"9" * 5_000 + b"]", "is not JSON"),
        (b"{}", "must have the key 'mediaType'"),
        (b"[]", "must be an object, but is []"),
    ],
)
def test_a_file_that_is_no_bundle_is_refused(signed: Signed, text: bytes, says: str) -> None:
    signed.signature.write_bytes(text)
    with pytest.raises(MALFORMED) as caught:
        signed.verify()
    assert says in str(caught.value) and "\n" not in str(caught.value)


def test_a_bundle_that_is_too_large_is_not_read_on(
    signed: Signed, monkeypatch: pytest.MonkeyPatch
) -> None:
    from weft_hub.signing import _bundle, _verbs

    for module in (_bundle, _verbs):
        monkeypatch.setattr(module, "MOST_BYTES", 100)
    with pytest.raises(MALFORMED, match="at most 100 bytes, but has 101"):
        signed.verify()


def test_blake2b_of_another_signer_is_verified(signed: Signed) -> None:
    import hashlib

    files = {
        name: hashlib.blake2b((signed.folder / name).read_bytes()).hexdigest()
        for name in ("config.json", "weights.safetensors")
    }
    signed.state(_statement.Statement("model", "blake2b", files, ("model.sig",)).payload())
    assert signed.verify().files == files
    (signed.folder / "config.json").write_text("[]")
    with pytest.raises(signing.SignedFilesError, match="1 changed"):
        signed.verify()


def test_any_of_several_trusted_keys_counts_and_a_bundle_may_name_none(signed: Signed) -> None:
    others = [public_pem(new_key(curve)) for curve in CURVES]
    trust = signing.KeyTrust(*others, public_pem(signed.key))
    own = signed.signer().key_id
    assert signing.verify(signed.folder, trust).signer.key_id == own
    signed.state(signed.statement(), material={"publicKey": {}})
    assert signing.verify(signed.folder, trust).signer.key_id == own
    with pytest.raises(signing.BadSignatureError):
        signing.verify(signed.folder, signing.KeyTrust(*others))


def test_keys_that_cannot_be_used_are_said_by_name(tmp_path: Path) -> None:
    key = new_key()
    locked = key.private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")
    )
    weak = rsa.generate_private_key(65537, 1024)
    cases: list[tuple[Callable[[], object], type[HubError], str]] = [
        (lambda: signing.KeyTrust(), signing.SignatureKeyError, "at least one"),
        (lambda: signing.KeyTrust(b"no"), signing.SignatureKeyError, "no public key in PEM"),
        (lambda: signing.KeyTrust(tmp_path / "no"), signing.SignatureKeyError, "cannot read"),
        (lambda: signing.KeyTrust(private_pem(key)), signing.SignatureKeyError, "private key"),
        (lambda: signing.KeyTrust(certify("x").pem), signing.SignatureKeyError, "a certificate"),
        (lambda: signing.KeyTrust(public_pem(weak)), UNSUPPORTED, "of the kind RSA"),
        (
            lambda: signing.KeyTrust(public_pem(new_key(ec.SECP256K1()))),
            UNSUPPORTED,
            "on secp256k1",
        ),
        (
            lambda: signing.KeySigner(private_pem(ed25519.Ed25519PrivateKey.generate())),
            UNSUPPORTED,
            "of the kind Ed25519",
        ),
        (lambda: signing.KeySigner(public_pem(key)), signing.SignatureKeyError, "no private key"),
        (lambda: signing.KeySigner(locked), signing.SignatureKeyError, "encrypted"),
        (
            lambda: signing.KeySigner(locked, password="wrong"),
            signing.SignatureKeyError,
            "password",
        ),
    ]
    for make, error, says in cases:
        with pytest.raises(error) as caught:
            make()
        assert type(caught.value) is error
        assert says in str(caught.value) and "\n" not in str(caught.value), str(caught.value)
    assert signing.KeySigner(locked, password="secret").key_id == sha256(public_pem(key))


def test_without_cryptography_the_error_names_the_extra(
    signed: Signed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "cryptography", None)
    with pytest.raises(MissingPackageError, match=r"weft-hub\[signing\]"):
        signing.KeyTrust(b"")


def test_the_hub_and_its_signatures_load_without_cryptography() -> None:
    script = (
        "import sys; import weft_hub; assert 'weft_hub.signing' not in sys.modules; "
        "from weft_hub import signing; print('cryptography' in sys.modules)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert ended.stdout == "False\n"


def test_a_bundle_has_the_form_that_the_specification_states(signed: Signed) -> None:
    bundle = json.loads(signed.signature.read_bytes())
    assert set(bundle) == {"mediaType", "verificationMaterial", "dsseEnvelope"}
    assert bundle["verificationMaterial"] == {
        "publicKey": {"hint": sha256(public_pem(signed.key))},
        "tlogEntries": [],
    }
    statement = signed.statement()
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert statement["predicateType"] == "https://model_signing/signature/v1.0"
    assert statement["predicate"]["serialization"]["method"] == "files"
    assert statement["predicate"]["resources"][0] == {
        "name": "config.json",
        "algorithm": "sha256",
        "digest": sha256(b"{}"),
    }


def test_each_error_has_a_row_in_the_guide() -> None:
    page = (Path(__file__).parents[3] / "docs" / "guide" / "hub_signatures.md").read_text("utf-8")
    rows = set(re.findall(r"^\| `(\w+Error)` \|", page, re.MULTILINE))
    assert rows == {name for name in signing.__all__ if name.endswith("Error")}
    assert all(issubclass(getattr(signing, name), SignatureError) for name in rows)
