"""``torch.hub``: files that were downloaded before are read; weft_hub is what downloads.

A name in ``torch.hub`` may run code of a repository. weft runs no downloaded code, so `load` and
its kin refuse.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from weft import io

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

_chosen: str | None = None


def get_dir() -> str:
    """Return the folder of torch's hub: ``$TORCH_HOME/hub``, ``~/.cache/torch/hub`` otherwise."""
    if _chosen is not None:
        return _chosen
    cache = os.environ.get("XDG_CACHE_HOME", os.path.join("~", ".cache"))
    home = os.environ.get("TORCH_HOME", os.path.join(cache, "torch"))
    return os.path.join(os.path.expanduser(home), "hub")


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


def _refuse(name: str) -> Any:
    def refuse(*args: Any, **settings: Any) -> Any:
        raise NotImplementedError(
            f"torch.hub.{name} would run code of a repository; weft_hub lists and loads models "
            "without running any: weft_hub.list(), weft_hub.load(name)"
        )

    return refuse


load, list, help = _refuse("load"), _refuse("list"), _refuse("help")
download_url_to_file = _refuse("download_url_to_file")
