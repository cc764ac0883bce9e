"""Certificates: who may sign, when, and to which roots a chain may lead."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from hub.attacks.signer import (
    CODE,
    NOW,
    Certified,
    Signed,
    certify,
    material_of,
    new_key,
    private_pem,
    public_pem,
)
from weft_hub import HubError, signing


@pytest.fixture
def signed(tmp_path: Path) -> Signed:
    """A signed folder with two files."""
    return Signed.at(tmp_path / "model")


def sign_with(signed: Signed, *chain: Certified) -> None:
    """Sign with the first of a chain, whether or not it may."""
    signed.state(signed.statement(), key=chain[0].key, material=material_of(*chain))


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()])
@pytest.mark.parametrize("extended", [(), CODE])
def test_a_chain_to_a_trusted_root_is_accepted(
    signed: Signed,
    curve: ec.EllipticCurve,
    extended: tuple[x509.ObjectIdentifier, ...],
) -> None:
    root = certify("root", authority=True)
    between = certify("between", root, authority=True, path_length=0)
    leaf = certify("signer", between, key=new_key(curve), extended=extended)
    signing.sign(signed.folder, leaf.signer(between), replace=True)
    found = signing.verify(signed.folder, signing.CertificateTrust(root.pem))
    assert found.signer.kind == "certificate"
    assert (found.signer.name, found.signer.issuer) == ("CN=signer", "CN=root")
    assert found.signer.key_id == signing.KeyTrust(public_pem(leaf.key)).key_ids[0]


def test_what_lies_between_may_be_known_by_the_user_in_place_of_the_bundle(signed: Signed) -> None:
    root = certify("root", authority=True)
    between = certify("between", root, authority=True)
    leaf = certify("signer", between)
    signing.sign(signed.folder, leaf.signer(), replace=True)
    signing.verify(signed.folder, signing.CertificateTrust(between.pem, root.pem))
    with pytest.raises(signing.CertificateError, match="does not lead to a trusted root"):
        signing.verify(signed.folder, signing.CertificateTrust(root.pem))


def test_an_authority_with_an_rsa_key_may_issue(signed: Signed) -> None:
    root = certify("root", authority=True, key=rsa.generate_private_key(65537, 2048))
    sign_with(signed, certify("signer", root))
    signing.verify(signed.folder, signing.CertificateTrust(root.pem))


def test_a_certificate_that_signed_itself_counts_only_where_it_is_trusted(signed: Signed) -> None:
    alone = certify("alone")
    signing.sign(signed.folder, alone.signer(), replace=True)
    found = signing.verify(signed.folder, signing.CertificateTrust(alone.pem))
    assert (found.signer.name, found.signer.issuer) == ("CN=alone", "CN=alone")
    with pytest.raises(signing.CertificateError, match="does not lead to a trusted root"):
        signing.verify(signed.folder, signing.CertificateTrust(certify("alone").pem))


def test_the_time_is_now_unless_the_user_knows_another(signed: Signed) -> None:
    root = certify("root", authority=True, days=(-900, 900))
    old = certify("signer", root, days=(-400, -35))
    sign_with(signed, old)
    with pytest.raises(signing.CertificateError, match=r"is valid from .* but the time is"):
        signing.verify(signed.folder, signing.CertificateTrust(root.pem))
    for at in (NOW - timedelta(days=100), (NOW - timedelta(days=100)).replace(tzinfo=None)):
        signing.verify(signed.folder, signing.CertificateTrust(root.pem, at=at))
    early = signing.CertificateTrust(root.pem, at=NOW - timedelta(days=401))
    with pytest.raises(signing.CertificateError, match="is valid from"):
        signing.verify(signed.folder, early)


def make_chains() -> dict[str, tuple[Callable[[], tuple[Certified, ...]], str]]:
    """Chains that lead from a signer to the last, the root that is trusted, but may not."""

    def root(**changes: object) -> Certified:
        return certify("root", authority=True, **changes)  # type: ignore[arg-type]  # as given

    def under(*, top: Certified | None = None, **changes: object) -> tuple[Certified, ...]:
        top = top or root()
        return certify("signer", top, **changes), top  # type: ignore[arg-type]  # as given

    def through(**changes: object) -> tuple[Certified, ...]:
        top = root()
        between = certify("between", top, **{"authority": True, **changes})  # type: ignore[arg-type]  # as given
        return certify("signer", between), between, top

    def too_long() -> tuple[Certified, ...]:
        top = root()
        first = certify("first", top, authority=True, path_length=0)
        second = certify("second", first, authority=True)
        return certify("signer", second), second, first, top

    return {
        "an authority's": (lambda: under(authority=True), "that of an authority"),
        "no use": (lambda: under(usage=None), "must state its use"),
        "other use": (lambda: under(usage=False), "not for digital signatures"),
        "for mail": (
            lambda: under(extended=(ExtendedKeyUsageOID.EMAIL_PROTECTION,)),
            "not for code signing",
        ),
        "not yet": (lambda: under(days=(1, 2)), "is valid from"),
        "root expired": (
            lambda: under(top=root(days=(-20, -1))),
            "not valid at validation time",
        ),
        "between expired": (lambda: through(days=(-9, -8)), "does not lead to a trusted root"),
        "between no authority": (lambda: through(authority=False), "does not lead"),
        "between no authority, but says it issues": (
            lambda: through(authority=False, issues=True),
            "does not lead",
        ),
        "between of other use": (lambda: through(usage=False), "does not lead"),
        "between of no use": (lambda: through(usage=None), "does not lead"),
        "between for servers": (
            lambda: through(extended=(ExtendedKeyUsageOID.SERVER_AUTH,)),
            "does not lead",
        ),
        "between is for less": (too_long, "does not lead"),
        "unknown critical rule": (
            lambda: under(critical=x509.ObjectIdentifier("1.2.3.4")),
            "critical",
        ),
        "weak authority": (
            lambda: under(top=root(key=rsa.generate_private_key(65537, 1024))),
            "does not lead",
        ),
        "of nobody": (lambda: (certify("signer", root()), root()), "does not lead"),
    }


CHAINS = make_chains()


@pytest.mark.parametrize("case", CHAINS)
def test_a_chain_that_breaks_a_rule_is_refused(signed: Signed, case: str) -> None:
    make, says = CHAINS[case]
    *chain, root = make()
    sign_with(signed, *chain)
    with pytest.raises(signing.CertificateError) as caught:
        signing.verify(signed.folder, signing.CertificateTrust(root.pem))
    assert type(caught.value) is signing.CertificateError
    assert says in str(caught.value) and "\n" not in str(caught.value)


def test_a_good_chain_does_not_make_an_altered_statement_good(signed: Signed) -> None:
    root = certify("root", authority=True)
    leaf = certify("signer", root)
    signed.state(signed.statement(), key=new_key(), material=material_of(leaf))
    with pytest.raises(signing.BadSignatureError, match="was not made by CN=signer"):
        signing.verify(signed.folder, signing.CertificateTrust(root.pem))


def test_a_signer_with_an_rsa_certificate_is_of_an_unknown_algorithm(signed: Signed) -> None:
    root = certify("root", authority=True)
    leaf = certify("signer", root, key=rsa.generate_private_key(65537, 2048))
    signed.state(signed.statement(), material=material_of(leaf))
    with pytest.raises(signing.UnsupportedSignatureError, match="of the kind RSA"):
        signing.verify(signed.folder, signing.CertificateTrust(root.pem))


def test_keys_and_certificates_are_not_taken_for_each_other(signed: Signed) -> None:
    root = certify("root", authority=True)
    with pytest.raises(signing.SignatureKeyError, match="signed with a key, but a certificate"):
        signing.verify(signed.folder, signing.CertificateTrust(root.pem))
    sign_with(signed, certify("signer", root))
    with pytest.raises(signing.SignatureKeyError, match="signed with a certificate, but a key"):
        signed.verify()


def test_a_signer_is_told_at_once_what_would_not_verify() -> None:
    root = certify("root", authority=True)
    leaf, old = certify("signer", root), certify("signer", root, days=(-3, -1))
    cases: list[tuple[Callable[[], object], type[HubError], str]] = [
        (lambda: root.signer(), signing.CertificateError, "that of an authority"),
        (lambda: old.signer(), signing.CertificateError, "is valid from"),
        (
            lambda: signing.CertificateSigner(private_pem(root.key), leaf.pem),
            signing.SignatureKeyError,
            "but the private key is",
        ),
        (
            lambda: signing.CertificateSigner(private_pem(leaf.key), b"no"),
            signing.SignatureKeyError,
            "no certificate in PEM",
        ),
        (lambda: leaf.signer(*[root] * 16), signing.CertificateError, "at most 16"),
        (lambda: signing.CertificateTrust(leaf.pem), signing.CertificateError, "self-signed"),
        (lambda: signing.CertificateTrust(b""), signing.SignatureKeyError, "no certificate"),
    ]
    for make, error, says in cases:
        with pytest.raises(error) as caught:
            make()
        assert type(caught.value) is error
        assert says in str(caught.value) and "\n" not in str(caught.value), str(caught.value)


def test_a_name_in_a_certificate_cannot_draw_on_the_terminal(signed: Signed) -> None:
    root = certify("root", authority=True)
    sign_with(signed, certify("evil\x1b[2J\nweft-hub: all is well", root))
    found = signing.verify(signed.folder, signing.CertificateTrust(root.pem))
    assert found.signer.name.isprintable()


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        (b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x42", "66 is not a valid X509 version"),
        (b"\xa0\x03\x02\x01\x02\x02\x01\x07", b"\xa0\x03\x02\x01\x02\x02\x01\x87", "serial number"),
        (b"signer", b"sign", "cannot be read"),
    ],
    ids=["version", "negative serial number", "length"],
)  # fmt: skip
def test_a_damaged_certificate_is_said_and_not_only_warned_of(
    signed: Signed, before: bytes, after: bytes, says: str
) -> None:
    root = certify("root", authority=True)
    leaf = certify("signer", root, serial=7)
    der = leaf.certificate.public_bytes(Encoding.DER)
    assert der.count(before) == 1
    raw = base64.b64encode(der.replace(before, after)).decode()
    material = {"x509CertificateChain": {"certificates": [{"rawBytes": raw}]}}
    signed.state(signed.statement(), key=leaf.key, material=material)
    with pytest.raises(signing.MalformedSignatureError, match=says):
        signing.verify(signed.folder, signing.CertificateTrust(root.pem))
