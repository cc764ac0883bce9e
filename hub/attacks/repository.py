"""A repository on loopback for attacks, and a user who takes only what a pinned key signed."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler
from typing import Any

import weft_hub
from hub.attacks.signer import new_key, private_pem, public_pem
from hub.attacks.stage import Stage, line_weights, sha256
from hub.attacks.web import serve, settings
from weft_hub import signing

COMMIT = "0123456789abcdef0123456789abcdef01234567"
NAME = f"hf:lab/line@{COMMIT}"
FILES = {
    "config.json": b'{"model_type": "bert", "vocab_size": 2}',
    "model.safetensors": line_weights(),
    "vocab.txt": b"[UNK]\n[PAD]\n",
}


class Pinned:
    """A user's pinned key, which signs what a test or an attack says."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self._key = new_key()
        self.key = stage.root / "pinned.pem"
        self.key.write_bytes(public_pem(self._key))

    def signature(self, files: Mapping[str, bytes], key: Any = None) -> bytes:
        """Return the `model.sig` of a folder with `files`, by the pinned key or another one."""
        folder = self.stage.root / f"signed-{len(list(self.stage.root.iterdir()))}"
        for name, content in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
        signer = signing.KeySigner(private_pem(key or self._key))
        return signing.sign(folder, signer).read_bytes()

    def load(self, files: Mapping[str, bytes]) -> Any:
        """Load the repository that holds `files`, as this user."""
        stage = self.stage
        with serving(files):
            return weft_hub.Hub(cache=stage.cache, index=stage.index, keys=[self.key]).load(NAME)


@contextlib.contextmanager
def serving(files: Mapping[str, bytes]) -> Iterator[None]:
    """Serve a repository with `files`, and let `hf:` names be asked there."""
    pages = {f"/lab/line/resolve/{COMMIT}/{name}": content for name, content in files.items()}
    api = "/api/models/lab/line"
    pages[f"{api}/revision/{COMMIT}"] = json.dumps({"sha": COMMIT, "tags": []}).encode()
    pages[f"{api}/tree/{COMMIT}"] = json.dumps([_listed(*one) for one in files.items()]).encode()

    def answer(handler: BaseHTTPRequestHandler) -> None:
        content = pages.get(handler.path.partition("?")[0])
        handler.send_response(404 if content is None else 200)
        handler.send_header("Content-Length", str(len(content or b"")))
        handler.end_headers()
        handler.wfile.write(content or b"")

    with serve(answer) as url, settings(WEFT_HUB_HF_ENDPOINT=url):
        yield


def _listed(name: str, content: bytes) -> dict[str, Any]:
    """Describe a file as such servers do: weights by SHA-256, small files by git's name alone."""
    git = hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
    data: dict[str, Any] = {"type": "file", "path": name, "size": len(content), "oid": git}
    if name.endswith(".safetensors"):
        data["lfs"] = {"oid": sha256(content), "size": len(content)}
    return data
