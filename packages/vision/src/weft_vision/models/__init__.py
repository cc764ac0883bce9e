"""Image models, and the table of all that are installed."""

from weft_vision.models._efficientnet_lite import EfficientNetLite, efficientnet_lite0
from weft_vision.models._mobilenet_v2 import InvertedResidual, MobileNetV2, mobilenet_v2
from weft_vision.models._small import CifarResNet, cifar_resnet20, mnist_cnn
from weft_vision.models._table import get_model, list_models

__all__ = [
    "CifarResNet",
    "EfficientNetLite",
    "InvertedResidual",
    "MobileNetV2",
    "cifar_resnet20",
    "efficientnet_lite0",
    "get_model",
    "list_models",
    "mnist_cnn",
    "mobilenet_v2",
]
