"""Resizing of images and of any dims."""

from __future__ import annotations

from typing import Any

from weft.onnx._builder import Value
from weft.onnx._call import Call
from weft.onnx._registry import operator


def _given(value: Value | None) -> Value | None:
    """Return an input; an empty constant stands for one that is left out."""
    return None if value is None or value.shape == (0,) else value


@operator("Upsample")
def upsample_by_attribute(call: Call) -> Value:
    return _scaled(call, [float(scale) for scale in call.required("scales")])


@operator("Upsample", since=9)
@operator("Resize", since=10)
def upsample(call: Call) -> Value:
    return _scaled(call, call[1])


def _scaled(call: Call, scales: Value | list[float]) -> Value:
    mode = "nearest" if call.attribute("mode", "nearest") == "nearest" else "linear"
    return call.emit(
        "resize", call[0], scales=scales, mode=mode, coordinates="asymmetric", nearest="floor"
    )


@operator("Resize", since=11)
def resize(call: Call) -> Value:
    sizes = _given(call.get(3))
    settings: dict[str, Any] = {
        "scales": None if sizes is not None else _given(call.get(2)),
        "sizes": sizes,
        "dims": call.attribute("axes"),
        "mode": call.attribute("mode", "nearest"),
        "coordinates": call.attribute("coordinate_transformation_mode", "half_pixel"),
        "nearest": call.attribute("nearest_mode", "round_prefer_floor"),
        "cubic_a": float(call.attribute("cubic_coeff_a", -0.75)),
        "exclude_outside": call.flag("exclude_outside"),
        "extrapolation": float(call.attribute("extrapolation_value", 0.0)),
        "antialias": call.flag("antialias"),
        "policy": call.attribute("keep_aspect_ratio_policy", "stretch"),
    }
    if settings["scales"] is None and sizes is None:
        raise call.refused("either scales or sizes is required, but there is neither")
    roi = _given(call.get(1)) if settings["coordinates"] == "tf_crop_and_resize" else None
    return call.emit("resize", call[0], roi, **settings)
