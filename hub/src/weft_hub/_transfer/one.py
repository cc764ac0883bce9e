"""Get one file of an entry: from the cache, or from the first source that delivers it."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from weft_hub._http import Client
from weft_hub.cache import Cache
from weft_hub.cache._part import Part
from weft_hub.card import Card, File
from weft_hub.errors import (
    CacheError,
    DamagedBlobError,
    HubError,
    OfflineError,
    SourceError,
    UnsupportedSourceError,
)
from weft_hub.progress import Progress, Step
from weft_hub.sources import FUTURE_SCHEMES, SOURCES, Fetch, Source, scheme_of
from weft_hub.sources.mirror import MirrorSource

_log = logging.getLogger("weft_hub")


def obtain(
    card: Card,
    file: File,
    cache: Cache,
    *,
    offline: bool,
    progress: Progress,
    sources: Mapping[str, Source] | None = None,
    find: Callable[[File], Path | None] | None = None,
    client: Client | None = None,
) -> Path:
    """Return the path of the verified blob of `file`, fetching it when the cache has none.

    `find` is `Cache.find` unless somebody has looked already, such as `EarlyFinds`.

    Raises:
        OfflineError: it is not cached, and only sources that need the network are left.
        DamagedBlobError: the cached copy is damaged and cannot be fetched again.
        SourceError: no source could deliver it; every source's failure is in the message.
        SizeMismatchError, DigestMismatchError: the only source delivered something else.
        CacheError: the cache cannot be written.
    """
    damage: DamagedBlobError | None = None
    try:
        found = (find or cache.find)(file)
    except DamagedBlobError as error:
        damage = error
    else:
        if found is not None:
            progress(Step("cached", file.name, file.size, file.size))
            return found
    usable = [
        uri for uri in file.sources if not (offline and _needs_network(uri, sources or SOURCES))
    ]
    if not usable:
        raise _offline(card, file, damage) from damage
    try:
        with cache.lock(file, progress) as alone:
            found = _look_again(file, cache)
            if found is not None:
                progress(Step("cached", file.name, file.size, file.size))
                return found
            client = client or Client.from_environment()
            sources = dict(sources or SOURCES)
            if client.options.mirror and not offline:
                mirror = MirrorSource(client.options.mirror)
                sources[mirror.scheme] = mirror
                usable = [mirror.uri, *usable]
            return _Fetching(card, file, cache, sources, client, progress).first(usable, alone)
    except CacheError as error:
        if damage is None:
            raise
        raise DamagedBlobError(f"{damage}; and it cannot be replaced: {error}") from error


def _look_again(file: File, cache: Cache) -> Path | None:
    """Look once more under the lock: another process may have stored it while this one waited."""
    try:
        return cache.find(file)
    except DamagedBlobError as error:
        _log.warning("%s; it is set aside and fetched again", error)
        cache.set_aside(file.sha256)
        return None


@dataclass(frozen=True)
class _Fetching:
    """One file that is not in the cache, and all that it takes to get it there."""

    card: Card
    file: File
    cache: Cache
    sources: Mapping[str, Source]
    client: Client
    progress: Progress

    def first(self, uris: Sequence[str], alone: bool) -> Path:
        """Return the blob that the first of the sources gives; `alone` is as for the workspace."""
        failures: list[HubError] = []
        for uri in uris:
            source = self.sources.get(scheme_of(uri))
            if source is None:
                failures.append(
                    UnsupportedSourceError(
                        f"{uri}: this version of weft-hub cannot fetch from {scheme_of(uri)}: "
                        "sources"
                    )
                )
                continue
            try:
                path = self._from(source, uri, alone)
            except CacheError:
                raise  # no other source can help
            except HubError as error:
                self.progress(Step("failed", self.file.name, 0, self.file.size, uri))
                failures.append(error)
            else:
                self.progress(Step("stored", self.file.name, self.file.size, self.file.size, uri))
                return path
        if len(failures) == 1:
            raise failures[0]
        reasons = "; ".join(f"({n}) {failure}" for n, failure in enumerate(failures, 1))
        raise SourceError(
            f"{self.card.name}: none of the {len(failures)} sources of {self.file.name} could give "
            f"it: {reasons}",
            failures,
        )

    def _from(self, source: Source, uri: str, alone: bool) -> Path:
        file, cache = self.file, self.cache
        with cache.workspace(file, alone) as work:
            kept = cache.kept(file) if alone else None
            folder = self.card.folder
            fetch = Fetch(file, folder, work, self.progress, client=self.client, keep=kept)
            with source.open(uri, fetch) as stream:
                if isinstance(stream, Part):  # it is in the cache already
                    path = cache.take(file, stream, source=uri)
                else:
                    path = cache.store(file, stream, work, source=uri, progress=self.progress)
            if kept is not None:
                shutil.rmtree(kept, ignore_errors=True)
        return path


def _needs_network(uri: str, sources: Mapping[str, Source]) -> bool:
    scheme = scheme_of(uri)
    return scheme in FUTURE_SCHEMES or (scheme in sources and sources[scheme].needs_network)


def _offline(card: Card, file: File, damage: DamagedBlobError | None) -> HubError:
    advice = (
        "connect once and run `weft-hub download "
        f"{card.name}` without WEFT_HUB_OFFLINE, or copy the cache of a machine that has it"
    )
    if damage is not None:
        return DamagedBlobError(f"{damage}; it cannot be fetched again offline: {advice}")
    return OfflineError(
        f"{card.name}: {file.name} ({file.size} bytes) is not in the cache, and the hub is "
        f"offline: {advice}"
    )
