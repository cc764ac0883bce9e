"""Load `hf:OWNER/NAME@REVISION`: safetensors of a repository in the layout of a known architecture.

The repository gives numbers and settings. Which code reads them is decided here: an architecture
that an installed package registers, chosen by the name that `config.json` gives.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from weft_hub._models.build import attach, one_line, read_state
from weft_hub._models.plugins import task_of
from weft_hub._models.preprocess import Preprocess
from weft_hub._repository.architectures import Known, architecture_called, architecture_of
from weft_hub._repository.files import PREFIX, Get, Listing, Repositories, Repository
from weft_hub._repository.pages import get_answer
from weft_hub._repository.signature import verified_signature
from weft_hub._repository.together import with_digests
from weft_hub._transfer.together import obtain_all
from weft_hub.cache._leases import in_use
from weft_hub.card import Build, Card, File
from weft_hub.errors import (
    BuildError,
    CacheError,
    OfflineError,
    UnpinnedRevisionWarning,
    WeightsError,
)
from weft_hub.progress import Progress

if TYPE_CHECKING:
    from weft_hub.hub import Hub
    from weft_hub.signing import Trust
    from weft_hub.signing._verbs import SignedDigests

_CONFIG = "config.json"
_MOST_INTEGER = 1 << 24  # no size of a layer, a vocabulary or a picture is larger
_BYTES_A_NUMBER = 1  # the smallest dtype of weights: a module has no more numbers than bytes


def load_repository(hub: Hub, text: str, progress: Progress, *, offline: bool) -> Any:
    """Return the model of a repository, in eval mode, with `.card`, `.preprocess` and `.labels`.

    Raises:
        SettingError: `text` is not `hf:OWNER/NAME@REVISION`.
        UnknownArchitectureError: no installed package knows its architecture.
        SignatureError: the user pinned keys, and none of them signed what it holds.
        BuildError: that package cannot build what its `config.json` describes.
        WeightsError: its weights cannot be read or do not fit.
        HubError: other subclasses, as for an entry of the index.
    """
    asked = Repository.parse(text)
    trust = pinned_trust(hub)
    source, listing = open_repository(hub, asked, offline=offline)
    if not asked.is_pinned:
        warnings.warn(
            f"{asked}: {asked.revision!r} may be another model tomorrow; to stay with the one that "
            f"is loaded now, write {listing.repository}",
            UnpinnedRevisionWarning,
            stacklevel=4,  # whoever called load
        )
    loading = Loading(hub, source, listing, progress, offline=offline)
    if trust is not None:
        loading.require_signature(trust)
    return loading.model()


def pinned_trust(hub: Hub) -> Trust | None:
    """Return a trust in the keys that the user pinned, or None if there is no such rule.

    Raises:
        SignatureKeyError: a key cannot be read or used.
    """
    if not hub.keys:
        return None
    from weft_hub.signing import KeyTrust  # slow to load

    return KeyTrust(*hub.keys)


def open_repository(hub: Hub, asked: Repository, *, offline: bool) -> tuple[Repositories, Listing]:
    """Return what a repository holds at the commit that its revision is, and what asks for more.

    Raises:
        OfflineError: it was not loaded before, and the hub is offline.
        HubError: other subclasses, if the server cannot tell.
    """
    endpoint = hub.client.options.hf_endpoint
    get: Get | None = None if offline else lambda url, limit: get_answer(hub.client, url, limit)
    source = Repositories(hub.cache, endpoint, get)
    repository = source.commit_of(asked)
    listing = source.listing(repository) if repository is not None else None
    if listing is None:
        raise OfflineError(
            f"{asked}: it was not loaded before, and the hub is offline: connect once and load it, "
            "or copy the cache of a machine that has it"
        )
    return source, listing


class Loading:
    """One load: the listing grows digests as files are seen."""

    def __init__(
        self,
        hub: Hub,
        source: Repositories,
        listing: Listing,
        progress: Progress,
        *,
        offline: bool,
    ) -> None:
        self._hub = hub
        self._source = source
        self._listing = listing
        self._progress = progress
        self._offline = offline
        self._who = str(listing.repository)
        self._signed: SignedDigests | None = None

    def require_signature(self, trust: Trust) -> tuple[Path, SignedDigests]:
        """Take from now on only what the repository's signature is over; see its module.

        Raises:
            SignatureError: there is none, or it is not that of somebody who is trusted.
        """
        path, self._signed = verified_signature(self._listing, trust, self.fetch)
        return path, self._signed

    def model(self) -> Any:
        """Fetch what is needed, and return the model."""
        config_file, config_path = self.fetch(_CONFIG, "extra")
        config = _config(config_path, self._who)
        known = architecture_of(config, self._who)
        weights = self._weights()
        model = self._built(known, config, weights)
        extra = self.fetch_all(self._wanted(known), "extra")
        files = (config_file, *(file for file, _ in extra))
        paths = {file.name: str(path) for file, path in extra}
        card = self._card(known, files)
        try:
            labels = known.architecture.labels(config)
            preprocess = Preprocess(_preprocess, known.name, known.package, config, paths)
        except (ValueError, TypeError, KeyError) as error:
            raise BuildError(f"{self._who}: {one_line(error)}") from error
        task_of(card)  # a task that nobody knows is said before the weights are fetched
        tensors: dict[str, Any] = {}
        found = []
        for path in weights:  # what could not be used was refused before
            file, at = self.fetch(path, "weights")
            found.append(file)
            part = read_state(card, file, at)
            twice = tensors.keys() & part.keys()
            if twice:
                raise WeightsError(
                    f"{self._who}: two files hold the tensor {min(twice)!r}, one of them {path}"
                )
            tensors |= part
        self._fill(model, known, config, tensors)
        model.eval()
        model.card = self._card(known, (*found, *files))
        model.preprocess = preprocess
        model.labels = tuple(labels)
        attach(model, model.card, {file.name: path for file, path in extra})
        return model

    def fetch(self, path: str, role: str) -> tuple[File, Path]:
        """Return a file of the repository and where it is, verified and signed as is asked for."""
        (found,) = self.fetch_all([path], role)
        return found

    def fetch_all(self, paths: Sequence[str], role: str) -> list[tuple[File, Path]]:
        """Return several files, fetched at the same time; see `fetch`."""
        for path in paths:
            if path not in self._listing.files:
                raise WeightsError(
                    f"{self._who}: it has no {path}; a repository with config.json and safetensors "
                    "files is required"
                )
        if not self._offline:
            self._listing = with_digests(self._source, self._listing, paths, self._hub.client)
        for path in paths:
            self._listing = self._source.with_digest(self._listing, path)
        files = tuple(self._listing.file(path, role) for path in paths)
        if self._signed is not None:
            self._signed.require({file.name: file.sha256 for file in files})
        card = _bare_card(self._listing, files)
        with in_use(self._hub.cache, card, self._hub.cache_limit):
            places = obtain_all(
                card,
                self._hub.cache,
                offline=self._offline,
                progress=self._progress,
                client=self._hub.client,
            )
        return [(file, places[file.name]) for file in files]

    def _weights(self) -> list[str]:
        """Return the files that hold the weights: those of an index, or the only one."""
        names = sorted(
            path
            for path in self._listing.files
            if path.endswith(".safetensors") and "/" not in path  # a folder's are a module's
        )
        indexes = [path for path in self._listing.files if path.endswith(".safetensors.index.json")]
        if "model.safetensors" in names:
            return ["model.safetensors"]
        if "model.safetensors.index.json" in indexes or len(indexes) == 1:
            chosen = indexes[0] if len(indexes) == 1 else "model.safetensors.index.json"
            return self._shards(chosen)
        if len(names) == 1:
            return names
        raise WeightsError(
            f"{self._who}: model.safetensors, or an index of several files, is required, but it "
            f"has {', '.join(names) or 'no safetensors file'}"
        )

    def _shards(self, path: str) -> list[str]:
        _, at = self.fetch(path, "extra")
        data = _json_object(at, f"{self._who}/{path}")
        places = data.get("weight_map")
        if not isinstance(places, dict) or not all(isinstance(v, str) for v in places.values()):
            raise WeightsError(f"{self._who}/{path}: it has no weight_map from tensors to files")
        names = sorted(set(places.values()))
        missing = [name for name in names if name not in self._listing.files]
        if missing or not names:
            raise WeightsError(f"{self._who}/{path}: it names {missing}, which are not there")
        return names

    def _wanted(self, known: Known) -> list[str]:
        wanted = (*known.architecture.wanted, "1_Pooling/config.json")
        return [path for path in dict.fromkeys(wanted) if path in self._listing.files]

    def _built(self, known: Known, config: Mapping[str, Any], weights: list[str]) -> Any:
        import weft

        there = sum(self._listing.files[path].size for path in weights)
        try:
            # Without memory first: a config.json must not make the machine run out of it.
            with weft.device("meta"):
                outline = known.architecture.build(config)
            numbers = sum(parameter.numel() for parameter in outline.parameters())
            if numbers * _BYTES_A_NUMBER > there:
                raise ValueError(
                    f"its config.json describes {numbers} parameters, but its weights have only "
                    f"{there} bytes"
                )
            return known.architecture.build(config)
        except (TypeError, ValueError, KeyError, RuntimeError) as error:
            raise BuildError(
                f"{self._who} cannot be built as {known.name!r} by {known.package}: "
                f"{one_line(error)}"
            ) from error

    def _fill(
        self, model: Any, known: Known, config: Mapping[str, Any], tensors: dict[str, Any]
    ) -> None:
        try:
            model.load_state_dict(known.architecture.state(tensors, config), strict=True)
        except (RuntimeError, KeyError, ValueError, TypeError) as error:
            raise WeightsError(
                f"{self._who}: its weights do not fit the {known.name!r} that {known.package} "
                f"builds: {one_line(error)}"
            ) from error

    def _card(self, known: Known, files: tuple[File, ...]) -> Card:
        card = _bare_card(self._listing, files)
        build = Build("architecture", known.package, known.name)
        values = {**vars(card), "task": known.architecture.task, "build": build}
        return Card(**values)


def _preprocess(
    name: str, package: str, config: Mapping[str, Any], paths: Mapping[str, str]
) -> Callable[..., Any]:
    files = {path: Path(at) for path, at in paths.items()}
    return architecture_called(name, package).preprocess(config, files)


def _bare_card(listing: Listing, files: tuple[File, ...]) -> Card:
    repository = listing.repository
    return Card(
        name=f"{PREFIX}{repository.owner}/{repository.name}",
        version=repository.revision,
        task="",
        summary=f"{repository.name} of {repository.owner}, from its repository",
        license=listing.license,
        authors=(repository.owner,),
        provenance=f"The repository {repository}, as its server gave it when it was first loaded.",
        paper=None,
        build=Build("architecture", "", ""),
        files=files,
        preprocess=MappingProxyType({}),
        labels=(),
        metrics=(),
        text="",
        folder=Path(),
    )


def _config(path: Path, who: str) -> dict[str, Any]:
    config = _json_object(path, f"{who}/{_CONFIG}")
    for key, value in config.items():
        if type(value) is int and abs(value) > _MOST_INTEGER:
            raise BuildError(f"{who}/{_CONFIG}: {key} is {value}, which no model has")
    return config


def _json_object(path: Path, what: str) -> dict[str, Any]:
    try:
        data = json.loads(path.read_bytes())
    except OSError as error:
        raise CacheError(f"cannot read {path}: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise WeightsError(f"{what}: it is not JSON: {error}") from error
    if not isinstance(data, dict):
        raise WeightsError(f"{what}: it must hold a table, but holds a {type(data).__name__}")
    return data
