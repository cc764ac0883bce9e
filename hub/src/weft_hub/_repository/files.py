"""What a Hugging Face repository holds at one commit: listed once, pinned by SHA-256 from then on.

repositories/<owner>/<name>/<commit>.json     the files that may be taken, with their digests
repositories/<owner>/<name>/refs/<revision>   the commit that a revision was last looked up as
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from weft_hub._files.whole_file import write_whole
from weft_hub._repository.pages import Answer
from weft_hub.cache import Cache
from weft_hub.card import File
from weft_hub.errors import (
    CacheError,
    DigestMismatchError,
    MissingAtSourceError,
    OfflineError,
    SettingError,
    SourceError,
)

PREFIX = "hf:"
_PART = r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9])?"
_NAME = re.compile(rf"hf:({_PART})/({_PART})(?:@([A-Za-z0-9][A-Za-z0-9._/-]{{0,199}}))?")
_COMMIT = re.compile(r"[0-9a-f]{40}")
# Only these are ever fetched, whatever else a repository holds or an architecture asks for.
_ALLOWED = re.compile(
    r"config\.json|model\.safetensors|[\w.-]+\.safetensors|[\w.-]+\.safetensors\.index\.json"
    r"|tokenizer\.json|tokenizer_config\.json|special_tokens_map\.json|added_tokens\.json"
    r"|vocab\.txt|vocab\.json|merges\.txt|preprocessor_config\.json"
    r"|modules\.json|sentence_bert_config\.json|config_sentence_transformers\.json"
    r"|1_Pooling/config\.json|[2-5]_Dense/(?:config\.json|model\.safetensors)"
    r"|model\.sig",
    re.ASCII,
)
_MOST_ANSWER_BYTES = 8 << 20
_MOST_SMALL_BYTES = 32 << 20
_MOST_PAGES = 20

Get = Callable[[str, int], Answer]


def git_name(data: bytes) -> str:
    """Return the name that git gives to a file's content."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def may_be_taken(path: str) -> bool:
    """Whether a file of this name is ever fetched from a repository."""
    return _ALLOWED.fullmatch(path) is not None and ".." not in path


@dataclass(frozen=True)
class Repository:
    """A repository at a revision, as a user names it."""

    owner: str
    name: str
    revision: str

    @classmethod
    def parse(cls, text: str) -> Repository:
        """Read `hf:OWNER/NAME@REVISION`; without a revision it is `main`.

        Raises:
            SettingError: it is spelled otherwise.
        """
        match = _NAME.fullmatch(text)
        if match is None or ".." in text or "--" in text or "//" in text:
            raise SettingError(
                f"{text!r} is not hf:OWNER/NAME@REVISION, with the commit, tag or branch as "
                "revision"
            )
        return cls(match[1], match[2], match[3] or "main")

    @property
    def is_pinned(self) -> bool:
        """Whether the revision is a commit."""
        return _COMMIT.fullmatch(self.revision) is not None

    def __str__(self) -> str:
        return f"{PREFIX}{self.owner}/{self.name}@{self.revision}"


@dataclass(frozen=True)
class Listed:
    """One file: `sha256` is None until its bytes were seen, and then `git` is its blob's name."""

    path: str
    size: int
    sha256: str | None
    git: str | None

    def is_named(self, data: bytes) -> bool:
        """Whether `data` is what git's name of this file stands for."""
        return git_name(data) == self.git


@dataclass(frozen=True)
class Listing:
    """What may be taken from a repository at a commit."""

    repository: Repository
    license: str
    files: dict[str, Listed] = field(default_factory=dict)

    def file(self, path: str, role: str) -> File:
        """Return the record of a file whose digest is known."""
        one = self.files[path]
        assert one.sha256 is not None
        form = "safetensors" if path.endswith(".safetensors") else "other"
        return File(path, role, form, one.size, one.sha256, (f"{self.repository}/{path}",))


