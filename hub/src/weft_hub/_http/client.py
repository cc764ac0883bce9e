"""What is asked over HTTP by the hub's rules: of whom, with which token, and how often.

Redirects are followed here, since here is where a token is kept back.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from weft_hub._http import tokens
from weft_hub._http.addresses import host_of, is_loopback, origin_of, redirected, refusal, shown
from weft_hub._http.answer import Answer, Document, judge, read_all
from weft_hub._http.options import Options
from weft_hub._http.session import Session
from weft_hub._http.waiting import Patience, Retry
from weft_hub.errors import OfflineError, SourceError, UnsafeRedirectError

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTS = 10


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
        self.reached: set[str] = set()  # addresses that answered a first question
        self._lock = threading.Lock()
        self._session = Session(options)
        self._tokens: dict[str, str] | None = None

    def trusting(self, authorities: Path) -> Client:
        """Return a client that trusts the certificates in a file, with the same connections."""
        other = Client(replace(self.options, authorities=authorities), offline=self.offline)
        other.slots = self.slots
        return other

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
            yield Answer(response)
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
                    content = read_all(answer, limit, what)
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

    def settings_for(self, origin: str) -> tuple[str, str | None]:
        """Return the certificates and the proxy of requests to `origin`; see `Session.settings`."""
        return self._session.settings(origin)

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
                raise SourceError(f"{what}: {shown(here)} is not asked: {why}")
            if why is not None:
                raise UnsafeRedirectError(
                    f"{what}: {host_of(came_from or '')} redirects to {shown(here)}: {why}"
                )
            if origin_of(here) != origin_of(url):
                authorization = None  # and it stays away, also if the way leads back
            response = self._session.send(here, what, headers, authorization)
            try:
                if response.status_code not in _REDIRECTS:
                    judge(response, what, had_token=authorization is not None)
                    return response
                location = response.headers.get("Location")
            except BaseException:
                response.close()
                raise
            response.close()
            if not location:
                raise SourceError(f"{what}: {host_of(here)} redirects, but does not say where to")
            came_from, here = here, redirected(here, location)
        raise UnsafeRedirectError(
            f"{what}: {host_of(url)} redirects more than {_MOST_REDIRECTS} times; the last time to "
            f"{shown(here)}"
        )
