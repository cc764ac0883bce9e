"""ONNX files that keep their weights at a path of their choice."""

from __future__ import annotations

import os

import weft_hub
from hub.attacks.stage import BUILT_BY_ONNX, Stage, onnx_file

WHAT = "ONNX files whose weights lie at ../secret, at an absolute path, or in another entry"
REFUSED_BY = weft_hub.WeightsError
SAYS = "which is none of those given"


def attack(stage: Stage) -> None:
    """Load each of them; what lies there must not come into a model."""
    secret = stage.root / "secret"
    secret.write_bytes(bytes(8))
    places = ["../secret", "../../secret", "..\\secret", str(secret), f"file://{secret}"]
    places += [os.path.relpath(secret, stage.cache / "blobs"), "weights.onnx", "card.md", "", "\0"]
    refusals = []
    for number, place in enumerate(places):
        content = onnx_file(place)
        stage.entry(f"a/line{number}", content, format="onnx", build=BUILT_BY_ONNX)
        try:
            stage.hub().load(f"a/line{number}")
        except weft_hub.WeightsError as error:
            assert SAYS in str(error), error
            refusals.append(error)
    assert len(refusals) == len(places), "one of the files was read without a refusal"
    raise refusals[0]
