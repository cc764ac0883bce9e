"""How the hub uses the network: connections, time limits, endpoint and tokens."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from weft_hub._http.addresses import check_url, origin_of
from weft_hub.errors import SettingError

HF_ENDPOINT = "https://huggingface.co"


@dataclass(frozen=True)
class Options:
    """How the network is used.

    Attributes:
        connections: how many requests may run at once, over all files.
        connect_timeout_s: how long connecting to a host may take, in seconds.
        stall_timeout_s: how long a connection may bring nothing, in seconds.
        retries: how often in a row a transfer is tried again without getting on.
        http_hosts: hosts, `HOST` or `HOST:PORT`, that may be asked without encryption.
        hf_endpoint: where `hf:` sources are fetched from.
        tokens_file: the file with a token for each host; None for the place that the system gives.
        hf_token: the token for the host of `hf_endpoint`.
        mirror: where every file is asked for first, by its digest; None for no mirror.
        authorities: a file with the certificates that are trusted unless `REQUESTS_CA_BUNDLE`
            names one; None for the usual ones.
    """

    connections: int = 8
    connect_timeout_s: float = 10.0
    stall_timeout_s: float = 30.0
    retries: int = 5
    http_hosts: tuple[str, ...] = ()
    hf_endpoint: str = HF_ENDPOINT
    tokens_file: Path | None = None
    hf_token: str | None = field(default=None, repr=False)
    mirror: str | None = None
    authorities: Path | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Options:
        """Read the variables that the guide's page "Downloads" lists.

        Raises:
            SettingError: a value that cannot be used; the message names the variable.
        """
        env = os.environ if environment is None else environment
        plain = cls()
        tokens = env.get("WEFT_HUB_TOKENS")
        hosts = env.get("WEFT_HUB_HTTP_HOSTS", "").replace(",", " ").split()
        return cls(
            connections=_whole(env, "WEFT_HUB_CONNECTIONS", plain.connections, 1, 64),
            connect_timeout_s=_seconds(env, "WEFT_HUB_CONNECT_TIMEOUT", plain.connect_timeout_s),
            stall_timeout_s=_seconds(env, "WEFT_HUB_STALL_TIMEOUT", plain.stall_timeout_s),
            retries=_whole(env, "WEFT_HUB_RETRIES", plain.retries, 0, 100),
            http_hosts=tuple(host.lower() for host in hosts),
            hf_endpoint=_endpoint(env),
            tokens_file=Path(tokens).expanduser().absolute() if tokens else None,
            hf_token=env.get("HF_TOKEN", "").strip() or None,
            mirror=_address(env, "WEFT_HUB_MIRROR", "http://mirror.example:8478"),
        )

    def with_http(self, url: str) -> Options:
        """Return these options with the host of `url`, which the user named, asked as it is."""
        if not url.startswith("http:"):
            return self
        return replace(self, http_hosts=(*self.http_hosts, origin_of(url).partition("://")[2]))

    def tokens_path(self) -> Path:
        """Return where the tokens are kept."""
        if self.tokens_file is not None:
            return self.tokens_file
        import platformdirs  # not needed when the file is given

        return platformdirs.user_config_path("weft") / "hub-tokens.json"


def _whole(env: Mapping[str, str], name: str, otherwise: int, least: int, most: int) -> int:
    text = env.get(name, "").strip()
    if not text:
        return otherwise
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 9 else least - 1
    if not least <= number <= most:
        raise SettingError(f"{name} must be a whole number from {least} to {most}, but is {text!r}")
    return number


def _seconds(env: Mapping[str, str], name: str, otherwise: float) -> float:
    text = env.get(name, "").strip()
    if not text:
        return otherwise
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number <= 86400:
        raise SettingError(
            f"{name} must be a number of seconds above 0 and up to 86400, but is {text!r}"
        )
    return number


def _endpoint(env: Mapping[str, str]) -> str:
    for name in ("WEFT_HUB_HF_ENDPOINT", "HF_ENDPOINT"):
        found = _address(env, name, HF_ENDPOINT)
        if found:
            return found
    return HF_ENDPOINT


def _address(env: Mapping[str, str], name: str, example: str) -> str | None:
    text = env.get(name, "").strip().rstrip("/")
    if not text:
        return None
    wrong = check_url(text)
    if wrong is None and "?" in text:
        wrong = "it has a query"
    if wrong is not None:
        raise SettingError(f"{name} must be an address such as {example}, but is {text!r}: {wrong}")
    return text
