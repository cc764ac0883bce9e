"""`npm:` sources: one file inside a package of an npm registry, the one that the user has set.

`npm:[@SCOPE/]NAME@VERSION/PATH/IN/THE/TARBALL?sha256=DIGEST_OF_THE_TARBALL&size=ITS_BYTES`

Nothing is installed and no script of the package runs: the tarball is downloaded, verified by its
digest, and one member of it is read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from urllib.parse import quote

from weft_hub._files.tarball import open_member
from weft_hub._http.addresses import check_url, origin_of
from weft_hub.cache._part import Part
from weft_hub.errors import HubError, MissingAtSourceError
from weft_hub.sources._npm_settings import NpmSettings
from weft_hub.sources.base import Fetch, Readable, SpelledSource, plain_path
from weft_hub.sources.web import downloaded

_SPELLING = "npm:[@SCOPE/]NAME@VERSION/PATH/IN/THE/TARBALL?sha256=TARBALL_DIGEST&size=TARBALL_BYTES"
_URI = re.compile(
    r"npm:(?P<package>(?:@[a-z0-9][a-z0-9._-]*/)?[A-Za-z0-9][A-Za-z0-9._-]*)"
    r"@(?P<version>[0-9]+\.[0-9]+\.[0-9]+(?:[-+][0-9A-Za-z.+-]+)?)"
    r"/(?P<member>[^?#\\\x00-\x1f\x7f]+)"
    r"\?sha256=(?P<sha256>[0-9a-f]{64})&size=(?P<size>[1-9][0-9]{0,14})"
)
_DOCUMENT_BYTES = 4 << 20


@dataclass(frozen=True)
class TarballMember:
    """A parsed `npm:` URI; `sha256` and `size` are those of the whole tarball."""

    package: str
    version: str
    member: str
    sha256: str
    size: int

    @property
    def scope(self) -> str | None:
        """Return `@scope`, or None for a package without one."""
        return self.package.partition("/")[0] if self.package.startswith("@") else None

    def tarball(self, registry: str) -> str:
        """Return where a registry has the tarball, by the custom that nearly all keep."""
        plain = self.package.rpartition("/")[2]
        return f"{registry}/{quote(self.package, safe='@/')}/-/{plain}-{quote(self.version)}.tgz"

    def document(self, registry: str) -> str:
        """Return where a registry describes this version."""
        return f"{registry}/{quote(self.package, safe='@')}/{quote(self.version)}"


def parse(uri: str) -> TarballMember:
    """Parse an `npm:` URI.

    Raises:
        ValueError: when it is not spelled as the module's docstring says. A range of versions or
            a tag such as `latest` is none.
    """
    match = _URI.fullmatch(uri)
    if match is None:
        raise ValueError(f"{uri!r} is not {_SPELLING}, with an exact version")
    member = plain_path(uri, match["member"], "a tarball")
    return TarballMember(
        match["package"], match["version"], member, match["sha256"], int(match["size"])
    )


class NpmSource(SpelledSource[TarballMember]):
    """Downloads a tarball from the user's registry and reads one member."""

    scheme = "npm"
    parse = staticmethod(parse)

    @contextmanager
    def open(self, uri: str, fetch: Fetch) -> Iterator[Readable | Part]:
        """Download the tarball that `uri` names and open the member."""
        wanted = self.parsed(uri)
        settings = NpmSettings.read()
        fetch.work.mkdir(exist_ok=True)
        authorities = settings.authorities()
        if authorities is not None:
            fetch = replace(fetch, client=fetch.client.trusting(authorities))
        registry = settings.registry(wanted.scope, fetch.work)
        with ExitStack() as stack:
            part = _Tarball(wanted, registry, settings, uri, fetch).downloaded(stack)
            part.close()
            try:
                stream = stack.enter_context(
                    open_member(part.path, wanted.member, size=fetch.file.size, what=uri)
                )
                yield stream
            except HubError:  # whoever comes next is not helped by this tarball
                part.discard()
                raise


@dataclass(frozen=True)
class _Tarball:
    """One tarball of a registry."""

    wanted: TarballMember
    registry: str
    settings: NpmSettings
    uri: str
    fetch: Fetch

    def downloaded(self, stack: ExitStack) -> Part:
        """Download it from where it always is, or else from where the registry says."""
        usual = self.wanted.tarball(self.registry)
        try:
            return self._from(usual, stack)
        except MissingAtSourceError:
            said = self._said()
            if said is None or said == usual:
                raise
        return self._from(said, stack)

    def _from(self, url: str, stack: ExitStack) -> Part:
        own = origin_of(url) == origin_of(self.registry)
        return stack.enter_context(
            downloaded(
                url,
                self.uri,
                self.fetch,
                size=self.wanted.size,
                sha256=self.wanted.sha256,
                called="tarball",
                authorization=self.settings.authorization(url) if own else None,
                plain_http=own,
            )
        )

    def _said(self) -> str | None:
        """Return where the registry says that the tarball is, or None."""
        url = self.wanted.document(self.registry)
        document = self.fetch.client.document(
            url,
            limit=_DOCUMENT_BYTES,
            what=self.uri,
            accept="application/json",
            authorization=self.settings.authorization(url),
            plain_http=True,
        )
        try:
            data = json.loads(document.content)
            said = data["dist"]["tarball"]
        except (ValueError, KeyError, TypeError, RecursionError):
            return None
        return said if isinstance(said, str) and check_url(said) is None else None
