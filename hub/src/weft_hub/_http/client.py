"""One request over HTTP by the hub's rules: who may be asked, with which token, and for how long.

requests does the talking: connections, TLS, proxies (`HTTPS_PROXY`, `NO_PROXY`) and certificates
(`REQUESTS_CA_BUNDLE`) work as users know them. Redirects are followed here, since here is where a
token is kept back.
"""

from __future__ import annotations

import contextlib
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin

from weft_hub._http import tokens
from weft_hub._http.addresses import host_of, is_loopback, origin_of, refusal
from weft_hub._http.options import Options
from weft_hub._http.waiting import Patience, Retry, asked_wait_s
from weft_hub.errors import (
    AccessDeniedError,
    MissingAtSourceError,
    OfflineError,
    SourceError,
    UnreachableError,
    UnsafeRedirectError,
)

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTS = 10
_TRY_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
_DOCUMENT_S = 120.0


@dataclass(frozen=True)
class Document:
    """A small document: where it came from in the end, and what it says."""

    url: str
    headers: Mapping[str, str]
    content: bytes


class Answer:
    """What a server answered with 200, 206 or 416; its bytes are still to be read."""

    def __init__(self, response: Any, what: str) -> None:
        self._response = response
        self._what = what
        self.status: int = response.status_code
        self.headers: Mapping[str, str] = response.headers
        self.url: str = response.url

    @property
    def length(self) -> int | None:
        """Return the length that the server states, or None when it states none."""
        text = self.headers.get("Content-Length", "").strip()
        return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None

    def read(self, count: int) -> bytes:
        """Return up to `count` bytes, or none at the end.

        Raises:
            Retry: the connection broke or brought nothing for too long.
        """
        import urllib3

        try:
            data: bytes = self._response.raw.read(count, decode_content=False)
        except (urllib3.exceptions.HTTPError, OSError, ValueError, AttributeError) as error:
            # The last two come from a connection that `stop` has closed meanwhile.
            raise Retry(f"{host_of(self.url)} broke off: {_cause(error)}") from error
        return data

    def stop(self) -> None:
        """Wake a thread that is reading; from another thread."""
        shutdown = getattr(self._response.raw, "shutdown", None)  # urllib3 2.3 and later
        if shutdown is not None:
            with contextlib.suppress(Exception):  # it may be closed already: then all is well
                shutdown()

    def close(self) -> None:
        """Give the connection back if everything was read, and close it otherwise."""
        self._response.close()


