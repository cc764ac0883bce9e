"""The hub: an index, a cache and the rules between them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from weft_hub._files.paths import PathsByName
from weft_hub._http import Client
from weft_hub._models.build import empty_model, filled, preprocess_of, read_state, reads_files
from weft_hub._models.help import help_text
from weft_hub._repository.files import PREFIX
from weft_hub._repository.loading import load_repository
from weft_hub._transfer.one import obtain
from weft_hub._transfer.together import obtain_all
from weft_hub.cache import Cache
from weft_hub.cache._early import EarlyFinds
from weft_hub.cache._leases import in_use
from weft_hub.cache._links import linking
from weft_hub.cache._verified import Verified
from weft_hub.card import Card, File
from weft_hub.errors import CacheError, SettingError
from weft_hub.index._judged import Judged
from weft_hub.index._means import index_means
from weft_hub.index._opening import open_index
from weft_hub.index._refresh import Refreshed
from weft_hub.index._search import search
from weft_hub.index._signed_entry import check_signature
from weft_hub.progress import Progress, choose
from weft_hub.settings import Settings

Names: TypeAlias = list[str]  # the class below has a method called `list`
Cards: TypeAlias = list[Card]
Refreshes: TypeAlias = list[Refreshed]


@dataclass(frozen=True)
class Snapshot:
    """The files of one entry, all verified.

    Attributes:
        folder: the folder in which the files have their own names.
        files: the path of each file by its name in the entry.
    """

    folder: Path
    files: Mapping[str, Path]


class Hub:
    """Lists, downloads and loads models.

    Args:
        cache: the folder of the cache; `WEFT_HUB_CACHE`, or the user's cache folder.
        index: folders and addresses (`https://HOST/PATH/index.json#sha256=DIGEST`) of indexes to
            use instead of the one inside the package, which `"builtin"` stands for;
            `WEFT_HUB_INDEX`.
        offline: forbid every connection; `WEFT_HUB_OFFLINE`.
        keys: public keys (PEM files); only models that one of them signed are taken;
            `WEFT_HUB_KEYS`.

    What is not given comes from the environment.
    """

    def __init__(
        self,
        *,
        cache: str | Path | None = None,
        index: str | Path | Iterable[str | Path] | None = None,
        offline: bool | None = None,
        keys: Iterable[str | Path] | None = None,
    ) -> None:
        settings = Settings.from_environment()
        if index is None:
            places: Iterable[str | Path] = settings.indexes
        else:
            places = (index,) if isinstance(index, str | Path) else index
        self.cache = Cache(
            Path(cache).absolute() if cache is not None else settings.cache,
            Verified(settings.verified) if settings.verified is not None else None,
        )
        self.offline = settings.offline if offline is None else offline
        self.cache_limit = settings.cache_limit
        self.index, self._kept_indexes = open_index(
            places,
            self.cache.root,
            lambda: index_means(self, settings),
            Judged(settings.verified / "entries" if settings.verified is not None else None),
        )
        self.keys = settings.keys if keys is None else tuple(Path(key) for key in keys)
        transfer = settings.transfer
        for kept in self._kept_indexes:  # beside an index are the files that come with it
            transfer = transfer.with_http(kept.address.url)
        self.client = Client(transfer)

    def list(self, *, task: str | None = None) -> Names:
        """Return the names of the models in the index, sorted; only those of `task` if given."""
        if task is None:
            return self.index.names()
        return [card.name for card in self.index.cards() if card.task == task]

    def search(
        self,
        text: str | None = None,
        *,
        task: str | None = None,
        license: str | None = None,
        max_size: int | str | None = None,
    ) -> Cards:
        """Return the entries that fit, the best first.

        Args:
            text: words that must all be found, in the name, the task, the summary, among the
                authors or in the model card; they count for less in this order. None for all
                entries, by name.
            task: the name of a task.
            license: an SPDX licence that the entry's licence must name.
            max_size: how large all files together may be: bytes, or text such as "20 MB".

        Raises:
            RegistryError: an entry of the index is not valid.
            SettingError: the licence or the size is none.
        """
        cards = self.index.cards()
        return search(cards, text, task=task, license=license, max_size=max_size)

    def help(self, name: str) -> str:
        """Return how the model called `name` is called, followed by its model card.

        Raises:
            UnknownModelError, RegistryError: see `info`.
        """
        return help_text(self.info(name))

    def refresh(self) -> Refreshes:
        """Fetch each index that is at an address anew, and return what that did.

        Raises:
            HubError: an index is not trusted, older than the one that is there, or cannot be
                fetched; those before it in the order of the setting are refreshed.
        """
        means = index_means(self, Settings.from_environment())
        return [kept.refresh(means) for kept in self._kept_indexes]

    def info(self, name: str) -> Card:
        """Return what the index says about the model called `name`.

        Raises:
            UnknownModelError: no such model; the nearest names are in the message.
            RegistryError: its entry is not valid; all problems are in the message.
            SettingError: it is a repository, `hf:OWNER/NAME`, of which no index knows anything, or
                no text.
        """
        if _is_repository(name):
            raise SettingError(
                f"{name}: a repository has no entry in an index, so only `weft_hub.load`, "
                "`weft-hub run` and `weft-hub verify` take it; its files become a model of an "
                "index by an entry with `hf:` sources"
            )
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
        with in_use(self.cache, card, self.cache_limit), linking(self.cache, card) as links:
            self._obtain(card, progress, offline, stored=links.add)
            folder = links.finish()
        files = PathsByName(folder, {file.name: file.name for file in card.files})
        return Snapshot(folder=folder, files=files)

    def load(
        self,
        name: str,
        *,
        progress: Progress | bool | None = None,
        offline: bool | None = None,
    ) -> Any:
        """Return the pretrained model called `name`, ready to use.

        The files are fetched if need be and verified in any case. The module is built by installed
        code and filled from the weight file, or is what an ONNX file or a graph says; nothing of a
        download is ever executed.

        Args:
            name: the name of the model, as `list` gives it; or `hf:OWNER/NAME@REVISION`, a
                Hugging Face repository of safetensors files whose architecture an installed
                package knows. A revision that is not a commit is looked up and warned about.
            progress: as for `download`.
            offline: as for `download`.

        Returns:
            A `weft.nn.Module` in eval mode with `.card` (the entry of the index), `.preprocess`
            (from a path, bytes or decoded data to the model's input) and `.labels` (the meaning of
            its outputs, in order).

        Raises:
            HubError: a subclass that says what is wrong and what to do.
        """
        if _is_repository(name):
            return load_repository(self, name, choose(progress), offline=self._offline(offline))
        card = self.info(name)
        with in_use(self.cache, card, self.cache_limit):
            early = EarlyFinds(self.cache, card.files)  # hashes beside the next line
            model = empty_model(card)  # before a download that could not be used
            paths = self._obtain(card, progress, offline, find=early.find)
            with contextlib.suppress(CacheError):  # a read-only cache still serves what it has
                self.cache.link(card)
            return filled(model, card, paths)

    def load_state_dict(
        self,
        name: str,
        *,
        progress: Progress | bool | None = None,
        offline: bool | None = None,
    ) -> dict[str, Any]:
        """Return the weights of the model called `name` as tensors by name.

        The package that builds the model need not be installed.

        Args:
            name: the name of the model, as `list` gives it.
            progress: as for `download`.
            offline: as for `download`.

        Raises:
            HubError: a subclass that says what is wrong and what to do.
        """
        card = self.info(name)
        show = choose(progress)
        with in_use(self.cache, card, self.cache_limit):
            self._check_signature(card, show, offline)
            path = self._obtain_one(card, card.weights, show, offline)
            return read_state(card, card.weights, path)

    def preprocess(
        self,
        name: str,
        *,
        progress: Progress | bool | None = None,
        offline: bool | None = None,
    ) -> Callable[..., Any]:
        """Return what turns a source into the input of the model called `name`, without the model.

        Neither the weights nor the module are needed, so a process that prepares data stays small.
        What the preprocessing reads, such as a vocabulary, is fetched if need be and verified.

        Raises:
            MissingPackageError: the package that builds the model, or knows its task, is missing.
            HubError: as `info`, and as `load` if a file is read.
        """
        card = self.info(name)
        if not reads_files(card):
            return preprocess_of(card)
        show = choose(progress)
        with in_use(self.cache, card, self.cache_limit):
            self._check_signature(card, show, offline)
            files = {
                file.name: str(self._obtain_one(card, file, show, offline))
                for file in card.files
                if file.role == "extra"
            }
            return preprocess_of(card, files)

    def _check_signature(self, card: Card, show: Progress, offline: bool | None) -> None:
        """Verify who signed the entry, before anything but the signature is fetched."""
        check_signature(card, lambda file: self._obtain_one(card, file, show, offline), self.keys)

    def _offline(self, offline: bool | None) -> bool:
        return self.offline if offline is None else offline

    def _obtain_one(self, card: Card, file: File, show: Progress, offline: bool | None) -> Path:
        """Return where one verified file of `card` is, and fetch it if it is not cached."""
        return obtain(
            card,
            file,
            self.cache,
            offline=self._offline(offline),
            progress=show,
            client=self.client,
        )

    def _obtain(
        self,
        card: Card,
        progress: Progress | bool | None,
        offline: bool | None,
        *,
        find: Callable[[File], Path | None] | None = None,
        stored: Callable[[File], None] | None = None,
    ) -> Mapping[str, Path]:
        """Return where each verified file of `card` is, and fetch what is not cached."""
        show = choose(progress)
        self._check_signature(card, show, offline)
        return obtain_all(
            card,
            self.cache,
            offline=self._offline(offline),
            progress=show,
            client=self.client,
            find=find,
            stored=stored,
        )


def _is_repository(name: object) -> bool:
    """Whether a name is that of a repository.

    Raises:
        SettingError: it is no text.
    """
    if not isinstance(name, str):
        raise SettingError(f"the name of a model must be text, but is {name!r:.80}")
    return name.startswith(PREFIX)
