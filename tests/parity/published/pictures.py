"""Image classifiers as timm and transformers write them, random, and how they prepare a picture."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import timm
import torch
import transformers
from PIL import Image
from timm.data import create_transform, resolve_data_config
from timm.models import save_for_hf

Arrays = dict[str, np.ndarray]

CLASSES = 7
NAMES = ["cat", "dog", "cup", "tree", "car", "boat", "bird"]


def photo() -> Image.Image:
    """A picture of gradients and noise that no side divides evenly."""
    random = np.random.default_rng(0)
    y, x = np.mgrid[:301, :423]
    rows = np.stack([x / 423, y / 301, (x + y) / 724], -1) * 200
    return Image.fromarray((rows + random.random((301, 423, 3)) * 55).astype(np.uint8))


def shaken(model: torch.nn.Module) -> Any:
    """Random statistics and scales in place of zeros and ones."""
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.weight.uniform_(0.7, 1.3)
                module.bias.normal_(0, 0.2)
                module.running_mean.normal_(0, 0.2)
                module.running_var.uniform_(0.5, 1.5)
    return model.eval()


def answered(model: Any, side: int, read: Callable[[Any], torch.Tensor]) -> Arrays:
    """The scores of noise, of an odd and of an even size."""
    found: Arrays = {}
    for name, shape in {"even": (2, 3, side, side), "odd": (1, 3, side + 5, side - 9)}.items():
        x = torch.randn(shape)
        with torch.no_grad():
            scores = read(model(x))
        found |= {f"{name}_x": x.numpy(), f"{name}_scores": scores.numpy()}
    return found


def by_timm(
    folder: Path,
    *,
    name: str,
    side: int = 64,
    labels: bool = False,
    half: bool = False,
    classes: int = CLASSES,
    **settings: Any,
) -> Arrays:
    """`timm.models.save_for_hf`, and its transform for evaluation."""
    model = shaken(timm.create_model(name, num_classes=classes, **settings))
    told = {"label_names": NAMES} if labels else {}
    if half:
        model = model.half()
    save_for_hf(model, folder, model_config=told, safe_serialization=True)
    model = model.float()
    found = answered(model, side, lambda out: out) if settings.get("in_chans", 3) == 3 else {}
    prepare = create_transform(**resolve_data_config({}, model=model))
    picture = photo()
    return {**found, "photo": np.asarray(picture), "prepared": prepare(picture).numpy()}


def by_transformers(
    folder: Path, *, classes: int = CLASSES, side: int = 64, head: str = "ForImageClassification",
    processor: dict[str, Any] | None = None, shard: str = "5GB", **changes: Any,
) -> Arrays:  # fmt: skip
    """`save_pretrained` of a MobileNetV2 and of its image processor."""
    labels = {"id2label": dict(enumerate(NAMES))} if classes == CLASSES else {"num_labels": classes}
    config = transformers.MobileNetV2Config(**labels, **changes)
    model = shaken(getattr(transformers, f"MobileNetV2{head}")(config))
    model.save_pretrained(folder, max_shard_size=shard)
    prepare = transformers.MobileNetV2ImageProcessor(**(processor or {}))
    prepare.save_pretrained(folder)
    read = lambda out: out.logits if hasattr(out, "logits") else out.last_hidden_state
    picture = photo()
    prepared = prepare(picture, return_tensors="pt")["pixel_values"][0]
    found = answered(model, side, read)
    return {**found, "photo": np.asarray(picture), "prepared": prepared.numpy()}


_P = functools.partial
WRITTEN: dict[str, Callable[[Path], Arrays]] = {
    "timm-mobilenetv2_100": _P(by_timm, name="mobilenetv2_100", labels=True),
    "timm-mobilenetv2_035": _P(by_timm, name="mobilenetv2_035"),
    "timm-mobilenetv2_050": _P(by_timm, name="mobilenetv2_050", half=True),
    "timm-mobilenetv2_075": _P(by_timm, name="mobilenetv2_075"),
    "timm-mobilenetv2_140": _P(by_timm, name="mobilenetv2_140"),
    "timm-mobilenetv2_110d": _P(by_timm, name="mobilenetv2_110d"),
    "timm-tf_efficientnet_lite0": _P(by_timm, name="tf_efficientnet_lite0", classes=1000),
    "timm-tf_efficientnet_lite2": _P(by_timm, name="tf_efficientnet_lite2"),
    "timm-efficientnet_lite0": _P(by_timm, name="efficientnet_lite0"),
    "timm-grey": _P(by_timm, name="mobilenetv2_050", in_chans=1),
    "timm-max": _P(by_timm, name="mobilenetv2_050", global_pool="max"),
    "timm-headless": _P(by_timm, name="mobilenetv2_050", classes=0),
    "transformers-mobilenet": by_transformers,
    "transformers-mobilenet-narrow": _P(by_transformers, depth_multiplier=0.35, side=96),
    "transformers-mobilenet-wide": _P(by_transformers, depth_multiplier=1.4),
    "transformers-mobilenet-thin-end": _P(
        by_transformers, depth_multiplier=0.75, finegrained_output=False
    ),
    "transformers-mobilenet-symmetric": _P(by_transformers, tf_padding=False, layer_norm_eps=1e-5),
    "transformers-mobilenet-two": _P(by_transformers, classes=2, shard="2MB"),
    "transformers-mobilenet-stride": _P(by_transformers, output_stride=16),
    "transformers-mobilenet-body": _P(by_transformers, head="Model"),
    "transformers-mobilenet-sides": _P(
        by_transformers,
        processor={"size": {"height": 96, "width": 128}, "crop_size": {"height": 80, "width": 80}},
    ),
    "transformers-mobilenet-uncropped": _P(by_transformers, processor={"do_center_crop": False}),
}
