"""Where the hub keeps things and whether it may use the network: the environment, read once."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from weft_hub._http import Options
from weft_hub._texts.quantities import parse_size
from weft_hub.errors import SettingError
from weft_hub.index._places import split

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
        verified: the folder that remembers which cached files were verified; None to hash every
            file each time.
        keys: public keys (PEM files) of which one must have signed a model; empty for no such rule.
        cache_limit: how many bytes the cache is kept at; None for no limit.
        transfer: how the network is used.
    """

    cache: Path
    indexes: tuple[str, ...] = ()
    index_keys: tuple[Path, ...] = ()
    offline: bool = False
    verified: Path | None = None
    keys: tuple[Path, ...] = ()
    cache_limit: int | None = None
    transfer: Options = field(default_factory=Options)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Settings:
        """Read the variables whose names begin with `WEFT_HUB_`; the guide has tables of them.

        `HF_HUB_OFFLINE` counts where `WEFT_HUB_OFFLINE` is not set.

        Raises:
            SettingError: a value that cannot be used.
        """
        env = os.environ if environment is None else environment
        return cls(
            cache=_cache_folder(env),
            indexes=split(env.get("WEFT_HUB_INDEX", "")),
            index_keys=tuple(path.absolute() for path in _paths(env, "WEFT_HUB_INDEX_KEY")),
            offline=_is_offline(env),
            verified=_verified_folder(env),
            keys=_paths(env, "WEFT_HUB_KEYS"),
            cache_limit=_limit(env.get("WEFT_HUB_CACHE_LIMIT", "")),
            transfer=Options.from_environment(env),
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


def _is_offline(env: Mapping[str, str]) -> bool:
    for name in ("WEFT_HUB_OFFLINE", "HF_HUB_OFFLINE"):
        said = env.get(name, "").strip().lower()
        if said not in _TRUE + _FALSE:
            raise SettingError(
                f"{name} must be one of {', '.join(_TRUE + _FALSE[1:])}, but is {env[name]!r}"
            )
        if said:
            return said in _TRUE
    return False


def _verified_folder(env: Mapping[str, str]) -> Path | None:
    when = env.get("WEFT_HUB_VERIFY", "").strip().lower() or "changed"
    if when not in ("changed", "always"):
        raise SettingError(
            f"WEFT_HUB_VERIFY must be changed or always, but is {env['WEFT_HUB_VERIFY']!r}"
        )
    if when == "always":
        return None
    given = env.get("WEFT_HUB_VERIFIED")
    if given:
        return Path(given).expanduser().absolute()
    import platformdirs  # not needed when the folder is given

    return platformdirs.user_state_path("weft") / "hub-verified"


def _cache_folder(env: Mapping[str, str]) -> Path:
    given = env.get("WEFT_HUB_CACHE")
    if given:
        return Path(given).expanduser().absolute()
    import platformdirs  # not needed when the folder is given

    return platformdirs.user_cache_path("weft") / "hub"
