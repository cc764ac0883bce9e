"""The reference implementation, model-signing, is the other side: each verifies what one signed."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from model_signing import hashing as their_hashing
from model_signing import signing as their_signing
from model_signing import verifying as their_verifying

from hub.attacks.signer import certify, new_key, private_pem, public_pem
from weft_hub import signing

CURVES = [ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with what tells orders of names apart, and with git's own files."""
    folder = tmp_path / "model"
    for name in (
        "a/x.bin",
        "a.bin",
        "B",
        "é.txt",
        ".hidden",
        ".git/HEAD",
        ".gitignore",
        "a/.git/x",
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    (folder / "empty").write_bytes(b"")
    return folder


def written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def their_config(signature: Path) -> their_hashing.Config:
    return their_hashing.Config().set_ignored_paths(paths=[signature], ignore_git_paths=True)


def they_refuse(verifier: their_verifying.Config, folder: Path) -> None:
    with pytest.raises(ValueError, match="mismatch"):
        verifier.verify(folder, folder / "model.sig")


@pytest.mark.parametrize("curve", CURVES, ids=lambda curve: curve.name)
def test_theirs_with_a_key_verifies_with_ours(
    tmp_path: Path, folder: Path, curve: ec.EllipticCurve
) -> None:
    key, signature = new_key(curve), folder / "model.sig"
    private = written(tmp_path / "key.pem", private_pem(key))
    their_signing.Config().use_elliptic_key_signer(private_key=private).set_hashing_config(
        their_config(signature)
    ).sign(folder, signature)
    found = signing.verify(folder, signing.KeyTrust(public_pem(key)))
    assert set(found.files) == {"a/x.bin", "a.bin", "B", "é.txt", ".hidden", "a/.git/x", "empty"}
    assert found.unchecked == (".git", ".gitignore", "model.sig")
    (folder / "a.bin").write_text("other")
    (folder / "new").write_text("")
    with pytest.raises(signing.SignedFilesError) as caught:
        signing.verify(folder, signing.KeyTrust(public_pem(key)))
    assert (caught.value.changed, caught.value.extra) == (("a.bin",), ("new",))
    with pytest.raises(signing.SignatureKeyError):
        signing.verify(folder, signing.KeyTrust(public_pem(new_key(curve))))


@pytest.mark.parametrize("curve", CURVES, ids=lambda curve: curve.name)
def test_ours_with_a_key_verifies_with_theirs(
    tmp_path: Path, folder: Path, curve: ec.EllipticCurve
) -> None:
    key = new_key(curve)
    signing.sign(folder, signing.KeySigner(private_pem(key)), ignore=["empty"])
    public = written(tmp_path / "key.pub", public_pem(key))

    def verifier() -> their_verifying.Config:
        return their_verifying.Config().use_elliptic_key_verifier(public_key=public)

    verifier().verify(folder, folder / "model.sig")
    (folder / "B").write_text("other")
    they_refuse(verifier(), folder)


def test_theirs_with_a_certificate_verifies_with_ours(tmp_path: Path, folder: Path) -> None:
    root = certify("root", authority=True, days=(-30, 30))
    between = certify("between", root, authority=True, days=(-20, 20))
    leaf = certify("signer", between)
    signature = folder / "model.sig"
    their_signing.Config().use_certificate_signer(
        private_key=written(tmp_path / "key.pem", private_pem(leaf.key)),
        signing_certificate=written(tmp_path / "leaf.pem", leaf.pem),
        certificate_chain=[written(tmp_path / "between.pem", between.pem)],
    ).set_hashing_config(their_config(signature)).sign(folder, signature)
    found = signing.verify(folder, signing.CertificateTrust(root.pem))
    assert (found.signer.name, found.signer.issuer) == ("CN=signer", "CN=root")
    with pytest.raises(signing.CertificateError):
        signing.verify(folder, signing.CertificateTrust(certify("root", authority=True).pem))


def test_ours_with_a_certificate_verifies_with_theirs(tmp_path: Path, folder: Path) -> None:
    root = certify("root", authority=True, days=(-30, 30))
    between = certify("between", root, authority=True, days=(-20, 20))
    leaf = certify("signer", between)
    signing.sign(folder, leaf.signer(between))
    trusted = written(tmp_path / "root.pem", root.pem)

    def verifier() -> their_verifying.Config:
        return their_verifying.Config().use_certificate_verifier(certificate_chain=[trusted])

    verifier().verify(folder, folder / "model.sig")
    (folder / "new").write_text("")
    they_refuse(verifier(), folder)


def test_a_signature_over_parts_of_files_is_refused_with_the_reason(
    tmp_path: Path, folder: Path
) -> None:
    key, signature = new_key(), folder / "model.sig"
    config = their_config(signature).use_shard_serialization(shard_size=4)
    private = written(tmp_path / "key.pem", private_pem(key))
    their_signing.Config().use_elliptic_key_signer(private_key=private).set_hashing_config(
        config
    ).sign(folder, signature)
    with pytest.raises(
        signing.UnsupportedSignatureError, match="the method must be files, but is 'shards'"
    ):
        signing.verify(folder, signing.KeyTrust(public_pem(key)))


def test_a_blake2b_signature_of_theirs_verifies_with_ours(tmp_path: Path, folder: Path) -> None:
    key, signature = new_key(), folder / "model.sig"
    config = their_config(signature).use_file_serialization(hashing_algorithm="blake2")
    private = written(tmp_path / "key.pem", private_pem(key))
    their_signing.Config().use_elliptic_key_signer(private_key=private).set_hashing_config(
        config
    ).sign(folder, signature)
    found = signing.verify(folder, signing.KeyTrust(public_pem(key)))
    assert {len(digest) for digest in found.files.values()} == {128}
