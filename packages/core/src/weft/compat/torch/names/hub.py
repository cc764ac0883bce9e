"""``torch.hub``: files that were downloaded before are read; weft_hub is what downloads.

A name in ``torch.hub`` may run code of a repository. weft runs no downloaded code, so `load` and
its kin refuse.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import urlparse

from weft import io
from weft.compat.torch._refusing import refusal

__all__ = [
    "download_url_to_file",
    "get_dir",
    "help",
    "list",
    "load",
    "load_state_dict_from_url",
    "load_url",
    "set_dir",
]

#: The beginning of a file's SHA-256, as it stands in the names of PyTorch's weights.
HASH_REGEX = re.compile(r"-([a-f0-9]*)\.")

_chosen: str | None = None


def _get_torch_home() -> str:
    """Return the folder of torch's downloads, which torchvision asks for by this name."""
    cache = os.environ.get("XDG_CACHE_HOME", os.path.join("~", ".cache"))
    return os.path.expanduser(os.environ.get("TORCH_HOME", os.path.join(cache, "torch")))


def get_dir() -> str:
    """Return the folder of torch's hub: ``$TORCH_HOME/hub``, ``~/.cache/torch/hub`` otherwise."""
    if _chosen is not None:
        return _chosen
    return os.path.join(_get_torch_home(), "hub")


def set_dir(d: str | os.PathLike[str]) -> None:
    """Set the folder of torch's hub."""
    global _chosen
    _chosen = os.path.expanduser(os.fspath(d))


def load_state_dict_from_url(
    url: str,
    model_dir: str | None = None,
    map_location: Any = None,
    progress: bool = True,
    check_hash: bool = False,
    file_name: str | None = None,
    weights_only: bool = True,
) -> Any:
    """Read a checkpoint that PyTorch or the user put into the hub's folder before.

    Raises:
        FileNotFoundError: it is not there; the sentence says where it is looked for.
    """
    folder = Path(model_dir) if model_dir is not None else Path(get_dir()) / "checkpoints"
    path = folder / (file_name or os.path.basename(urlparse(url).path))
    if not path.is_file():
        raise FileNotFoundError(
            f"{url} is not at {path}: weft downloads by weft_hub only (weft_hub.download checks "
            "what it gets); put the file there to go on"
        )
    return io.load_pytorch(path, map_location)


load_url = load_state_dict_from_url


def _runs_code(name: str) -> Callable[..., NoReturn]:
    return refusal(
        f"torch.hub.{name} would run code of a repository; weft_hub lists and loads models "
        "without running any: weft_hub.list(), weft_hub.load(name)"
    )


load, list, help = _runs_code("load"), _runs_code("list"), _runs_code("help")
download_url_to_file = refusal(
    "torch.hub.download_url_to_file: weft downloads by weft_hub only, which checks what it gets: "
    "weft_hub.download(name)"
)
