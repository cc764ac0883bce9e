"""The verbs: sign a folder or file, and verify one; the signature is a file of its own."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from weft_hub._files.whole_file import write_whole
from weft_hub.errors import SignatureError
from weft_hub.signing._bundle import MOST_BYTES, encoded, read_bundle, write_bundle
from weft_hub.signing._keys import require_cryptography
from weft_hub.signing._statement import Statement, plain_paths, read_statement
from weft_hub.signing._tree import IGNORED, digest_of, walk
from weft_hub.signing._trust import Identity, Signer, Trust
from weft_hub.signing.errors import (
    MissingSignatureError,
    SignedFilesError,
    UnsupportedSignatureError,
)

SIGNATURE = "model.sig"
_SHOWN = 5


@dataclass(frozen=True)
class Verified:
    """What a verification found to be true.

    Attributes:
        path: the folder or file that was verified.
        signature: the signature.
        signer: who signed it.
        name: what the signer called it; nothing rests on it.
        files: the digest of each verified file, by name.
        unchecked: paths that are there and were not looked at: the signature itself, what the
            signer or the caller named to be ignored, and what git keeps.
    """

    path: Path
    signature: Path
    signer: Identity
    name: str
    files: Mapping[str, str]
    unchecked: tuple[str, ...]


def signature_of(path: Path) -> Path:
    """Return where the signature of a folder or file is kept if nothing else is said."""
    return path / SIGNATURE if path.is_dir() else path.with_name(f"{path.name}.sig")


def sign(
    path: str | Path,
    signer: Signer,
    *,
    signature: str | Path | None = None,
    ignore: Iterable[str] = (),
    replace: bool = False,
) -> Path:
    """Sign every file of a folder, or one file, and write the signature beside them.

    Args:
        path: the folder or file.
        signer: who signs: a `KeySigner` or a `CertificateSigner`.
        signature: where to write the signature; `model.sig` in the folder, or the file's name with
            `.sig`.
        ignore: paths from the folder that are left out, beside the signature and git's own files
            (`.git`, `.gitattributes`, `.github` and `.gitignore` at the top). The signature states
            them.
        replace: write over a signature that is there already; any other file is left alone.

    Returns:
        The path of the signature.

    Raises:
        SignedFilesError: there is nothing to sign, a link, something that cannot be read, or a
            signature already.
        SignedNamesError: a file has a name that cannot be signed.
        SignatureKeyError: the key made no good signature.
    """
    path = Path(path)
    target = Path(signature) if signature is not None else signature_of(path)
    if os.path.lexists(target):
        _require_replaceable(target, replace)
    ignored = _left_out(path, target, ignore)
    tree = walk(path, ignored)
    if not tree.files:
        raise SignedFilesError(f"{path} has no file to sign")
    files = {name: digest_of(found, "sha256") for name, found in tree.files.items()}
    payload = Statement(path.resolve().name, "sha256", files, ignored).payload()
    bundle = _bundle(payload, signer)
    try:
        write_whole(target, bundle, mode=0o644)
    except OSError as error:
        raise SignedFilesError(f"cannot write {target}: {error.strerror or error}") from error
    return target


def verify(
    path: str | Path,
    trust: Trust,
    *,
    signature: str | Path | None = None,
    ignore: Iterable[str] = (),
) -> Verified:
    """Verify that the files of a folder, or one file, are exactly those that somebody signed.

    Args:
        path: the folder or file.
        trust: whose signatures count: a `KeyTrust` or a `CertificateTrust`.
        signature: the signature; otherwise where `sign` writes it.
        ignore: paths from the folder that need not have been signed, beside the signature itself,
            what the signer left out, and git's own files.

    Returns:
        Who signed, and what.

    Raises:
        MissingSignatureError: there is no signature.
        SignedFilesError: a file is changed, missing or was not signed; all of them are named.
        SignatureError: another subclass: the signature is damaged, of another kind, or not that of
            somebody who is trusted.
    """
    path = Path(path)
    target = Path(signature) if signature is not None else signature_of(path)
    if not path.exists():
        raise SignedFilesError(f"there is no folder or file {path}")
    data = read_signature(target)
    identity, statement = _accepted(data, trust, str(target))
    ignored = (*_left_out(path, target, ignore), *statement.ignored)
    tree = walk(path, frozenset(ignored))
    _compare(statement, tree.files, str(path))
    return Verified(path, target, identity, statement.name, statement.files, tree.ignored)


@dataclass(frozen=True)
class SignedDigests:
    """What a signature that was accepted says of files that are elsewhere.

    Attributes:
        what: what to call the files in messages.
        signer: who signed.
        files: the SHA-256 of each file, by the name it was signed under.
    """

    what: str
    signer: Identity
    files: Mapping[str, str]

    def require(self, digests: Mapping[str, str], *, missing: Sequence[str] = ()) -> None:
        """Check that files are as they were signed; others may have been signed too.

        Args:
            digests: the SHA-256 of each file in hexadecimal digits, by name.
            missing: names that were signed and are wanted, but are not there.

        Raises:
            SignedFilesError: one is not; every such name is in the message.
        """
        _report(
            self.what,
            changed=[n for n in digests if self.files.get(n, digests[n]) != digests[n]],
            missing=missing,
            extra=[name for name in digests if name not in self.files],
        )


def signed_digests(bundle: bytes, trust: Trust, *, what: str) -> SignedDigests:
    """Verify a signature, and return what it says of files that are compared later.

    Args:
        bundle: the bytes of the signature.
        trust: whose signatures count.
        what: what to call the files in messages.

    Raises:
        SignatureError: a subclass, as for `verify`.
    """
    identity, statement = _accepted(bundle, trust, f"the signature of {what}")
    if statement.hash != "sha256":
        raise UnsupportedSignatureError(
            f"the signature of {what} must be over SHA-256, but is over {statement.hash}"
        )
    return SignedDigests(what, identity, statement.files)


def verify_digests(
    digests: Mapping[str, str], bundle: bytes, trust: Trust, *, what: str
) -> Identity:
    """Verify that each of some files was signed, by SHA-256 that were computed already.

    The signature may be over more files than these, such as a whole repository.

    Args:
        digests: the SHA-256 of each file in hexadecimal digits, by the name it was signed under.
        bundle: the bytes of the signature.
        trust: whose signatures count.
        what: what to call them in messages.

    Returns:
        Who signed.

    Raises:
        SignatureError: a subclass, as for `verify`.
    """
    signed = signed_digests(bundle, trust, what=what)
    signed.require(digests)
    return signed.signer


def verify_document(
    content: bytes, bundle: bytes, *, trust: Trust, name: str = "index.json"
) -> Identity:
    """Verify that `content` is the one document that the signature `bundle` is over.

    Args:
        content: the document, such as a refreshed index.
        bundle: the bytes of the signature.
        trust: whose signatures count, such as the keys that the user pinned.
        name: the file name that the document was signed under.

    Returns:
        Who signed.

    Raises:
        SignatureError: a subclass, as for `verify`.
    """
    identity, statement = _accepted(bundle, trust, f"the signature of {name}")
    if tuple(statement.files) != (name,):
        raise SignedFilesError(
            f"the signature of {name} must be over that file alone, but is over "
            f"{_some(statement.files)}",
            missing=set(statement.files) - {name},
        )
    if hashlib.new(statement.hash, content).hexdigest() != statement.files[name]:
        raise SignedFilesError(
            f"{name} has other bytes than those that were signed", changed=[name]
        )
    return identity


def sign_document(content: bytes, signer: Signer, *, name: str = "index.json") -> bytes:
    """Return the signature of one document, as `verify_document` takes it.

    Args:
        content: the document.
        signer: who signs.
        name: the file name that it is signed under.
    """
    files = {name: hashlib.sha256(content).hexdigest()}
    return _bundle(Statement(name, "sha256", files).payload(), signer)


def read_signature(path: Path) -> bytes:
    """Return the bytes of a signature, and no more of them than one can have.

    Raises:
        MissingSignatureError: there is none.
        SignatureError: it cannot be read.
    """
    try:
        if path.exists() and not path.is_file():
            raise SignatureError(f"{path} is not a file; a signature is one")
        with path.open("rb") as stream:
            return stream.read(MOST_BYTES + 1)
    except FileNotFoundError as error:
        raise MissingSignatureError(f"there is no signature {path}") from error
    except OSError as error:
        raise SignatureError(
            f"cannot read the signature {path}: {error.strerror or error}"
        ) from error


def _require_replaceable(target: Path, replace: bool) -> None:
    """Check that a file may be written over: it is a signature, and the caller said so."""
    if not replace:
        raise SignedFilesError(
            f"{target} is there already; remove it, name another file, or allow it to be replaced "
            "(--replace, replace=True)"
        )
    try:
        read_bundle(read_signature(target), str(target))
    except SignatureError as error:
        raise SignedFilesError(
            f"{target} is there already and is no signature, so it is not replaced: {error}"
        ) from error


def _bundle(payload: bytes, signer: Signer) -> bytes:
    read_statement(payload, "what would be signed")  # whatever we sign, we must be able to verify
    bundle = write_bundle(payload, signer.sign(encoded(payload)), signer.material())
    if len(bundle) > MOST_BYTES:
        raise SignedFilesError(
            f"the signature would have {len(bundle)} bytes, but at most {MOST_BYTES} are read"
        )
    return bundle


def _accepted(data: bytes, trust: Trust, what: str) -> tuple[Identity, Statement]:
    """Return who signed what: form first, then the signature, and the payload only after that."""
    bundle = read_bundle(data, what)
    require_cryptography()
    identity = trust.accept(bundle, what)
    return identity, read_statement(bundle.payload, f"{what}: the payload")


def _compare(statement: Statement, files: Mapping[str, Path], what: str) -> None:
    _report(
        what,
        changed=[
            name
            for name in sorted(set(files) & set(statement.files))
            if digest_of(files[name], statement.hash) != statement.files[name]
        ],
        missing=sorted(set(statement.files) - set(files)),
        extra=sorted(set(files) - set(statement.files)),
    )


def _report(
    what: str,
    *,
    changed: Sequence[str] = (),
    missing: Sequence[str] = (),
    extra: Sequence[str] = (),
) -> None:
    """Raise one error with every file that is not as it was signed, or do nothing."""
    wrong = [
        f"{len(names)} {said} ({_some(names)})"
        for names, said in (
            (changed, "changed since"),
            (missing, "signed but not there"),
            (extra, "there but not signed"),
        )
        if names
    ]
    if wrong:
        raise SignedFilesError(
            f"{what} is not what was signed: {'; '.join(wrong)}",
            changed=changed,
            missing=missing,
            extra=extra,
        )


def _left_out(path: Path, signature: Path, ignore: Iterable[str]) -> tuple[str, ...]:
    if not path.is_dir():
        return ()
    own = []
    try:
        # The signature itself may be a link, so only the folder that it is in is resolved.
        place = signature.parent.resolve() / signature.name
        own.append(place.relative_to(path.resolve()).as_posix())
    except ValueError:  # it is kept elsewhere
        pass
    return plain_paths((*IGNORED, *own, *ignore), str(path))


def _some(names: Iterable[str]) -> str:
    listed = [repr(name) for name in names]
    more = f" and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else ""
    return ", ".join(listed[:_SHOWN]) + more
