"""PyTorch's `torch.hub` verbs that need no code from the network."""

from __future__ import annotations

import os
import re
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from weft_hub._models.build import read_state
from weft_hub._transfer.one import obtain
from weft_hub.cache._leases import in_use
from weft_hub.card import Build, Card, File
from weft_hub.errors import OfflineError, SettingError, SourceError
from weft_hub.hub import Hub
from weft_hub.progress import Progress, choose
from weft_hub.settings import Settings
from weft_hub.sources import check_uri, scheme_of

_FORMATS = {".safetensors": "safetensors", ".pt": "pytorch", ".pth": "pytorch", ".bin": "pytorch"}


def get_dir() -> Path:
    """Return the folder of the cache: the one of `set_dir`, `WEFT_HUB_CACHE`, or the user's own."""
    return Settings.from_environment().cache


def set_dir(folder: str | os.PathLike[str]) -> None:
    """Use `folder` as the cache from now on, in this process and those that it starts.

    It sets the environment variable `WEFT_HUB_CACHE` of this process.
    """
    os.environ["WEFT_HUB_CACHE"] = str(Path(folder).expanduser().absolute())


def load_state_dict_from_url(
    url: str,
    *,
    sha256: str,
    size: int | None = None,
    format: str | None = None,
    progress: Progress | bool | None = None,
    offline: bool | None = None,
) -> dict[str, Any]:
    """Return the weights in a file at an address, as tensors by name.

    PyTorch's function of this name takes a file as it comes, or checks the eight digits in its
    name; here the whole digest is required, and a checkpoint is read by an allow-list.

    Args:
        url: `https:`, or any other source that an entry of the index may name.
        sha256: the SHA-256 that the file must have, 64 hexadecimal digits.
        size: its size in bytes; None asks the server, and then for no more than it said.
        format: "safetensors", "pytorch" or "torchscript"; None goes by the ending of the name.
        progress: as for `download`.
        offline: as for `download`.

    Raises:
        SettingError: the digest, the address or the format is none.
        HubError: other subclasses, as for `load`.

    Example:
        >>> import weft, weft_hub, hashlib, pathlib, tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp(), "two.safetensors")
        >>> weft.io.save_safetensors({"w": weft.tensor([1.0, 2.0])}, path)
        >>> digest = hashlib.sha256(path.read_bytes()).hexdigest()
        >>> weft_hub.load_state_dict_from_url(path.as_uri(), sha256=digest)["w"].tolist()
        [1.0, 2.0]
    """
    digest = sha256.lower() if isinstance(sha256, str) else ""
    if not re.fullmatch(r"[0-9a-f]{64}", digest):
        raise SettingError(
            f"{url}: the whole SHA-256 of the file is required, 64 hexadecimal digits, but it is "
            f"{sha256!r}"
        )
    wrong = check_uri(url)
    if wrong is not None:
        raise SettingError(wrong)
    name = re.sub(r"[^\w.-]", "_", PurePosixPath(unquote(urlsplit(url).path)).name) or "weights"
    form = _FORMATS.get(PurePosixPath(name).suffix) if format is None else format
    if form not in ("safetensors", "pytorch", "torchscript"):
        raise SettingError(
            f"{url}: its format must be safetensors, pytorch or torchscript, but is "
            f"{format!r} and the name ends in {PurePosixPath(name).suffix!r}"
        )
    hub = Hub()
    offline = hub.offline if offline is None else offline
    file = File(name, "weights", form, size or _size(hub, url, digest, offline), digest, (url,))
    card = _card(url, file)
    show = choose(progress)
    with in_use(hub.cache, card, hub.cache_limit):
        path = obtain(card, file, hub.cache, offline=offline, progress=show, client=hub.client)
        return read_state(card, file, path)


def _size(hub: Hub, url: str, sha256: str, offline: bool) -> int:
    """Return the size of what is cached, of the local file, or of what the server has."""
    try:
        return hub.cache.blob(sha256).stat().st_size
    except OSError:
        pass
    scheme = scheme_of(url)
    try:
        if scheme == "file":
            from urllib.request import url2pathname  # slow to import, and only needed here

            return Path(url2pathname(urlsplit(url).path)).stat().st_size
    except OSError as error:
        raise SourceError(f"{url}: cannot be read: {error.strerror or error}") from error
    if offline:
        raise OfflineError(f"{url}: it is not in the cache, and the hub is offline")
    if scheme not in ("https", "http"):
        raise SettingError(f"{url}: give size=, the bytes of the file, for a {scheme}: source")
    return hub.client.size(url)


def _card(url: str, file: File) -> Card:
    build = Build("state dict", "", "")
    return Card(url, "", "", "", "", (), "", None, build, (file,), {}, (), (), "", Path())
