"""Published layouts of image classifiers: what a repository's `config.json` and weights mean here.

Registered in the group `weft.architectures`, so that `weft_hub.load("hf:OWNER/NAME@REVISION")`
builds our models from repositories that others made: with our own names (which are torchvision's
for MobileNetV2), with timm's, and with those of transformers. Each layout is a renaming; the
numbers stay as they are.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import weft
from weft import nn
from weft_vision import _published_names, categories
from weft_vision.models._efficientnet_lite import EfficientNetLite
from weft_vision.models._mobilenet_v2 import MobileNetV2
from weft_vision.models._same_padding import Conv2dSame
from weft_vision.presets import ImageClassification

__all__ = [
    "efficientnet_lite",
    "mobilenet_v2",
    "timm_efficientnet_lite0",
    "timm_mobilenet_v2",
    "transformers_mobilenet_v2",
]

Config = Mapping[str, Any]

_INTERPOLATIONS = {0: "nearest", 2: "bilinear", 3: "bicubic"}  # by Pillow's numbers


class _Layout:
    """A layout: how the module is built, what its tensors are called, how pictures are prepared."""

    task = "image-classification"
    wanted = ("preprocessor_config.json",)

    def __init__(
        self,
        build: Callable[[Config], nn.Module],
        ours: Callable[[str], str],
        *,
        mean: tuple[float, float, float] = (0.485, 0.456, 0.406),
        std: tuple[float, float, float] = (0.229, 0.224, 0.225),
    ) -> None:
        self._build, self._ours = build, ours
        self._normalised = {"mean": mean, "std": std}

    def build(self, config: Config) -> nn.Module:
        """The module that `config` describes, not yet filled.

        Raises:
            ValueError: `config` asks for what the model here cannot do.
        """
        return self._build(config)

    def state(self, tensors: Mapping[str, weft.Tensor], config: Config) -> dict[str, weft.Tensor]:
        """The tensors by the names of our module; a name that is none of the layout stays."""
        found: dict[str, weft.Tensor] = {}
        for name, tensor in tensors.items():
            ours = self._ours(name)
            if ours in found:
                raise ValueError(f"two tensors would be called {ours!r}, one of them {name!r}")
            found[ours] = tensor
        return found

    def preprocess(self, config: Config, files: Mapping[str, Path]) -> ImageClassification:
        """What a picture goes through: by `preprocessor_config.json`, by timm's settings, or usual.

        Raises:
            ValueError: a setting is unusable.
        """
        if "preprocessor_config.json" in files:
            told = json.loads(files["preprocessor_config.json"].read_bytes())
            return ImageClassification(**_by_processor(told))
        told = config.get("pretrained_cfg")
        settings = _by_timm(told) if isinstance(told, Mapping) else {}
        return ImageClassification(**{**self._normalised, **settings})

    def labels(self, config: Config) -> tuple[str, ...]:
        """The classes in order: as `config` names them, ImageNet's for a thousand, or numbers."""
        named, listed = config.get("id2label"), config.get("label_names")
        if isinstance(named, Mapping) and named:
            return tuple(str(named[str(index)]) for index in range(len(named)))
        if isinstance(listed, list) and listed:
            return tuple(map(str, listed))
        count = _classes(config)
        return categories.imagenet_1k() if count == 1000 else tuple(map(str, range(count)))


def _classes(config: Config) -> int:
    """How many classes there are; libraries write it in two ways, transformers as a table."""
    named = config.get("id2label")
    count = len(named) if isinstance(named, Mapping) else config.get("num_classes", 1000)
    return _integer("num_classes", count)


