"""A statement that the trusted key did sign, but which says something else about these files."""

from __future__ import annotations

from hub.attacks.signer import Signed
from hub.attacks.stage import Stage
from weft_hub import signing

WHAT = "a signed report of where files were built is passed off as the signature of a model"
REFUSED_BY = signing.UnsupportedSignatureError
SAYS = "the predicate's type must be https://model_signing/signature/v1.0"


def attack(stage: Stage) -> None:
    """Verify a folder with a statement of provenance by the same key."""
    signed = Signed.on(stage)
    statement = signed.statement()
    statement["predicateType"] = "https://slsa.dev/provenance/v1"
    signed.state(statement)
    signed.verify()
