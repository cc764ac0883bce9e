"""How the host of an address is reached: by which socket, by which proxy, with whose certificates.

All of it is as requests has it, so that who asks by another way asks as requests would.
"""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    import ssl

    from weft_hub._http.client import Client

_PLAIN = re.compile(r"[\t -~]*")


class Route:
    """The way to an origin, for requests that need no library.

    Args:
        origin: `scheme://host:port`.
        verify: the certificates that are trusted, a file or a folder.
        proxy: the address of the proxy, or None.
        limit_s: how long reaching it may take.

    Raises:
        OSError: the certificates cannot be read.
        ValueError: it is a way that only requests knows.
    """

    def __init__(self, origin: str, verify: str, proxy: str | None, limit_s: float) -> None:
        scheme, _, self.host = origin.partition("://")
        self._tls = _context(verify) if scheme == "https" else None
        self.not_yet = _not_yet(self._tls)
        self._limit_s = limit_s
        self._by: str | None = None
        self._said: dict[str, str] = {}
        if proxy is not None:
            self._by, self._said = _proxy(proxy)
        through = self._by is not None and self._tls is None
        self.prefix = origin if through else ""
        """What a target begins with: a proxy that is asked for a page needs the whole address."""
        self.headers = self._said if through else {}

    @classmethod
    def to(cls, client: Client, origin: str) -> Route | None:
        """Return the way of `client` to `origin`, or None if requests must go it."""
        verify, proxy = client.settings_for(origin)
        try:
            return cls(origin, verify, proxy, client.options.connect_timeout_s)
        except (OSError, ValueError):  # who asks by requests is told what is wrong
            return None

    def connect(self) -> socket.socket:
        """Return a socket on which the host can be asked.

        Raises:
            OSError, ValueError: it cannot be reached.
        """
        if self._tls is None:
            parts = urlsplit(f"//{self._by or self.host}")
            assert parts.hostname is not None
            made = socket.create_connection((parts.hostname, parts.port or 80), self._limit_s)
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return made
        from http.client import HTTPException, HTTPSConnection  # not needed without TLS

        where = self._by or self.host
        connection = HTTPSConnection(where, timeout=self._limit_s, context=self._tls)
        if self._by is not None:
            connection.set_tunnel(self.host, headers=self._said)
        try:
            connection.connect()
        except HTTPException as error:  # of a proxy
            raise ConnectionError(str(error)) from error
        secured: socket.socket = connection.sock
        return secured

    def request(self, headers: Mapping[str, str]) -> tuple[bytes, bytes]:
        """Return what stands before and after the target of a GET with these headers.

        Raises:
            ValueError: a header has what none may have.
        """
        lines = {"Host": self.host, "Accept-Encoding": "identity", **headers, **self.headers}
        if not all(_PLAIN.fullmatch(value) for value in lines.values()):
            raise ValueError("a header must be one line of ASCII")
        said = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        return f"GET {self.prefix}".encode(), f" HTTP/1.1\r\n{said}\r\n".encode("ascii")


def _proxy(address: str) -> tuple[str, dict[str, str]]:
    """Return the host of a proxy, and the headers that it wants.

    Raises:
        ValueError: it is asked by TLS, or not by HTTP at all.
    """
    from requests.adapters import HTTPAdapter
    from requests.utils import prepend_scheme_if_needed

    address = str(prepend_scheme_if_needed(address, "http"))  # type: ignore[no-untyped-call]  # requests has no types there
    parts = urlsplit(address)
    if parts.scheme != "http" or not parts.hostname:
        raise ValueError(f"a proxy of {parts.scheme}:")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{host}:{parts.port or 80}", dict(HTTPAdapter().proxy_headers(address))


def _not_yet(tls: ssl.SSLContext | None) -> tuple[type[OSError], ...]:
    if tls is None:
        return (BlockingIOError,)
    from ssl import SSLWantReadError

    return (BlockingIOError, SSLWantReadError)


def _context(verify: str) -> ssl.SSLContext:
    import ssl  # not needed without TLS

    folder = os.path.isdir(verify)
    context = ssl.create_default_context(
        cafile=None if folder else verify, capath=verify if folder else None
    )
    context.set_alpn_protocols(["http/1.1"])
    return context
