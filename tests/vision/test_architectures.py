"""Published layouts: a renaming loses nothing, and what would be computed otherwise is refused."""

from __future__ import annotations

import json
import tomllib
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

import weft
from weft import nn
from weft_vision import architectures as known
from weft_vision.models import EfficientNetLite, MobileNetV2

CLASSES = 5


def state_of(model: nn.Module) -> dict[str, weft.Tensor]:
    return {name: value.detach() for name, value in model.state_dict().items()}


# The other libraries' names of some tensors, written down by hand, by ours.
TIMM_MOBILENET = {
    "conv_stem.weight": "features.0.0.weight",
    "bn1.running_mean": "features.0.1.running_mean",
    "blocks.0.0.conv_dw.weight": "features.1.conv.0.0.weight",
    "blocks.0.0.bn1.bias": "features.1.conv.0.1.bias",
    "blocks.0.0.conv_pw.weight": "features.1.conv.1.weight",
    "blocks.0.0.bn2.weight": "features.1.conv.2.weight",
    "blocks.1.0.conv_pw.weight": "features.2.conv.0.0.weight",
    "blocks.1.1.conv_dw.weight": "features.3.conv.1.0.weight",
    "blocks.2.0.conv_pwl.weight": "features.4.conv.2.weight",
    "blocks.5.2.bn3.running_var": "features.16.conv.3.running_var",
    "blocks.6.0.bn2.num_batches_tracked": "features.17.conv.1.1.num_batches_tracked",
    "conv_head.weight": "features.18.0.weight",
    "bn2.weight": "features.18.1.weight",
    "classifier.bias": "classifier.1.bias",
}
TRANSFORMERS_MOBILENET = {
    "mobilenet_v2.conv_stem.first_conv.convolution.weight": "features.0.0.weight",
    "mobilenet_v2.conv_stem.first_conv.normalization.bias": "features.0.1.bias",
    "mobilenet_v2.conv_stem.conv_3x3.convolution.weight": "features.1.conv.0.0.weight",
    "mobilenet_v2.conv_stem.conv_3x3.normalization.weight": "features.1.conv.0.1.weight",
    "mobilenet_v2.conv_stem.reduce_1x1.convolution.weight": "features.1.conv.1.weight",
    "mobilenet_v2.conv_stem.reduce_1x1.normalization.weight": "features.1.conv.2.weight",
    "mobilenet_v2.layer.0.expand_1x1.convolution.weight": "features.2.conv.0.0.weight",
    "mobilenet_v2.layer.0.conv_3x3.normalization.running_var": "features.2.conv.1.1.running_var",
    "mobilenet_v2.layer.15.reduce_1x1.convolution.weight": "features.17.conv.2.weight",
    "mobilenet_v2.layer.15.reduce_1x1.normalization.bias": "features.17.conv.3.bias",
    "mobilenet_v2.conv_1x1.convolution.weight": "features.18.0.weight",
    "mobilenet_v2.conv_1x1.normalization.weight": "features.18.1.weight",
    "classifier.weight": "classifier.1.weight",
}
TIMM_LITE0 = {
    "conv_stem.weight": "_conv_stem.weight",
    "bn1.weight": "_bn0.weight",
    "blocks.0.0.conv_dw.weight": "_blocks.0._depthwise_conv.weight",
    "blocks.0.0.bn1.weight": "_blocks.0._bn1.weight",
    "blocks.0.0.conv_pw.weight": "_blocks.0._project_conv.weight",
    "blocks.0.0.bn2.weight": "_blocks.0._bn2.weight",
    "blocks.1.0.conv_pw.weight": "_blocks.1._expand_conv.weight",
    "blocks.1.1.bn1.weight": "_blocks.2._bn0.weight",
    "blocks.2.0.conv_dw.weight": "_blocks.3._depthwise_conv.weight",
    "blocks.5.3.bn2.weight": "_blocks.14._bn1.weight",
    "blocks.6.0.conv_pwl.weight": "_blocks.15._project_conv.weight",
    "blocks.6.0.bn3.bias": "_blocks.15._bn2.bias",
    "conv_head.weight": "_conv_head.weight",
    "bn2.weight": "_bn1.weight",
    "classifier.weight": "_fc.weight",
}
TABLES = {
    "timm_mobilenet_v2": TIMM_MOBILENET,
    "transformers_mobilenet_v2": TRANSFORMERS_MOBILENET,
    "timm_efficientnet_lite0": TIMM_LITE0,
}


@pytest.mark.parametrize("layout", TABLES)
def test_tensors_get_our_names(layout: str) -> None:
    table = TABLES[layout]
    tensors = {name: weft.tensor(float(at)) for at, name in enumerate(table)}
    ours = getattr(known, layout).state(tensors, {})
    assert {name: int(value.item()) for name, value in ours.items()} == {
        name: at for at, name in enumerate(table.values())
    }


@pytest.mark.parametrize(
    ("layout", "config"),
    [
        ("mobilenet_v2", {"num_classes": CLASSES}),
        ("efficientnet_lite", {"num_classes": CLASSES}),
        ("timm_mobilenet_v2", {"num_classes": CLASSES}),
        ("timm_efficientnet_lite0", {"num_classes": CLASSES}),
        ("transformers_mobilenet_v2", {"id2label": {str(i): f"c{i}" for i in range(CLASSES)}}),
    ],
)
def test_a_module_is_built_with_our_names_and_the_classes_of_the_config(
    layout: str, config: dict[str, Any]
) -> None:
    model = getattr(known, layout).build(config)
    plain = EfficientNetLite if "lite" in layout else MobileNetV2
    assert model.state_dict().keys() == plain(CLASSES).state_dict().keys()
    assert tuple(model.eval()(weft.zeros(1, 3, 32, 32)).shape) == (1, CLASSES)
    labels = getattr(known, layout).labels(config)
    assert len(labels) == CLASSES
    if "id2label" in config:
        assert labels == ("c0", "c1", "c2", "c3", "c4")


