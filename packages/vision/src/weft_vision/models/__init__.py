"""Image models, and the table of all that are installed."""

from weft_vision.models._efficientnet_lite import EfficientNetLite, efficientnet_lite0
from weft_vision.models._mobilenet_v2 import InvertedResidual, MobileNetV2, mobilenet_v2
from weft_vision.models._table import get_model, list_models

__all__ = [
    "EfficientNetLite",
    "InvertedResidual",
    "MobileNetV2",
    "efficientnet_lite0",
    "get_model",
    "list_models",
    "mobilenet_v2",
]
