"""Damaged and malicious bundles by the thousand: one typed error each, or the truth."""

from __future__ import annotations

import base64
import copy
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from hub.attacks.signer import Signed, certify
from tests.hub.fuzz.json_trees import places
from weft_hub import SignatureError, signing

VALUES: tuple[Any, ...] = (
    None, True, 0, -1, 1e308, "", "x", "../x", "\x00", "A" * 300, "0" * 64, "=", [], {}, [[]],
    [None], {"": ""}, {"name": "a"}, "sha256", ["."], 10**30,
)  # fmt: skip


def mutate(data: Any, draw: random.Random) -> None:
    """Replace, remove, copy or add a value somewhere in `data`."""
    for _ in range(draw.choice((1, 1, 1, 2, 5))):
        found = list(places(data))
        if not found:
            return
        where = draw.choice(found)
        parent = data
        for key in where[:-1]:
            parent = parent[key]
        how = draw.randrange(4)
        if how == 0:
            del parent[where[-1]]
        elif how == 1 and isinstance(parent, list):
            parent.insert(draw.randrange(len(parent) + 1), copy.deepcopy(parent[where[-1]]))
        elif how == 2 and isinstance(parent, dict):
            parent[draw.choice(("name", "rawBytes", "hint", "x"))] = copy.deepcopy(
                draw.choice(VALUES)
            )
        else:
            parent[where[-1]] = copy.deepcopy(draw.choice(VALUES))


def scramble(data: bytes, draw: random.Random) -> bytes:
    """Flip, drop, repeat or cut bytes."""
    made = bytearray(data)
    for _ in range(draw.choice((1, 1, 2, 8))):
        at = draw.randrange(len(made) + 1)
        how = draw.randrange(5)
        if how == 0 and at < len(made):
            made[at] ^= 1 << draw.randrange(8)
        elif how == 1:
            del made[at : at + draw.randrange(1, 40)]
        elif how == 2:
            made[at:at] = made[at : at + draw.randrange(1, 40)]
        elif how == 3:
            made[at:at] = draw.choice((b"{", b"[", b'"', b"\\u0000", b"9" * 50, b"\xff"))
        else:
            del made[at : at + draw.choice((1, 1, 1, len(made)))]
    return bytes(made)


class Target:
    """Folders signed with a key and with a certificate, and every way to damage their bundles."""

    def __init__(self, root: Path) -> None:
        self.signed = Signed.at(root / "model")
        self.by_key = self.signed.signature.read_bytes()
        authority = certify("root", authority=True)
        self.leaf = certify("signer", authority)
        signing.sign(self.signed.folder, self.leaf.signer(), replace=True)
        self.by_certificate = self.signed.signature.read_bytes()
        self.trusts: dict[bytes, signing.Trust] = {
            self.by_key: self.signed.trust(),
            self.by_certificate: signing.CertificateTrust(authority.pem),
        }
        self.truth = {
            name: signing.verify(self.signed.folder, trust).files
            for name, trust in [("files", self.trusts[self.by_certificate])]
        }["files"]
        self.kinds: tuple[Callable[[random.Random], signing.Trust], ...] = (
            self.bytes_of_the_bundle,
            self.values_of_the_bundle,
            self.values_of_a_signed_statement,
            self.bytes_of_a_signed_statement,
            self.bytes_of_the_certificate,
        )

    def bytes_of_the_bundle(self, draw: random.Random) -> signing.Trust:
        """Damage the file."""
        bundle = draw.choice((self.by_key, self.by_certificate))
        self.signed.signature.write_bytes(scramble(bundle, draw))
        return self.trusts[bundle]

    def values_of_the_bundle(self, draw: random.Random) -> signing.Trust:
        """Change the bundle, still JSON."""
        bundle = draw.choice((self.by_key, self.by_certificate))
        data = json.loads(bundle)
        mutate(data, draw)
        self.signed.signature.write_text(json.dumps(data))
        return self.trusts[bundle]

    def values_of_a_signed_statement(self, draw: random.Random) -> signing.Trust:
        """Sign another statement with the trusted key."""
        self.signed.signature.write_bytes(self.by_key)
        statement = self.signed.statement()
        mutate(statement, draw)
        self.signed.state(statement)
        return self.trusts[self.by_key]

    def bytes_of_a_signed_statement(self, draw: random.Random) -> signing.Trust:
        """Sign bytes that are hardly a statement with the trusted key."""
        self.signed.signature.write_bytes(self.by_key)
        self.signed.state(scramble(json.dumps(self.signed.statement()).encode(), draw))
        return self.trusts[self.by_key]

    def bytes_of_the_certificate(self, draw: random.Random) -> signing.Trust:
        """Damage the certificate in the bundle."""
        data = json.loads(self.by_certificate)
        chain = data["verificationMaterial"]["x509CertificateChain"]["certificates"]
        der = self.leaf.certificate.public_bytes(Encoding.DER)
        chain[0]["rawBytes"] = base64.b64encode(scramble(der, draw)).decode()
        self.signed.signature.write_text(json.dumps(data))
        return self.trusts[self.by_certificate]

    def run(self, seed: int) -> str:
        """Run one case and return how it ended; anything but a typed line or the truth fails."""
        draw = random.Random(seed)
        kind = self.kinds[seed % len(self.kinds)]
        trust = kind(draw)
        try:
            found = signing.verify(self.signed.folder, trust)
        except SignatureError as error:
            assert "\n" not in str(error), (seed, kind.__name__, str(error))
            assert len(str(error)) < 2_000, (seed, kind.__name__, len(str(error)))
            return type(error).__name__
        assert found.files == self.truth, (seed, kind.__name__)
        return "verified"


@pytest.fixture
def target(tmp_path: Path) -> Target:
    """A target of its own."""
    return Target(tmp_path)


def test_a_damaged_bundle_is_one_typed_error_or_still_the_truth(target: Target) -> None:
    ended = [target.run(seed) for seed in range(600)]
    # The cases reach every rule, and few of them are left as they were.
    assert {
        "MalformedSignatureError",
        "UnsupportedSignatureError",
        "SignatureKeyError",
        "BadSignatureError",
        "CertificateError",
        "SignedNamesError",
        "SignedFilesError",
    } <= set(ended)
    assert ended.count("verified") < 100


@pytest.mark.slow
def test_the_same_for_twenty_thousand_bundles(target: Target) -> None:
    for seed in range(1_000, 21_000):
        target.run(seed)
