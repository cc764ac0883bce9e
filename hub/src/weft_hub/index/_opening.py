"""One index of all the places that a user names: folders, addresses, the one in the package."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from weft_hub.index import Index, builtin_index
from weft_hub.index._judged import Judged
from weft_hub.index._places import BUILTIN, Address, places_of
from weft_hub.index._refresh import KeptIndex, Means
from weft_hub.index._shelves import DocumentShelf, FolderShelf, Shelf
from weft_hub.index.document import Document


def open_index(
    texts: Iterable[str | Path],
    cache: Path,
    means: Callable[[], Means],
    judged: Judged | None = None,
) -> tuple[Index, tuple[KeptIndex, ...]]:
    """Return the index of all places, and those of it that are at an address. Fetches nothing yet.

    Args:
        texts: the places.
        cache: the folder of the cache, where the index of an address is kept.
        means: gives what one is fetched with.
        judged: keeps long entries that were judged.

    Raises:
        SettingError: an address is not spelled as one.
    """
    shelves: list[Shelf] = []
    kept: list[KeptIndex] = []
    for place in places_of(texts) or (BUILTIN,):
        if isinstance(place, Address):
            one = KeptIndex(cache, place)
            kept.append(one)
            shelves.append(DocumentShelf(place.url, _documents(one, means)))
        else:
            shelves.append(FolderShelf(place if isinstance(place, Path) else builtin_index()))
    return Index(shelves, judged), tuple(kept)


def _documents(kept: KeptIndex, means: Callable[[], Means]) -> Callable[[], Document]:
    return lambda: kept.document(means())
