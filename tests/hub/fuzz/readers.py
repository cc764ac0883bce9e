"""All readers by name, and how many cases each has of a full run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.hub.fuzz.archives import Archives
from tests.hub.fuzz.checkpoints import (
    LegacyCheckpoints,
    ScriptArchives,
    TarCheckpoints,
    ZipCheckpoints,
)
from tests.hub.fuzz.entries import Documents, Entries
from tests.hub.fuzz.graph_files import GraphFiles
from tests.hub.fuzz.onnx_files import OnnxFiles
from tests.hub.fuzz.reader import Reader
from tests.hub.fuzz.safetensors_files import SafetensorsFiles, ShardedFiles
from tests.hub.fuzz.saved_files import SavedFiles
from tests.hub.fuzz.signatures import Signatures

_SHARES: tuple[tuple[Callable[[Path], Reader], int], ...] = (
    (Entries, 100_000),
    (Documents, 100_000),
    (SafetensorsFiles, 160_000),
    (ShardedFiles, 100_000),
    (SavedFiles, 100_000),
    (ZipCheckpoints, 160_000),
    (LegacyCheckpoints, 100_000),
    (TarCheckpoints, 100_000),
    (ScriptArchives, 100_000),
    (GraphFiles, 100_000),
    (OnnxFiles, 100_000),
    (Signatures, 100_000),
    (Archives, 100_000),
)
READERS: dict[str, Callable[[Path], Reader]] = {made.name: made for made, _ in _SHARES}  # type: ignore[attr-defined]  # each is a class with a name
SHARES: dict[str, int] = {made.name: count for made, count in _SHARES}  # type: ignore[attr-defined]  # likewise
