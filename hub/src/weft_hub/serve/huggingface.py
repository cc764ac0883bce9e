"""The read endpoints that Hugging Face's client asks: models as repositories with one revision.

Only reading is answered. What the client asks for in passing (who it is, other kinds of
repositories, other stores) does not exist here, and it is told so in the way that it understands.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from weft_hub.serve.blobs import Blobs
from weft_hub.serve.contents import Contents, Item, Repository
from weft_hub.serve.replies import answer, refusal

LONGEST_BODY = 64 * 1024  # of a question for paths
_NO_TIME = "1970-01-01T00:00:00.000Z"  # the client requires a date; an index has none


class _RefusedError(Exception):
    """Carries an answer out of a look-up."""

    def __init__(self, status: int, code: str, text: str) -> None:
        self.response = refusal(status, code, text)
        super().__init__(text)


class Endpoints:
    """The endpoints over `contents`, whose blobs are opened by `blobs`."""

    def __init__(self, contents: Contents, blobs: Blobs) -> None:
        self._contents = contents
        self._blobs = blobs

    def routes(self) -> list[BaseRoute]:
        """Return the routes; each path is the client's own."""
        model = "/api/models/{owner}/{name}"
        file = "/{owner}/{name}/resolve/{revision}/{path:path}"
        return [
            Route("/api/models", self.models, methods=["GET"]),
            Route(model, self.info, methods=["GET"]),
            Route(f"{model}/refs", self.refs, methods=["GET"]),
            Route(f"{model}/revision/{{revision}}", self.info, methods=["GET"]),
            Route(f"{model}/tree/{{revision}}", self.tree, methods=["GET"]),
            Route(f"{model}/tree/{{revision}}/{{path:path}}", self.tree, methods=["GET"]),
            Route(f"{model}/paths-info/{{revision}}", self.paths_info, methods=["POST"]),
            Route(file, self.resolve, methods=["GET"]),
        ]

    async def models(self, request: Request) -> Response:
        """List the models of the index, by text, owner and task."""
        asked = request.query_params
        words = asked.get("search", "").casefold().split()
        wanted = {*asked.getlist("filter"), *asked.getlist("pipeline_tag")}
        found = []
        for name, repository in self._contents.repositories.items():
            text = f"{name} {repository.card.summary}".casefold()
            if asked.get("author") not in (None, name.partition("/")[0]):
                continue
            if all(word in text for word in words) and wanted <= set(_tags(repository)):
                found.append(_info(repository, files=asked.get("full") is not None))
        limit = asked.get("limit", "")
        return JSONResponse(found[: int(limit)] if limit.isascii() and limit.isdigit() else found)

    async def info(self, request: Request) -> Response:
        """Say what a model is, and with `blobs` how large its files are."""
        try:
            repository = self._repository(request)
        except _RefusedError as error:
            return error.response
        sizes = request.query_params.get("blobs", "").lower() in ("1", "true")
        return JSONResponse(_info(repository, files=True, sizes=sizes))

    async def refs(self, request: Request) -> Response:
        """Name the branch and the tag of a model; both are its only state."""
        try:
            repository = self._repository(request)
        except _RefusedError as error:
            return error.response
        version = repository.card.version
        return JSONResponse(
            {
                "branches": [_ref("main", "refs/heads/main", repository)],
                "converts": [],
                "tags": [_ref(f"v{version}", f"refs/tags/v{version}", repository)],
                "pullRequests": [],
            }
        )

    async def tree(self, request: Request) -> Response:
        """List the files of a model; there are no folders."""
        try:
            repository = self._repository(request)
        except _RefusedError as error:
            return error.response
        folder = request.path_params.get("path", "").strip("/")
        if folder:
            return refusal(404, "EntryNotFound", f"{repository.card.name} has no folder {folder!r}")
        return JSONResponse([_entry(item) for item in repository.items.values()])

    async def paths_info(self, request: Request) -> Response:
        """Say of each path that is asked for what it is; paths that do not exist are left out."""
        try:
            repository = self._repository(request)
            paths = await _paths(request)
        except _RefusedError as error:
            return error.response
        asked = dict.fromkeys(paths)
        return JSONResponse([_entry(repository.items[p]) for p in asked if p in repository.items])

    async def resolve(self, request: Request) -> Response:
        """Give one file."""
        try:
            repository = self._repository(request)
        except _RefusedError as error:
            return error.response
        path = request.path_params["path"]
        item = repository.items.get(path)
        if item is None:
            text = f"{repository.card.name} has no file {path!r}"
            return refusal(404, "EntryNotFound", text)
        headers = {
            "X-Repo-Commit": repository.commit,
            "X-Linked-Size": str(item.size),
            "X-Linked-ETag": f'"{item.sha256}"',
            # A file name of the index has no character that would have to be escaped here.
            "Content-Disposition": f'attachment; filename="{item.path}"',
        }
        return await answer(request, item, self._blobs, headers)

    def _repository(self, request: Request) -> Repository:
        name = f"{request.path_params['owner']}/{request.path_params['name']}"
        repository = self._contents.repositories.get(name)
        if repository is None:
            raise _RefusedError(404, "RepoNotFound", f"no model is called {name!r} here")
        revision = request.path_params.get("revision", "main")
        if not repository.has_revision(revision):
            known = f"main, v{repository.card.version} and {repository.commit}"
            text = f"{name} has no revision {revision!r}; it has {known}"
            raise _RefusedError(404, "RevisionNotFound", text)
        return repository


