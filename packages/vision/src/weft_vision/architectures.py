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
    "timm_mobilenet_v2_035",
    "timm_mobilenet_v2_050",
    "timm_mobilenet_v2_075",
    "timm_mobilenet_v2_140",
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
            try:
                told = json.loads(files["preprocessor_config.json"].read_bytes())
            except (ValueError, RecursionError) as error:
                raise ValueError(f"preprocessor_config.json is not JSON: {error}") from error
            return ImageClassification(**_by_processor(told))
        told = config.get("pretrained_cfg")
        settings = _by_timm(told) if isinstance(told, Mapping) else {}
        return ImageClassification(**{**self._normalised, **settings})

    def labels(self, config: Config) -> tuple[str, ...]:
        """The classes in order: as `config` names them, ImageNet's for a thousand, or numbers.

        Raises:
            ValueError: it names others than the model has.
        """
        named = config.get("id2label") or config.get("label_names")
        count = _classes(config)
        if not named:
            return categories.imagenet_1k() if count == 1000 else tuple(map(str, range(count)))
        if isinstance(named, Mapping) and named.keys() == {str(at) for at in range(count)}:
            return tuple(str(named[str(at)]) for at in range(count))
        if isinstance(named, list) and len(named) == count:
            return tuple(map(str, named))
        raise ValueError(f"{count} names of classes, 0 to {count - 1}, are required: {named!r:.80}")


class _TransformersLayout(_Layout):
    """Of transformers, whose models have two classes unless `config.json` names them."""

    def build(self, config: Config) -> nn.Module:
        return super().build(_with_classes(config))

    def labels(self, config: Config) -> tuple[str, ...]:
        return super().labels(_with_classes(config))


def _with_classes(config: Config) -> Config:
    count = config.get("num_labels", 2)
    if config.get("id2label") or "num_classes" in config or count != 2:
        return config
    return {**config, "id2label": {"0": "LABEL_0", "1": "LABEL_1"}}


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
    size, crop = _resized(told), _side(told, "crop_size")
    number = told.get("resample", 2)
    if number not in _INTERPOLATIONS:
        raise ValueError(f"resample must be one of {list(_INTERPOLATIONS)}, but is {number!r}")
    for name in ("do_resize", "do_center_crop", "do_rescale", "do_normalize"):
        _require(told, name, True)
    if abs(float(told.get("rescale_factor", 1 / 255)) - 1 / 255) > 1e-9:
        raise ValueError(f"rescale_factor must be 1/255, but is {told['rescale_factor']!r}")
    settings: dict[str, Any] = {"resize": size, "crop": crop, "middle": "floor"}
    settings["interpolation"] = _INTERPOLATIONS[number]
    return {**settings, "mean": told.get("image_mean"), "std": told.get("image_std")}


def _resized(told: Mapping[str, Any]) -> int | tuple[int, int]:
    """The shorter side, which may be a number alone, or height and width."""
    size = told.get("size")
    if not isinstance(size, Mapping):
        return _integer("size", size)
    if size.keys() == {"height", "width"}:
        return _integer("size", size["height"]), _integer("size", size["width"])
    if size.keys() != {"shortest_edge"}:
        raise ValueError(f"size must have shortest_edge, or height and width, but is {size!r}")
    return _integer("size", size["shortest_edge"])


def _side(told: Mapping[str, Any], name: str) -> int:
    size = told.get(name)
    if isinstance(size, Mapping):
        sides = {size[key] for key in ("height", "width") if key in size}
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


# What timm's `model_args` may say, with the values that are computed so; None: any, as it changes
# nothing of an answer.
_TIMM_ARGUMENTS: dict[str, tuple[object, ...] | None] = {
    "in_chans": (3,),
    "global_pool": ("avg",),
    "num_classes": None,
    "drop_rate": None,
    "drop_path_rate": None,
}


def _timm(build: Callable[..., nn.Module], *arguments: float) -> Callable[[Config], nn.Module]:
    """A model of timm's, whose config must not ask for another pooling, colour or block."""

    def checked(config: Config) -> nn.Module:
        told = config.get("model_args") or {}
        if not isinstance(told, Mapping):
            raise ValueError(f"model_args must be a table, but is {told!r}")
        for name in told:
            if name not in _TIMM_ARGUMENTS:
                raise ValueError(f"model_args: {name} = {told[name]!r} is not known here")
            allowed = _TIMM_ARGUMENTS[name]
            if allowed is not None:
                _require(told, name, *allowed)
        _require(config, "global_pool", "avg")
        return build(_classes(config), *arguments)

    return checked


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
timm_mobilenet_v2 = _Layout(_timm(MobileNetV2), _published_names.timm_mobilenet_v2)
timm_mobilenet_v2_035, timm_mobilenet_v2_050, timm_mobilenet_v2_075, timm_mobilenet_v2_140 = (
    _Layout(_timm(MobileNetV2, width), _published_names.timm_mobilenet_v2)
    for width in (0.35, 0.5, 0.75, 1.4)
)
transformers_mobilenet_v2 = _TransformersLayout(
    _transformers_mobilenet_v2, _published_names.transformers_mobilenet_v2
)
efficientnet_lite = _Layout(
    _efficientnet_lite, _published_names.same, mean=(127 / 255,) * 3, std=(128 / 255,) * 3
)
timm_efficientnet_lite0 = _Layout(
    _timm(EfficientNetLite),
    _published_names.timm_efficientnet_lite0,
    mean=(0.5,) * 3,
    std=(0.5,) * 3,
)
