"""The small files of an entry that are missing, by one thread as long as all goes well.

What does not come this way, for whatever reason, is got as `one` gets it, with every rule about
retries, redirects, other sources and errors. What comes is verified as all else is, and several
processes that want the same files take turns.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from weft_hub._http import Client
from weft_hub._http.addresses import origin_of
from weft_hub._http.wanted import Wanted
from weft_hub._transfer.watched import Watched
from weft_hub.cache import Cache
from weft_hub.card import File
from weft_hub.errors import HubError
from weft_hub.progress import Progress, Stage, Step, quiet
from weft_hub.sources import Place, place_of
from weft_hub.sources.mirror import MirrorSource

LEAST_FILES = 4
"""Fewer are not worth a thread and connections of their own."""


def obtain_small(
    files: list[File],
    cache: Cache,
    progress: Progress,
    client: Client,
    stored: Callable[[File], None] | None = None,
) -> set[str]:
    """Fetch those of `files`, all small and none twice, that come without trouble.

    `stored` is called with each of them once it is in the cache, by another thread.

    Returns:
        The digests of those that came.

    Raises:
        CacheError: the cache cannot be written.
    """
    if len(files) < LEAST_FILES:
        return set()
    came: set[str] = set()
    with _alone(files, cache, progress) as work:
        # Another process may have had its turn meanwhile.
        left = [file for file in files if not cache.has(file.sha256)]
        for places in (_at_the_mirror, _at_the_first_source):
            asked = places(left, client)
            while asked:
                moved: list[_Asked] = []
                for group in _by_origin(asked):
                    batch = _Batch(group, cache, work, progress, client, stored)
                    came |= batch.run()
                    moved += batch.moved
                asked = moved
            if came and places is _at_the_mirror and client.options.mirror is not None:
                client.reached.add(client.options.mirror)  # whether it is there is known now
            left = [file for file in left if file.sha256 not in came]
    return came


@contextmanager
def _alone(files: list[File], cache: Cache, progress: Progress) -> Iterator[Path]:
    """Hold one lock for all `files`, and give a folder for what is not verified yet."""
    digests = "\n".join(sorted(file.sha256 for file in files))
    size = sum(file.size for file in files)
    name = f"{len(files)} small files"
    together = File(name, "extra", "other", size, hashlib.sha256(digests.encode()).hexdigest(), ())
    with cache.lock(together, progress) as alone, cache.workspace(together, alone) as work:
        cache.folder("blobs")
        cache.folder("tmp", work.name)
        yield work


@dataclass(frozen=True)
class _Asked:
    """A file, where it is asked for, and where that led."""

    file: File
    place: Place
    wanted: Wanted

    @classmethod
    def at(cls, place: Place, file: File) -> _Asked:
        """Return `file` to be asked for at `place`."""
        return cls(file, place, Wanted(file.sha256, place.url, file.size))

    @property
    def plain_http(self) -> bool:
        """Return whether the user named the host that is asked."""
        return self.place.plain_http and not self.wanted.led_away


def _at_the_mirror(files: list[File], client: Client) -> list[_Asked]:
    if not files or client.options.mirror is None:
        return []
    mirror = MirrorSource(client.options.mirror)
    return [_Asked.at(mirror.place(file), file) for file in files]


def _at_the_first_source(files: list[File], client: Client) -> list[_Asked]:
    places = ((file, place_of(file, client)) for file in files)
    return [_Asked.at(place, file) for file, place in places if place is not None]


def _by_origin(asked: list[_Asked]) -> Iterator[list[_Asked]]:
    groups: dict[tuple[str, bool, bool], list[_Asked]] = {}
    origins: dict[str, str] = {}
    for one in asked:
        start = "/".join(one.wanted.url.split("/", 3)[:3])  # of many files most have the same
        origin = origins.get(start) or origins.setdefault(start, origin_of(start))
        key = origin, one.plain_http, one.wanted.led_away
        groups.setdefault(key, []).append(one)
    return (group for group in groups.values() if len(group) >= LEAST_FILES)


class _Batch:
    """Files at one origin, stored as they come."""

    def __init__(
        self,
        asked: list[_Asked],
        cache: Cache,
        work: Path,
        progress: Progress,
        client: Client,
        stored: Callable[[File], None] | None,
    ) -> None:
        self._stored = stored
        self._cache, self._work = cache, work
        self._progress = progress
        self._client = client
        self._asked = {one.file.sha256: one for one in asked}
        self._came: set[str] = set()
        self.moved: list[_Asked] = []

    def run(self) -> set[str]:
        """Return the digests of the files that came; `moved` has those that are elsewhere."""
        asked = self._asked
        moved = Watched(
            self._client,
            [one.wanted for one in asked.values()],
            asked=self._ask,
            got=self._take,
            plain_http=next(iter(asked.values())).plain_http,
        ).run()
        self.moved = [replace(asked[key], wanted=one) for key, one in moved.items()]
        return self._came

    def _ask(self, digest: str) -> None:
        self._tell("download", self._asked[digest], 0)

    def _take(self, digest: str, content: bytes) -> bool:
        one = self._asked[digest]
        self._tell("download", one, len(content))
        try:
            self._cache.put(one.file, content, self._work)
            self._came.add(digest)
            if self._stored is not None:
                self._stored(one.file)
        except (HubError, OSError):
            return False
        self._tell("verify", one, len(content))
        self._tell("stored", one, len(content))
        return True

    def _tell(self, stage: Stage, one: _Asked, done: int) -> None:
        if self._progress is not quiet:
            self._progress(Step(stage, one.file.name, done, one.file.size, one.place.uri))
