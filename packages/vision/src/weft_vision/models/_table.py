"""The table of models: our own, and those that other packages register as `weft.models`."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points

from weft import nn
from weft_vision.models._efficientnet_lite import efficientnet_lite0
from weft_vision.models._mobilenet_v2 import mobilenet_v2
from weft_vision.models._small import cifar_resnet20, mnist_cnn

GROUP = "weft.models"

# The same names stand in pyproject.toml as entry points; a test holds the two together. They are
# repeated here so that a source tree that was never installed has its models too.
OWN: dict[str, Callable[..., nn.Module]] = {
    "cifar_resnet20": cifar_resnet20,
    "efficientnet_lite0": efficientnet_lite0,
    "mnist_cnn": mnist_cnn,
    "mobilenet_v2": mobilenet_v2,
}


def list_models() -> list[str]:
    """The names that `get_model` knows, sorted: ours and those of installed packages.

    The group `weft.models` is one for all domains, so weft-audio's models are listed beside ours.
    """
    return sorted({*OWN, *_registered()})


def get_model(name: str, **settings: object) -> nn.Module:
    """A fresh model by name, in evaluation mode, without pretrained weights.

    Args:
        name: one of `list_models()`.
        settings: keyword arguments of the model's factory.

    Raises:
        ValueError: there is no such model; the message suggests the nearest name.

    Example:
        >>> import weft_vision
        >>> model = weft_vision.models.get_model("mobilenet_v2", num_classes=10, width_mult=0.25)
        >>> model.last_channel
        1280
    """
    if name in OWN:
        return OWN[name](**settings)
    registered = _registered()
    if name not in registered:
        known = sorted({*OWN, *registered})
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"
        raise ValueError(f"get_model: no model is named {name!r}; {hint}")
    factory = registered[name].load()
    return factory(**settings)


def _registered() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=GROUP)}
