"""The commands `sign` and `verify`: what they print, and one line for every failure."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
)

from hub.attacks.signer import NOW, certify, new_key, private_pem, public_pem
from hub.attacks.stage import sha256
from tests.hub.conftest import Outcome

Command = Callable[..., Outcome]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder to sign, and keys beside it."""
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "weights.bin").write_bytes(b"weights")
    key = new_key()
    (tmp_path / "key.pem").write_bytes(private_pem(key))
    (tmp_path / "key.pub").write_bytes(public_pem(key))
    return folder


def test_a_folder_is_signed_and_verified_with_a_key(command: Command, folder: Path) -> None:
    above = folder.parent
    signed = command("sign", folder, "--key", above / "key.pem")
    assert signed == Outcome(0, f"{folder / 'model.sig'}\n", "")
    code, out, err = command("verify", folder, "--key", above / "key.pub")
    key_id = sha256((above / "key.pub").read_bytes())
    assert (code, err) == (0, "")
    assert out == (
        f"{folder}: 1 file is as signed by the key {key_id}\n  not looked at: model.sig\n"
    )


def test_json_has_all_that_was_verified(command: Command, folder: Path) -> None:
    above = folder.parent
    data = json.loads(command("sign", folder, "--key", above / "key.pem", "--json").out)
    key_id = sha256((above / "key.pub").read_bytes())
    assert data == {
        "path": str(folder),
        "signature": str(folder / "model.sig"),
        "key_id": key_id,
    }
    data = json.loads(command("verify", folder, "--key", above / "key.pub", "--json").out)
    assert data == {
        "path": str(folder),
        "signature": str(folder / "model.sig"),
        "signer": {"kind": "key", "name": key_id, "key_id": key_id, "issuer": ""},
        "name": "model",
        "files": {"weights.bin": sha256(b"weights")},
        "unchecked": ["model.sig"],
    }


def test_a_folder_is_signed_and_verified_with_certificates(command: Command, folder: Path) -> None:
    above = folder.parent
    root = certify("root", authority=True, days=(-900, 900))
    between = certify("between", root, authority=True, days=(-900, 900))
    leaf = certify("signer", between)
    for name, one in {"root": root, "between": between, "leaf": leaf}.items():
        (above / f"{name}.pem").write_bytes(one.pem)
    (above / "key.pem").write_bytes(private_pem(leaf.key))
    signed = command(
        "sign", folder, "--key", above / "key.pem", "--certificate", above / "leaf.pem",
        "--certificate-chain", above / "between.pem",
    )  # fmt: skip
    assert signed.code == 0, signed.err
    roots = ("--certificate-chain", above / "root.pem")
    code, out, err = command("verify", folder, *roots)
    assert (code, err) == (0, "") and "as signed by CN=signer, certified by CN=root" in out
    later = f"{NOW + timedelta(days=11):%Y-%m-%d}"
    assert "is valid from" in command("verify", folder, *roots, "--at", later).err
    assert command("verify", folder, *roots, "--at", f"{NOW:%Y-%m-%d}").code == 0


def test_the_pinned_keys_count_if_no_other_is_given(
    command: Command, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    above = folder.parent
    command("sign", folder, "--key", above / "key.pem")
    assert "whose signature counts?" in command("verify", folder).err
    monkeypatch.setenv("WEFT_HUB_KEYS", str(above / "key.pub"))
    assert command("verify", folder).code == 0


def test_a_locked_key_takes_its_password_from_a_file(command: Command, folder: Path) -> None:
    above, key = folder.parent, new_key()
    locked = key.private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")
    )
    (above / "locked.pem").write_bytes(locked)
    (above / "password").write_text("secret\n")
    arguments = ("sign", folder, "--key", above / "locked.pem")
    assert "encrypted" in command(*arguments).err
    assert "cannot read the password file" in command(*arguments, "--password-file", "no").err
    assert command(*arguments, "--password-file", above / "password").code == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["sign", "FOLDER"], "--key"),
        (["sign", "FOLDER", "--key", "no.pem"], "cannot read the private key no.pem"),
        (["sign", "FOLDER", "--key", "KEY", "--certificate-chain", "x"], "goes with --certificate"),
        (["sign", "FOLDER", "--key", "KEY", "--ignore", "../x"], "must be a plain path"),
        (["sign", "nowhere", "--key", "KEY"], "there is no folder or file nowhere"),
        (["verify", "FOLDER", "--key", "PUBLIC"], "there is no signature"),
        (["verify", "FOLDER", "--key", "KEY"], "holds a private key"),
        (["verify", "FOLDER", "--key", "PUBLIC", "--certificate-chain", "x"], "not both"),
        (["verify", "FOLDER", "--key", "PUBLIC", "--at", "2026-01-01"], "--at is about"),
        (["verify", "FOLDER", "--certificate-chain", "x", "--at", "soon"], "but is 'soon'"),
        (["verify", "nowhere", "--key", "PUBLIC"], "there is no folder or file nowhere"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_nothing(
    command: Command, folder: Path, arguments: list[str], says: str
) -> None:
    above = folder.parent
    places = {"FOLDER": folder, "KEY": above / "key.pem", "PUBLIC": above / "key.pub"}
    code, out, err = command(*[places.get(argument, argument) for argument in arguments])
    assert (code, out) == (1, "")
    assert says in err and err.startswith("weft-hub: ") and err.count("\n") == 1
    assert [path.name for path in folder.iterdir()] == ["weights.bin"]


def test_a_changed_folder_is_one_line_and_exit_code_1(command: Command, folder: Path) -> None:
    above = folder.parent
    command("sign", folder, "--key", above / "key.pem")
    (folder / "weights.bin").write_bytes(b"weightz")
    (folder / "new\nline").write_bytes(b"")
    code, out, err = command("verify", folder, "--key", above / "key.pub")
    assert (code, out) == (1, "") and err.count("\n") == 1
    (folder / "new\nline").unlink()
    err = command("verify", folder, "--key", above / "key.pub").err
    assert "is not what was signed: 1 changed since ('weights.bin')" in err
