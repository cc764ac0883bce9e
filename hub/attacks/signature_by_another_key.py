"""A folder changed and signed again with the attacker's own key, which the bundle names."""

from __future__ import annotations

from hub.attacks.signer import Signed, new_key, private_pem
from hub.attacks.stage import Stage
from weft_hub import signing

WHAT = "a changed folder is signed again with the attacker's key"
REFUSED_BY = signing.SignatureKeyError
SAYS = "which is not trusted"


def attack(stage: Stage) -> None:
    """Verify a folder that somebody else signed."""
    signed = Signed.on(stage)
    (signed.folder / "config.json").write_text('{"evil": true}')
    signing.sign(signed.folder, signing.KeySigner(private_pem(new_key())), replace=True)
    signed.verify()
