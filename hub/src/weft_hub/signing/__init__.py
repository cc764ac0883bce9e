"""Signatures of models: OpenSSF Model Signing bundles, made and verified with keys or certificates.

It needs the extra `weft-hub[signing]`, the cryptography library.
"""

from weft_hub.signing._bundle import MOST_BYTES
from weft_hub.signing._certificates import CertificateSigner, CertificateTrust
from weft_hub.signing._keys import KeySigner, KeyTrust
from weft_hub.signing._trust import Identity, Signer, Trust
from weft_hub.signing._verbs import (
    Verified,
    sign,
    sign_document,
    verify,
    verify_document,
)
from weft_hub.signing.errors import (
    BadSignatureError,
    CertificateError,
    MalformedSignatureError,
    MissingSignatureError,
    SignatureKeyError,
    SignedFilesError,
    SignedNamesError,
    UnsupportedSignatureError,
)

__all__ = [
    "MOST_BYTES",
    "BadSignatureError",
    "CertificateError",
    "CertificateSigner",
    "CertificateTrust",
    "Identity",
    "KeySigner",
    "KeyTrust",
    "MalformedSignatureError",
    "MissingSignatureError",
    "SignatureKeyError",
    "SignedFilesError",
    "SignedNamesError",
    "Signer",
    "Trust",
    "UnsupportedSignatureError",
    "Verified",
    "sign",
    "sign_document",
    "verify",
    "verify_document",
]
