"""Signature bundles and the statements in them."""

from __future__ import annotations

import base64
import hashlib
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding

from hub.attacks.signer import certify, new_key, private_pem, public_pem
from tests.hub.fuzz.damage import damaged
from tests.hub.fuzz.json_trees import dump, encoded, mutate
from tests.hub.fuzz.reader import ACCEPTED, refused
from weft_hub import SignatureError, signing
from weft_hub.signing._bundle import encoded as pre_authentication
from weft_hub.signing._bundle import write_bundle
from weft_hub.signing._statement import Statement, read_statement
from weft_hub.signing._verbs import verify_digests

NAME = "index.json"
CONTENT = b"what was signed"
_FILES = {"config.json": hashlib.sha256(b"{}").hexdigest(), "w": hashlib.sha256(b"w").hexdigest()}
_TOKENS = (
    b"{", b"}", b"[", b"]", b'"', b":", b",", b"\\u0000", b"\\ud800", b"NaN", b"1e999", b"\xff",
    b"=",
    b"9" * 50, b'"payload":""', b'"hint":null', b"AAAA", b"\n",
)  # fmt: skip


class Signatures:
    """`verify_document`, `verify_digests` and the statement, with keys and with certificates."""

    name = "signature"

    def __init__(self, folder: Path) -> None:
        key, authority = new_key(), certify("root", authority=True)
        leaf = certify("signer", authority)
        self._der = leaf.certificate.public_bytes(Encoding.DER)
        self._key = signing.KeySigner(private_pem(key))
        self._key_trust = signing.KeyTrust(public_pem(key))
        self._roots = signing.CertificateTrust(authority.pem)
        self._by_key = signing.sign_document(CONTENT, self._key, name=NAME)
        self._by_certificate = signing.sign_document(CONTENT, leaf.signer(), name=NAME)
        self._statement = Statement("model", "sha256", _FILES, ("a/b",)).payload()

    def make(self, draw: random.Random) -> bytes:
        """Return a damaged bundle; or a whole one of a damaged statement, signed all the same."""
        how = draw.random()
        sound = self._by_key if how < 0.3 or draw.random() < 0.5 else self._by_certificate
        if how < 0.2:
            return damaged(sound, draw, _TOKENS, (self._by_key, self._by_certificate))
        if how < 0.5:
            data = json.loads(sound)
            mutate(data, draw)
            return encoded(dump(data))
        if how < 0.7:
            return self._of_a_certificate(draw)
        if how < 0.8:
            statement = damaged(self._statement, draw, _TOKENS)
        else:
            told: Any = json.loads(self._statement)
            mutate(told, draw)
            statement = encoded(dump(told))
        signature = self._key.sign(pre_authentication(statement))
        return write_bundle(statement, signature, self._key.material())

    def _of_a_certificate(self, draw: random.Random) -> bytes:
        data = json.loads(self._by_certificate)
        chain = data["verificationMaterial"]["x509CertificateChain"]["certificates"]
        place = draw.randrange(len(chain))
        chain[place]["rawBytes"] = base64.b64encode(damaged(self._der, draw)).decode()
        return json.dumps(data).encode()

    def ready(self, content: bytes, draw: random.Random) -> Callable[[], str]:
        """Return what verifies it."""
        return lambda: self._read(content, draw)

    def _read(self, content: bytes, draw: random.Random) -> str:
        trust = self._key_trust if b"publicKey" in content else self._roots
        try:
            if b"x509CertificateChain" in content or draw.random() < 0.5:
                signer = signing.verify_document(CONTENT, content, trust=trust, name=NAME)
            else:
                signer = verify_digests(_FILES, content, trust, what="the model")
        except SignatureError as error:
            return refused(error)
        self._require_the_truth(content, signer.key_id)
        return ACCEPTED

    def _require_the_truth(self, content: bytes, key_id: str) -> None:
        """What was verified says nothing that the signer did not sign."""
        payload = base64.b64decode(json.loads(content)["dsseEnvelope"]["payload"])
        files = read_statement(payload, "it").files
        assert files in ({NAME: hashlib.sha256(CONTENT).hexdigest()}, _FILES) or all(
            files.get(name) == digest for name, digest in _FILES.items()
        )
        assert len(key_id) == 64
