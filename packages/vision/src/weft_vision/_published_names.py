"""What others call the tensors of our models: the names of a published layout as ours."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping

__all__ = [
    "same",
    "timm_efficientnet_lite0",
    "timm_mobilenet_v2",
    "transformers_mobilenet_v2",
]


def same(name: str) -> str:
    """A layout with our own names."""
    return name


def transformers_mobilenet_v2(name: str) -> str:
    """transformers' `mobilenet_v2.layer.N.expand_1x1.convolution` as `features.N.conv.0.0`."""
    if name.startswith("classifier."):
        return name.replace("classifier.", "classifier.1.", 1)
    match = re.fullmatch(
        r"(?:mobilenet_v2\.)?(conv_stem\.|layer\.(\d{1,2})\.|)(\w+)\.(convolution|normalization)\.(\w+)",
        name,
    )
    if match is None:
        return name
    part = 0 if match[4] == "convolution" else 1
    if not match[1]:
        return f"features.18.{part}.{match[5]}" if match[3] == "conv_1x1" else name
    if match[2] is None:  # the stem, which holds the first block too
        if match[3] == "first_conv":
            return f"features.0.{part}.{match[5]}"
        layers = {"conv_3x3": f"0.{part}", "reduce_1x1": f"{1 + part}"}
        at = 1
    else:
        layers = {"expand_1x1": f"0.{part}", "conv_3x3": f"1.{part}", "reduce_1x1": f"{2 + part}"}
        at = int(match[2]) + 2
    return f"features.{at}.conv.{layers[match[3]]}.{match[5]}" if match[3] in layers else name


def _timm(
    name: str,
    *,
    ends: Mapping[str, str],
    repeats: tuple[int, ...],
    blocks: tuple[str, ...],
    first: Mapping[str, str],
    others: Mapping[str, str],
) -> str:
    """timm's `STEM.REST` and `blocks.STAGE.REPEAT.LAYER.REST`; any other name stays.

    Args:
        name: what timm calls a tensor.
        ends: our names of what stands before and after the blocks.
        repeats: how many blocks each stage has.
        blocks: our name of each block.
        first: our names of the layers of the first block, which does not expand.
        others: those of the other blocks.
    """
    stem, _, rest = name.partition(".")
    if stem in ends:
        return f"{ends[stem]}.{rest}"
    place = _block(name, repeats)
    if place is None:
        return name
    at, layer, rest = place
    layers = first if at == 0 else others
    return f"{blocks[at]}.{layers[layer]}.{rest}" if layer in layers else name


def _block(name: str, repeats: tuple[int, ...]) -> tuple[int, str, str] | None:
    """Which block of all `blocks.STAGE.REPEAT.LAYER.REST` is in, its layer and the rest."""
    match = re.fullmatch(r"blocks\.(\d{1,2})\.(\d{1,2})\.(\w+)\.(\w+)", name)
    if match is None:
        return None
    stage, repeat = int(match[1]), int(match[2])
    if stage >= len(repeats) or repeat >= repeats[stage]:
        return None
    return sum(repeats[:stage]) + repeat, match[3], match[4]


# As torchvision's.
timm_mobilenet_v2 = functools.partial(
    _timm,
    ends={
        "conv_stem": "features.0.0",
        "bn1": "features.0.1",
        "conv_head": "features.18.0",
        "bn2": "features.18.1",
        "classifier": "classifier.1",
    },
    repeats=(1, 2, 3, 4, 3, 3, 1),
    blocks=tuple(f"features.{at + 1}.conv" for at in range(17)),
    first={"conv_dw": "0.0", "bn1": "0.1", "conv_pw": "1", "bn2": "2"},
    others={
        "conv_pw": "0.0",
        "bn1": "0.1",
        "conv_dw": "1.0",
        "bn2": "1.1",
        "conv_pwl": "2",
        "bn3": "3",
    },
)
# As those of the published file that our model keeps.
timm_efficientnet_lite0 = functools.partial(
    _timm,
    ends={
        "conv_stem": "_conv_stem",
        "bn1": "_bn0",
        "conv_head": "_conv_head",
        "bn2": "_bn1",
        "classifier": "_fc",
    },
    repeats=(1, 2, 2, 3, 3, 4, 1),
    blocks=tuple(f"_blocks.{at}" for at in range(16)),
    first={
        "conv_dw": "_depthwise_conv",
        "bn1": "_bn1",
        "conv_pw": "_project_conv",
        "bn2": "_bn2",
    },
    others={
        "conv_pw": "_expand_conv",
        "bn1": "_bn0",
        "conv_dw": "_depthwise_conv",
        "bn2": "_bn1",
        "conv_pwl": "_project_conv",
        "bn3": "_bn2",
    },
)
