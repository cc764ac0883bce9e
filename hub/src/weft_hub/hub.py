"""The hub: an index, a cache and the rules between them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeAlias

from weft_hub._build import empty_model, fill
from weft_hub._transfer import obtain
from weft_hub.cache import Cache
from weft_hub.card import Card
from weft_hub.errors import CacheError
from weft_hub.index import Index, builtin_index
from weft_hub.progress import Progress, choose
from weft_hub.settings import Settings

Names: TypeAlias = list[str]  # the class below has a method called `list`


@dataclass(frozen=True)
class Snapshot:
    """The files of one entry, all verified.

    Attributes:
        folder: the folder in which the files have their own names.
        files: the path of each file by its name in the entry.
    """

    folder: Path
    files: MappingProxyType[str, Path]


class Hub:
    """Lists, downloads and loads models.

    Args:
        cache: the folder of the cache; `WEFT_HUB_CACHE`, or the user's cache folder.
        index: folders of indexes to use instead of the one inside the package; `WEFT_HUB_INDEX`.
        offline: forbid every connection; `WEFT_HUB_OFFLINE`.

    What is not given comes from the environment.
    """

    def __init__(
        self,
        *,
        cache: str | Path | None = None,
        index: str | Path | Iterable[str | Path] | None = None,
        offline: bool | None = None,
    ) -> None:
        settings = Settings.from_environment()
        if index is None:
            folders: Iterable[str | Path] = settings.indexes or (builtin_index(),)
        else:
            folders = (index,) if isinstance(index, str | Path) else index
        self.index = Index(Path(folder).absolute() for folder in folders)
        self.cache = Cache(Path(cache).absolute() if cache is not None else settings.cache)
        self.offline = settings.offline if offline is None else offline

    def list(self, *, task: str | None = None) -> Names:
        """Return the names of the models in the index, sorted; only those of `task` if given."""
        names = self.index.names()
        if task is None:
            return names
        return [name for name in names if self.index.card(name).task == task]

    def info(self, name: str) -> Card:
        """Return what the index says about the model called `name`.

        Raises:
            UnknownModelError: no such model; the nearest names are in the message.
            RegistryError: its entry is not valid; all problems are in the message.
        """
        return self.index.card(name)

    def download(
        self,
        name: str,
        *,
        progress: Progress | bool | None = None,
        offline: bool | None = None,
    ) -> Snapshot:
        """Fetch and verify every file of a model, and return where they are.

        Files that are in the cache are verified again and not fetched.

        Args:
            name: the name of the model.
            progress: a function that is called with each `Step`, True for a bar, False for
                silence; None shows a bar if standard error is a terminal.
            offline: forbid every connection for this call; None keeps the hub's setting.

        Raises:
            HubError: a subclass that says what is wrong and what to do.
        """
        card = self.info(name)
        show = choose(progress)
        for file in card.files:
            obtain(card, file, self.cache, offline=self._offline(offline), progress=show)
        folder = self.cache.link(card)
        files = {file.name: folder / file.name for file in card.files}
        return Snapshot(folder=folder, files=MappingProxyType(files))

    def load(
        self,
        name: str,
        *,
        progress: Progress | bool | None = None,
        offline: bool | None = None,
    ) -> Any:
        """Return the pretrained model called `name`, ready to use.

        The files are fetched if need be and verified in any case. The module is built by installed
        code and filled from the weight file; nothing of a download is ever executed.

        Args:
            name: the name of the model, as `list` gives it.
            progress: as for `download`.
            offline: as for `download`.

        Returns:
            A `weft.nn.Module` in eval mode with `.card` (the entry of the index), `.preprocess`
            (from a path, bytes or decoded data to the model's input) and `.labels` (the meaning of
            its outputs, in order).

        Raises:
            HubError: a subclass that says what is wrong and what to do.
        """
        card = self.info(name)
        model = empty_model(card)  # before a download that could not be used
        show = choose(progress)
        weights = None
        for file in card.files:
            path = obtain(card, file, self.cache, offline=self._offline(offline), progress=show)
            if file is card.weights:
                weights = path
        assert weights is not None  # the registry accepts no entry without weights
        with contextlib.suppress(CacheError):  # a read-only cache still serves what it has
            self.cache.link(card)
        fill(model, card, weights)
        return model

    def _offline(self, offline: bool | None) -> bool:
        return self.offline if offline is None else offline