class Client:
    """Asks servers; one for each hub, shared by its threads.

    Args:
        options: how the network is used.
        offline: refuse every request before a socket is opened.
    """

    def __init__(self, options: Options, *, offline: bool = False) -> None:
        self.options = options
        self.offline = offline
        self.slots = threading.BoundedSemaphore(options.connections)
        self._lock = threading.Lock()
        self._session_: Any = None
        self._tokens: dict[str, str] | None = None

    @classmethod
    def from_environment(cls) -> Client:
        """Return a client as the environment describes it."""
        return cls(Options.from_environment())

    @contextmanager
    def get(
        self,
        url: str,
        *,
        what: str,
        headers: Mapping[str, str] | None = None,
        authorization: str | None = None,
        plain_http: bool = False,
    ) -> Iterator[Answer]:
        """Ask for `url` and yield the answer, whose status is 200, 206 or 416.

        Args:
            url: the address.
            what: what is asked for, as messages name it.
            headers: headers to send along.
            authorization: a header for the host of `url` alone, in place of a kept token.
            plain_http: the user named this very address, so it may be an `http:` one.

        Raises:
            Retry: another attempt may go better.
            SourceError: no attempt will.
            OfflineError: the hub is offline.
        """
        if self.offline:
            raise OfflineError(f"{what}: the hub is offline, so {host_of(url)} is not asked")
        response = self._follow(url, what, dict(headers or {}), authorization, plain_http)
        try:
            yield Answer(response, what)
        finally:
            response.close()

    def document(
        self,
        url: str,
        *,
        limit: int,
        what: str = "",
        accept: str | None = None,
        authorization: str | None = None,
        plain_http: bool = False,
    ) -> Document:
        """Return a document of up to `limit` bytes.

        Raises:
            SourceError: it cannot be had, or is larger.
            OfflineError: the hub is offline.
        """
        what = what or url
        headers = {} if accept is None else {"Accept": accept}
        patience = Patience(what, self.options.retries)
        while True:
            try:
                with self.get(
                    url,
                    what=what,
                    headers=headers,
                    authorization=authorization,
                    plain_http=plain_http,
                ) as answer:
                    if answer.status != 200:
                        raise SourceError(f"{what}: {host_of(url)} answered {answer.status}")
                    content = _read_all(answer, limit, what)
                    return Document(answer.url, answer.headers, content)
            except Retry as retry:
                time.sleep(patience.wait_s(retry))

    def size(self, url: str, *, what: str = "", plain_http: bool = False) -> int:
        """Return how many bytes the file at `url` has, as its server states; none is read.

        Raises:
            SourceError: it cannot be had, or the server does not say.
            OfflineError: the hub is offline.
        """
        what = what or url
        patience = Patience(what, self.options.retries)
        while True:
            try:
                with self.get(url, what=what, plain_http=plain_http) as answer:
                    if answer.status != 200 or answer.length is None:
                        raise SourceError(
                            f"{what}: {host_of(url)} does not say how large the file is"
                        )
                    return answer.length
            except Retry as retry:
                time.sleep(patience.wait_s(retry))

    def token_for(self, url: str) -> str | None:
        """Return the token for the host of `url`, or None; never one for a host without TLS."""
        origin = origin_of(url)
        if not url.startswith("https:") and not is_loopback(host_of(url)):
            return None
        if self.options.hf_token and origin == origin_of(self.options.hf_endpoint):
            return self.options.hf_token
        with self._lock:
            if self._tokens is None:
                self._tokens = tokens.read(self.options.tokens_path())
            return self._tokens.get(origin.partition("://")[2])

    def _follow(
        self,
        url: str,
        what: str,
        headers: dict[str, str],
        authorization: str | None,
        plain_http: bool,
    ) -> Any:
        """Follow redirects by our own rules and return the last response."""
        options = self.options.with_http(url) if plain_http else self.options
        if authorization is None:
            token = self.token_for(url)
            authorization = f"Bearer {token}" if token else None
        here, came_from = url, None
        for _ in range(_MOST_REDIRECTS + 1):
            why = refusal(here, http_hosts=options.http_hosts, came_from=came_from)
            if why is not None and came_from is None:
                raise SourceError(f"{what}: {_shown(here)} is not asked: {why}")
            if why is not None:
                raise UnsafeRedirectError(
                    f"{what}: {host_of(came_from or '')} redirects to {_shown(here)}: {why}"
                )
            if origin_of(here) != origin_of(url):
                authorization = None  # and it stays away, also if the way leads back
            response = self._send(here, what, headers, authorization)
            try:
                if response.status_code not in _REDIRECTS:
                    self._judge(response, what, had_token=authorization is not None)
                    return response
                target = response.headers.get("Location")
            except BaseException:
                response.close()
                raise
            response.close()
            if not target:
                raise SourceError(f"{what}: {host_of(here)} redirects, but does not say where to")
            came_from, here = here, _target(here, target)
        raise UnsafeRedirectError(
            f"{what}: {host_of(url)} redirects more than {_MOST_REDIRECTS} times; the last time to "
            f"{_shown(here)}"
        )

    def _send(
        self, url: str, what: str, headers: Mapping[str, str], authorization: str | None
    ) -> Any:
        import requests

        def sign(request: Any) -> Any:
            # Given as `auth`, so that requests does not look into ~/.netrc for another.
            request.headers.pop("Authorization", None)
            if authorization is not None:
                request.headers["Authorization"] = authorization
            return request

        host = host_of(url)
        try:
            return self._session().get(
                url,
                headers=dict(headers),
                auth=sign,
                stream=True,
                allow_redirects=False,
                timeout=(self.options.connect_timeout_s, self.options.stall_timeout_s),
            )
        except requests.exceptions.ConnectTimeout as error:
            limit = self.options.connect_timeout_s
            raise Retry(f"{host} could not be reached within {limit:g} s") from error
        except requests.exceptions.ReadTimeout as error:
            raise Retry(f"{host} said nothing for {self.options.stall_timeout_s:g} s") from error
        except requests.exceptions.SSLError as error:
            cause = _cause(error)
            if "certificate" in cause.lower():
                raise UnreachableError(
                    f"{what}: the certificate of {host} is not trusted: {cause}; behind a firm's "
                    "own certificates set REQUESTS_CA_BUNDLE to the file with them"
                ) from error
            raise Retry(f"TLS with {host} failed: {cause}") from error
        except requests.exceptions.ProxyError as error:
            raise Retry(f"the proxy for {host} failed: {_cause(error)}") from error
        except requests.exceptions.ConnectionError as error:
            raise Retry(f"{host} could not be reached: {_cause(error)}") from error
        except (requests.exceptions.RequestException, OSError, ValueError) as error:
            # A bundle of certificates that is not there is an OSError, a strange header or address
            # of a redirect a ValueError.
            raise SourceError(f"{what}: {host} cannot be asked: {_cause(error)}") from error

    def _judge(self, response: Any, what: str, *, had_token: bool) -> None:
        """Raise what the status of `response` means, unless its bytes are wanted."""
        status, host = response.status_code, host_of(response.url)
        if status in _TRY_AGAIN:
            raise Retry(
                f"{host} answered {status}",
                after_s=asked_wait_s(response.headers.get("Retry-After")),
            )
        if status in (401, 403):
            advice = (
                f"the token for {host} was refused, or its owner may not have this file"
                if had_token
                else f"if it needs a token run `weft-hub login {host}`"
            )
            raise AccessDeniedError(f"{what}: {host} answered {status}: {advice}")
        if status in (404, 410):
            raise MissingAtSourceError(f"{what}: {host} answered {status}: it has no such file")
        if status == 407:
            raise SourceError(f"{what}: the proxy asks for a password; put it into HTTPS_PROXY")
        if status not in (200, 206, 416):
            raise SourceError(f"{what}: {host} answered {status}, which is not understood")
        coding = response.headers.get("Content-Encoding", "identity").strip().lower()
        if coding not in ("", "identity"):
            raise SourceError(
                f"{what}: {host} packs the file as {coding[:40]!r}, but was asked for it as it is; "
                "its bytes would not be those that the index pins"
            )

    def _session(self) -> Any:
        with self._lock:
            if self._session_ is None:
                self._session_ = _new_session(self.options)
            return self._session_


