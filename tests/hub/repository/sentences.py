"""A sentence encoder of a few numbers, as a repository without an entry holds one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import weft
import weft.text
from tests.core.text.tiny_bert import PIECES, SIZES


def write_repository(folder: Path, seed: int = 0) -> Any:
    """Write the files of a repository into `folder`, and return the module that they hold."""
    weft.manual_seed(seed)
    plain = weft.text.bert(**SIZES)
    (folder / "1_Pooling").mkdir(parents=True)
    about = {"model_type": "bert", "architectures": ["BertModel"], **SIZES}
    (folder / "config.json").write_text(json.dumps(about))
    (folder / "vocab.txt").write_text("\n".join(PIECES) + "\n")
    (folder / "1_Pooling" / "config.json").write_text('{"pooling_mode_mean_tokens": true}')
    tensors = {f"bert.{name}": value.detach() for name, value in plain.state_dict().items()}
    weft.io.save_safetensors(tensors, folder / "model.safetensors")
    return plain


def files_of(folder: Path) -> dict[str, bytes]:
    """Return the files below `folder` by their paths from it."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}
