"""Where the hub keeps things and whether it may use the network: the environment, read once."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from weft_hub._index_places import split
from weft_hub._quantities import parse_size
from weft_hub.errors import SettingError

_TRUE = ("1", "true", "yes", "on")
_FALSE = ("", "0", "false", "no", "off")


@dataclass(frozen=True)
class Settings:
    """The hub's settings.

    Attributes:
        cache: the folder of the cache.
        indexes: folders and addresses of indexes that are used instead of the one inside the
            package, which is called `builtin` here; empty for that one alone.
        index_keys: files of public keys; an index at an address without a digest must be signed
            by one of them.
        offline: whether every connection is forbidden.
        keys: public keys (PEM files) of which one must have signed a model; empty for no such rule.
        cache_limit: how many bytes the cache is kept at; None for no limit.
    """

    cache: Path
    indexes: tuple[str, ...] = ()
    index_keys: tuple[Path, ...] = ()
    offline: bool = False
    keys: tuple[Path, ...] = ()
    cache_limit: int | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Settings:
        """Read the variables whose names begin with `WEFT_HUB_`; the guide has a table of them.

        Raises:
            SettingError: a value that is neither true nor false for `WEFT_HUB_OFFLINE`, or no
                size for `WEFT_HUB_CACHE_LIMIT`.
        """
        env = os.environ if environment is None else environment
        offline = env.get("WEFT_HUB_OFFLINE", "").strip().lower()
        if offline not in _TRUE + _FALSE:
            raise SettingError(
                f"WEFT_HUB_OFFLINE must be one of {', '.join(_TRUE + _FALSE[1:])}, "
                f"but is {env['WEFT_HUB_OFFLINE']!r}"
            )
        return cls(
            cache=_cache_folder(env),
            indexes=split(env.get("WEFT_HUB_INDEX", "")),
            index_keys=tuple(path.absolute() for path in _paths(env, "WEFT_HUB_INDEX_KEY")),
            offline=offline in _TRUE,
            keys=_paths(env, "WEFT_HUB_KEYS"),
            cache_limit=_limit(env.get("WEFT_HUB_CACHE_LIMIT", "")),
        )


def _paths(env: Mapping[str, str], name: str) -> tuple[Path, ...]:
    return tuple(Path(path).expanduser() for path in env.get(name, "").split(os.pathsep) if path)


def _limit(text: str) -> int | None:
    if not text.strip():
        return None
    try:
        return parse_size(text)
    except ValueError as error:
        raise SettingError(f"WEFT_HUB_CACHE_LIMIT {error}") from error


def _cache_folder(env: Mapping[str, str]) -> Path:
    given = env.get("WEFT_HUB_CACHE")
    if given:
        return Path(given).expanduser().absolute()
    import platformdirs  # not needed when the folder is given

    return platformdirs.user_cache_path("weft") / "hub"