def _new_session(options: Options) -> Any:
    from http.cookiejar import DefaultCookiePolicy
    from importlib import metadata

    import requests
    from requests.adapters import HTTPAdapter

    try:
        version = metadata.version("weft-hub")
    except metadata.PackageNotFoundError:  # run from its source folder
        version = "0"
    session = requests.Session()
    session.headers.update({"User-Agent": f"weft-hub/{version}", "Accept-Encoding": "identity"})
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))  # takes none, sends none
    adapter = HTTPAdapter(pool_connections=16, pool_maxsize=options.connections, max_retries=0)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


def _read_all(answer: Answer, limit: int, what: str) -> bytes:
    deadline = time.monotonic() + _DOCUMENT_S
    stated = answer.length
    parts, done = [], 0
    while data := answer.read(min(1 << 16, limit + 1 - done)):
        parts.append(data)
        done += len(data)
        if done > limit:
            break
        if time.monotonic() > deadline:
            raise Retry(f"{host_of(answer.url)} takes longer than {_DOCUMENT_S:g} s")
    if done > limit:
        raise SourceError(
            f"{what}: at most {limit} bytes are taken, but {host_of(answer.url)} sends more"
        )
    if stated is not None and done != stated:
        raise Retry(f"{host_of(answer.url)} broke off after {done} of {stated} bytes")
    return b"".join(parts)


def _target(here: str, location: str) -> str:
    """Return the address that a Location header leads to from `here`."""
    from requests.utils import requote_uri

    with contextlib.suppress(UnicodeError):
        location = location.encode("latin-1").decode("utf-8")  # what header bytes really are
    try:
        quote: Callable[[str], str] = requote_uri
        return quote(urljoin(here, location).partition("#")[0])
    except ValueError:
        return location


def _shown(url: str) -> str:
    """Return `url` without its query and user, which may be secrets, and not too long."""
    head, mark, _ = url.partition("?")
    head = re.sub(r"^([a-z]*://)[^/]*@", r"\1…@", head)
    printable = "".join(sign if " " < sign < "\x7f" or sign == "…" else "?" for sign in head)
    return (printable if len(printable) <= 200 else printable[:199] + "…") + (mark and "?…")


def _cause(error: BaseException) -> str:
    """Return what lies at the bottom of an error of requests or urllib3, in a few words."""
    seen: list[BaseException] = []
    at: BaseException | None = error
    while at is not None and at not in seen and len(seen) < 20:
        seen.append(at)
        inner = getattr(at, "reason", None)
        inside = [one for one in at.args if isinstance(one, BaseException)]
        if isinstance(inner, BaseException):
            at = inner
        else:
            at = inside[0] if inside else at.__cause__
    last = seen[-1]
    text = (last.strerror if isinstance(last, OSError) and last.strerror else None) or str(last)
    text = " ".join(text.rpartition(">: ")[2].split()) or type(last).__name__
    return text if len(text) <= 200 else text[:199] + "…"