def _info(repository: Repository, *, files: bool, sizes: bool = False) -> dict[str, Any]:
    card = repository.card
    data: dict[str, Any] = {
        "_id": repository.commit[:24],
        "id": card.name,
        "modelId": card.name,
        "author": card.name.partition("/")[0],
        "sha": repository.commit,
        "lastModified": _NO_TIME,
        "createdAt": _NO_TIME,
        "private": False,
        "gated": False,
        "disabled": False,
        "downloads": 0,
        "likes": 0,
        "library_name": "weft",
        "pipeline_tag": card.task,
        "tags": _tags(repository),
        "cardData": {"license": card.license.lower(), "pipeline_tag": card.task},
    }
    if files:
        data["siblings"] = [
            {"rfilename": item.path, **(_measures(item) if sizes else {})}
            for item in repository.items.values()
        ]
    return data


def _tags(repository: Repository) -> list[str]:
    return ["weft", repository.card.task, f"license:{repository.card.license.lower()}"]


def _measures(item: Item) -> dict[str, Any]:
    entry = _entry(item)
    measures: dict[str, Any] = {"size": item.size, "blobId": entry["oid"]}
    if "lfs" in entry:
        lfs = entry["lfs"]
        measures["lfs"] = {
            "sha256": lfs["oid"],
            "size": lfs["size"],
            "pointerSize": lfs["pointerSize"],
        }
    return measures


def _entry(item: Item) -> dict[str, Any]:
    """Describe a file as git would hold it: a blob as a pointer to a large file."""
    content = item.body
    data: dict[str, Any] = {"type": "file", "path": item.path, "size": item.size}
    if content is None:
        content = (
            f"version https://git-lfs.github.com/spec/v1\noid sha256:{item.sha256}\n"
            f"size {item.size}\n"
        ).encode()
        data["lfs"] = {"oid": item.sha256, "size": item.size, "pointerSize": len(content)}
    # git's own name for it; nothing is secured by it
    sha1 = hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False)
    return {**data, "oid": sha1.hexdigest()}


def _ref(name: str, ref: str, repository: Repository) -> Mapping[str, str]:
    return {"name": name, "ref": ref, "targetCommit": repository.commit}


async def _paths(request: Request) -> list[str]:
    """Read the paths of a question, which is a form or JSON."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LONGEST_BODY:
            raise _RefusedError(413, "TooLarge", f"a question may have {LONGEST_BODY} bytes")
    try:
        if "json" in request.headers.get("content-type", ""):
            data = json.loads(body)
            paths = data.get("paths") if isinstance(data, dict) else None
        else:
            paths = parse_qs(body.decode(), max_num_fields=10_000).get("paths", [])
    except (ValueError, RecursionError):
        paths = None
    if isinstance(paths, str):
        paths = [paths]
    if not isinstance(paths, list) or not all(isinstance(path, str) for path in paths):
        raise _RefusedError(400, "BadRequest", "the question must have a list of paths")
    return paths
