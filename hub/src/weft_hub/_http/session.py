"""One request by way of requests: no redirects, no cookies, no netrc; every failure in our words.

requests does the talking: connections, TLS, proxies (`HTTPS_PROXY`, `NO_PROXY`) and certificates
(`REQUESTS_CA_BUNDLE`) work as users know them.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from weft_hub._http.addresses import host_of
from weft_hub._http.causes import cause
from weft_hub._http.options import Options
from weft_hub._http.waiting import Retry
from weft_hub.errors import SourceError, UnreachableError


class Session:
    """Keeps the connections of one client; shared by its threads."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._lock = threading.Lock()
        self._made: Any = None

    def send(
        self, url: str, what: str, headers: Mapping[str, str], authorization: str | None
    ) -> Any:
        """Ask for `url` once and return the response, whatever its status, its bytes unread.

        Raises:
            Retry: another attempt may go better.
            SourceError: no attempt will.
        """
        import requests

        def sign(request: Any) -> Any:
            # Given as `auth`, so that requests does not look into ~/.netrc for another.
            request.headers.pop("Authorization", None)
            if authorization is not None:
                request.headers["Authorization"] = authorization
            return request

        host = host_of(url)
        try:
            return self._requests().get(
                url,
                headers=dict(headers),
                auth=sign,
                stream=True,
                allow_redirects=False,
                timeout=(self._options.connect_timeout_s, self._options.stall_timeout_s),
            )
        except requests.exceptions.ConnectTimeout as error:
            limit = self._options.connect_timeout_s
            raise Retry(f"{host} could not be reached within {limit:g} s") from error
        except requests.exceptions.ReadTimeout as error:
            raise Retry(f"{host} said nothing for {self._options.stall_timeout_s:g} s") from error
        except requests.exceptions.SSLError as error:
            why = cause(error)
            self._check_certificates(url, what, why, error)
            raise Retry(f"TLS with {host} failed: {why}") from error
        except requests.exceptions.ProxyError as error:
            raise Retry(f"the proxy for {host} failed: {cause(error)}") from error
        except requests.exceptions.ConnectionError as error:
            raise Retry(f"{host} could not be reached: {cause(error)}") from error
        except (requests.exceptions.RequestException, OSError, ValueError) as error:
            self._check_bundle(url, what, error)
            # A strange header or address of a redirect is a ValueError.
            raise SourceError(f"{what}: {host} cannot be asked: {cause(error)}") from error

    def _check_certificates(self, url: str, what: str, why: str, error: Exception) -> None:
        """Say it if it was a certificate that failed, the host's or those that are trusted."""
        host, plain = host_of(url), why.lower()
        if "no certificate or crl" in plain or "no_certificate_or_crl" in plain:
            self._check_bundle(url, what, error)
        if (
            "expired" in plain
            or "not yet valid" in plain
            or "not valid for" in plain
            or ("doesn't match" in plain)
        ):
            raise UnreachableError(
                f"{what}: the certificate of {host} is not good: {why}; check the address and the "
                "clock, or tell those who run the host"
            ) from error
        if "certificate" in plain:
            raise UnreachableError(
                f"{what}: the certificate of {host} is not trusted: {why}; behind a firm's own "
                "certificates set REQUESTS_CA_BUNDLE to the file with them"
            ) from error

    def _check_bundle(self, url: str, what: str, error: Exception) -> None:
        """Say it if the certificates that are to be trusted cannot be read."""
        if not url.startswith("https:"):
            return
        import ssl

        trusted, _ = self.settings(url)
        try:
            if Path(trusted).is_dir():
                return
            ssl.create_default_context(cafile=trusted)
        except (OSError, ValueError) as unread:
            raise SourceError(
                f"{what}: the certificates to trust cannot be read from {trusted}: "
                f"{cause(unread)}; REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE must name a file with "
                "them, in PEM"
            ) from error

    def settings(self, origin: str) -> tuple[str, str | None]:
        """Return the certificates (a file or a folder) and the proxy that `origin` is asked with.

        Both come from requests, so that who asks by another way asks as requests would. It takes
        long to load, and is not needed to see that no proxy is set and no certificate is asked for.
        """
        if origin.startswith("http:") and _no_proxy_is_set():
            return "", None
        from requests.utils import DEFAULT_CA_BUNDLE_PATH, select_proxy

        merged = self._requests().merge_environment_settings(origin, {}, None, None, None)
        verify = merged["verify"]
        proxy: str | None = select_proxy(origin, merged["proxies"])
        return verify if isinstance(verify, str) else str(DEFAULT_CA_BUNDLE_PATH), proxy

    def _requests(self) -> Any:
        with self._lock:
            if self._made is None:
                self._made = _new_session(self._options)
            return self._made


def _no_proxy_is_set() -> bool:
    """Whether no proxy is set, where only the environment can set one."""
    set_by = [name for name in os.environ if name.lower().endswith("_proxy")]
    return sys.platform == "linux" and not set_by


def user_agent() -> str:
    """Return what the hub calls itself."""
    from importlib import metadata

    try:
        return f"weft-hub/{metadata.version('weft-hub')}"
    except metadata.PackageNotFoundError:  # run from its source folder
        return "weft-hub/0"


def _new_session(options: Options) -> Any:
    from http.cookiejar import DefaultCookiePolicy

    import requests
    from requests.adapters import HTTPAdapter

    session = requests.Session()
    session.headers.update({"User-Agent": user_agent(), "Accept-Encoding": "identity"})
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))  # takes none, sends none
    adapter = HTTPAdapter(pool_connections=16, pool_maxsize=options.connections, max_retries=0)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    if options.authorities is not None:
        session.verify = str(options.authorities)
    return session
