"""Every way in which a signature is refused, each a `SignatureError` with a one-line message."""

from __future__ import annotations

from collections.abc import Iterable

from weft_hub.errors import SignatureError


class MissingSignatureError(SignatureError):
    """A signature is required, but there is none."""


class MalformedSignatureError(SignatureError, ValueError):
    """A signature file is damaged: not JSON, a key twice, a field missing, or far too large."""


class UnsupportedSignatureError(SignatureError):
    """A signature is of a kind that this version does not verify, or speaks of something else."""


class SignatureKeyError(SignatureError, ValueError):
    """A key cannot be used, or is not the one that the signature was made with."""


class CertificateError(SignatureError):
    """A certificate is not valid: its time, its use, or its chain to a trusted root."""


class BadSignatureError(SignatureError):
    """The signature does not fit what it signs: one of them was altered."""


class SignedNamesError(SignatureError, ValueError):
    """A signed statement names files as none may be named: twice, or outside of their folder."""


class SignedFilesError(SignatureError):
    """The files are not those that were signed.

    Attributes:
        changed: signed files with other bytes.
        missing: signed files that are not there.
        extra: files that are there and were not signed.
    """

    def __init__(
        self,
        message: str,
        *,
        changed: Iterable[str] = (),
        missing: Iterable[str] = (),
        extra: Iterable[str] = (),
    ) -> None:
        self.changed = tuple(changed)
        self.missing = tuple(missing)
        self.extra = tuple(extra)
        super().__init__(message)
