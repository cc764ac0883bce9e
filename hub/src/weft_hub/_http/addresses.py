"""Which addresses may be asked, and where a redirect may lead."""

from __future__ import annotations

import contextlib
import ipaddress
import re
from collections.abc import Callable, Iterable
from urllib.parse import urljoin, urlsplit

_PLAIN = re.compile(r"[!#-;=?-\[\]_a-z~]+")  # printable ASCII that an address may have as it stands
_PORTS = {"http": 80, "https": 443}


def check_url(url: str) -> str | None:
    """Return why `url` is no address that the hub would ask, or None."""
    if not _PLAIN.fullmatch(url):
        return "it has a character that must be written as %XX"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        return str(error)
    if parts.scheme not in _PORTS:
        return f"its scheme must be https or http, but is {parts.scheme!r}"
    if not parts.hostname or port == 0:
        return "it names no host"
    if "@" in parts.netloc:
        return "it holds a user name or password; keep a token with `weft-hub login HOST` instead"
    if "#" in url:
        return "it has a fragment, which no server is sent"
    return None


def host_of(url: str) -> str:
    """Return the host of `url` in lower case, without its port."""
    return (urlsplit(url).hostname or "").lower()


def origin_of(url: str) -> str:
    """Return `scheme://host:port`; the port is left out where it is the scheme's own."""
    parts = urlsplit(url)
    host = host_of(url)
    host = f"[{host}]" if ":" in host else host
    if parts.port is None or parts.port == _PORTS.get(parts.scheme):
        return f"{parts.scheme}://{host}"
    return f"{parts.scheme}://{host}:{parts.port}"


def is_loopback(host: str) -> bool:
    """Whether `host` is this machine by its name or address; no name is looked up."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def refusal(url: str, *, http_hosts: Iterable[str], came_from: str | None = None) -> str | None:
    """Return why `url` may not be asked, or None.

    Args:
        url: the address.
        http_hosts: hosts, with or without a port, that may be asked without encryption.
        came_from: the address that redirected here, if one did.
    """
    wrong = check_url(url)
    if wrong is not None:
        return wrong
    host = host_of(url)
    if url.startswith("http:"):
        if came_from is not None and came_from.startswith("https:"):
            return "it leads from https to http, where anyone on the way can read and change it"
        where = origin_of(url).partition("://")[2]
        if not is_loopback(host) and not {host, where} & set(http_hosts):
            return (
                f"http is not encrypted; put {where} into WEFT_HUB_HTTP_HOSTS if you want it all "
                "the same"
            )
    if came_from is not None and is_loopback(host) and not is_loopback(host_of(came_from)):
        return "it leads from another host to this machine"
    return None


def redirected(here: str, location: str) -> str:
    """Return the address that a Location header leads to from `here`."""
    from requests.utils import requote_uri

    with contextlib.suppress(UnicodeError):
        location = location.encode("latin-1").decode("utf-8")  # what header bytes really are
    try:
        quote: Callable[[str], str] = requote_uri
        return quote(urljoin(here, location).partition("#")[0])
    except ValueError:
        return location


def shown(url: str) -> str:
    """Return `url` without its query and user, which may be secrets, and not too long."""
    head, mark, _ = url.partition("?")
    head = re.sub(r"^([a-z]*://)[^/]*@", r"\1…@", head)
    printable = "".join(sign if " " < sign < "\x7f" or sign == "…" else "?" for sign in head)
    return (printable if len(printable) <= 200 else printable[:199] + "…") + (mark and "?…")
