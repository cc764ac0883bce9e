"""The commands `weft-hub sign` and `weft-hub verify`."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weft_hub._commands.arguments import add_json, add_offline
from weft_hub._commands.json_output import print_json
from weft_hub._repository.files import PREFIX
from weft_hub.errors import SettingError
from weft_hub.hub import Hub
from weft_hub.settings import Settings

if TYPE_CHECKING:
    from weft_hub.signing import Trust


def add(commands: Any) -> None:
    """Add the commands to the parser."""
    one = commands.add_parser("sign", help="sign a folder or file with a key or certificate")
    one.add_argument("path", metavar="PATH", help="the folder of a model, or a file")
    one.add_argument("--key", metavar="PEM", required=True, help="your private key")
    one.add_argument("--certificate", metavar="PEM", help="the certificate of the key")
    _add_files(one, "--certificate-chain", "certificates between it and the root")
    one.add_argument("--password-file", metavar="FILE", help="holds the password of the key")
    one.add_argument("--replace", action="store_true", help="write over a signature that is there")
    _add_shared(one)
    one.set_defaults(run=sign)

    one = commands.add_parser("verify", help="verify that files are what somebody signed")
    one.add_argument(
        "path",
        metavar="PATH|NAME",
        help="a folder, a file, a model's name, or hf:OWNER/NAME@COMMIT",
    )
    _add_files(one, "--key", "a public key that you trust")
    _add_files(
        one,
        "--certificate-chain",
        "root certificates that you trust, and any on the way to them",
    )
    one.add_argument("--at", metavar="TIME", help="when certificates must be valid; default: now")
    add_offline(one)
    _add_shared(one)
    one.set_defaults(run=verify)


def sign(options: argparse.Namespace) -> int:
    """Sign a folder or file, and print the path of the signature."""
    from weft_hub import signing

    password = None
    if options.password_file is not None:
        password = _first_line(Path(options.password_file))
    signer: signing.KeySigner
    if options.certificate is not None:
        signer = signing.CertificateSigner(
            options.key, options.certificate, options.certificate_chain, password=password
        )
    elif options.certificate_chain:
        raise SettingError("--certificate-chain goes with --certificate, which is missing")
    else:
        signer = signing.KeySigner(options.key, password=password)
    path = signing.sign(
        options.path,
        signer,
        signature=options.signature,
        ignore=options.ignore,
        replace=options.replace,
    )
    if options.json:
        data = {"path": options.path, "signature": str(path), "key_id": signer.key_id}
        print_json(data)
    else:
        print(path)
    return 0


def verify(options: argparse.Namespace) -> int:
    """Verify a folder, a file or a model of the index, and print who signed it."""
    trust = _trust(options)
    if options.path.startswith(PREFIX):
        return _verify_repository(options, trust)
    if not Path(options.path).exists() and options.path.count("/") == 1:
        return _verify_model(options, trust)
    from weft_hub import signing

    trust = trust or _pinned_trust()
    found = signing.verify(options.path, trust, signature=options.signature, ignore=options.ignore)
    data = {
        "path": str(found.path),
        "signature": str(found.signature),
        "signer": asdict(found.signer),
        "name": found.name,
        "files": dict(found.files),
        "unchecked": list(found.unchecked),
    }
    _print(options, data)
    return 0


def _pinned_trust() -> Trust:
    from weft_hub import signing

    keys = Settings.from_environment().keys
    if not keys:
        raise SettingError(
            "whose signature counts? give --key or --certificate-chain, or set WEFT_HUB_KEYS"
        )
    return signing.KeyTrust(*keys)


def _verify_repository(options: argparse.Namespace, trust: Trust | None) -> int:
    from weft_hub._repository.files import Repository
    from weft_hub._repository.loading import Loading, open_repository
    from weft_hub.progress import choose

    asked = Repository.parse(options.path)
    if options.signature is not None or options.ignore:
        raise SettingError(
            f"{options.path} is a repository, which has its own signature: --signature and "
            "--ignore do not go with it"
        )
    trust = trust or _pinned_trust()
    hub = Hub(offline=options.offline)
    source, listing = open_repository(hub, asked, offline=hub.offline)
    loading = Loading(hub, source, listing, choose(False), offline=hub.offline)
    path, signed = loading.require_signature(trust)
    names = sorted(set(signed.files) & set(listing.files))
    files = {file.name: file.sha256 for file, _ in loading.fetch_all(names, "extra")}
    data = {
        "path": str(listing.repository),
        "signature": str(path),
        "signer": asdict(signed.signer),
        "name": str(listing.repository),
        "files": files,
        "unchecked": sorted((set(signed.files) | set(listing.files)) - set(names)),
    }
    _print(options, data)
    return 0


def _verify_model(options: argparse.Namespace, trust: Trust | None) -> int:
    from weft_hub.index._signed_entry import verify_entry

    if options.signature is not None or options.ignore:
        raise SettingError(
            f"{options.path} is no folder or file here, so it is a model of the index, which names "
            "its own signature: --signature and --ignore do not go with it"
        )
    hub = Hub(offline=options.offline)
    card = hub.info(options.path)
    snapshot = hub.download(card.name, progress=False)
    signer = verify_entry(card, lambda file: snapshot.files[file.name], trust, hub.keys)
    assert card.signature is not None  # verify_entry raises without one
    data = {
        "path": str(snapshot.folder),
        "signature": str(snapshot.files[card.signature.file]),
        "signer": asdict(signer),
        "name": card.name,
        "files": {file.name: file.sha256 for file in card.files if file.role != "signature"},
        "unchecked": [card.signature.file],
    }
    _print(options, data)
    return 0


def _print(options: argparse.Namespace, data: dict[str, Any]) -> None:
    if options.json:
        print_json(data)
        return
    signer = data["signer"]
    by = f"the key {signer['key_id']}"
    if signer["kind"] == "certificate":
        by = f"{signer['name']}, certified by {signer['issuer']}"
    count = len(data["files"])
    print(f"{options.path}: {count} {'file is' if count == 1 else 'files are'} as signed by {by}")
    if data["unchecked"]:
        print(f"  not looked at: {', '.join(data['unchecked'])}")


def _trust(options: argparse.Namespace) -> Trust | None:
    from weft_hub import signing

    if options.key and options.certificate_chain:
        raise SettingError("give --key or --certificate-chain, not both: a signature has one kind")
    if options.at is not None and not options.certificate_chain:
        raise SettingError("--at is about certificates and goes with --certificate-chain")
    if options.certificate_chain:
        return signing.CertificateTrust(*options.certificate_chain, at=_time(options.at))
    return signing.KeyTrust(*options.key) if options.key else None


def _time(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise SettingError(
            f"--at must be a time such as 2026-01-31 or 2026-01-31T12:00Z, but is {text!r}"
        ) from error
    return time if time.tzinfo is not None else time.replace(tzinfo=UTC)


def _first_line(path: Path) -> str:
    try:
        with path.open(encoding="utf-8") as stream:
            return stream.readline(4096).rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise SettingError(f"cannot read the password file {path}: {why}") from error


def _add_files(one: argparse.ArgumentParser, option: str, help: str) -> None:
    """Add an option that may be given several times, each with a PEM file."""
    one.add_argument(option, metavar="PEM", action="append", default=[], help=help)


def _add_shared(one: argparse.ArgumentParser) -> None:
    one.add_argument(
        "--signature", metavar="FILE", help="the signature; default: model.sig in the folder"
    )
    one.add_argument(
        "--ignore",
        metavar="PATH",
        action="append",
        default=[],
        help="a path in the folder that is left out, beside the signature and git's own files",
    )
    add_json(one)
