"""The small files of a repository whose digest is not known yet, all at once.

A repository for sentences has a dozen of them, and one after the other they take a dozen times the
way to the server and back. What does not come without trouble is left to `Repositories`, which
tries again and says what is wrong.
"""

from __future__ import annotations

from collections.abc import Sequence

from weft_hub._http import Client
from weft_hub._http.addresses import origin_of
from weft_hub._http.wanted import Wanted
from weft_hub._repository.files import Listing, Repositories
from weft_hub._transfer.watched import Watched

_MOST_BYTES = 4 << 20  # a larger one is kept in memory alone
_LEAST_FILES = 2


def with_digests(
    source: Repositories, listing: Listing, paths: Sequence[str], client: Client
) -> Listing:
    """Return the listing with the digests of those of `paths` that come, which are stored.

    Raises:
        CacheError: the cache cannot be written.
    """
    wanted = [
        Wanted(path, source.address(listing, path), listed.size)
        for path in dict.fromkeys(paths)
        if (listed := listing.files[path]).sha256 is None and 0 < listed.size <= _MOST_BYTES
    ]
    came: dict[str, bytes] = {}

    def got(path: str, content: bytes) -> bool:
        if listing.files[path].is_named(content):
            came[path] = content
        return path in came

    while len(wanted) >= _LEAST_FILES and not client.offline:
        groups: dict[tuple[str, bool], list[Wanted]] = {}
        for one in wanted:
            groups.setdefault((origin_of(one.url), one.led_away), []).append(one)
        wanted = []
        for (_, led_away), group in groups.items():
            # The user named the server, but not where it leads to.
            moved = Watched(client, group, got=got, plain_http=not led_away).run()
            wanted += moved.values()
    for path, content in came.items():
        listing = source.pinned(listing, path, content)
    return listing