class Repositories:
    """The listings that a cache keeps, and how new ones are had.

    Args:
        cache: the cache.
        endpoint: the address of the server, without a last slash.
        get: asks the server; None when offline.
    """

    def __init__(self, cache: Cache, endpoint: str, get: Get | None) -> None:
        self._cache = cache
        self._endpoint = endpoint
        self._get = get

    def commit_of(self, repository: Repository) -> Repository | None:
        """Return `repository` at the commit that its revision is; None if offline and unknown.

        Raises:
            SourceError: the server cannot tell.
        """
        if repository.is_pinned:
            return repository
        ref = self._folder(repository) / "refs" / quote(repository.revision, safe="")
        if self._get is None:
            with contextlib.suppress(OSError, UnicodeDecodeError):
                known = ref.read_text("ascii").strip()
                if _COMMIT.fullmatch(known):
                    return replace(repository, revision=known)
            return None
        found = replace(repository, revision=self._about(repository)["sha"])
        self._write(ref, f"{found.revision}\n".encode())
        return found

    def listing(self, repository: Repository) -> Listing | None:
        """Return what may be taken at a commit; None if offline and not listed before."""
        kept = self._kept(repository)
        if kept is not None or self._get is None:
            return kept
        about = self._about(repository)
        files: dict[str, Listed] = {}
        url: str | None = f"{self._api(repository)}/tree/{repository.revision}?recursive=true"
        for _ in range(_MOST_PAGES):
            if url is None:
                break
            answer = self._get(url, _MOST_ANSWER_BYTES)
            for one in self._files(answer.content, repository):
                files[one.path] = one
            url = answer.following
            if url is not None and not url.startswith(f"{self._endpoint}/"):
                raise SourceError(f"{repository}: the list of its files goes on elsewhere: {url}")
        if url is not None:
            raise SourceError(f"{repository}: it has too many files to list")
        listing = Listing(repository, _license(about), files)
        self._keep(listing)
        return listing

    def with_digest(self, listing: Listing, path: str) -> Listing:
        """Return the listing with the digest of `path`, which is fetched if it is not known yet.

        A large file's SHA-256 is listed. A small one's is not: it is fetched whole and checked by
        the name that git gives its content, then pinned by its SHA-256 like all the others.

        Raises:
            SourceError: it cannot be had.
            OfflineError: it was not fetched before, and the hub is offline.
            DigestMismatchError: it is not what the listing says.
        """
        one = listing.files[path]
        if one.sha256 is not None:
            return listing
        repository = listing.repository
        what = f"{repository}/{path}"
        if one.size > _MOST_SMALL_BYTES:
            raise SourceError(f"{what}: a file of {one.size} bytes must be listed with its SHA-256")
        if self._get is None:
            raise OfflineError(f"{what}: it is not in the cache, and the hub is offline")
        return self.pinned(
            listing, path, self._get(self.address(listing, path), one.size + 1).content
        )

    def address(self, listing: Listing, path: str) -> str:
        """Return where the server has a file of a listing."""
        one = listing.repository
        return f"{self._endpoint}/{one.owner}/{one.name}/resolve/{one.revision}/{quote(path)}"

    def pinned(self, listing: Listing, path: str, data: bytes) -> Listing:
        """Store a small file that was fetched, and return the listing with its digest.

        Raises:
            DigestMismatchError: it is not what the listing says.
            CacheError: the cache cannot be written.
        """
        one, what = listing.files[path], f"{listing.repository}/{path}"
        if not one.is_named(data):
            raise DigestMismatchError(what, expected=f"of git's blob {one.git}", got=git_name(data))
        known = replace(one, sha256=hashlib.sha256(data).hexdigest())
        changed = replace(listing, files={**listing.files, path: known})
        if data:
            file = changed.file(path, "extra")
            with self._cache.lock(file) as alone, self._cache.workspace(file, alone) as work:
                self._cache.store(file, io.BytesIO(data), work, source=what)
        self._keep(changed)
        return changed

    def _about(self, repository: Repository) -> dict[str, Any]:
        assert self._get is not None
        revision = quote(repository.revision, safe="")
        url = f"{self._api(repository)}/revision/{revision}"
        try:
            answer = self._get(url, _MOST_ANSWER_BYTES)
        except MissingAtSourceError as error:
            raise MissingAtSourceError(
                f"{repository}: there is no such repository, or it has no such revision: {error}"
            ) from error
        about = _json(answer.content, f"{repository} at {url}")
        sha = about.get("sha") if isinstance(about, dict) else None
        if not isinstance(sha, str) or not _COMMIT.fullmatch(sha):
            raise SourceError(f"{repository}: the server names no commit, but {sha!r}")
        if repository.is_pinned and sha != repository.revision:
            raise SourceError(f"{repository}: the server gives the commit {sha} instead")
        return dict(about)

    def _files(self, content: bytes, repository: Repository) -> list[Listed]:
        listed = _json(content, f"the files of {repository}")
        if not isinstance(listed, list):
            raise SourceError(f"{repository}: the server gives no list of files")
        found = []
        for one in listed:
            path = one.get("path") if isinstance(one, dict) else None
            if not isinstance(path, str) or not may_be_taken(path):
                continue
            if one.get("type") != "file":
                continue
            large = one.get("lfs")
            large = large if isinstance(large, dict) else {}
            size = large.get("size", one.get("size"))
            sha256, git = large.get("oid"), one.get("oid")
            if isinstance(sha256, str):
                sha256 = sha256.removeprefix("sha256:")
            if (
                type(size) is not int
                or size < 0
                or not (sha256 is None or re.fullmatch(r"[0-9a-f]{64}", str(sha256)))
                or (sha256 is None and not _COMMIT.fullmatch(str(git)))
            ):
                raise SourceError(f"{repository}: {path} is listed without its size or digest")
            found.append(Listed(path, size, sha256, None if sha256 else git))
        return found

    def _api(self, repository: Repository) -> str:
        return f"{self._endpoint}/api/models/{repository.owner}/{repository.name}"

    # ---- what is kept

    def _folder(self, repository: Repository) -> Path:
        return self._cache.root / "repositories" / repository.owner / repository.name

    def _kept(self, repository: Repository) -> Listing | None:
        path = self._folder(repository) / f"{repository.revision}.json"
        try:
            data = json.loads(path.read_text("utf-8"))
            files = [Listed(**one) for one in data["files"]]
            return Listing(repository, str(data["license"]), {one.path: one for one in files})
        except FileNotFoundError:
            return None
        except OSError as error:
            raise CacheError(f"cannot read {path}: {error.strerror or error}") from error
        except (ValueError, TypeError, KeyError) as error:
            raise CacheError(f"{path} is damaged ({error}); remove it and load again") from error

    def _keep(self, listing: Listing) -> None:
        path = self._folder(listing.repository) / f"{listing.repository.revision}.json"
        data = {"license": listing.license, "files": [vars(one) for one in listing.files.values()]}
        self._write(path, json.dumps(data, indent=1).encode())

    def _write(self, path: Path, data: bytes) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, data)
        except OSError as error:
            raise CacheError(
                f"cannot write in the cache {self._cache.root}: {error.strerror or error}; make it "
                "writable, make room, or set WEFT_HUB_CACHE to another folder"
            ) from error


def _license(about: dict[str, Any]) -> str:
    """Return the licence that a repository states, or SPDX's word for one that is not known."""
    tags = about.get("tags")
    for tag in tags if isinstance(tags, list) else ():
        if isinstance(tag, str) and re.fullmatch(r"license:[A-Za-z0-9.+-]{1,60}", tag):
            return tag.removeprefix("license:")
    return "NOASSERTION"


def _json(content: bytes, what: str) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise SourceError(f"{what}: the answer is not JSON: {error}") from error
