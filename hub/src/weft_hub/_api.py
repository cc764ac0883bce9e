"""The functions of the package: the verbs of `Hub` on the hub that the environment describes.

The environment is read at each call, so that a test or a notebook can change it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from weft_hub.card import Card
from weft_hub.hub import Hub, Snapshot
from weft_hub.index._refresh import Refreshed
from weft_hub.progress import Progress


def list_models(*, task: str | None = None) -> list[str]:
    """Return the names of the models in the index, sorted; only those of `task` if given.

    Example:
        >>> import weft_hub
        >>> weft_hub.list(task="voice-activity-detection")
        ['audio/silero-vad']
    """
    return Hub().list(task=task)


def info(name: str) -> Card:
    """Return what the index says about the model called `name`; see `Hub.info`.

    Example:
        >>> import weft_hub
        >>> weft_hub.info("audio/silero-vad").license
        'MIT'
    """
    return Hub().info(name)


def download(
    name: str, *, progress: Progress | bool | None = None, offline: bool | None = None
) -> Snapshot:
    """Fetch and verify every file of a model, and return where they are; see `Hub.download`."""
    return Hub().download(name, progress=progress, offline=offline)


def search(
    text: str | None = None,
    *,
    task: str | None = None,
    license: str | None = None,
    max_size: int | str | None = None,
) -> list[Card]:
    """Return the entries of the index that fit, the best first; see `Hub.search`.

    Example:
        >>> import weft_hub
        >>> [card.name for card in weft_hub.search("mobilenet", license="MIT", max_size="20 MB")]
        ['vision/mobilenet-v2']
    """
    return Hub().search(text, task=task, license=license, max_size=max_size)


def help_of(name: str) -> str:
    """Return how the model called `name` is called, followed by its model card.

    Example:
        >>> import weft_hub
        >>> weft_hub.help("audio/silero-vad").splitlines()[0]
        'audio/silero-vad 6.2.3: Silero VAD: how likely each 32 ms of 16 kHz sound hold speech'
    """
    return Hub().help(name)


def refresh() -> list[Refreshed]:
    """Fetch each index that `WEFT_HUB_INDEX` has an address of anew; see `Hub.refresh`."""
    return Hub().refresh()


def preprocess(
    name: str, *, progress: Progress | bool | None = None, offline: bool | None = None
) -> Callable[..., Any]:
    """Return what turns a source into the input of the model `name`; see `Hub.preprocess`.

    Example:
        >>> import weft, weft_hub
        >>> prepare = weft_hub.preprocess("vision/mobilenet-v2")  # nothing is downloaded
        >>> tuple(prepare(weft.zeros(3, 300, 400)).shape)
        (3, 224, 224)
    """
    return Hub().preprocess(name, progress=progress, offline=offline)


def load_state_dict(
    name: str, *, progress: Progress | bool | None = None, offline: bool | None = None
) -> dict[str, Any]:
    """Return the weights of the model called `name` as tensors by name; no package is needed."""
    return Hub().load_state_dict(name, progress=progress, offline=offline)


def load(name: str, *, progress: Progress | bool | None = None, offline: bool | None = None) -> Any:
    """Return the pretrained model called `name`, in eval mode and ready to use; see `Hub.load`.

    `name` is a name of the index, or `hf:OWNER/NAME@REVISION`.
    """
    return Hub().load(name, progress=progress, offline=offline)