def test_a_thousand_classes_without_names_are_those_of_imagenet() -> None:
    assert known.timm_mobilenet_v2.labels({"num_classes": 1000})[285] == "Egyptian cat"


def test_a_name_of_no_layout_stays_so_that_loading_names_it() -> None:
    state = known.timm_mobilenet_v2.state({"blocks.9.0.conv_pw.weight": weft.zeros(1)}, {})
    assert list(state) == ["blocks.9.0.conv_pw.weight"]


def test_padding_as_tensorflow_does_is_asked_for_by_the_config() -> None:
    weft.manual_seed(0)
    labels = {"0": "a", "1": "b"}
    padded = known.transformers_mobilenet_v2.build({"id2label": labels, "tf_padding": True})
    plain = known.transformers_mobilenet_v2.build({"id2label": labels, "tf_padding": False})
    plain.load_state_dict(state_of(padded))
    x = weft.rand(1, 3, 32, 32)  # of an even side, TensorFlow pads one end alone
    first = padded.eval().features[0](x), plain.eval().features[0](x)
    assert first[0].shape == first[1].shape == (1, 32, 16, 16)
    assert not weft.allclose(*first)
    shifted = plain.features[0](nn.functional.pad(x, (0, 1, 0, 1))[..., 1:, 1:])
    inner = (..., slice(1, -1), slice(1, -1))  # where neither sees an edge
    assert weft.allclose(first[0][inner], shifted[inner], atol=1e-6)


def test_the_epsilon_of_the_config_reaches_every_normalisation() -> None:
    model = known.transformers_mobilenet_v2.build({"layer_norm_eps": 0.01, "num_classes": 2})
    found = {m.eps for m in model.modules() if isinstance(m, nn.BatchNorm2d)}
    assert found == {0.01}


@pytest.mark.parametrize(
    ("layout", "config", "says"),
    [
        ("transformers_mobilenet_v2", {"hidden_act": "swish"}, "hidden_act must be 'relu6'"),
        ("transformers_mobilenet_v2", {"output_stride": 16}, "output_stride must be 32"),
        ("transformers_mobilenet_v2", {"depth_multiplier": 0}, "depth_multiplier must be"),
        ("timm_mobilenet_v2", {"num_classes": "many"}, "num_classes must be an integer"),
        ("mobilenet_v2", {"width_mult": -1}, "width_mult must be a number above 0"),
        ("efficientnet_lite", {"num_classes": 10**9}, "from 1 to a million"),
    ],
)
def test_what_would_be_computed_otherwise_is_refused(
    layout: str, config: dict[str, Any], says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        getattr(known, layout).build(config)


def test_timms_settings_prepare_a_picture() -> None:
    cfg = {
        "input_size": [3, 224, 224],
        "crop_pct": 0.875,
        "interpolation": "bicubic",
        "mean": [0.5, 0.5, 0.5],
        "std": [0.5, 0.5, 0.5],
    }
    prepare = known.timm_mobilenet_v2.preprocess({"pretrained_cfg": cfg}, {})
    assert (prepare.resize, prepare.crop, prepare.interpolation) == (256, 224, "bicubic")
    assert tuple(prepare.mean) == (0.5, 0.5, 0.5)


def test_a_processors_settings_prepare_a_picture(tmp_path: Path) -> None:
    path = tmp_path / "preprocessor_config.json"
    told: dict[str, Any] = {
        "size": {"shortest_edge": 256},
        "crop_size": {"height": 224, "width": 224},
        "resample": 2,
        "image_mean": [0.5, 0.5, 0.5],
        "image_std": [0.5, 0.5, 0.5],
    }
    path.write_text(json.dumps(told))
    prepare = known.transformers_mobilenet_v2.preprocess({}, {path.name: path})
    assert (prepare.resize, prepare.crop, prepare.interpolation) == (256, 224, "bilinear")
    for change in (
        {"resample": 9},
        {"do_rescale": False},
        {"crop_size": {"height": 1, "width": 2}},
    ):
        path.write_text(json.dumps({**told, **change}))
        with pytest.raises(ValueError, match=next(iter(change))):
            known.transformers_mobilenet_v2.preprocess({}, {path.name: path})


@pytest.mark.parametrize("text", ["", "[" * 100_000, "{"])
def test_processors_settings_that_are_no_json_are_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "preprocessor_config.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"^preprocessor_config\.json is not JSON: "):
        known.transformers_mobilenet_v2.preprocess({}, {path.name: path})


def test_the_entry_points_lead_here() -> None:
    pyproject = Path(__file__).parents[2] / "packages" / "vision" / "pyproject.toml"
    groups = tomllib.loads(pyproject.read_text("utf-8"))["project"]["entry-points"]
    found = [
        metadata.EntryPoint(name, value, "weft.architectures").load()
        for name, value in groups["weft.architectures"].items()
    ]
    assert {id(one) for one in found} == {id(getattr(known, name)) for name in known.__all__}
    assert all(one.task in groups["weft.tasks"] for one in found)
