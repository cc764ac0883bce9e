"""The functions of the package: the verbs of `Hub` on the hub that the environment describes.

The environment is read at each call, so that a test or a notebook can change it.
"""

from __future__ import annotations

from typing import Any

from weft_hub.card import Card
from weft_hub.hub import Hub, Snapshot
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


def load(name: str, *, progress: Progress | bool | None = None, offline: bool | None = None) -> Any:
    """Return the pretrained model called `name`, in eval mode and ready to use; see `Hub.load`."""
    return Hub().load(name, progress=progress, offline=offline)