def _integer(name: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 1_000_000:
        raise ValueError(f"{name} must be an integer from 1 to a million, but is {value!r}")
    return value


def _number(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value <= 100:
        raise ValueError(f"{name} must be a number above 0 and up to 100, but is {value!r}")
    return float(value)


def _require(config: Config, name: str, *allowed: object) -> None:
    """Refuse a setting that changes what is computed; the first one allowed is the default."""
    value = config.get(name, allowed[0])
    if value not in allowed:
        raise ValueError(f"{name} must be {' or '.join(map(repr, allowed))}, but is {value!r}")


# ---- what a picture goes through


def _by_processor(told: Any) -> dict[str, Any]:
    """The settings of transformers' `preprocessor_config.json`."""
    if not isinstance(told, Mapping):
        raise ValueError("preprocessor_config.json must hold a table")
    size, crop = _side(told, "size"), _side(told, "crop_size")
    number = told.get("resample", 2)
    if number not in _INTERPOLATIONS:
        raise ValueError(f"resample must be one of {list(_INTERPOLATIONS)}, but is {number!r}")
    for name in ("do_resize", "do_center_crop", "do_rescale", "do_normalize"):
        _require(told, name, True)
    if abs(float(told.get("rescale_factor", 1 / 255)) - 1 / 255) > 1e-9:
        raise ValueError(f"rescale_factor must be 1/255, but is {told['rescale_factor']!r}")
    settings = {"resize": size, "crop": crop, "interpolation": _INTERPOLATIONS[number]}
    return {**settings, "mean": told.get("image_mean"), "std": told.get("image_std")}


def _side(told: Mapping[str, Any], name: str) -> int:
    size = told.get(name)
    if isinstance(size, Mapping):
        sides = {size[key] for key in ("shortest_edge", "height", "width") if key in size}
        size = sides.pop() if len(sides) == 1 else size
    return _integer(name, size)


def _by_timm(told: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of timm's `pretrained_cfg`."""
    settings: dict[str, Any] = {key: told[key] for key in ("mean", "std") if key in told}
    if "interpolation" in told:
        settings["interpolation"] = told["interpolation"]
    if "input_size" in told:
        shape = told["input_size"]
        if not isinstance(shape, list) or len(shape) != 3 or shape[0] != 3 or shape[1] != shape[2]:
            raise ValueError(f"input_size must be [3, side, side], but is {shape!r}")
        side = _integer("input_size", shape[1])
        settings |= {
            "crop": side,
            "resize": int(side / _number("crop_pct", told.get("crop_pct", 0.875))),
        }
    _require(told, "crop_mode", "center")
    return settings


# ---- modules


def _mobilenet_v2(config: Config) -> nn.Module:
    return MobileNetV2(_classes(config), _number("width_mult", config.get("width_mult", 1.0)))


def _efficientnet_lite(config: Config) -> nn.Module:
    return EfficientNetLite(_classes(config))


def _transformers_mobilenet_v2(config: Config) -> nn.Module:
    """MobileNetV2 as transformers has it: TensorFlow's padding if asked for, and its epsilon."""
    for name, *allowed in (
        ("hidden_act", "relu6"),
        ("expand_ratio", 6.0, 6),
        ("output_stride", 32),
        ("first_layer_is_expansion", True),
        ("depth_divisible_by", 8),
        ("min_depth", 8),
    ):
        _require(config, name, *allowed)
    width = _number("depth_multiplier", config.get("depth_multiplier", 1.0))
    if width < 1:
        _require(config, "finegrained_output", True)  # the last layer keeps its width, as here
    eps = _number("layer_norm_eps", config.get("layer_norm_eps", 1e-3))
    model = MobileNetV2(
        _classes(config), width, norm_layer=functools.partial(nn.BatchNorm2d, eps=eps)
    )
    if config.get("tf_padding", True):
        _pad_as_tensorflow(model)
    return model


def _pad_as_tensorflow(model: nn.Module) -> None:
    """Put a convolution that pads as TensorFlow does in the place of each that pads."""
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.Conv2d) and child.kernel_size == (3, 3):
                same = Conv2dSame(
                    child.in_channels,
                    child.out_channels,
                    3,
                    child.stride[0],
                    groups=child.groups,
                    bias=False,
                )
                setattr(parent, name, same)


mobilenet_v2 = _Layout(_mobilenet_v2, _published_names.same)
timm_mobilenet_v2 = _Layout(_mobilenet_v2, _published_names.timm_mobilenet_v2)
transformers_mobilenet_v2 = _Layout(
    _transformers_mobilenet_v2, _published_names.transformers_mobilenet_v2
)
efficientnet_lite = _Layout(
    _efficientnet_lite, _published_names.same, mean=(127 / 255,) * 3, std=(128 / 255,) * 3
)
timm_efficientnet_lite0 = _Layout(
    _efficientnet_lite, _published_names.timm_efficientnet_lite0, mean=(0.5,) * 3, std=(0.5,) * 3
)
